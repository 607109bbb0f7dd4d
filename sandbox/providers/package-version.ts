/** Versions of the installed SDKs: a stand-in must carry exactly its SDK's, or the engine looks for another one. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Packages that have a stand-in. */
export const PACKAGES = ["tls", "azure-native", "cloudflare"] as const;
export type PackageName = (typeof PACKAGES)[number];

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

export function sdkVersion(name: PackageName): string {
  const file = `${PROJECT}node_modules/@pulumi/${name}/package.json`;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
