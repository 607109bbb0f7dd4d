import assert from "node:assert/strict";
import { diffProperties } from "./diff.ts";
import { checkFields, type Fields, joinPath, withDefaults } from "./fields.ts";
import { Asset, Secret, UNKNOWN } from "./wire.ts";

const FIELDS: Fields = {
  kind: { type: "string", oneOf: ["A", "B"], required: true, replace: true },
  size: { type: "number", integer: true, min: 1, max: 9, default: 3 },
  open: { type: "boolean" },
  rows: {
    type: "array",
    max: 2,
    of: { type: "object", fields: { port: { type: "number", required: true, replace: true }, note: { type: "string" } } },
  },
  tags: { type: "map", of: { type: "string" } },
  source: { type: "asset" },
  uses: { type: "array", unordered: true, of: { type: "string" } },
  region: { type: "string", sticky: true },
  gpu: { type: "unsupported", reason: "is given, but there is none" },
};

const reasons = (given: Parameters<typeof checkFields>[1]) =>
  checkFields(FIELDS, given).map(({ property, reason }) => `${property} ${reason}`);

describe("inputs by their table", () => {
  it("pass when they fit", () => {
    const given = { kind: "A", size: 3, open: true, rows: [{ port: 1 }], tags: { "a.b": "c" }, source: new Asset({ text: "" }) };
    assert.deepEqual(reasons(given), []);
  });

  // biome-ignore format: a table
  const cases = [
    ["what is missing",              { },                                   /^kind is required \(one of A, B\) and missing$/],
    ["what nobody knows",            { kind: "A", colour: 1 },              /^colour is not an input here; known: kind, size/],
    ["a value that is not listed",   { kind: "C" },                         /^kind is "C"; expected one of A, B$/],
    ["a wrong type",                 { kind: "A", size: "3" },              /^size is "3"; expected an integer from 1 to 9$/],
    ["a fraction for an integer",    { kind: "A", size: 1.5 },              /^size is 1.5/],
    ["a number out of range",        { kind: "A", size: 10 },               /^size is 10; expected an integer from 1 to 9$/],
    ["too many items",               { kind: "A", rows: [{ port: 1 }, { port: 1 }, { port: 1 }] }, /^rows is a list of 3; expected .* at most 2/],
    ["what is missing in an item",   { kind: "A", rows: [{}] },             /^rows\[0\]\.port is required/],
    ["a wrong value in a map",       { kind: "A", tags: { "a.b": 1 } },     /^tags\["a\.b"\] is 1; expected a string$/],
    ["a text for an asset",          { kind: "A", source: "x" },            /^source is "x"; expected a StringAsset or FileAsset$/],
    ["what the stand-ins do not do", { kind: "A", gpu: 1 },                 /^gpu is given, but there is none$/],
    ["a wrong secret, without it",   { kind: "A", open: new Secret("p".repeat(50)) }, /^open is a string of 50 characters; expected true or false$/],
  ] as const;
  for (const [what, given, expected] of cases) {
    it(`are refused for ${what}`, () => {
      const found = reasons(given);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? "", expected);
    });
  }

  it("pass where they are unknown", () =>
    assert.deepEqual(reasons({ kind: UNKNOWN, rows: [{ port: UNKNOWN }], size: new Secret(UNKNOWN) }), []));

  it("get defaults, and keep what the provider once chose", () => {
    assert.deepEqual(withDefaults(FIELDS, { kind: "A" }, { region: "west", open: true }), { kind: "A", size: 3, region: "west" });
  });

  it("are named by paths that the engine can read", () => {
    assert.equal(joinPath("secret", "edge.json"), 'secret["edge.json"]');
    assert.equal(joinPath("a", 0), "a[0]");
  });
});

describe("differences by the table", () => {
  const paths = (olds: Parameters<typeof diffProperties>[1], news: Parameters<typeof diffProperties>[2]) =>
    Object.fromEntries(diffProperties(FIELDS, olds, news).map(({ path, kind, replace }) => [path, replace ? `${kind}-replace` : kind]));

  // biome-ignore format: a table
  const cases = [
    ["nothing",                        { kind: "A" },                 { kind: "A" },                  {}],
    ["a change in place",              { size: 1 },                   { size: 2 },                    { size: "update" }],
    ["a change that replaces",         { kind: "A" },                 { kind: "B" },                  { kind: "update-replace" }],
    ["a nested change that replaces",  { rows: [{ port: 1 }] },       { rows: [{ port: 2 }] },        { "rows[0].port": "update-replace" }],
    ["a nested change in place",       { rows: [{ port: 1 }] },       { rows: [{ port: 1, note: "" }] }, { "rows[0].note": "add" }],
    ["an added and a removed one",     { open: true },                { size: 1 },                    { open: "delete", size: "add" }],
    ["a key with a dot",               { tags: { "a.b": "1" } },      { tags: { "a.b": "2" } },       { 'tags["a.b"]': "update" }],
    ["an unknown",                     { kind: "A" },                 { kind: UNKNOWN },              { kind: "update-replace" }],
    ["secrecy alone: nothing",         { tags: { a: "1" } },          { tags: new Secret({ a: "1" }) }, {}],
    ["order where none is: nothing",   { uses: ["a", "b"] },          { uses: ["b", "a"] },           {}],
    ["absent and empty: nothing",      { },                           { tags: {}, rows: [] },         {}],
    ["the provider's own notes: none", { __note: 1 },                 { __note: 2 },                  {}],
    ["an asset's content",             { source: new Asset({ hash: "1" }) }, { source: new Asset({ hash: "2" }) }, { source: "update" }],
    ["an asset of the same content",   { source: new Asset({ hash: "1" }) }, { source: new Asset({ hash: "1", text: "x" }) }, {}],
  ] as const;
  for (const [what, olds, news, expected] of cases) it(`show ${what}`, () => assert.deepEqual(paths(olds, news), expected));
});
