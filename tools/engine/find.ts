/**
 * Finds the Pulumi engine, or gets one: from PATH, from the cache, from the official release, by building it. Nothing else in the
 * project knows where the engine came from.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isAlive, withLock } from "../lock.mjs";
import { buildEngine } from "./build.ts";
import { refreshLanguageHost } from "./install-host.ts";
import { COMPATIBLE, cacheFolder, ENGINE_VERSION, GO_VERSION, versionFolder } from "./places.ts";
import { onPath, probe } from "./probe.ts";
import { installRelease } from "./release.ts";

export interface Engine {
  /** Absolute path of the `pulumi` executable; its language host lies beside it. */
  readonly binary: string;
  readonly version: string;
  readonly source: "XMPP_EDGE_ENGINE" | "PATH" | "cache" | "official release" | "built from source";
}

export type Progress = (line: string) => void;

/** Makes an engine in an empty folder (bin/pulumi and its language host in it), or says why not. */
export type Getter = (folder: string, onProgress: Progress) => Promise<string | null>;

export interface FindOptions {
  readonly onProgress?: Progress;
  readonly environment?: NodeJS.ProcessEnv;
  /** The ways to get an engine that is not there, in order. For tests. */
  readonly getters?: readonly { readonly source: Engine["source"]; readonly get: Getter }[];
}

const GETTERS: NonNullable<FindOptions["getters"]> = [
  { source: "official release", get: installRelease },
  { source: "built from source", get: buildEngine },
];

/** No engine, and why each way of getting one failed. */
export class NoEngine extends Error {
  override readonly name = "NoEngine";
  constructor(reasons: readonly string[]) {
    super(
      [
        "no Pulumi engine:",
        ...reasons.map((reason) => `  - ${reason}`),
        "any one of these helps, then run the command again:",
        `  - put a pulumi CLI (${COMPATIBLE}) on PATH: https://www.pulumi.com/docs/install/`,
        "  - name one in XMPP_EDGE_ENGINE",
        `  - put Go ${GO_VERSION} or later on PATH, with access to a Go module proxy (GOPROXY)`,
        "  - install Python 3 with pip, with access to a Python package index",
      ].join("\n"),
    );
  }
}

/**
 * Returns a usable engine. Rejects with NoEngine when there is none and none can be got. Two processes never get one at the same time,
 * and an engine is seen by others only when it is whole and has told its version.
 */
export async function findEngine(options: FindOptions = {}): Promise<Engine> {
  const environment = options.environment ?? process.env;
  const onProgress = options.onProgress ?? (() => {});
  const named = environment.XMPP_EDGE_ENGINE;
  if (named !== undefined && named !== "") return await useNamed(named);
  const reasons: string[] = [];
  const present = (await fromPath(environment, reasons)) ?? (await fromCache(environment));
  if (present !== null) return present;
  let told = 0;
  return await withLock(
    join(cacheFolder(environment), "lock"),
    async () => (await fromCache(environment)) ?? (await getOne(environment, options.getters ?? GETTERS, onProgress, reasons)),
    (owner, seconds) => {
      if (seconds < told) return;
      told = seconds + 10;
      onProgress(`waiting for process ${owner.pid}, which is getting the engine: ${seconds} s so far`);
    },
  );
}

async function useNamed(binary: string): Promise<Engine> {
  const found = await probe(binary);
  if (found.usable) return { binary, version: found.version, source: "XMPP_EDGE_ENGINE" };
  throw new NoEngine([`XMPP_EDGE_ENGINE: ${found.because}`]);
}

async function fromPath(environment: NodeJS.ProcessEnv, reasons: string[]): Promise<Engine | null> {
  const binary = onPath("pulumi", environment.PATH ?? "");
  if (binary === null) {
    reasons.push("PATH: no pulumi");
    return null;
  }
  const found = await probe(binary);
  if (found.usable) return { binary, version: found.version, source: "PATH" };
  reasons.push(`PATH: ${found.because}`);
  return null;
}

async function fromCache(environment: NodeJS.ProcessEnv): Promise<Engine | null> {
  const binary = join(versionFolder(cacheFolder(environment)), "bin", "pulumi");
  if (!existsSync(binary)) return null;
  await refreshLanguageHost(binary);
  const found = await probe(binary, ENGINE_VERSION);
  return found.usable ? { binary, version: found.version, source: "cache" } : null;
}

async function getOne(
  environment: NodeJS.ProcessEnv,
  getters: NonNullable<FindOptions["getters"]>,
  onProgress: Progress,
  reasons: string[],
): Promise<Engine> {
  const cache = cacheFolder(environment);
  removeLeftovers(cache);
  for (const { source, get } of getters) {
    const folder = join(cache, `new-${process.pid}-${Date.now()}`);
    mkdirSync(folder, { recursive: true });
    try {
      const failure = (await get(folder, onProgress)) ?? (await checkWhole(folder));
      if (failure === null) return { ...publish(cache, folder), source };
      reasons.push(`${source}: ${failure}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  throw new NoEngine(reasons);
}

async function checkWhole(folder: string): Promise<string | null> {
  const found = await probe(join(folder, "bin", "pulumi"), ENGINE_VERSION);
  return found.usable ? null : found.because;
}

/** Renames the finished folder to its place; what stood there did not work, or it would have been used. */
function publish(cache: string, folder: string): Omit<Engine, "source"> {
  const target = versionFolder(cache);
  rmSync(target, { recursive: true, force: true });
  renameSync(folder, target);
  return { binary: join(target, "bin", "pulumi"), version: ENGINE_VERSION };
}

/** Folders of processes that died while getting an engine. Called under the lock. */
function removeLeftovers(cache: string): void {
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    const pid = Number(/^new-(\d+)-/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid) && statSync(join(cache, name)).isDirectory()) {
      rmSync(join(cache, name), { recursive: true, force: true });
    }
  }
}
