import assert from "node:assert/strict";
import fc from "fast-check";
import { documentInput } from "../../test/support/edge-document.ts";
import { parseDocument } from "../config/parse.ts";
import type { Partner, PartnerInput } from "../config/schema.ts";
import type { Methods } from "../negotiation/methods.ts";
import type { Resolver, SrvTarget } from "./ports.ts";
import { findTargets, inOrder } from "./xmpp-targets.ts";

const target = (priority: number, weight: number, name: string): SrvTarget => ({ priority, weight, port: 5269, name });

const partnerWith = (more: Partial<PartnerInput> = {}): Partner => {
  const [partner] = parseDocument(documentInput({ partners: [{ domain: "fabrikam.example", ...more }] })).partners;
  assert.ok(partner);
  return partner;
};

const PLAIN = "_xmpp-server._tcp.fabrikam.example";
const DIRECT = "_xmpps-server._tcp.fabrikam.example";

type Answer = readonly SrvTarget[] | "ESERVFAIL";

/** A resolver that remembers what it was asked; what is not listed does not exist. */
function resolverOf(answers: Readonly<Record<string, Answer>>): Resolver & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async srv(name) {
      asked.push(name);
      const answer = answers[name] ?? [];
      if (typeof answer === "string") throw Object.assign(new Error("x"), { code: answer });
      return answer;
    },
    addresses: () => Promise.reject(new Error("not asked here")),
  };
}

const E: Methods = new Set(["sasl-over-tls"]);
const P: Methods = new Set(["tcp-dialback"]);

describe("the servers of a domain", () => {
  const find = (answers: Readonly<Record<string, Answer>>, methods = E) =>
    findTargets(resolverOf(answers), "fabrikam.example", { partner: partnerWith(), methods }, () => 0.5);
  const plain = { name: "xmpp.fabrikam.example", port: 5269, directTls: false };
  const direct = { name: "tls.fabrikam.example", port: 5269, directTls: true };
  const itself = { name: "fabrikam.example", port: 5269, directTls: false };

  it("are those of its SRV records, each with its port and the way TLS begins there", async () => {
    const found = await find({ [PLAIN]: [{ ...target(1, 0, plain.name), port: 5299 }], [DIRECT]: [target(2, 0, direct.name)] });
    assert.deepEqual(found, { found: true, targets: [{ ...plain, port: 5299 }, direct] });
  });

  it("of both services stand in one order, by priority and then by weight", async () => {
    const answers = (weight: number): Record<string, Answer> => ({
      [PLAIN]: [target(20, 0, "last"), target(5, 10, "a")],
      [DIRECT]: [target(10, 0, "b"), target(5, weight, "c")],
    });
    const order = async (weight: number) => {
      const found = await find(answers(weight));
      return found.found && found.targets.map(({ name, directTls }) => `${name}${directTls ? " TLS" : ""}`);
    };
    assert.deepEqual(await order(90), ["c TLS", "a", "b TLS", "last"]);
    assert.deepEqual(await order(1), ["a", "c TLS", "b TLS", "last"]);
  });

  // biome-ignore format: a table
  const cases: readonly (readonly [string, Record<string, Answer>, Methods, unknown])[] = [
    ["no record of either",                {},                                                                E, [itself]],
    ["no record, and TLS of no use",       {},                                                                P, [itself]],
    ["direct TLS only",                    { [DIRECT]: [target(0, 0, direct.name)] },                         E, [direct]],
    ["direct TLS only, and of no use",     { [DIRECT]: [target(0, 0, direct.name)] },                         P, [itself]],
    ["both, and TLS of no use",            { [PLAIN]: [target(9, 0, plain.name)], [DIRECT]: [target(0, 0, "x")] }, P, [plain]],
    ["'.' for direct TLS",                 { [PLAIN]: [target(0, 0, plain.name)], [DIRECT]: [target(0, 0, ".")] }, E, [plain]],
    ["'.' for STARTTLS",                   { [PLAIN]: [target(0, 0, ".")], [DIRECT]: [target(0, 0, direct.name)] }, E, [direct]],
    ["'.' for direct TLS, nothing else",   { [DIRECT]: [target(0, 0, ".")] },                                 E, "no-service"],
    ["'.' for STARTTLS, nothing else",     { [PLAIN]: [target(0, 0, "")] },                                   E, "no-service"],
    ["'.' for both",                       { [PLAIN]: [target(0, 0, ".")], [DIRECT]: [target(0, 0, "")] },    E, "no-service"],
    ["a failure for STARTTLS",             { [PLAIN]: "ESERVFAIL" },                                          E, "dns-failed"],
    ["a failure for direct TLS",           { [DIRECT]: "ESERVFAIL" },                                         E, "dns-failed"],
    ["a failure for direct TLS, unasked",  { [DIRECT]: "ESERVFAIL" },                                         P, [itself]],
    ["a failure beside a record",          { [PLAIN]: "ESERVFAIL", [DIRECT]: [target(0, 0, direct.name)] },   E, [direct]],
    ["a failure beside '.'",               { [PLAIN]: "ESERVFAIL", [DIRECT]: [target(0, 0, ".")] },           E, "dns-failed"],
  ];
  for (const [what, answers, methods, expected] of cases) {
    it(`where DNS has ${what}`, async () => {
      const found = await find(answers, methods);
      assert.deepEqual(found.found ? found.targets : found.code, expected);
    });
  }

  it("are unknown where the look-up fails, and the detail names the question", async () => {
    const found = await find({ [PLAIN]: "ESERVFAIL" });
    assert.deepEqual(found, { found: false, code: "dns-failed", detail: `${PLAIN} SRV: ESERVFAIL` });
  });

  it("are the proxy that the policy names, and DNS is not asked", async () => {
    const resolver = resolverOf({ [PLAIN]: [target(0, 0, ".")] });
    const sought = { partner: partnerWith({ proxyFqdn: "proxy.fabrikam.example" }), methods: E };
    const found = await findTargets(resolver, "fabrikam.example", sought, () => 0.5);
    assert.deepEqual(found, { found: true, targets: [{ name: "proxy.fabrikam.example", port: 5269, directTls: false }] });
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
