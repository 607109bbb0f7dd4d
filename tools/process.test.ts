import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { isAlive } from "./lock.mjs";
import { lastLines, run, withThisNode } from "./process.ts";

describe("running a child process", () => {
  it("returns its output and its exit code", async () => {
    const result = await run("sh", ["-c", "echo out; echo err >&2; exit 3"]);
    assert.deepEqual(result, { code: 3, stdout: "out\n", stderr: "err\n", killed: false });
  });

  it("tells each line as it comes, with the stream it came from", async () => {
    const lines: string[] = [];
    await run("sh", ["-c", "echo one; echo two >&2; printf three"], { onLine: (line, stream) => lines.push(`${stream} ${line}`) });
    assert.deepEqual(lines.sort(), ["stderr two", "stdout one", "stdout three"]);
  });

  it("answers 127 for a command that does not exist, and does not reject", async () => {
    const result = await run("/nowhere/at-all", []);
    assert.equal(result.code, 127);
    assert.match(result.stderr, /ENOENT/);
  });

  it("kills everything that a child started when its time is up", async () => {
    const result = await run("sh", ["-c", "sleep 60 & echo $!; wait"], { timeoutMilliseconds: 300 });
    assert.equal(result.killed, true);
    assert.equal(result.code, 137);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(isAlive(Number(result.stdout)), false);
  });

  it("kills it when the caller says so", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const result = await run("sleep", ["60"], { signal: controller.signal });
    assert.equal(result.killed, true);
  });

  it("puts the Node that runs now first on PATH", async () => {
    const result = await run("node", ["-p", "process.execPath"], { env: withThisNode() });
    assert.equal(result.stdout.trim(), process.execPath);
  });

  it("keeps the last lines that hold anything", () => assert.equal(lastLines("a\n\nb\nc\n\n", 2), "b\nc"));
});
