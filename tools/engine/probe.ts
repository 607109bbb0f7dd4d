/** Is a binary an engine that can be used? */
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { satisfies } from "semver";
import { run } from "../process.ts";
import { COMPATIBLE, LANGUAGE_HOST } from "./places.ts";

export const LIMITS = { probeMilliseconds: 15_000 } as const;

export type Probe = { readonly usable: true; readonly version: string } | { readonly usable: false; readonly because: string };

/** Asks a binary for its version. `exactly`: the version it must have; otherwise any in COMPATIBLE. */
export async function probe(binary: string, exactly?: string): Promise<Probe> {
  const asked = await run(binary, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMilliseconds: LIMITS.probeMilliseconds,
  });
  const version = /^v(\d+\.\d+\.\d+\S*)$/m.exec(asked.stdout)?.[1];
  if (asked.killed) return { usable: false, because: `${binary} version gave no answer in ${LIMITS.probeMilliseconds / 1000} s` };
  if (asked.code !== 0 || version === undefined) return { usable: false, because: `${binary} version failed (exit code ${asked.code})` };
  if (exactly !== undefined && version !== exactly) return { usable: false, because: `${binary} is ${version}; expected ${exactly}` };
  if (!satisfies(version, COMPATIBLE)) return { usable: false, because: `${binary} is ${version}; expected ${COMPATIBLE}` };
  return hasLanguageHost(binary) ? { usable: true, version } : { usable: false, because: `${binary} has no ${LANGUAGE_HOST} beside it` };
}

/** An engine without its language host cannot run a program; official CLIs ship it in the same folder, also behind a symbolic link. */
export function hasLanguageHost(binary: string): boolean {
  return existsSync(join(dirname(binary), LANGUAGE_HOST)) || existsSync(join(dirname(realpathSync(binary)), LANGUAGE_HOST));
}

/** The first executable of that name on PATH, or null. */
export function onPath(name: string, path: string = process.env.PATH ?? ""): string | null {
  for (const folder of path.split(delimiter)) {
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      if (folder !== "") return candidate;
    } catch {
      // Not here.
    }
  }
  return null;
}
