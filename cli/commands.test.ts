import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { run } from "../tools/process.ts";
import { percentile } from "./bench.ts";
import { bundledImage, bundleGateway } from "./bundle.ts";
import { lookUpSrv } from "./lookup.ts";
import { SANDBOX_STACK } from "./options.ts";
import { parseOutputs } from "./outputs.ts";
import { upArguments } from "./up.ts";
import { ROOT } from "./workspace.ts";

const cli = (...argv: string[]) => run(process.execPath, [join(ROOT, "cli", "main.ts"), ...argv]);

describe("the commands", () => {
  it("are listed, and each is a script of package.json", async () => {
    const { code, stdout } = await cli("--help");
    assert.equal(code, 0);
    const scripts = Object.keys((JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object }).scripts);
    for (const script of scripts) assert.match(stdout, new RegExp(`npm run ${script}\\b`));
  });

  it("answer an unknown name and unknown arguments with one line, the exit code for usage and no stack trace", async () => {
    for (const argv of [["nothing"], ["up", "--nothing"], ["test", "no-such-file-anywhere"], ["bench", "--messages", "x"]]) {
      const { code, stderr } = await cli(...argv);
      assert.equal(code, 64, argv.join(" "));
      assert.match(stderr, /^xmpp-edge: /);
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
  });

  it("hand their arguments to the gateway, and its exit code back", async () => {
    assert.match((await cli("gateway", "--help")).stdout, /--document/);
    const contacts = await cli("contacts", "nonsense");
    assert.equal(contacts.code, 64);
    assert.match(contacts.stderr, /contacts list/);
  });
});

describe("the gateway's bundle", () => {
  const folder = mkdtempSync(join(tmpdir(), "xmpp-edge-bundle-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is the same bytes each time, holds no path of this machine, and is named by its digest", async () => {
    const first = await bundleGateway();
    const text = readFileSync(first.file, "utf8");
    assert.deepEqual(await bundleGateway(), first);
    assert.equal(text.includes(ROOT), false);
    assert.equal(first.image, `xmpp-edge-gateway@sha256:${first.sha256}`);
    assert.equal(bundledImage(), first.image);
  });

  it("runs alone, with nothing of the project beside it", async () => {
    const { file } = await bundleGateway();
    copyFileSync(file, join(folder, "main.mjs"));
    const { code, stdout } = await run(process.execPath, [join(folder, "main.mjs"), "--help"], { cwd: folder });
    assert.equal(code, 0);
    assert.match(stdout, /--document/);
  });
});

describe("what up hands to the engine", () => {
  const options = { stack: SANDBOX_STACK, json: false, yes: false, extra: [] };

  it("refreshes in the sandbox, and elsewhere when asked", () => {
    assert.ok(upArguments(options).includes("--refresh"));
    assert.equal(upArguments({ ...options, refresh: false }).includes("--refresh"), false);
    assert.equal(upArguments({ ...options, stack: "prod" }).includes("--refresh"), false);
    assert.ok(upArguments({ ...options, stack: "prod", refresh: true }).includes("--refresh"));
  });

  it("always runs the policy pack, and previews first", () => {
    const args = upArguments({ ...options, stack: "prod", extra: ["--diff"] });
    assert.deepEqual(args.slice(args.indexOf("--policy-pack"), 3), ["--policy-pack", join(ROOT, "policies")]);
    assert.equal(args.includes("--skip-preview"), false);
    assert.equal(args.at(-1), "--diff");
  });
});

describe("figures", () => {
  it("take the percentile as the smallest value that so many are not above", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.equal(percentile(values, 0.5), 50);
    assert.equal(percentile(values, 0.99), 99);
    assert.equal(percentile([7], 0.99), 7);
  });
});

describe("what the stack and DNS tell", () => {
  it("is nothing where the stack was never brought up to its end", () => {
    assert.equal(parseOutputs({}), null);
    assert.equal(parseOutputs({ accessEdgeFqdn: "a" }), null);
  });

  it("is the reason where DNS does not answer", async () => {
    const [answer] = await lookUpSrv(["_xmpp-server._tcp.a.example"], "127.0.0.1:1");
    assert.deepEqual(answer?.records, []);
    assert.match(answer?.error ?? "", /ECONNREFUSED|ETIMEOUT/);
  });
});
