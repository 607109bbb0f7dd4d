/**
 * Volumes of a container group as folders. A plain process has no mount namespace, so a mount path is no path of its own:
 * values of environment variables that begin with one are rewritten to the volume's folder.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JsonObject } from "../providers/wire.ts";
import { ACCOUNT } from "./data-plane.ts";
import { Refusal } from "./refusal.ts";
import type { Resources } from "./resources.ts";

export const FILE_SHARE = "azure-native:storage:FileShare";

/** Folder of a file share: it outlives the containers that mount it. */
export const shareFolder = (dir: string, account: string, share: string): string => join(dir, "shares", account, share);

/** Removes a folder, and the one that holds it when nothing else is in there. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  const holder = dirname(folder);
  if (existsSync(holder) && readdirSync(holder).length === 0) rmdirSync(holder);
}

export interface Volume {
  readonly name: string;
  readonly folder: string;
}

/** Makes the volumes of a group. `keyOf` tells a storage account's key. @throws Refusal */
export function makeVolumes(
  dir: string,
  groupFolder: string,
  given: readonly JsonObject[],
  resources: Resources,
  keyOf: (accountId: string) => string,
): readonly Volume[] {
  return given.map((volume) => {
    const name = String(volume.name);
    const own = join(groupFolder, "volumes", name);
    if (volume.secret !== undefined) return { name, folder: writeSecrets(own, volume.secret as Record<string, string>) };
    if (volume.azureFile !== undefined) return { name, folder: mountShare(dir, volume.azureFile as JsonObject, resources, keyOf) };
    mkdirSync(own, { recursive: true, mode: 0o700 });
    return { name, folder: own };
  });
}

/** Files appear whole: a reader sees the old content or the new. */
function writeSecrets(folder: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, base64] of Object.entries(files)) {
    const beside = join(folder, `.${name}.new`);
    writeFileSync(beside, Buffer.from(base64, "base64"), { mode: 0o600 });
    renameSync(beside, join(folder, name));
  }
  for (const name of readdirSync(folder)) if (!(name in files)) rmSync(join(folder, name), { force: true });
  return folder;
}

function mountShare(dir: string, given: JsonObject, resources: Resources, keyOf: (accountId: string) => string): string {
  const { storageAccountName: accountName, shareName, storageAccountKey } = given;
  const refuse = (why: string) =>
    new Refusal(400, "CannotAccessStorageAccount", `share ${shareName} of ${accountName} cannot be mounted: ${why}`);
  const account = resources.ofType(ACCOUNT).find(({ outputs }) => outputs.name === accountName);
  if (account === undefined) throw refuse("there is no such storage account");
  if (resources.find(`${account.id}/fileServices/default/shares/${shareName}`) === undefined) throw refuse("there is no such share");
  if (account.inputs.allowSharedKeyAccess === false) throw refuse("the account does not allow access by shared key, which mounting needs");
  if (storageAccountKey !== keyOf(account.id)) throw refuse("storageAccountKey is not the account's");
  const folder = shareFolder(dir, String(accountName), String(shareName));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

export interface Mount {
  readonly mountPath: string;
  readonly folder: string;
}

/** `/etc/edge/edge.json` -> the file in the volume mounted at `/etc/edge`; the longest mount path wins. */
export function rewriteMounted(value: string, mounts: readonly Mount[]): string {
  const longestFirst = [...mounts].sort((one, other) => other.mountPath.length - one.mountPath.length);
  for (const { mountPath, folder } of longestFirst) {
    const path = mountPath.replace(/\/+$/, "");
    if (value === path || value.startsWith(`${path}/`)) return folder + value.slice(path.length);
  }
  return value;
}
