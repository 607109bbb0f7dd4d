/** `npm run contacts`: who here has added which public unverified contact, and ending it. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { sandboxDir } from "../sandbox/control.ts";
import { runGateway } from "./gateway.ts";

/** Without --state and EDGE_STATE the sandbox's gateway is meant, where it has run. */
export function run(argv: readonly string[]): Promise<number> {
  const told = process.env.EDGE_STATE !== undefined || argv.some((word) => word === "--state" || word.startsWith("--state="));
  const state = told || argv.includes("--help") || argv.includes("-h") ? null : sandboxState(sandboxDir());
  return runGateway(["contacts", ...argv, ...(state === null ? [] : ["--state", state])]);
}

/** The mounted state folder of the sandbox's gateway, or null. */
export function sandboxState(dir: string): string | null {
  const shares = join(dir, "shares");
  if (!existsSync(shares)) return null;
  const store = readdirSync(shares, { recursive: true, encoding: "utf8" }).find((path) => path.endsWith("/contacts.sqlite"));
  return store === undefined ? null : dirname(join(shares, store));
}
