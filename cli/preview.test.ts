import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { UNKNOWN } from "./changes.ts";
import type { EngineRun } from "./engine-run.ts";
import { readReport } from "./events.ts";
import { previewLines } from "./preview.ts";

const run = (outputs: Record<string, unknown>): EngineRun => ({ code: 0, report: { ...readReport([]), outputs } }) as unknown as EngineRun;

describe("what a preview prints", () => {
  it("leaves out what is not known yet", () => {
    const lines = previewLines(run({ warnings: UNKNOWN, certificateRequestSummary: UNKNOWN })).join("\n");
    assert.doesNotMatch(lines, /Warnings|Certificate request|04da6b54/);
    assert.match(previewLines(run({ warnings: ["mind the gap", UNKNOWN] })).join("\n"), /Warnings\n {2}mind the gap$/);
  });
});
