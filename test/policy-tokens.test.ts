import assert from "node:assert/strict";
import { TYPES } from "../components/names.ts";
import { COMPONENTS } from "../policies/component-inputs.ts";

describe("policies and components", () => {
  it("call the components by the same type tokens", () => {
    for (const [component, type] of Object.entries(COMPONENTS)) assert.equal(type, TYPES[component as keyof typeof COMPONENTS]);
  });
});
