import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "mocha";
import { run } from "../tools/process.ts";
import { Failure } from "./failure.ts";
import { engineLocks, hasPendingOperations, orphanedPlugins, repairBackend } from "./leftovers.ts";
import { checkpointFile, refuseStandIns, type SandboxPlaces, sandboxEnvironment, sandboxPlaces } from "./workspace.ts";

const STACK = "sandbox";

describe("what a killed engine leaves", () => {
  let places: SandboxPlaces;
  beforeEach(() => {
    places = sandboxPlaces(mkdtempSync(join(tmpdir(), "xmpp-edge-left-")), "127.79.1");
  });
  afterEach(() => rmSync(places.dir, { recursive: true, force: true }));

  const put = (file: string, text: string): void => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  const lock = (pid: number, host = hostname()): void =>
    put(join(places.backend, ".pulumi/locks/organization/xmpp-edge/sandbox/x.json"), JSON.stringify({ pid, hostname: host }));
  const checkpoint = (latest: object): string => JSON.stringify({ version: 3, checkpoint: { latest } });

  it("is nothing in a folder that does not exist", () => {
    assert.deepEqual(engineLocks(places, STACK), []);
    assert.equal(hasPendingOperations(places, STACK), false);
    assert.equal(repairBackend(places, STACK), false);
  });

  it("is a stale lock when its process is gone, is no pulumi, or cannot be read", () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    lock(pid);
    assert.equal(engineLocks(places, STACK)[0]?.alive, false);
    lock(process.pid);
    assert.equal(engineLocks(places, STACK)[0]?.alive, false);
    put(join(places.backend, ".pulumi/locks/organization/xmpp-edge/sandbox/x.json"), "");
    assert.equal(engineLocks(places, STACK)[0]?.alive, false);
  });

  it("is no stale lock while its pulumi runs", async () => {
    const pulumi = join(places.dir, "pulumi-x", "pulumi");
    mkdirSync(dirname(pulumi));
    copyFileSync("/bin/sleep", pulumi);
    const stop = new AbortController();
    const running = run("sh", ["-c", `"${pulumi}" 60 & echo $!; wait`], { signal: stop.signal, onLine: (line) => lock(Number(line)) });
    for (let tries = 0; engineLocks(places, STACK).length === 0 && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(engineLocks(places, STACK)[0]?.alive, true);
    stop.abort();
    await running;
  });

  it("is an operation that was cut off", () => {
    put(checkpointFile(places, STACK), checkpoint({ resources: [] }));
    assert.equal(hasPendingOperations(places, STACK), false);
    put(checkpointFile(places, STACK), checkpoint({ pending_operations: [{ type: "creating" }] }));
    assert.equal(hasPendingOperations(places, STACK), true);
  });

  it("is a torn file of the backend: attributes without content go, a torn state gives way to the one before", () => {
    const file = checkpointFile(places, STACK);
    put(file, '{"version": 3, "check');
    put(`${file}.bak`, checkpoint({ resources: [] }));
    put(`${file}.attrs`, "");
    put(`${file}.18eb.tmp`, "x");
    put(join(places.backend, ".pulumi", "meta.yaml"), "");
    assert.equal(repairBackend(places, STACK), true);
    assert.equal(readFileSync(file, "utf8"), checkpoint({ resources: [] }));
    assert.equal(existsSync(`${file}.attrs`), false);
    assert.equal(existsSync(`${file}.18eb.tmp`), false);
    assert.equal(readFileSync(join(places.backend, ".pulumi", "meta.yaml"), "utf8"), "version: 1\n");
    assert.equal(repairBackend(places, STACK), false);
  });

  it("is a torn state with nothing before it, which goes", () => {
    put(checkpointFile(places, STACK), "");
    assert.equal(repairBackend(places, STACK), true);
    assert.equal(existsSync(checkpointFile(places, STACK)), false);
  });

  it("is an orphaned plugin of this sandbox, and of no other", async () => {
    const plugin = join(places.dir, "pulumi-resource-tls");
    writeFileSync(plugin, "#!/bin/sh\nsleep 60\n", { mode: 0o755 });
    const startOrphan = async (home: string): Promise<number> => {
      const started = await run("sh", ["-c", `"${plugin}" > /dev/null 2>&1 < /dev/null & echo $!`], {
        env: { ...process.env, PULUMI_HOME: home },
      });
      return Number(started.stdout);
    };
    const ours = await startOrphan(places.pulumiHome);
    const other = await startOrphan("/somewhere/else");
    try {
      assert.deepEqual(orphanedPlugins(places), [ours]);
    } finally {
      for (const pid of [ours, other]) process.kill(pid, "SIGKILL");
    }
  });
});

describe("a stack on real clouds", () => {
  const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-home-"));
  const places = sandboxPlaces(join(dir, "sandbox"), "127.79.1");
  const home = join(dir, "home");
  after(() => rmSync(dir, { recursive: true, force: true }));

  const refused = (environment: NodeJS.ProcessEnv): string => {
    try {
      refuseStandIns(environment, places);
    } catch (error) {
      assert.ok(error instanceof Failure);
      return error.message;
    }
    return "";
  };
  const plugin = (folder: string, text: string): void => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pulumi-resource-tls"), text, { mode: 0o755 });
  };

  it("runs with the user's own home and plugins", () => {
    plugin(join(home, "plugins", "resource-tls-v5.6.1"), "\u007fELF");
    assert.equal(refused({ PULUMI_HOME: home, PATH: "/usr/bin" }), "");
  });

  it("refuses the sandbox's home, attached providers, and stand-ins among the plugins or on PATH", () => {
    assert.match(refused({ PULUMI_HOME: places.pulumiHome }), /PULUMI_HOME is the sandbox's/);
    assert.match(refused({ PULUMI_HOME: home, PULUMI_DEBUG_PROVIDERS: "tls:1234" }), /attaches tls/);
    const standIn = "#!/bin/sh\nexec node '/x/sandbox/providers/tls.ts'\n";
    plugin(join(home, "plugins", "resource-tls-v5.6.0"), standIn);
    assert.match(refused({ PULUMI_HOME: home }), /plugin tls in .* is a stand-in/);
    plugin(join(dir, "bin"), standIn);
    assert.match(refused({ PULUMI_HOME: join(dir, "none"), PATH: join(dir, "bin") }), /plugin tls in .*bin is a stand-in/);
  });

  it("shares no setting of the engine with the sandbox, which takes none of the user's either", () => {
    const environment = sandboxEnvironment(places);
    assert.equal(environment.PULUMI_BACKEND_URL, `file://${places.backend}`);
    assert.equal(environment.PULUMI_IGNORE_AMBIENT_PLUGINS, "true");
    assert.equal("PULUMI_DEBUG_PROVIDERS" in environment, false);
    assert.equal("PULUMI_ACCESS_TOKEN" in environment, false);
  });
});
