import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { type FindOptions, findEngine, type Getter, NoEngine } from "./find.ts";
import { cacheFolder, ENGINE_VERSION, LANGUAGE_HOST, versionFolder } from "./places.ts";
import { onPath } from "./probe.ts";

describe("finding the engine", () => {
  let home = "";
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "xmpp-edge-engine-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  /** An executable that says which version it is. */
  const fake = (folder: string, version: string, host = true): string => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pulumi"), `#!/bin/sh\necho v${version}\n`, { mode: 0o755 });
    if (host) writeFileSync(join(folder, LANGUAGE_HOST), "#!/bin/sh\n", { mode: 0o755 });
    return join(folder, "pulumi");
  };
  const environment = (path = ""): NodeJS.ProcessEnv => ({ PATH: path, XDG_CACHE_HOME: join(home, "cache") });
  const cache = (): string => cacheFolder(environment());
  const making =
    (version: string): Getter =>
    async (folder) => {
      fake(join(folder, "bin"), version);
      return null;
    };
  const refusing =
    (because: string): Getter =>
    async () =>
      because;
  const find = (options: FindOptions, path = "") => findEngine({ environment: environment(path), getters: [], ...options });
  const reasonsOf = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => assert.fail("an engine was found"),
      (error: unknown) => error,
    );
    assert.ok(error instanceof NoEngine);
    return error.message;
  };

  it("takes a compatible one from PATH before the cache", async () => {
    const binary = fake(join(home, "bin"), "3.260.1");
    fake(join(versionFolder(cache()), "bin"), ENGINE_VERSION);
    assert.deepEqual(await find({}, join(home, "bin")), { binary, version: "3.260.1", source: "PATH" });
  });

  for (const version of ["3.249.9", "4.0.0", "2.25.0"]) {
    it(`passes over ${version} on PATH and takes the one in the cache`, async () => {
      fake(join(home, "bin"), version);
      const binary = fake(join(versionFolder(cache()), "bin"), ENGINE_VERSION);
      assert.deepEqual(await find({}, join(home, "bin")), { binary, version: ENGINE_VERSION, source: "cache" });
    });
  }

  it("passes over one on PATH that has no language host beside it, and says so", async () => {
    fake(join(home, "bin"), "3.260.1", false);
    assert.match(await reasonsOf(find({}, join(home, "bin"))), /PATH: .*has no pulumi-language-nodejs beside it/);
  });

  it("takes what XMPP_EDGE_ENGINE names, and nothing else where that is no engine", async () => {
    const binary = fake(join(home, "other"), "3.255.0");
    assert.equal((await findEngine({ environment: { ...environment(), XMPP_EDGE_ENGINE: binary } })).source, "XMPP_EDGE_ENGINE");
    const named = findEngine({
      environment: { ...environment(), XMPP_EDGE_ENGINE: "/nowhere" },
      getters: [{ source: "cache", get: making(ENGINE_VERSION) }],
    });
    assert.match(await reasonsOf(named), /XMPP_EDGE_ENGINE: \/nowhere version failed/);
  });

  it("does not use a cached one of another version, a broken one, or half a folder", async () => {
    const folder = join(versionFolder(cache()), "bin");
    for (const make of [
      () => fake(folder, "3.270.0"),
      () => writeFileSync(fake(folder, ENGINE_VERSION), "#!/bin/sh\nexit 1\n"),
      () => rmSync(folder, { recursive: true }),
    ]) {
      make();
      const engine = await find({ getters: [{ source: "built from source", get: making(ENGINE_VERSION) }] });
      assert.equal(engine.source, "built from source");
      assert.equal((await find({})).source, "cache");
    }
  });

  it("tries the ways in order and uses the first that gives a whole engine", async () => {
    const engine = await find({
      getters: [
        { source: "official release", get: refusing("nothing arrived for 6 s") },
        { source: "built from source", get: making(ENGINE_VERSION) },
      ],
    });
    assert.equal(engine.source, "built from source");
    assert.deepEqual(
      readdirSync(cache()).filter((name) => name !== ENGINE_VERSION),
      [],
    );
  });

  it("never publishes what a way has half made, and lists why each failed and what helps", async () => {
    const text = await reasonsOf(
      find({
        getters: [
          { source: "official release", get: making("3.200.0") },
          { source: "built from source", get: refusing("no go on PATH") },
        ],
      }),
    );
    assert.match(text, /official release: .* is 3\.200\.0; expected 3\./);
    assert.match(text, /built from source: no go on PATH/);
    assert.match(text, /put a pulumi CLI/);
    assert.match(text, /put Go 1\.\d+/);
    assert.equal(existsSync(versionFolder(cache())), false);
    assert.deepEqual(readdirSync(cache()), []);
  });

  it("removes what a process that died while building left behind", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    mkdirSync(join(cache(), `new-${pid}-1`, "bin"), { recursive: true });
    await find({ getters: [{ source: "built from source", get: making(ENGINE_VERSION) }] });
    assert.deepEqual(readdirSync(cache()), [ENGINE_VERSION]);
  });

  it("builds once when two ask at the same time", async () => {
    let built = 0;
    const get: Getter = async (folder) => {
      built += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      fake(join(folder, "bin"), ENGINE_VERSION);
      return null;
    };
    const getters = [{ source: "built from source" as const, get }];
    const engines = await Promise.all([find({ getters }), find({ getters })]);
    assert.deepEqual(engines.map(({ source }) => source).sort(), ["built from source", "cache"]);
    assert.equal(built, 1);
  });

  it("keeps its cache where the XDG specification says, and ignores a relative path there", () => {
    assert.equal(cacheFolder({ XDG_CACHE_HOME: "/x" }), "/x/xmpp-edge/engine");
    assert.equal(cacheFolder({ XDG_CACHE_HOME: "x", HOME: "/home/me" }), "/home/me/.cache/xmpp-edge/engine");
    assert.equal(cacheFolder({ HOME: "/home/me" }), "/home/me/.cache/xmpp-edge/engine");
  });

  it("sees only what can be executed on PATH, in its order", () => {
    mkdirSync(join(home, "a"));
    writeFileSync(join(home, "a", "pulumi"), "", { mode: 0o644 });
    const second = fake(join(home, "b"), "3.260.0");
    assert.equal(onPath("pulumi", `${join(home, "a")}::${join(home, "b")}`), second);
    assert.equal(onPath("pulumi", ""), null);
  });
});
