import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { isAlive, lockOwner, startTime, tryLock, withLock } from "./lock.mjs";

describe("the lock between processes", () => {
  let folder = "";
  const path = () => join(folder, "lock");

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xmpp-edge-lock-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The id of a process that has ended. */
  const deadPid = (): number => spawnSync(process.execPath, ["-e", ""]).pid;

  it("is taken by one, and names it to the other", () => {
    const first = tryLock(path());
    assert.ok(first.release);
    const second = tryLock(path());
    assert.equal(second.owner?.pid, process.pid);
    first.release();
    assert.equal(lockOwner(path()), null);
    assert.equal(existsSync(path()), false);
  });

  it("is taken over from an owner that is dead", () => {
    writeFileSync(path(), JSON.stringify({ pid: deadPid(), started: "1", since: "" }));
    const taken = tryLock(path());
    assert.ok(taken.release);
    assert.equal(JSON.parse(readFileSync(path(), "utf8")).pid, process.pid);
    taken.release();
  });

  it("is taken over when the owner's id belongs to another process by now", function () {
    if (startTime(process.pid) === "") this.skip();
    writeFileSync(path(), JSON.stringify({ pid: process.pid, started: "1", since: "" }));
    const taken = tryLock(path());
    assert.ok(taken.release);
    taken.release();
  });

  it("is taken over when the file is torn", () => {
    writeFileSync(path(), '{"pid": ');
    const taken = tryLock(path());
    assert.ok(taken.release);
    taken.release();
  });

  it("is not released by one that no longer owns it", () => {
    const taken = tryLock(path());
    assert.ok(taken.release);
    writeFileSync(path(), JSON.stringify({ pid: 1, started: startTime(1), since: "" }));
    taken.release();
    assert.equal(lockOwner(path())?.pid, 1);
    rmSync(path());
  });

  it("leaves nothing beside it", () => assert.deepEqual(readdirSync(folder), []));

  it("keeps the work of many processes apart, one of which is killed while holding it", async () => {
    const counter = join(folder, "counter");
    writeFileSync(counter, "0");
    const script = `
      import { readFileSync, writeFileSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      import { withLock } from ${JSON.stringify(join(import.meta.dirname, "lock.mjs"))};
      await withLock(${JSON.stringify(path())}, async () => {
        if (process.argv[1] === "die") process.kill(process.pid, "SIGKILL");
        const seen = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
        await sleep(20);
        writeFileSync(${JSON.stringify(counter)}, String(seen + 1));
      });`;
    const run = (argument: string) =>
      new Promise((resolve) => spawn(process.execPath, ["--input-type=module", "-e", script, argument]).on("close", resolve));
    await Promise.all(["die", "work", "work", "work", "work"].map(run));
    assert.equal(readFileSync(counter, "utf8"), "4");
    assert.equal(lockOwner(path()), null);
  });

  it("tells who holds it while it waits, and passes on what the work returns", async () => {
    const held = tryLock(path());
    const owners: number[] = [];
    setTimeout(() => held.release?.(), 50);
    const result = await withLock(
      path(),
      () => 42,
      (owner) => owners.push(owner.pid),
    );
    assert.equal(result, 42);
    assert.ok(owners.includes(process.pid));
  });

  it("is free again when the work throws", async () => {
    await assert.rejects(
      withLock(path(), () => {
        throw new Error("on purpose");
      }),
      /on purpose/,
    );
    assert.equal(lockOwner(path()), null);
  });

  it("knows that a process which ended is not alive, nor is a nonsense id", () => {
    assert.equal(isAlive(deadPid()), false);
    assert.equal(isAlive(0), false);
    assert.equal(isAlive(-1), false);
    assert.equal(isAlive(Number.NaN), false);
    assert.equal(isAlive(process.pid, startTime(process.pid)), true);
  });
});
