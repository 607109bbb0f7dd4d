/** Which engine this project is made for, and where one is kept on this machine. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const goMod = readFileSync(join(import.meta.dirname, "go.mod"), "utf8");

function fromGoMod(pattern: RegExp, what: string): string {
  const found = pattern.exec(goMod)?.[1];
  if (found === undefined) throw new Error(`tools/engine/go.mod names no ${what}`);
  return found;
}

/** The engine's version, as pinned in go.mod. */
export const ENGINE_VERSION = fromGoMod(/github\.com\/pulumi\/pulumi\/pkg\/v3 v(\S+)/, "engine version");
/** The oldest Go that builds it. */
export const GO_VERSION = fromGoMod(/^go (\S+)$/m, "Go version");

/** A CLI on PATH is taken when its version lies in this range. */
export const COMPATIBLE = ">=3.250.0 <4";

export const LANGUAGE_HOST = "pulumi-language-nodejs";

/** The user's cache folder for engines (XDG Base Directory Specification). */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const xdg = environment.XDG_CACHE_HOME;
  // The specification says that a relative path is to be ignored.
  const base = xdg?.startsWith("/") ? xdg : join(environment.HOME ?? homedir(), ".cache");
  return join(base, "xmpp-edge", "engine");
}

/** The folder of one engine version, laid out as the official installer does: bin/pulumi. */
export const versionFolder = (cache: string): string => join(cache, ENGINE_VERSION);
