import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { type Finished, run, withThisNode } from "../process.ts";
import { type Engine, findEngine } from "./find.ts";

const PROGRAM = `
import * as pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
class Thing extends pulumi.ComponentResource {
  constructor(name: string) {
    super("test:index:Thing", name, { greeting: config.require("greeting") });
    this.registerOutputs({});
  }
}
new Thing("one");
export const greeting: string = config.require("greeting");
export const node = process.version;
`;

const POLICY = `
import { PolicyPack } from "@pulumi/policy";
new PolicyPack("pack", {
  policies: [{
    name: "no-shouting",
    description: "Greetings are quiet",
    enforcementLevel: "mandatory",
    validateResource: (args, report) => {
      if (String(args.props.greeting).includes("!")) report("the greeting shouts");
    },
  }],
});
`;

describe("the Node language host, with the real engine", function () {
  this.timeout(60_000);
  let folder = "";
  let engine: Engine;

  const pulumi = (...args: string[]): Promise<Finished> =>
    run(engine.binary, [...args, "--non-interactive", "--color", "never"], {
      cwd: folder,
      env: {
        ...withThisNode(),
        PULUMI_HOME: join(folder, "home"),
        PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
    });

  before(async () => {
    engine = await findEngine();
    folder = mkdtempSync(join(tmpdir(), "xmpp-edge-host-"));
    mkdirSync(join(folder, "backend"));
    mkdirSync(join(folder, "program"));
    mkdirSync(join(folder, "pack"));
    symlinkSync(join(import.meta.dirname, "..", "..", "node_modules"), join(folder, "node_modules"));
    const files = {
      "Pulumi.yaml": "name: host\nruntime:\n  name: nodejs\n  options: {typescript: false}\nmain: program/index.ts\n",
      "package.json": '{"name": "host", "type": "module"}',
      "program/index.ts": PROGRAM,
      "pack/PulumiPolicy.yaml": "runtime: nodejs\n",
      "pack/package.json": '{"name": "pack", "version": "1.0.0", "type": "module", "main": "index.js"}',
      "pack/index.js": 'import "./pack.ts";\n',
      "pack/pack.ts": POLICY,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const init = await pulumi("stack", "init", "test");
    assert.equal(init.code, 0, init.stderr);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it("runs a TypeScript program with its configuration and hands back its outputs", async () => {
    assert.equal((await pulumi("config", "set", "greeting", "hello")).code, 0);
    const up = await pulumi("up", "--yes", "--skip-preview");
    assert.equal(up.code, 0, up.stdout + up.stderr);
    const outputs = JSON.parse((await pulumi("stack", "output", "--json")).stdout);
    assert.deepEqual(outputs, { greeting: "hello", node: process.version });
  });

  it("says what was wrong when the program throws, and the run fails", async () => {
    writeFileSync(join(folder, "program", "index.ts"), 'throw new Error("broken on purpose");\n');
    const preview = await pulumi("preview");
    writeFileSync(join(folder, "program", "index.ts"), PROGRAM);
    assert.notEqual(preview.code, 0);
    assert.match(preview.stdout + preview.stderr, /broken on purpose/);
  });

  it("runs a policy pack from its own folder, and a mandatory violation stops the preview", async () => {
    assert.equal((await pulumi("config", "set", "greeting", "hello!")).code, 0);
    const preview = await pulumi("preview", "--policy-pack", "pack");
    assert.notEqual(preview.code, 0);
    assert.match(preview.stdout, /the greeting shouts/);
    assert.match(readFileSync(join(folder, "Pulumi.test.yaml"), "utf8"), /hello!/);
  });
});
