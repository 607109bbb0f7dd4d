import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Asset,
  atPath,
  decode,
  encode,
  isKnown,
  markSecrets,
  type Properties,
  reveal,
  Secret,
  UNKNOWN,
  type Value,
  withPath,
} from "./wire.ts";

const NAMES = fc.stringMatching(/^[a-z][a-zA-Z]{0,8}$/);
const { properties } = fc.letrec<{ value: Value; properties: Properties }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.constant(UNKNOWN),
    fc.string().map((text) => new Asset({ hash: "h", text })),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("properties"),
    tie("value").map((inner) => new Secret(inner)),
  ),
  properties: fc.dictionary(NAMES, tie("value"), { maxKeys: 4, noNullPrototype: true }),
}));

describe("property values on the wire", () => {
  it("come back as they were sent", () => {
    fc.assert(
      fc.property(properties, (given) => assert.deepEqual(decode(encode(given)), given)),
      { numRuns: 200 },
    );
  });

  it("refuse a signature that nobody knows", () => {
    const strange = { a: { "4dabf18193072939515e22adb298388d": "another" } };
    assert.throws(() => decode(encode(strange)), /signature another/);
  });

  it("take every kind of unknown", () => {
    assert.deepEqual(decode(encode({ a: "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2" })), { a: UNKNOWN });
  });

  it("mark outputs as secret where the inputs are, and nowhere else", () => {
    const inputs: Properties = { a: [{ name: "x", key: new Secret("k") }], b: "open", c: new Secret("c") };
    const outputs: Properties = { a: [{ name: "x", key: "k" }], b: "open", c: "c", d: "new" };
    assert.deepEqual(markSecrets(outputs, inputs), { a: [{ name: "x", key: new Secret("k") }], b: "open", c: new Secret("c"), d: "new" });
  });

  it("never lose or add content by marking", () => {
    fc.assert(
      fc.property(properties, properties, (outputs, inputs) => assert.deepEqual(reveal(markSecrets(outputs, inputs)), reveal(outputs))),
    );
  });

  it("are known only when everything in them is", () => {
    assert.equal(isKnown({ a: [1, new Secret({ b: UNKNOWN })] }), false);
    assert.equal(isKnown({ a: [1, new Secret({ b: 2 })] }), true);
  });

  it("are read and set by path", () => {
    assert.deepEqual(withPath({ a: { b: 1 } }, "a.c", 2), { a: { b: 1, c: 2 } });
    assert.equal(atPath({ a: new Secret({ b: 1 }) }, "a.b"), 1);
    assert.equal(atPath({ a: 1 }, "a.b"), undefined);
  });
});
