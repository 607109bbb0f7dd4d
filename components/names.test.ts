import assert from "node:assert/strict";
import fc from "fast-check";
import { edgeNames, hostNames, storeNames } from "./names.ts";

/** The longest suffix that the provider adds: eight hexadecimal digits. */
const SUFFIX = "01234567";

describe("names", () => {
  it("leave the cloud room for a suffix, whatever the edge is called", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ minLength: 30 }), fc.constantFrom("edge-", "1-edge", "--", "Édge")), (name) => {
        const { account, vault } = storeNames(edgeNames(name).store);
        assert.match(account + SUFFIX, /^[a-z0-9]{3,24}$/);
        assert.match(vault + SUFFIX, /^(?=.{3,24}$)[a-z](?:-?[a-z0-9])*$/);
      }),
    );
  });

  it("tell apart two edges of one stack, and the children of one edge", () => {
    const children = (edge: string) => Object.values(edgeNames(edge));
    assert.equal(new Set([...children("one"), ...children("two")]).size, children("one").length * 2);
    assert.notEqual(hostNames("one-host").share, hostNames("two-host").share);
  });
});
