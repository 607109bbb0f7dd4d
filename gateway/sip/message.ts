/**
 * SIP messages as values. Text in them is one character a byte (latin1), so that what is not understood goes out as it came
 * in, byte for byte; `utf8Of` and `bytesOf` convert where a text is for people.
 */
import { COMPACT, HEADERS } from "./headers.ts";

export interface Header {
  /** As written. */
  readonly name: string;
  /** Long form, lower case: what the name means. */
  readonly key: string;
  /** Without white space at its ends; a fold is one space (RFC 3261 7.3.1). */
  readonly value: string;
}

export interface SipRequest {
  readonly kind: "request";
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
  readonly body: Buffer;
}

export interface SipResponse {
  readonly kind: "response";
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  readonly body: Buffer;
}

export type SipMessage = SipRequest | SipResponse;

export const SIP_VERSION = "SIP/2.0";
export const NO_BODY: Buffer = Buffer.alloc(0);

/** Lower-case long form of a header name. */
export function headerKey(name: string): string {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  return COMPACT[lower] ?? lower;
}

/** Spellings seen on the wire; spares the conversion. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ...Object.entries(HEADERS).map(([key, row]): [string, string] => [row.name, key]),
  ...Object.entries(COMPACT),
]);

export const makeHeader = (name: string, value: string): Header => ({ name, key: headerKey(name), value });

/** The first header of that key; undefined where there is none. `key` is the lower-case long form. */
export function headerOf(message: Pick<SipMessage, "headers">, key: string): string | undefined {
  for (const header of message.headers) if (header.key === key) return header.value;
  return undefined;
}

/** Every header of that key, in order, not split at commas. */
export const headersOf = (message: Pick<SipMessage, "headers">, key: string): string[] =>
  message.headers.filter((header) => header.key === key).map((header) => header.value);

/** The bytes of a text in a message, read as UTF-8; null where they are not UTF-8. */
export function utf8Of(text: string): string | null {
  return decodeUtf8(Buffer.from(text, "latin1"));
}

/** A text for people, as it stands in a message: one character a byte. Line ends and NUL become spaces, so that no header can be forged. */
export const bytesOf = (text: string): string =>
  Buffer.from(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
    text.replace(/[\u0000\r\n]+/g, " ").trim(),
    "utf8",
  ).toString("latin1");

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function decodeUtf8(bytes: Buffer): string | null {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}
