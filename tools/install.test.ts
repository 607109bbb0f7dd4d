import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";

const TOOLS = ["run.mjs", "install.mjs", "lock.mjs"];
const ENTRY = { version: "1.0.0", integrity: "sha512-x" };
const OTHER_MACHINE = { ...ENTRY, optional: true, os: ["plan9"], cpu: ["vax"] };

describe("tools/run.mjs, on a project of one package", () => {
  let root = "";

  /** A project whose npm is a script that counts its calls and does `what`. */
  const project = (what: string): void => {
    for (const folder of ["tools", "cli", "bin"]) mkdirSync(join(root, folder));
    for (const file of TOOLS) copyFileSync(join(import.meta.dirname, file), join(root, "tools", file));
    writeFileSync(join(root, "package.json"), '{"type": "module"}');
    writeFileSync(join(root, "cli", "main.ts"), "console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7;\n");
    writeFileSync(
      join(root, "package-lock.json"),
      JSON.stringify({ packages: { "": {}, "node_modules/one": ENTRY, "node_modules/far": OTHER_MACHINE } }),
    );
    writeFileSync(join(root, "bin", "npm"), `#!/bin/sh\necho "$@" >> calls\n${what}\n`, { mode: 0o755 });
  };

  const runIt = (...args: string[]) => {
    const { npm_execpath: _, ...environment } = process.env;
    const env = { ...environment, PATH: [join(root, "bin"), process.env.PATH].join(delimiter) };
    return spawnSync(process.execPath, [join(root, "tools", "run.mjs"), ...args], { cwd: root, env, encoding: "utf8" });
  };
  const calls = (): number => (existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").trim().split("\n").length : 0);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xmpp-edge-run-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("installs what is missing, says so, and hands on arguments and exit code; the second time it installs nothing", () => {
    project("mkdir -p node_modules/one; echo '{}' > node_modules/one/package.json");
    const first = runIt("up", "--json", "--", "-x");
    assert.equal(first.status, 7, first.stderr);
    assert.equal(first.stdout, '["up","--json","--","-x"]\n');
    assert.match(first.stderr, /installing dependencies: 1 packages/);
    assert.match(first.stderr, /installed dependencies in \d+ s/);
    assert.equal(runIt("status").stderr, "");
    assert.equal(calls(), 1);
    assert.match(readFileSync(join(root, "calls"), "utf8"), /^ci --include=optional/);
  });

  it("installs again when package-lock.json has changed", () => {
    project("mkdir -p node_modules");
    runIt("up");
    writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: { "": {}, "node_modules/two": ENTRY } }));
    runIt("up");
    assert.equal(calls(), 2);
  });

  it("takes an installation that npm itself has made", () => {
    project("exit 1");
    mkdirSync(join(root, "node_modules"));
    writeFileSync(join(root, "node_modules", ".package-lock.json"), JSON.stringify({ packages: { "node_modules/one": ENTRY } }));
    assert.equal(runIt("up").status, 7);
    assert.equal(calls(), 0);
  });

  it("does not take one with another version, or with a package too many", () => {
    for (const packages of [
      { "node_modules/one": { ...ENTRY, version: "1.0.1" } },
      { "node_modules/one": ENTRY, "node_modules/extra": ENTRY },
    ]) {
      rmSync(root, { recursive: true, force: true });
      mkdirSync(root);
      project("mkdir -p node_modules");
      mkdirSync(join(root, "node_modules"));
      writeFileSync(join(root, "node_modules", ".package-lock.json"), JSON.stringify({ packages }));
      runIt("up");
      assert.equal(calls(), 1);
    }
  });

  it("fails with npm's own words and no stack trace, and tries again the next time", () => {
    project("echo 'npm error code ENOTFOUND' >&2; exit 1");
    const result = runIt("up");
    assert.equal(result.status, 1);
    assert.match(result.stderr, /xmpp-edge: npm ci failed \(exit code 1\)/);
    assert.match(result.stderr, /npm error code ENOTFOUND/);
    assert.match(result.stderr, /registry was not reached/);
    assert.doesNotMatch(result.stderr, /^\s+at /m);
    runIt("up");
    assert.equal(calls(), 2);
  });
});
