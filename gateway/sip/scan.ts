/** Scanning by character classes: what RFC 3261's grammar needs again and again, in one pass and without going back. */
import { isIpv6 } from "./ipv6.ts";

/** Which of the characters U+0000 to U+00FF belong to a class. */
export type CharacterClass = Uint8Array;

/** Makes a class of single characters and ranges such as `a-z`; a hyphen that is meant stands last. */
export function characters(...parts: readonly string[]): CharacterClass {
  const table = new Uint8Array(256);
  for (const part of parts) {
    for (const [piece] of part.matchAll(/.-.|./gs)) {
      const last = piece.charCodeAt(piece.length - 1);
      for (let code = piece.charCodeAt(0); code <= last; code++) table[code] = 1;
    }
  }
  return table;
}

const ALPHANUMERIC = "A-Za-z0-9";

/** token (RFC 3261 25.1). */
export const TOKEN = characters(ALPHANUMERIC, ".!%*_+`'~-");
/** word, of which Call-ID is made. */
export const WORD = characters(ALPHANUMERIC, ".!%*_+`'~()<>:\\\"/[]?{}-");
export const DIGIT = characters("0-9");
/** unreserved and what else may stand in the user part. */
export const USER = characters(ALPHANUMERIC, "_.!~*'()&=+$,;?/-");
export const PASSWORD = characters(ALPHANUMERIC, "_.!~*'()&=+$,-");
/** paramchar. */
export const URI_PARAMETER = characters(ALPHANUMERIC, "_.!~*'()[]/:&+$-");
/** COMPAT(lync): `=` inside a value, as in base64. */
export const URI_VALUE = characters(ALPHANUMERIC, "_.!~*'()[]/:&+$=-");
export const URI_HEADERS = characters(ALPHANUMERIC, "_.!~*'()[]/?:+$&=-");
/** Request-URI as a whole: whatever a URI may have. */
export const URI = characters(ALPHANUMERIC, "_.!~*'();/?:@&=+$,%[]#{}|^`\\-");
/** Unquoted values of header parameters. COMPAT(lync): epid, ms-received-cid, base64 with `=`. */
export const VALUE = characters(ALPHANUMERIC, "!#$%&'*+./:=?@[]^_`{|}~()-");

const HOST_EDGE = characters(ALPHANUMERIC, "_");
const HOST_INSIDE = characters(ALPHANUMERIC, "_.-");
const IPV6 = characters("0-9A-Fa-f:.");
const HEX = characters("0-9A-Fa-f");

const PERCENT = 0x25;
const DOT = 0x2e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The code of the character at `at`, -1 beyond the ends, where `charCodeAt` would give NaN: a number of another kind, which costs speed. */
export const codeAt = (text: string, at: number): number => (at >= 0 && at < text.length ? text.charCodeAt(at) : -1);

/** The end of the run of characters of the class that starts at `at`. */
export function skip(text: string, at: number, table: CharacterClass): number {
  let end = at;
  while (end < text.length && table[text.charCodeAt(end)] === 1) end++;
  return end;
}

/** The same, where `%HH` counts as a character of the class. */
export function skipEscaped(text: string, at: number, table: CharacterClass): number {
  let end = at;
  for (;;) {
    end = skip(text, end, table);
    if (codeAt(text, end) !== PERCENT || HEX[codeAt(text, end + 1)] !== 1 || HEX[codeAt(text, end + 2)] !== 1) return end;
    end += 3;
  }
}

/** Over spaces and tabs. */
export function skipBlanks(text: string, at: number): number {
  let end = at;
  while (end < text.length && isBlank(text.charCodeAt(end))) end++;
  return end;
}

/** Only space and tab are white space in a header; a fold has become a space. */
export const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** Past the quoted-string that starts at `at`; -1 where it is not closed. */
export function skipQuoted(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === QUOTE) return end + 1;
    if (code === BACKSLASH) end++;
  }
  return -1;
}

/**
 * Past the host that starts at `at`: a name, an IPv4 address or an IPv6 reference; -1 where there is none. Underscores occur in the
 * names of Windows hosts.
 */
export function skipHost(text: string, at: number): number {
  if (codeAt(text, at) === 0x5b) {
    const close = skip(text, at + 1, IPV6);
    return codeAt(text, close) === 0x5d && isIpv6(text.slice(at + 1, close)) ? close + 1 : -1;
  }
  const end = skip(text, at, HOST_INSIDE);
  const last = codeAt(text, end - 1) === DOT ? end - 2 : end - 1;
  return last >= at && HOST_EDGE[codeAt(text, at)] === 1 && HOST_EDGE[codeAt(text, last)] === 1 ? end : -1;
}

/** Past one to five digits that start at `at`; -1 where there are none, or more. */
export function skipPort(text: string, at: number): number {
  const end = skip(text, at, DIGIT);
  return end > at && end - at <= 5 ? end : -1;
}

const UPPER = characters("A-Z\u00c0-\u00de");
const LOWER = characters("a-z\u00b5\u00df-\u00ff");

/** A piece of the text in upper case, likewise. */
export function upperSlice(text: string, start: number, end: number): string {
  const piece = text.slice(start, end);
  for (let at = start; at < end; at++) if (LOWER[text.charCodeAt(at)] === 1) return piece.toUpperCase();
  return piece;
}

/** A piece of the text in lower case; most are so already, and looking is cheaper than converting. */
export function lowerSlice(text: string, start: number, end: number): string {
  const piece = text.slice(start, end);
  for (let at = start; at < end; at++) if (UPPER[text.charCodeAt(at)] === 1) return piece.toLowerCase();
  return piece;
}
