/** Bodies of MESSAGE requests, and the message that Lync puts into an INVITE: bytes -> text, or the status that says why not. */
import { quoted } from "./faults.ts";
import { type Parameters, parameter, parseParameters, unquote } from "./grammar.ts";
import { LIMITS } from "./limits.ts";
import { decodeUtf8, headerOf, headersOf, type SipMessage } from "./message.ts";
import { boundaryOf, type Part, readParts } from "./multipart.ts";
import { skip, skipBlanks, TOKEN } from "./scan.ts";

export interface TextBody {
  readonly body: string;
  readonly contentType: string;
}

export type ReadText =
  | { readonly ok: true; readonly text: TextBody }
  | { readonly ok: false; readonly status: 400 | 413 | 415; readonly reason: string };

/** What 415 names in Accept. */
export const ACCEPTED_TYPES = ["text/plain", "text/html", "multipart/alternative"] as const;

export interface MediaType {
  /** Lower case: `text/plain`. */
  readonly type: string;
  readonly parameters: Parameters;
}

/** Content-Type; null where it is malformed. */
export function parseMediaType(value: string): MediaType | null {
  const mainEnd = skip(value, 0, TOKEN);
  const slash = skipBlanks(value, mainEnd);
  const subAt = skipBlanks(value, slash + 1);
  const subEnd = skip(value, subAt, TOKEN);
  if (mainEnd === 0 || value[slash] !== "/" || subEnd === subAt) return null;
  const parameters = parseParameters(value, subEnd, "Content-Type");
  return parameters.ok
    ? { type: `${value.slice(0, mainEnd)}/${value.slice(subAt, subEnd)}`.toLowerCase(), parameters: parameters.value }
    : null;
}

const refuse = (status: 400 | 413 | 415, reason: string): ReadText => ({ ok: false, status, reason });

/** The text of a MESSAGE. `bodyBytes`: the longest that is taken. */
export function readText(message: SipMessage, bodyBytes: number = LIMITS.bodyBytes): ReadText {
  if (message.body.length > bodyBytes) return refuse(413, `Body of ${message.body.length} bytes, at most ${bodyBytes}`);
  const encoding = headersOf(message, "content-encoding").find((value) => value.toLowerCase() !== "identity");
  if (encoding !== undefined) return refuse(415, `Content-Encoding ${quoted(encoding)} is not supported`);
  const value = headerOf(message, "content-type");
  // RFC 3261 20.15: a body without Content-Type is text/plain here only where it is empty; anything else must say what it is.
  if (value === undefined) return message.body.length === 0 ? readPart("text/plain", message.body) : refuse(400, "Content-Type is missing");
  const type = parseMediaType(value);
  if (type === null) return refuse(400, "Content-Type is malformed");
  return type.type === "multipart/alternative" ? readAlternative(type, message.body) : readAs(type, message.body);
}

function readAs(type: MediaType, bytes: Buffer): ReadText {
  if (type.type !== "text/plain" && type.type !== "text/html") return refuse(415, `Content-Type ${quoted(type.type)} is not supported`);
  const charset = unquote(parameter(type.parameters, "charset") ?? "utf-8").toLowerCase();
  if (charset !== "utf-8" && charset !== "us-ascii") return refuse(415, `charset ${quoted(charset)} is not supported; send UTF-8`);
  return readPart(type.type, bytes);
}

function readPart(contentType: string, bytes: Buffer): ReadText {
  const body = decodeUtf8(bytes);
  return body === null ? refuse(400, "Body is not UTF-8") : { ok: true, text: { body, contentType } };
}

/** RFC 2046 5.1.4: of the alternatives the plain text is taken, since every receiver can show it; else the HTML. */
function readAlternative(type: MediaType, bytes: Buffer): ReadText {
  const boundary = boundaryOf(type.parameters);
  const parts = boundary.ok ? readParts(bytes, boundary.value) : boundary;
  if (!parts.ok) return refuse(400, `multipart/alternative: ${parts.fault.what}`);
  const readable = parts.value.map(readPartWithHead);
  const chosen =
    readable.find((part) => part?.ok && part.text.contentType === "text/plain") ??
    readable.find((part) => part?.ok) ??
    readable.find((part) => part);
  return chosen ?? refuse(415, "multipart/alternative without a text/plain part");
}

/** One part; null where its type or its encoding is none that we read. Without Content-Type it is text/plain (RFC 2046 5.1). */
function readPartWithHead(part: Part): ReadText | null {
  const type = parseMediaType(headerOf(part, "content-type") ?? "text/plain");
  if (type === null) return null;
  const encoding = (headerOf(part, "content-transfer-encoding") ?? "8bit").toLowerCase();
  if (encoding === "base64") return keepText(readAs(type, Buffer.from(part.body.toString("latin1"), "base64")));
  return ["7bit", "8bit", "binary"].includes(encoding) ? keepText(readAs(type, part.body)) : null;
}

/** A type that we do not read is no refusal as long as another part is readable. */
const keepText = (read: ReadText): ReadText | null => (read.ok || read.status === 400 ? read : null);

/**
 * The first message in an INVITE: `ms-text-format: text/plain; charset=UTF-8;msgr=...;ms-body=<base64>`. Null where there is none that
 * we can read: the sender then repeats it as MESSAGE.
 */
export function readEmbedded(value: string): TextBody | null {
  const type = parseMediaType(value);
  const encoded = type === null ? undefined : parameter(type.parameters, "ms-body");
  if (type === null || typeof encoded !== "string") return null;
  const read = readAs(type, Buffer.from(unquote(encoded), "base64"));
  return read.ok && read.text.body !== "" ? read.text : null;
}
