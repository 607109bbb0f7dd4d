import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { failureOf, runEngine } from "./engine-run.ts";
import { listenForSignals } from "./signals.ts";
import { reporterTo } from "./terminal.ts";
import type { Workspace } from "./workspace.ts";

describe("a run of the engine", () => {
  let folder = "";
  const written: string[] = [];
  const reporter = reporterTo({ write: (text) => written.push(text) });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xmpp-edge-run-"));
    written.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A workspace whose engine is a script; $EVENTS is the event log it is told. */
  const workspace = (script: string): Workspace => {
    const binary = join(folder, "pulumi");
    writeFileSync(binary, `#!/bin/sh\nfor EVENTS; do :; done\n${script}\n`, { mode: 0o755 });
    const engine = { binary, version: "3.274.1", source: "cache" as const };
    return { engine, stack: "sandbox", sandbox: null, environment: process.env, logs: join(folder, "logs") };
  };
  const event = (message: string): string => JSON.stringify({ diagnosticEvent: { severity: "error", message } });

  it("gives the stack, never asks, keeps the whole output, and reads the event log", async () => {
    const result = await runEngine(workspace(`echo "$@"; echo '${event("boom")}' > "$EVENTS"; exit 1`), "up", ["--yes"], reporter);
    assert.equal(result.code, 1);
    assert.match(readFileSync(result.logFile, "utf8"), /^up --stack sandbox --yes --non-interactive --color never --event-log /);
    assert.deepEqual(failureOf(result), ["boom"]);
  });

  it("tells the engine's own last words where it gave no event", async () => {
    const result = await runEngine(workspace("echo 'error: no such stack' >&2; exit 255"), "preview", [], reporter);
    assert.deepEqual(failureOf(result), ["no such stack"]);
  });

  it("hands a Ctrl-C on once, however often it arrives at the same time, and waits for the engine", async () => {
    listenForSignals();
    const running = runEngine(
      workspace(`trap 'echo INT >> "${folder}/ints"; sleep 0.2; exit 3' INT; while :; do sleep 0.02; done`),
      "up",
      [],
      reporter,
    );
    setTimeout(() => {
      process.kill(process.pid, "SIGINT");
      process.kill(process.pid, "SIGINT");
    }, 200);
    const result = await running;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(signal);
    assert.equal(result.interrupted, true);
    assert.equal(result.code, 3);
    assert.equal(readFileSync(join(folder, "ints"), "utf8"), "INT\n");
    assert.match(written.join(""), /stopping after the step under way/);
  });
});
