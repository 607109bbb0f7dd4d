import assert from "node:assert/strict";
import fc from "fast-check";
import { documentInput } from "../../test/support/edge-document.ts";
import { parseDocument } from "../config/parse.ts";
import type { Partner, PartnerInput } from "../config/schema.ts";
import type { Resolver, SrvTarget } from "./ports.ts";
import { findTargets, inOrder } from "./xmpp-targets.ts";

const target = (priority: number, weight: number, name: string): SrvTarget => ({ priority, weight, port: 5269, name });

const partnerWith = (more: Partial<PartnerInput> = {}): Partner => {
  const [partner] = parseDocument(documentInput({ partners: [{ domain: "fabrikam.example", ...more }] })).partners;
  assert.ok(partner);
  return partner;
};

/** A resolver that answers one question, and remembers what it was asked. */
function resolverOf(answer: () => Promise<readonly SrvTarget[]>): Resolver & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    srv: (name) => {
      asked.push(name);
      return answer();
    },
    addresses: () => Promise.reject(new Error("not asked here")),
  };
}

describe("the servers of a domain", () => {
  const find = (resolver: Resolver, partner = partnerWith()) => findTargets(resolver, "fabrikam.example", partner, () => 0.5);

  it("are those of its SRV record", async () => {
    const resolver = resolverOf(async () => [{ ...target(1, 0, "xmpp.fabrikam.example"), port: 5270 }]);
    assert.deepEqual(await find(resolver), { found: true, targets: [{ name: "xmpp.fabrikam.example", port: 5270 }] });
    assert.deepEqual(resolver.asked, ["_xmpp-server._tcp.fabrikam.example"]);
  });

  it("are the domain itself, port 5269, only where there is no SRV record", async () => {
    assert.deepEqual(await find(resolverOf(async () => [])), { found: true, targets: [{ name: "fabrikam.example", port: 5269 }] });
  });

  it("are none where the record says '.', in either spelling of a resolver", async () => {
    for (const name of [".", ""]) {
      const found = await find(resolverOf(async () => [target(0, 0, name)]));
      assert.ok(!found.found && found.code === "no-service");
    }
  });

  it("are unknown where the look-up fails: the domain's own address is not tried", async () => {
    const found = await find(resolverOf(() => Promise.reject(Object.assign(new Error("x"), { code: "ESERVFAIL" }))));
    assert.deepEqual(found, { found: false, code: "dns-failed", detail: "_xmpp-server._tcp.fabrikam.example SRV: ESERVFAIL" });
  });

  it("are the proxy that the policy names, and DNS is not asked", async () => {
    const resolver = resolverOf(async () => [target(0, 0, ".")]);
    const found = await find(resolver, partnerWith({ proxyFqdn: "proxy.fabrikam.example" }));
    assert.deepEqual(found, { found: true, targets: [{ name: "proxy.fabrikam.example", port: 5269 }] });
    assert.deepEqual(resolver.asked, []);
  });
});

describe("the order of SRV records", () => {
  const records = fc.array(
    fc.record({
      priority: fc.nat({ max: 3 }),
      weight: fc.nat({ max: 100 }),
      port: fc.constant(5269),
      name: fc.stringMatching(/^[a-z]{1,5}$/),
    }),
    { maxLength: 12 },
  );
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it("keeps every record once, lower priorities first", () => {
    fc.assert(
      fc.property(records, random, (some, number) => {
        const ordered = inOrder(some, () => number);
        assert.deepEqual(new Set(ordered), new Set(some));
        assert.equal(ordered.length, some.length);
        assert.deepEqual(
          ordered.map(({ priority }) => priority),
          some.map(({ priority }) => priority).toSorted((a, b) => a - b),
        );
      }),
    );
  });

  it("draws within a priority by weight", () => {
    const counts = { heavy: 0, light: 0 };
    for (let step = 0; step < 1000; step++) {
      const [first] = inOrder([target(0, 10, "light"), target(0, 30, "heavy")], () => step / 1000);
      counts[first?.name as keyof typeof counts]++;
    }
    assert.ok(counts.heavy > 700 && counts.heavy < 780, JSON.stringify(counts));
  });

  it("gives weight 0 a small chance beside others", () => {
    assert.equal(inOrder([target(0, 99, "heavy"), target(0, 0, "none")], () => 0)[0]?.name, "none");
    assert.equal(inOrder([target(0, 99, "heavy"), target(0, 0, "none")], () => 0.5)[0]?.name, "heavy");
  });
});
