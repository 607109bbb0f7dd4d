import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { findEngine } from "../tools/engine/find.ts";
import { isAlive } from "../tools/lock.mjs";
import { type Finished, run } from "../tools/process.ts";
import { engineLocks } from "./leftovers.ts";
import type { Summary } from "./summary.ts";
import { checkpointFile, ROOT, sandboxPlaces } from "./workspace.ts";

/** Of this process alone: the tests of two checkouts may run at the same time. */
const NET = `127.79.${(process.pid % 250) + 1}`;
const STACK_FILE = join(ROOT, "stacks", "Pulumi.sandbox.yaml");

interface StatusJson {
  readonly up: boolean;
  readonly sandbox: {
    readonly pid: number;
    readonly groups: readonly { readonly containers: readonly { readonly pid: number }[] }[];
  } | null;
}

describe("up, preview, status and down, with the real engine on a sandbox of their own", function () {
  this.timeout(180_000);
  const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-up-"));
  const places = sandboxPlaces(join(dir, "sandbox"), NET);
  const configFile = join(dir, "stack.yaml");
  const committed = readFileSync(STACK_FILE, "utf8");

  const cli = (command: string, ...args: string[]): Promise<Finished> =>
    run(process.execPath, [join(ROOT, "tools", "run.mjs"), command, ...args], {
      cwd: ROOT,
      env: { ...process.env, XMPP_EDGE_SANDBOX_DIR: places.dir, XMPP_EDGE_SANDBOX_NET: NET },
    });
  const configure = (change: (text: string) => string = (text) => text): void => writeFileSync(configFile, change(committed));
  const up = async (...args: string[]): Promise<Summary> => {
    const result = await cli("up", "--json", "--config-file", configFile, ...args);
    assert.ok(result.stdout.startsWith("{"), result.stdout + result.stderr);
    const summary = JSON.parse(result.stdout) as Summary;
    assert.equal(result.code === 0, summary.ok);
    return summary;
  };
  const inOrder = async (...args: string[]): Promise<Summary> => {
    const summary = await up(...args);
    assert.deepEqual(summary.problems, []);
    assert.equal(summary.edge?.testMessages?.toSip.ok, true);
    assert.equal(summary.edge?.testMessages?.toXmpp.ok, true);
    return summary;
  };
  const status = async (): Promise<StatusJson> => JSON.parse((await cli("status", "--json")).stdout) as StatusJson;
  const gatewayPid = async (): Promise<number> => {
    const pid = (await status()).sandbox?.groups[0]?.containers[0]?.pid;
    // 0 would be this process's own group to kill(2).
    assert.ok(pid !== undefined && pid > 0, "no gateway runs");
    return pid;
  };

  before(async () => {
    await findEngine();
    configure();
  });
  after(async () => {
    await cli("down");
    rmSync(dir, { recursive: true, force: true });
  });

  it("preview of what is not there yet shows it, and writes neither a request nor a resource", async () => {
    const result = await cli("preview", "--config-file", configFile);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /\+ {2}create {3}edge {2}\(xmpp-edge:index:FederationEdge\)/);
    assert.match(result.stdout, /Certificate request\n {2}Certificate template +WebServer/);
    assert.equal(existsSync(places.requestFile), false);
    assert.equal((await status()).sandbox, null);
  });

  it("up makes an edge through which a message passes each way", async () => {
    const { edge } = await inOrder();
    assert.equal(edge?.accessEdgeFqdn, "sip.contoso.example");
    assert.match(edge?.srv[0]?.records[0] ?? "", / 5269 sip\.contoso\.example$/);
    assert.match(readFileSync(places.requestFile, "utf8"), /BEGIN CERTIFICATE REQUEST/);
    assert.match(readFileSync(edge?.sipCertificateRequest.file ?? "", "utf8"), /BEGIN CERTIFICATE REQUEST/);
    assert.equal((await status()).up, true);
  });

  it("a second up changes nothing, restarts nothing, and leaves the request and the stack's file as they are", async () => {
    const [pid, written] = [await gatewayPid(), statSync(places.requestFile).mtimeMs];
    const summary = await inOrder();
    assert.deepEqual(summary.changes, []);
    assert.equal(await gatewayPid(), pid);
    assert.equal(statSync(places.requestFile).mtimeMs, written);
    assert.equal(readFileSync(configFile, "utf8"), committed);
    assert.equal(readFileSync(STACK_FILE, "utf8"), committed);
  });

  it("a partner that changes is shown by preview, and up changes only the document, which the same gateway obeys", async () => {
    const pid = await gatewayPid();
    configure((text) => text.replace("partnerType: publicUnverified", "partnerType: publicVerified"));
    const before = statSync(checkpointFile(places, "sandbox")).mtimeMs;
    const preview = await cli("preview", "--config-file", configFile);
    assert.match(preview.stdout, /partners\[public\.example\]\.partnerType: "publicUnverified" -> "publicVerified"/);
    assert.equal(statSync(checkpointFile(places, "sandbox")).mtimeMs, before);
    const { changes } = await inOrder();
    assert.deepEqual([...new Set(changes.map(({ type }) => type))].sort(), [
      "azure-native:storage:Blob",
      "xmpp-edge:index:FederationEdge",
      "xmpp-edge:index:PartnerConfiguration",
    ]);
    assert.equal(changes.filter(({ type }) => type === "azure-native:storage:Blob").length, 1);
    assert.equal(await gatewayPid(), pid);
    assert.match(JSON.stringify(await status()), /"domain":"public\.example"[^}]*"partnerType":"publicVerified"/);
    configure();
  });

  it("configuration that is wrong is refused with every problem, and the edge stays as it is", async () => {
    const pid = await gatewayPid();
    configure((text) => text.replace("saslNegotiation: optional", "saslNegotiation: maybe").replace("ttl: 60", "ttl: soon"));
    const { ok, problems, changes } = await up();
    configure();
    assert.equal(ok, false);
    assert.match(problems.join("\n"), /partners\[0\]\.saslNegotiation is "maybe"; expected "required", "optional", "notSupported"/);
    assert.match(problems.join("\n"), /dns\.ttl is "soon"/);
    assert.deepEqual(changes, []);
    assert.equal(await gatewayPid(), pid);
  });

  it("a gateway that was killed runs again after up", async () => {
    process.kill(await gatewayPid(), "SIGKILL");
    await inOrder();
    assert.ok(isAlive(await gatewayPid()));
  });

  it("an engine that was killed leaves a lock, which the next up clears", async () => {
    configure((text) => text.replace("description: Demonstration partner", "description: Another partner"));
    const running = up();
    for (let tries = 0; engineLocks(places, "sandbox").length === 0 && tries < 1000; tries++)
      await new Promise((done) => setTimeout(done, 20));
    const [lock] = engineLocks(places, "sandbox");
    assert.ok(lock !== undefined && lock.pid > 0);
    process.kill(lock.pid, "SIGKILL");
    assert.equal((await running).ok, false);
    assert.equal(engineLocks(places, "sandbox")[0]?.alive, false);
    await inOrder();
    assert.deepEqual(engineLocks(places, "sandbox"), []);
  });

  it("down removes everything, processes included; once more is no error", async () => {
    const { sandbox } = await status();
    const pids = [sandbox?.pid ?? 0, await gatewayPid()];
    for (let times = 0; times < 2; times++) {
      const result = await cli("down");
      assert.equal(result.code, 0, result.stdout + result.stderr);
    }
    assert.deepEqual(
      pids.filter((pid) => isAlive(pid)),
      [],
    );
    assert.deepEqual(readdirSync(places.dir).sort(), ["logs", "pulumi"]);
    assert.equal((await status()).up, false);
  });
});
