import assert from "node:assert/strict";
import { closeSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastLogLines, openLog, rotateLog } from "./log-file.ts";

describe("a container's log", () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xmpp-edge-log-"));
    path = join(dir, "new", "stdout.log");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("moves aside when it is full, while its writer goes on", () => {
    const file = openLog(path);
    writeSync(file, "first\n".repeat(10));
    rotateLog(path, 100);
    assert.equal(statSync(path).size, 60, "not yet full");
    writeSync(file, "second\n".repeat(10));
    rotateLog(path, 100);
    writeSync(file, "third\n");
    closeSync(file);
    assert.equal(readFileSync(path, "utf8"), "third\n");
    assert.match(readFileSync(`${path}.1`, "utf8"), /^first\n[\s\S]*second\n$/);
  });

  it("keeps no more than twice the limit of a burst", () => {
    const file = openLog(path);
    writeSync(file, "x".repeat(1000));
    closeSync(file);
    rotateLog(path, 100);
    assert.equal(statSync(`${path}.1`).size, 200);
  });

  it("tells its last lines, and nothing where it is not there", () => {
    const file = openLog(path);
    writeSync(file, "a\nb\nc\n");
    closeSync(file);
    assert.equal(lastLogLines(path, 2), "b\nc");
    assert.equal(lastLogLines(`${path}.none`), "");
  });
});
