/**
 * Where the gateway reads its document, certificates and secrets: a file, an Azure blob or a Key Vault secret. A source is
 * asked again and again; it says when its content has changed.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

export const SOURCE_LIMITS = {
  /** Bytes of one document, certificate chain or key. */
  bytes: 1_048_576,
  /** Milliseconds for one request, token included. */
  timeout: 10_000,
  /** A token is asked for again this many milliseconds before it ends. */
  tokenMargin: 120_000,
} as const;

/** What a read found. `tag` names the version (ETag or digest). */
export type Reading = { readonly changed: false } | { readonly changed: true; readonly text: string; readonly tag: string };

export interface Source {
  readonly location: string;
  /** The content if it differs from the last reading. @throws SourceError */
  read(): Promise<Reading>;
}

/** The content could not be had. `transient` where trying again later may help. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code = "source-unreadable";
  readonly transient: boolean;
  constructor(location: string, why: string, transient: boolean) {
    super(`${location}: ${why}`);
    this.transient = transient;
  }
}

/** Bearer token for a resource such as `https://storage.azure.com/`. */
export type TokenOf = (resource: string) => Promise<string>;

/** A source for a path or URL; Key Vault is told by `/secrets/` in the path, anything else over HTTP is a blob. */
export function makeSource(location: string, tokenOf: TokenOf): Source {
  if (!/^https?:\/\//.test(location)) return fileSource(location.replace(/^file:\/\//, ""));
  return /\/secrets\/[^/]+\/?$/.test(new URL(location).pathname) ? vaultSource(location, tokenOf) : blobSource(location, tokenOf);
}

function fileSource(path: string): Source {
  let last = "";
  return {
    location: path,
    async read() {
      const text = (await readBoundedFile(path, SOURCE_LIMITS.bytes)).toString("utf8");
      const tag = digest(text);
      if (tag === last) return { changed: false };
      last = tag;
      return { changed: true, text, tag };
    },
  };
}

/** A file of at most `limit` bytes. @throws SourceError */
export async function readBoundedFile(path: string, limit: number): Promise<Buffer> {
  try {
    await using file = await open(path);
    const buffer = Buffer.alloc(limit + 1);
    let filled = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, null);
      filled += bytesRead;
      if (bytesRead === 0) break;
      if (filled > limit) throw new SourceError(path, `longer than ${limit} bytes`, false);
    }
    return buffer.subarray(0, filled);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw new SourceError(path, FILE_REASONS[code ?? ""] ?? String(code ?? error), false);
  }
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "may not be read by this user",
  EISDIR: "is a folder, not a file",
};

/** Azure Storage "Get Blob" with `If-None-Match`. */
function blobSource(location: string, tokenOf: TokenOf): Source {
  let etag = "";
  return {
    location,
    async read() {
      const headers: Record<string, string> = { "x-ms-version": "2021-08-06" };
      if (etag) headers["If-None-Match"] = etag;
      const response = await get(location, headers, await tokenOf("https://storage.azure.com/"));
      if (response.status === 304) return { changed: false };
      if (response.status !== 200) throw new SourceError(location, `answered ${response.status}`, isTransient(response.status));
      const text = response.text;
      etag = response.etag;
      return { changed: true, text, tag: etag || digest(text) };
    },
  };
}

/** Azure Key Vault "Get Secret". It knows no ETag, so the value is compared. */
function vaultSource(location: string, tokenOf: TokenOf): Source {
  let last = "";
  return {
    location,
    async read() {
      const response = await get(`${location}?api-version=7.4`, {}, await tokenOf("https://vault.azure.net"));
      if (response.status !== 200) throw new SourceError(location, `answered ${response.status}`, isTransient(response.status));
      const text = secretValue(location, response.text);
      const tag = digest(text);
      if (tag === last) return { changed: false };
      last = tag;
      return { changed: true, text, tag };
    },
  };
}

function secretValue(location: string, body: string): string {
  try {
    const value: unknown = (JSON.parse(body) as { value?: unknown }).value;
    if (typeof value === "string") return value;
  } catch {
    // falls through to the same error: the answer is not a Key Vault secret
  }
  throw new SourceError(location, "the answer holds no secret value", true);
}

/** A role assignment takes minutes to reach every node of Azure, so 401, 403 and 404 may pass. */
const isTransient = (status: number): boolean => status >= 500 || [401, 403, 404, 408, 429].includes(status);

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly etag: string;
}

async function get(location: string, headers: Record<string, string>, token?: string): Promise<Answer> {
  try {
    const response = await fetch(location, {
      headers: token ? { ...headers, Authorization: `Bearer ${token}` } : headers,
      redirect: "error",
      signal: AbortSignal.timeout(SOURCE_LIMITS.timeout),
    });
    return {
      status: response.status,
      text: (await boundedBody(location, response, SOURCE_LIMITS.bytes)).toString("utf8"),
      etag: response.headers.get("etag") ?? "",
    };
  } catch (error) {
    if (error instanceof SourceError) throw error;
    const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    throw new SourceError(location, `could not be reached (${cause})`, true);
  }
}

/** A body of at most `limit` bytes. @throws SourceError, and what reading throws */
export async function boundedBody(location: string, response: Response, limit: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > limit) throw new SourceError(location, `longer than ${limit} bytes`, false);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

export interface IdentityEndpoint {
  /** IDENTITY_ENDPOINT where the platform sets it; else the instance metadata service. */
  readonly endpoint: string | undefined;
  readonly header: string | undefined;
  /** Client id of a user-assigned identity. */
  readonly clientId: string | undefined;
}

const INSTANCE_METADATA = "http://169.254.169.254/metadata/identity/oauth2/token";

/** Tokens of the machine's managed identity, kept until shortly before they end. */
export function managedIdentity(identity: IdentityEndpoint, now: () => number): TokenOf {
  const kept = new Map<string, { token: string; until: number }>();
  return async (resource) => {
    const known = kept.get(resource);
    if (known && known.until - SOURCE_LIMITS.tokenMargin > now()) return known.token;
    const url = new URL(identity.endpoint ?? INSTANCE_METADATA);
    url.searchParams.set("resource", resource);
    url.searchParams.set("api-version", identity.endpoint ? "2019-08-01" : "2018-02-01");
    if (identity.clientId) url.searchParams.set("client_id", identity.clientId);
    const headers: Record<string, string> = identity.endpoint ? { "X-IDENTITY-HEADER": identity.header ?? "" } : { Metadata: "true" };
    const answer = await get(url.href, headers);
    if (answer.status !== 200) throw new SourceError("managed identity", `no token for ${resource}: answered ${answer.status}`, true);
    const { token, seconds } = tokenOf(answer.text);
    kept.set(resource, { token, until: now() + seconds * 1000 });
    return token;
  };
}

function tokenOf(body: string): { token: string; seconds: number } {
  const answer = JSON.parse(body) as { access_token?: unknown; expires_in?: unknown; expires_on?: unknown };
  if (typeof answer.access_token !== "string") throw new SourceError("managed identity", "the answer holds no token", true);
  const seconds = Number(answer.expires_in ?? 300);
  return { token: answer.access_token, seconds: Number.isFinite(seconds) ? seconds : 300 };
}

/** A source whose content never changes, for what the gateway makes itself. */
export function constantSource(location: string, text: string): Source {
  let read = false;
  return {
    location,
    async read() {
      if (read) return { changed: false };
      read = true;
      return { changed: true, text, tag: digest(text) };
    },
  };
}
