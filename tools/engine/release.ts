/** The official release, through the Automation API's own installer. */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { lastLines, run } from "../process.ts";
import type { Getter } from "./find.ts";
import { ENGINE_VERSION } from "./places.ts";

export const LIMITS = {
  /** Without a sign that something arrives, the installer has this long. */
  silenceMilliseconds: 6000,
  wholeMilliseconds: 600_000,
} as const;

/**
 * One attempt, no retry. The installer runs in a process group of its own that is killed when nothing arrives for
 * LIMITS.silenceMilliseconds: it downloads into TMPDIR and the target, so growth there is the sign of life.
 */
export const installRelease: Getter = async (folder, onProgress) => {
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  onProgress(`getting the official engine ${ENGINE_VERSION}; falls back after ${LIMITS.silenceMilliseconds / 1000} s without an answer`);
  const began = Date.now();
  const silence = new AbortController();
  let [size, changed, told] = [folderSize(folder), Date.now(), 0];
  const watch = setInterval(() => {
    const now = folderSize(folder);
    if (now !== size) [size, changed] = [now, Date.now()];
    const seconds = Math.round((Date.now() - began) / 1000);
    if (Date.now() - changed > LIMITS.silenceMilliseconds) silence.abort();
    else if (seconds >= told + 5) {
      told = seconds;
      onProgress(`getting the official engine: ${Math.round(size / 1e6)} MB so far, ${seconds} s`);
    }
  }, 250);
  const result = await run(process.execPath, [join(import.meta.dirname, "install-release.ts"), ENGINE_VERSION, folder], {
    env: { ...process.env, TMPDIR: temporary },
    signal: silence.signal,
    timeoutMilliseconds: LIMITS.wholeMilliseconds,
  }).finally(() => clearInterval(watch));
  rmSync(temporary, { recursive: true, force: true });
  if (silence.signal.aborted) return `nothing arrived for ${LIMITS.silenceMilliseconds / 1000} s`;
  return result.code === 0 ? null : lastLines(result.stderr, 1) || `the installer failed (exit code ${result.code})`;
};

function folderSize(folder: string): number {
  let size = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    try {
      size += statSync(join(folder, name)).size;
    } catch {
      // Removed between listing and looking.
    }
  }
  return size;
}
