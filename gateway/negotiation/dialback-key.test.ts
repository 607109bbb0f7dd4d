import assert from "node:assert/strict";
import fc from "fast-check";
import { dialbackKey, isDialbackKey } from "./dialback-key.ts";

// biome-ignore format: one vector, one line
const VECTORS = [
  // XEP-0220 2.1.1, 2.1.2; XEP-0185 2
  ["s3cr3tf0rd14lb4ck", "montague.example",  "capulet.example",  "D60000229F", "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3"],
  ["d14lb4ck43v3r",     "capulet.example",   "montague.example", "417GAF25",   "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d"],
  ["s3cr3tf0rd14lb4ck", "xmpp.example.com",  "example.org",      "D60000229F", "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"],
] as const;

describe("dialback keys", () => {
  for (const [secret, receiving, originating, streamId, key] of VECTORS) {
    it(`${originating} to ${receiving} is the published key`, () => {
      assert.equal(dialbackKey(secret, { receiving, originating, streamId }), key);
      assert.ok(isDialbackKey(secret, { receiving, originating, streamId }, `\n  ${key} `));
    });
  }

  it("a key is for one pair, one direction, one stream and one secret", () => {
    const claim = { receiving: "a.example", originating: "b.example", streamId: "1" };
    const key = dialbackKey("s", claim);
    for (const other of [{ receiving: "b.example", originating: "a.example" }, { streamId: "2" }, { originating: "c.example" }]) {
      assert.ok(!isDialbackKey("s", { ...claim, ...other }, key));
    }
    assert.ok(!isDialbackKey("t", claim, key));
    assert.ok(!isDialbackKey("s", claim, ""));
  });

  it("names that run together do not make the same key", () => {
    assert.notEqual(
      dialbackKey("s", { receiving: "a.example", originating: "b.example", streamId: "c" }),
      dialbackKey("s", { receiving: "a.example ", originating: "b.example", streamId: "c" }),
    );
  });

  it("no other text passes for a key", () => {
    const claim = { receiving: "a.example", originating: "b.example", streamId: "1" };
    fc.assert(fc.property(fc.string(), (text) => isDialbackKey("s", claim, text) === (text.trim() === dialbackKey("s", claim))));
  });
});
