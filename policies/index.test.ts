import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { POLICIES } from "./index.ts";

/** Files of the folder that hold no rule. */
const OTHERS = ["component-inputs.ts", "index.ts", "pack.ts"];

describe("the policy pack", () => {
  it("holds every rule of the folder, each named after its file", () => {
    const files = readdirSync(import.meta.dirname).filter(
      (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !OTHERS.includes(file),
    );
    assert.deepEqual(POLICIES.map(({ name }) => `${name}.ts`).sort(), files.sort());
  });

  it("refuses what cannot work and advises on the rest", () => {
    const levels = Object.fromEntries(POLICIES.map(({ name, enforcementLevel }) => [name, enforcementLevel]));
    assert.deepEqual(levels, {
      "negotiation-row-invalid": "mandatory",
      "negotiation-row-weak": "advisory",
      "public-verified": "advisory",
      "srv-target-and-port": "mandatory",
      "srv-target-access-edge": "mandatory",
      "certificate-key-length": "mandatory",
      "certificate-names": "mandatory",
    });
  });

  it("says of every rule what it wants and how to comply", () => {
    for (const { description, remediationSteps } of POLICIES) assert.ok(description.length > 20 && (remediationSteps ?? "").length > 20);
  });
});
