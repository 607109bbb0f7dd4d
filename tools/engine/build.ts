/** Builds the engine from its published Go modules, as pinned by go.mod and go.sum beside this file. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Finished, lastLines, type RunOptions, run } from "../process.ts";
import type { Getter, Progress } from "./find.ts";
import { findGo, type Go } from "./go.ts";
import { installLanguageHost } from "./install-host.ts";
import { ENGINE_VERSION } from "./places.ts";

const PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
const TAGS = ["-tags", "osusergo,grpcnotrace"];
export const LIMITS = { buildMilliseconds: 3_600_000, tickMilliseconds: 5000 } as const;

/** Go's settings for a build that depends on go.mod and go.sum alone. */
const SETTINGS = { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off", GOFLAGS: "", GO111MODULE: "on", GOOS: "", GOARCH: "" } as const;

export const buildEngine: Getter = async (folder, onProgress) => {
  const scratch = join(folder, "scratch");
  mkdirSync(scratch);
  const found = await findGo(scratch, onProgress);
  if ("because" in found) return found.because;
  const failure = await build(found.go, folder, onProgress);
  await removeScratch(found.go, scratch);
  return failure;
};

async function build(go: Go, folder: string, onProgress: Progress): Promise<string | null> {
  const began = Date.now();
  const binary = join(folder, "bin", "pulumi");
  const listed = await withTicks(
    (count) => `building the engine: ${seconds(began)} s so far, usually 4 to 6 minutes; ${count} modules fetched`,
    onProgress,
    /^go: downloading /,
    (options) => goRun(go, ["list", "-deps", ...TAGS, PACKAGE], options),
  );
  if (listed.code !== 0) return failureText("go list", listed);
  const packages = listed.stdout.split("\n").filter((line) => line !== "").length;
  const flags = ["-trimpath", ...TAGS, "-ldflags", `-s -w -X ${VERSION_VARIABLE}=v${ENGINE_VERSION}`];
  const built = await withTicks(
    (count) => `building the engine: ${seconds(began)} s so far, usually 4 to 6 minutes; ${count} of ${packages} packages compiled`,
    onProgress,
    /^[a-z0-9.]+(\/\S*)?$/i,
    (options) => goRun(go, ["build", "-v", ...flags, "-o", binary, PACKAGE], options),
  );
  if (built.code !== 0) return failureText("go build", built);
  await installLanguageHost(binary);
  onProgress(`built the engine in ${seconds(began)} s`);
  return null;
}

const seconds = (began: number): number => Math.round((Date.now() - began) / 1000);

function goRun(go: Go, args: readonly string[], options: RunOptions): Promise<Finished> {
  const env = { ...process.env, ...SETTINGS, ...go.environment };
  return run(go.binary, args, { ...options, cwd: import.meta.dirname, env, timeoutMilliseconds: LIMITS.buildMilliseconds });
}

/** Runs `work` and every few seconds says how many lines of its error output have matched `counted` so far. */
async function withTicks(
  text: (count: number) => string,
  onProgress: Progress,
  counted: RegExp,
  work: (options: RunOptions) => Promise<Finished>,
): Promise<Finished> {
  let count = 0;
  onProgress(text(count));
  const ticker = setInterval(() => onProgress(text(count)), LIMITS.tickMilliseconds);
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    if (stream === "stderr" && counted.test(line)) count += 1;
  };
  return await work({ onLine }).finally(() => clearInterval(ticker));
}

const failureText = (what: string, result: Finished): string =>
  result.killed
    ? `${what} took longer than ${LIMITS.buildMilliseconds / 60_000} minutes`
    : `${what} failed: ${lastLines(result.stderr, 2).replaceAll("\n", "; ") || `exit code ${result.code}`}`;

/** Go makes its module cache read-only; only Go itself removes it. */
async function removeScratch(go: Go, scratch: string): Promise<void> {
  if (readdirSync(scratch).includes("go-path")) await goRun(go, ["clean", "-modcache"], {});
  rmSync(scratch, { recursive: true, force: true });
}
