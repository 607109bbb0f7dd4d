import assert from "node:assert/strict";
import fc from "fast-check";
import { byTurns, LOOKUPS, lookupOf, type NaptrRecord, placesOf, SIPS_PORT, srvNames } from "./locate.ts";

const naptr = (changes: Partial<NaptrRecord> = {}): NaptrRecord => ({
  order: 10,
  preference: 10,
  flags: "s",
  service: "SIPS+D2T",
  regexp: "",
  replacement: "_sips._tcp.pool.example",
  ...changes,
});

describe("locating a next hop", () => {
  it("asks for nothing but addresses where the port is given, and for all where it is not", () => {
    assert.equal(lookupOf(5061), LOOKUPS.withPort);
    assert.deepEqual(lookupOf(5061).questions, ["address"]);
    assert.deepEqual(lookupOf(undefined).questions, ["NAPTR", "SRV", "address"]);
  });

  it("follows NAPTR by order, then preference", () => {
    const records = [
      naptr({ order: 20, replacement: "third.example" }),
      naptr({ preference: 20, replacement: "second.example" }),
      naptr({ service: "sips+d2t", flags: "S", replacement: "first.example" }),
    ];
    assert.deepEqual(srvNames("pool.example", records), ["first.example", "second.example", "third.example"]);
  });

  for (const [what, record] of [
    ["for SIP without TLS", naptr({ service: "SIP+D2T" })],
    ["that is not terminal", naptr({ flags: "" })],
    ["with an expression", naptr({ regexp: "!.*!sips:x!" })],
    ["that leads nowhere", naptr({ replacement: "." })],
  ] as const) {
    it(`passes over a NAPTR record ${what}`, () => assert.deepEqual(srvNames("pool.example", [record]), ["_sips._tcp.pool.example"]));
  }

  it("goes to the name itself on the usual port where there is no SRV, and nowhere where SRV says so", () => {
    assert.deepEqual(placesOf("pool.example", []), [{ name: "pool.example", port: SIPS_PORT }]);
    assert.deepEqual(placesOf("pool.example", [{ name: ".", port: 0 }]), []);
    const places = [
      { name: "a.example", port: 5062 },
      { name: "b.example", port: 5061 },
    ];
    assert.deepEqual(placesOf("pool.example", places), places);
  });

  it("takes addresses by turns, and loses none", () => {
    assert.deepEqual(byTurns(["::1", "::2", "192.0.2.1"]), ["::1", "192.0.2.1", "::2"]);
    assert.deepEqual(byTurns(["192.0.2.1", "192.0.2.2", "::1"]), ["192.0.2.1", "::1", "192.0.2.2"]);
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6())), (addresses) => {
        assert.deepEqual([...byTurns(addresses)].sort(), [...addresses].sort());
      }),
    );
  });
});
