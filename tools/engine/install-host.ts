/** Puts our Node language host beside an engine that we built: one self-contained script and a wrapper that runs it on PATH's Node. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { LANGUAGE_HOST } from "./places.ts";

const SOURCE = join(import.meta.dirname, "language-host.ts");

const WRAPPER = `#!/bin/sh
exec node "$(dirname "$0")/${LANGUAGE_HOST}.cjs" "$@"
`;

const sourceHash = (): string => createHash("sha256").update(readFileSync(SOURCE)).digest("hex");
const scriptPath = (binary: string): string => join(dirname(binary), `${LANGUAGE_HOST}.cjs`);

/** Each file appears whole: other processes may be starting the host. */
function writeWhole(path: string, content: string, mode: number): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}

/** Writes the host beside `binary`. It resolves the SDK from the program's own folder, so the script serves any project. */
export async function installLanguageHost(binary: string): Promise<void> {
  const bundled = await build({
    entryPoints: [SOURCE],
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    write: false,
    logLevel: "silent",
    banner: { js: `// made from ${sourceHash()}` },
  });
  writeWhole(scriptPath(binary), bundled.outputFiles[0]?.text ?? "", 0o644);
  writeWhole(join(dirname(binary), LANGUAGE_HOST), WRAPPER, 0o755);
}

/** Makes the host anew when its source has changed since. An official engine's own host is left alone. */
export async function refreshLanguageHost(binary: string): Promise<void> {
  const script = scriptPath(binary);
  if (!existsSync(script)) return;
  if (!readFileSync(script, "utf8").startsWith(`// made from ${sourceHash()}`)) await installLanguageHost(binary);
}
