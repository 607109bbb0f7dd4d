import assert from "node:assert/strict";
import { childElements, childOf, element, textOf, withAttributes } from "./element.ts";

describe("an element", () => {
  const one = element("urn:a", "one", { a: "1", b: undefined }, "x", undefined, "", element("urn:a", "two"), "y", element("urn:b", "two"));

  it("is made without absent attributes and empty children", () => {
    assert.deepEqual([...one.attributes], [["a", "1"]]);
    assert.equal(one.children.length, 4);
  });

  it("finds children by namespace and name", () => {
    assert.equal(childOf(one, "urn:b", "two")?.namespace, "urn:b");
    assert.equal(childOf(one, "urn:c", "two"), undefined);
    assert.equal(childElements(one).length, 2);
  });

  it("shows its own text only", () => assert.equal(textOf(element("", "a", {}, "x", element("", "b", {}, "no"), "y")), "xy"));

  it("is copied with other attributes and stays as it was", () => {
    assert.deepEqual([...withAttributes(one, { a: undefined, c: "3" }).attributes], [["c", "3"]]);
    assert.deepEqual([...one.attributes], [["a", "1"]]);
  });
});
