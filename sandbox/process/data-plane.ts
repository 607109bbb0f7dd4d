/**
 * What a running gateway reads: blobs, Key Vault secrets, and tokens of its identity. Paths stand where the clouds have host
 * names: /blob/ACCOUNT/CONTAINER/BLOB, /vault/VAULT/secrets/NAME, /identity/token.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { JsonObject } from "../providers/wire.ts";
import { type Action, AUDIENCES, allows, IDENTITY, issueToken, verifyBearer } from "./authorization.ts";
import { jsonRefusal, jsonResponse, type Request, type Response, type Route } from "./http.ts";
import { Refusal } from "./refusal.ts";
import type { Resources } from "./resources.ts";
import type { ResourceRecord } from "./state.ts";

export const ACCOUNT = "azure-native:storage:StorageAccount";
export const BLOB_CONTAINER = "azure-native:storage:BlobContainer";
export const BLOB = "azure-native:storage:Blob";
export const VAULT = "azure-native:keyvault:Vault";
export const SECRET = "azure-native:keyvault:Secret";

/** The identities of the container group that a header secret belongs to, as ARM ids; undefined for an unknown secret. */
export type IdentitiesOf = (header: string) => readonly string[] | undefined;

const named = (resources: Resources, type: string, name: string): ResourceRecord | undefined =>
  resources.ofType(type).find(({ outputs }) => String(outputs.name).toLowerCase() === name.toLowerCase());

/** @throws Refusal 401 or 403 */
function authorize(resources: Resources, key: string, request: Request, service: keyof typeof AUDIENCES, action: Action, id: string) {
  const { oid } = verifyBearer(key, request.headers.authorization, AUDIENCES[service], Date.now());
  if (!allows(resources, oid, action, id)) {
    throw new Refusal(403, "AuthorizationPermissionMismatch", `principal ${oid} has no role that allows this on ${id}`);
  }
  return oid;
}

// ---- blobs -----------------------------------------------------------------------------------------------------

export function blobRoute(resources: Resources, key: string): Route {
  return { answer: (request) => blob(resources, key, request), refuse: xmlRefusal };
}

function blob(resources: Resources, key: string, request: Request): Response {
  if (request.method !== "GET" && request.method !== "HEAD") throw new Refusal(405, "UnsupportedHttpVerb", "only GET and HEAD are served");
  const [accountName = "", containerName = "", ...rest] = request.path;
  const account = named(resources, ACCOUNT, accountName);
  if (account === undefined) throw new Refusal(404, "ResourceNotFound", `there is no storage account ${accountName}`);
  const containerId = `${account.id}/blobServices/default/containers/${containerName}`;
  const container = resources.find(containerId);
  if (!isPublic(account.inputs, container?.inputs)) {
    authorize(resources, key, request, "storage", "readBlob", containerId);
    checkVersion(request);
  }
  if (account.inputs.publicNetworkAccess === "Disabled")
    throw new Refusal(403, "AuthorizationFailure", "public network access is disabled");
  if (container === undefined) throw new Refusal(404, "ContainerNotFound", `there is no container ${containerName}`);
  const found = resources.find(`${containerId}/blobs/${rest.join("/")}`);
  if (found === undefined) throw new Refusal(404, "BlobNotFound", `there is no blob ${rest.join("/")}`);
  return blobResponse(found, request.headers["if-none-match"]);
}

const isPublic = (account: JsonObject, container: JsonObject | undefined): boolean =>
  account.allowBlobPublicAccess === true && (container?.publicAccess === "Blob" || container?.publicAccess === "Container");

/** OAuth needs a version that knows it, as the real service says. */
function checkVersion(request: Request): void {
  const version = request.headers["x-ms-version"];
  if (typeof version === "string" && /^\d{4}-\d\d-\d\d$/.test(version) && version >= "2017-11-09") return;
  throw new Refusal(400, "InvalidHeaderValue", "x-ms-version must be 2017-11-09 or later with a bearer token");
}

function blobResponse(record: ResourceRecord, ifNoneMatch: string | undefined): Response {
  const content = Buffer.from(record.content ?? "", "base64");
  const etag = `"0x${createHash("sha256").update(record.changed).update(content).digest("hex").slice(0, 15).toUpperCase()}"`;
  const headers = {
    etag,
    "last-modified": new Date(record.changed).toUTCString(),
    "content-type": typeof record.inputs.contentType === "string" ? record.inputs.contentType : "application/octet-stream",
    "content-md5": createHash("md5").update(content).digest("base64"),
    "x-ms-blob-type": `${String(record.inputs.type ?? "Block")}Blob`,
  };
  const matches = ifNoneMatch !== undefined && (ifNoneMatch === "*" || ifNoneMatch.split(",").some((tag) => tag.trim() === etag));
  return matches ? { status: 304, headers } : { status: 200, headers, body: content };
}

function xmlRefusal({ status, code, message }: Refusal): Response {
  const escaped = message.replace(/[&<>]/g, (mark) => `&#${mark.charCodeAt(0)};`);
  return {
    status,
    headers: {
      "content-type": "application/xml",
      "x-ms-error-code": code,
      ...(status === 401 ? { "www-authenticate": "Bearer resource_id=https://storage.azure.com" } : {}),
    },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${escaped}</Message></Error>`,
  };
}

// ---- Key Vault -------------------------------------------------------------------------------------------------

export function vaultRoute(resources: Resources, key: string): Route {
  const refuse = (refusal: Refusal): Response => {
    const answer = jsonRefusal(refusal);
    return refusal.status === 401
      ? { ...answer, headers: { ...answer.headers, "www-authenticate": 'Bearer resource="https://vault.azure.net"' } }
      : answer;
  };
  return { answer: (request) => secret(resources, key, request), refuse };
}

function secret(resources: Resources, key: string, request: Request): Response {
  if (request.method !== "GET") throw new Refusal(405, "MethodNotAllowed", "only GET is served");
  const [vaultName = "", kind, name = "", version] = request.path;
  if (!request.query.has("api-version")) throw new Refusal(400, "BadParameter", "api-version is required");
  if (kind !== "secrets" || name === "") throw new Refusal(404, "NotFound", "only secrets/NAME is served");
  const vault = named(resources, VAULT, vaultName);
  if (vault === undefined) throw new Refusal(404, "VaultNotFound", `there is no vault ${vaultName}`);
  const id = `${vault.id}/secrets/${name}`;
  authorizeSecret(resources, key, request, vault, id);
  const found = resources.find(id);
  const properties = found?.outputs.properties as JsonObject | undefined;
  const uri = String(properties?.secretUriWithVersion ?? "");
  if (found === undefined || (version !== undefined && version !== "" && !uri.endsWith(`/${version}`))) {
    throw new Refusal(404, "SecretNotFound", `a secret ${name} was not found in this vault`);
  }
  const given = found.inputs.properties as JsonObject;
  checkAttributes(given.attributes as JsonObject | undefined, Date.now() / 1000);
  return jsonResponse(200, {
    value: given.value ?? "",
    id: uri,
    ...(given.contentType === undefined ? {} : { contentType: given.contentType }),
    attributes: { enabled: true, updated: Math.floor(Date.parse(found.changed) / 1000) },
  });
}

/** By role, or by the vault's access policies where it does without RBAC. */
function authorizeSecret(resources: Resources, key: string, request: Request, vault: ResourceRecord, id: string): void {
  const properties = vault.inputs.properties as JsonObject;
  if (properties.publicNetworkAccess === "Disabled") throw new Refusal(403, "Forbidden", "public network access is disabled");
  if (properties.enableRbacAuthorization !== false) {
    authorize(resources, key, request, "vault", "readSecret", id);
    return;
  }
  const { oid } = verifyBearer(key, request.headers.authorization, AUDIENCES.vault, Date.now());
  const policies = (properties.accessPolicies ?? []) as { objectId: string; permissions: { secrets?: string[] } }[];
  const may = policies.some(
    ({ objectId, permissions }) => objectId === oid && permissions.secrets?.some((permission) => /^(get|all)$/i.test(permission)),
  );
  if (!may) throw new Refusal(403, "Forbidden", `principal ${oid} has no access policy with secrets get`);
}

function checkAttributes(attributes: JsonObject | undefined, now: number): void {
  if (attributes?.enabled === false) throw new Refusal(403, "SecretDisabled", "the secret is disabled");
  if (typeof attributes?.notBefore === "number" && attributes.notBefore > now)
    throw new Refusal(403, "Forbidden", "the secret is not yet valid");
  if (typeof attributes?.expires === "number" && attributes.expires <= now) throw new Refusal(403, "Forbidden", "the secret has expired");
}

// ---- managed identity ------------------------------------------------------------------------------------------

/** The endpoint that a container finds in IDENTITY_ENDPOINT. */
export function identityRoute(resources: Resources, key: string, identitiesOf: IdentitiesOf): Route {
  return { answer: (request) => token(resources, key, identitiesOf, request), refuse: jsonRefusal };
}

function token(resources: Resources, key: string, identitiesOf: IdentitiesOf, request: Request): Response {
  const header = request.headers["x-identity-header"];
  const ids = typeof header === "string" ? identitiesOf(header) : undefined;
  if (request.path[0] !== "token" || request.method !== "GET") throw new Refusal(404, "NotFound", "only GET /identity/token is served");
  if (ids === undefined) throw new Refusal(401, "Unauthorized", "X-IDENTITY-HEADER is missing or is no container group's");
  const audience = request.query.get("resource");
  if (audience === null || !request.query.has("api-version")) throw new Refusal(400, "BadRequest", "resource and api-version are required");
  const identities = ids.map((id) => resources.find(id)).filter((record) => record?.type === IDENTITY);
  const clientId = request.query.get("client_id");
  const chosen = clientId === null ? identities : identities.filter((record) => record?.outputs.clientId === clientId);
  const [identity] = chosen;
  if (identity === undefined) throw new Refusal(400, "IdentityNotFound", "the container group has no such identity");
  if (chosen.length > 1) throw new Refusal(400, "MultipleIdentities", "the container group has several identities: client_id is required");
  const issued = issueToken(key, String(identity.outputs.principalId), audience, Date.now());
  return jsonResponse(200, {
    access_token: issued.token,
    token_type: "Bearer",
    resource: audience,
    client_id: identity.outputs.clientId,
    expires_on: String(issued.claims.exp),
  });
}

/** Equality that takes the same time wherever the texts differ. */
export function sameSecret(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
