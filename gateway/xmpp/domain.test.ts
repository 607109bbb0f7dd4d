import assert from "node:assert/strict";
import fc from "fast-check";
import { normaliseDomain, toUnicodeDomain } from "./domain.ts";

describe("normaliseDomain", () => {
  // biome-ignore format: one case a line
  const CASES: readonly (readonly [string, string | null, string])[] = [
    ["Fabrikam.COM",            "fabrikam.com",                   "case"],
    ["fabrikam.com.",           "fabrikam.com",                   "one final dot"],
    ["b\u00fccher.example",     "xn--bcher-kva.example",          "U-labels"],
    ["XN--BCHER-KVA.example",   "xn--bcher-kva.example",          "A-labels"],
    ["bu\u0308cher.example",    "xn--bcher-kva.example",          "decomposed U-labels"],
    ["a\u3002example",          "a.example",                      "an ideographic full stop"],
    [`${"a".repeat(63)}.example`, `${"a".repeat(63)}.example`,    "a label of 63"],
    [`${"a".repeat(64)}.example`, null,                           "a label of 64"],
    [`${"a.".repeat(127)}example`, null,                          "more than 253 characters"],
    ["localhost",               null,                             "a single label"],
    ["192.0.2.1",               null,                             "an IPv4 address"],
    ["a.0x7f",                  null,                             "what a URL parser takes for an IPv4 address"],
    ["[2001:db8::1]",           null,                             "an IPv6 address"],
    ["a..example",              null,                             "an empty label"],
    ["a.example..",             null,                             "two final dots"],
    ["-a.example",              null,                             "a hyphen at the start"],
    ["a-.example",              null,                             "a hyphen at the end"],
    ["a_b.example",             null,                             "an underscore"],
    ["a.example:5269",          null,                             "a port"],
    ["user@a.example",          null,                             "a user"],
    ["a.example/x",             null,                             "a path"],
    ["a%2eb.example",           null,                             "percent signs"],
    ["a\uff05b.example",        null,                             "a fullwidth percent sign"],
    ["a b.example",             null,                             "a space"],
    ["a\u0000.example",         null,                             "a NUL"],
    ["",                        null,                             "nothing"],
    [".",                       null,                             "a dot"],
  ];
  for (const [text, expected, what] of CASES) {
    it(`${expected === null ? "refuses" : "takes"} ${what}`, () => assert.equal(normaliseDomain(text), expected));
  }

  it("leaves a normal form as it is", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.domain(),
          fc.string({ unit: "grapheme" }).map((label) => `${label}.example`),
        ),
        (text) => {
          const normal = normaliseDomain(text);
          if (normal !== null) assert.equal(normaliseDomain(normal), normal);
        },
      ),
    );
  });
});

describe("toUnicodeDomain", () => {
  it("shows U-labels", () => {
    const domain = normaliseDomain("xn--bcher-kva.example");
    assert.equal(domain && toUnicodeDomain(domain), "b\u00fccher.example");
  });
});
