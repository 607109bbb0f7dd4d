import assert from "node:assert/strict";
import fc from "fast-check";
import { LIMITS } from "./limits.ts";
import { lookUp, makeZone } from "./zone.ts";

const zone = makeZone([
  { name: "_xmpp-server._tcp.fabrikam.example", type: "SRV", data: "0 5 5269 xmpp.fabrikam.example." },
  { name: "xmpp.fabrikam.example", type: "A", data: "127.0.0.2", ttl: 30 },
  { name: "alias.fabrikam.example", type: "CNAME", data: "XMPP.fabrikam.example" },
  { name: "away.fabrikam.example", type: "CNAME", data: "nowhere.fabrikam.example" },
  { name: "loop.fabrikam.example", type: "CNAME", data: "loop.fabrikam.example" },
  { name: "text.fabrikam.example", type: "TXT", data: "x".repeat(300) },
  { name: "quoted.fabrikam.example", type: "TXT", data: '"one" "tw\\"o"' },
]);
const ask = (name: string, type: string) => {
  const { rcode, answers, authorities } = lookUp(zone, { name, type });
  return {
    rcode,
    answers: answers.map((record) => [record.type, "data" in record ? record.data : null]),
    soa: authorities.map(({ name: of }) => of),
  };
};

describe("a zone", () => {
  it("answers what it holds, in any case", () => {
    assert.deepEqual(ask("Xmpp.Fabrikam.example.", "A"), { rcode: 0, answers: [["A", "127.0.0.2"]], soa: [] });
    const data = { priority: 0, weight: 5, port: 5269, target: "xmpp.fabrikam.example" };
    assert.deepEqual(ask("_xmpp-server._tcp.fabrikam.example", "SRV"), { rcode: 0, answers: [["SRV", data]], soa: [] });
  });

  it("tells no such name from no such type, both with a start of authority", () => {
    assert.deepEqual(ask("other.fabrikam.example", "A"), { rcode: 3, answers: [], soa: ["fabrikam.example"] });
    assert.deepEqual(ask("xmpp.fabrikam.example", "AAAA"), { rcode: 0, answers: [], soa: ["fabrikam.example"] });
    assert.deepEqual(ask("_tcp.fabrikam.example", "A"), { rcode: 0, answers: [], soa: ["fabrikam.example"] });
    assert.deepEqual(ask("unknown.test", "A"), { rcode: 3, answers: [], soa: ["."] });
  });

  it("follows aliases, also to where nothing is, and ends in a loop", () => {
    assert.deepEqual(ask("alias.fabrikam.example", "A").answers, [
      ["CNAME", "xmpp.fabrikam.example"],
      ["A", "127.0.0.2"],
    ]);
    assert.deepEqual(ask("alias.fabrikam.example", "CNAME").answers, [["CNAME", "xmpp.fabrikam.example"]]);
    assert.equal(ask("away.fabrikam.example", "A").rcode, 3);
    assert.equal(ask("loop.fabrikam.example", "A").answers.length, LIMITS.cnameChain + 1);
  });

  it("cuts long texts and keeps quoted ones", () => {
    const [[, long] = []] = ask("text.fabrikam.example", "TXT").answers;
    assert.deepEqual(
      (long as Buffer[]).map((part) => part.length),
      [255, 45],
    );
    const [[, quoted] = []] = ask("quoted.fabrikam.example", "TXT").answers;
    assert.deepEqual((quoted as Buffer[]).map(String), ["one", 'tw"o']);
  });

  it("answers every question in some way", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("A", "SRV", "TXT", "MX"), (name, type) =>
        [0, 3].includes(lookUp(zone, { name, type }).rcode),
      ),
    );
  });
});
