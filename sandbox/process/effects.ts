/** What each resource type does in the sandbox beyond being remembered, and the DNS zone that follows from it all. */
import { createHmac } from "node:crypto";
import { CLIENT } from "../client.ts";
import type { JsonObject } from "../providers/wire.ts";
import { checkRoleAssignment, ROLE_ASSIGNMENT } from "./authorization.ts";
import { ACCOUNT, BLOB, VAULT } from "./data-plane.ts";
import { CONTAINER_GROUP, checkGroup } from "./group-record.ts";
import type { Groups } from "./groups.ts";
import { Refusal } from "./refusal.ts";
import type { Effects, Resources } from "./resources.ts";
import type { ResourceRecord, StateFile, WorldRecord } from "./state.ts";
import { FILE_SHARE, removeFolder, shareFolder } from "./volumes.ts";
import { normaliseName } from "./zone.ts";

export const DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord";

export function makeEffects(dir: string, groups: Groups): Effects {
  return {
    [ACCOUNT]: { check: (record, all) => checkGloballyUnique(record, all, "StorageAccountAlreadyTaken", "storage account") },
    [VAULT]: { check: (record, all) => checkGloballyUnique(record, all, "VaultAlreadyExists", "vault") },
    [BLOB]: { check: checkBlob },
    [FILE_SHARE]: {
      end: async ({ id, outputs }) => removeFolder(shareFolder(dir, accountNameIn(id), String(outputs.name))),
    },
    [ROLE_ASSIGNMENT]: { check: (record, all) => checkRoleAssignment(record, all, CLIENT.objectId) },
    [CONTAINER_GROUP]: {
      check: checkGroup,
      apply: (record) => groups.apply(record),
      look: (record) => groups.look(record),
      end: (record) => groups.end(record),
    },
    [DNS_RECORD]: { check: checkDnsRecord },
  };
}

function checkGloballyUnique(record: ResourceRecord, all: Resources, code: string, what: string): void {
  const { name } = record.outputs;
  const twin = all.ofType(record.type).find((other) => other.id.toLowerCase() !== record.id.toLowerCase() && other.outputs.name === name);
  if (twin !== undefined) throw new Refusal(409, code, `the ${what} name ${String(name)} is taken by ${twin.id}`);
}

const accountNameIn = (id: string): string => /\/storageAccounts\/([^/]+)/i.exec(id)?.[1] ?? "";

/** azure-native uploads by the account's key. */
function checkBlob(record: ResourceRecord, all: Resources): void {
  const account = all.find(record.id.split("/blobServices/")[0] ?? "");
  if (account?.inputs.allowSharedKeyAccess !== false) return;
  throw new Refusal(
    403,
    "KeyBasedAuthenticationNotPermitted",
    `${account.id} does not allow access by shared key, which uploading a blob needs`,
  );
}

/** Keys of a storage account; the same for the same account. */
export function accountKey(file: StateFile, accountId: string, index: 1 | 2): string {
  return createHmac("sha512", file.state.signingKey).update(`storage key ${index} ${accountId.toLowerCase()}`).digest("base64");
}

/** Cloudflare's rules between records of one name. */
function checkDnsRecord(record: ResourceRecord, all: Resources): void {
  const same = ({ id, inputs }: ResourceRecord) =>
    id !== record.id &&
    inputs.zoneId === record.inputs.zoneId &&
    normaliseName(String(inputs.name)) === normaliseName(String(record.inputs.name));
  const others = all.ofType(DNS_RECORD).filter(same);
  const { name, type } = record.inputs;
  if (type === "CNAME" && others.length > 0) {
    throw new Refusal(400, "81053", `a CNAME record for ${String(name)} cannot stand beside other records of that name`);
  }
  if (others.some(({ inputs }) => inputs.type === "CNAME")) {
    throw new Refusal(400, "81054", `a CNAME record with the name ${String(name)} already exists`);
  }
  const [mine] = zoneRecord(record);
  if (others.some((other) => zoneRecord(other).some(({ type: kind, data }) => kind === mine?.type && data === mine.data))) {
    throw new Refusal(400, "81058", `an identical record for ${String(name)} already exists`);
  }
}

/** Where Cloudflare's proxy would answer instead: an address of the documentation range (RFC 5737), where nothing listens. */
const PROXY_ADDRESS = "192.0.2.1";
/** Seconds that Cloudflare answers for `ttl: 1`, which means automatic. */
const AUTOMATIC_TTL = 300;

function zoneRecord({ inputs }: ResourceRecord): readonly WorldRecord[] {
  const { type, content, proxied } = inputs;
  const ttl = inputs.ttl === 1 ? AUTOMATIC_TTL : Number(inputs.ttl);
  const name = normaliseName(String(inputs.name));
  if (type === "SRV") {
    const { priority, weight, port, target } = inputs.data as JsonObject;
    return [{ name, type, ttl, data: `${priority ?? inputs.priority} ${weight} ${port} ${target}` }];
  }
  if (type === "A" && proxied === true) return [{ name, type, ttl, data: PROXY_ADDRESS }];
  const served = type === "A" || type === "AAAA" || type === "CNAME" || type === "TXT";
  return served ? [{ name, type, ttl, data: String(content) }] : [];
}

/** All that the sandbox's DNS server answers: the world, the stack's own records, and names of container groups. */
export function zoneRecords(file: StateFile, resources: Resources): readonly WorldRecord[] {
  const groups = resources.ofType(CONTAINER_GROUP).flatMap(({ outputs }): readonly WorldRecord[] => {
    const { ip, fqdn } = (outputs.ipAddress ?? {}) as JsonObject;
    return typeof ip === "string" && typeof fqdn === "string" ? [{ name: fqdn, type: "A", data: ip }] : [];
  });
  return [...file.state.world, ...resources.ofType(DNS_RECORD).flatMap(zoneRecord), ...groups];
}
