import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { countsText } from "../test.ts";
import { ROOT } from "../workspace.ts";
import { kindOf, testFiles } from "./files.ts";
import { groupsOf, runGroup, sum } from "./processes.ts";

describe("which test files may share a process", () => {
  for (const [kind, path, text] of [
    ["unit", "gateway/xmpp/jid.test.ts", 'import { parse } from "./jid.ts";'],
    ["alone", "components/a.test.ts", 'import { startMocks } from "../test/support/pulumi-mocks.ts";'],
    ["alone", "stacks/a.test.ts", "pulumi.runtime.setMocks({});"],
    ["engine", "test/interop/prosody.test.ts", ""],
    ["engine", "sandbox/control.test.ts", 'import { startSandbox } from "./control.ts";'],
    ["engine", "sandbox/providers/tls/a.test.ts", 'import { startTestSandbox } from "../../test-sandbox.ts";'],
  ] as const) {
    it(`${path} is ${kind}`, () => assert.equal(kindOf(path, text), kind));
  }

  it("finds those whose path holds a name, and all without one", () => {
    assert.deepEqual(
      testFiles(ROOT, ["testing/testing"]).map(({ path }) => path),
      ["cli/testing/testing.test.ts"],
    );
    assert.ok(testFiles(ROOT, []).length > 10);
    assert.deepEqual(testFiles(ROOT, ["no such file"]), []);
  });

  it("groups units together, gives every other file a process, and has those with the engine last", () => {
    const file = (path: string, kind: "unit" | "alone" | "engine") => ({ path, kind });
    const groups = groupsOf([file("e", "engine"), file("u1", "unit"), file("a", "alone"), file("u2", "unit")]);
    assert.deepEqual(
      groups.map(({ kind, files }) => `${kind} ${files.join(" ")}`),
      ["unit u1 u2", "alone a", "engine e"],
    );
  });
});

describe("running a group of test files", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xmpp-edge-group-"));
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const runFile = (text: string, quiet = true) => {
    const file = join(folder, "x.test.mjs");
    writeFileSync(file, text);
    return runGroup({ title: "x", kind: "unit", files: [file] }, quiet, () => {});
  };

  it("counts what passed, failed and was skipped, and shows what failed", async () => {
    const result = await runFile(`
      it("passes", () => {});
      it("fails", () => { throw new Error("on purpose"); });
      describe("with a peer", () => { before(function () { this.skip(); }); it("one", () => {}); it("two", () => {}); });`);
    assert.equal(countsText(result), "1 passed, 1 failed, 2 skipped");
    assert.deepEqual(result.skippedTitles, ["with a peer"]);
    assert.match(result.output, /on purpose/);
  });

  it("counts a file that cannot be loaded as one failure", async () => {
    const result = await runFile('import "./nowhere.mjs";');
    assert.equal(countsText(result), "0 passed, 1 failed, 0 skipped");
    assert.match(result.output, /nowhere\.mjs/);
  });

  it("counts a failing hook", async () => {
    const result = await runFile('describe("a", () => { before(() => { throw new Error("no"); }); it("b", () => {}); });');
    assert.equal(result.failed, 1);
  });

  it("prints every test when it is not to be quiet", async () => {
    assert.match((await runFile('it("a sentence", () => {});', false)).output, /✔ a sentence/);
  });

  it("adds up", () => {
    const counts = { passed: 1, failed: 2, skipped: 3 };
    assert.deepEqual(sum([counts, counts]), { passed: 2, failed: 4, skipped: 6 });
  });
});
