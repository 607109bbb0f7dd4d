/** Values of any header in the table, by the parser that its row names. */
import { parseCSeq, parseVia } from "./essentials.ts";
import { fail, type Outcome, ok, quoted } from "./faults.ts";
import { isCallId, type Parameters, parseNumber, parseParameters, splitList, unquote } from "./grammar.ts";
import { HEADERS, type KnownHeader, type ValueKind } from "./headers.ts";
import { headersOf, type SipMessage } from "./message.ts";
import { codeAt, DIGIT, skip, skipBlanks, TOKEN } from "./scan.ts";
import { type MediaType, parseMediaType } from "./text.ts";
import { parseNameAddress } from "./uri.ts";

/** `token;name=value`. */
export interface TokenValue {
  /** In lower case where its header is compared so; as written here. */
  readonly token: string;
  readonly parameters: Parameters;
}

/** `number (comment);name=value`. */
export interface NumberValue {
  readonly number: number;
  /** Null where there is none (RFC 3261 20.33). */
  readonly comment: string | null;
  readonly parameters: Parameters;
}

/** `<absolute URI>;name=value`: no SIP address, and never fetched. */
export interface Reference {
  readonly uri: string;
  readonly parameters: Parameters;
}

/** `Digest name=value, name="value"`. */
export interface Credentials {
  readonly scheme: string;
  readonly parameters: Parameters;
}

/** `399 agent "text"`. */
export interface Warning {
  readonly code: number;
  readonly agent: string;
  /** Without its quotes, as bytes. */
  readonly text: string;
}

/** delta-seconds and every other number of a header are below 2^32 (RFC 3261 25.1, 20.19). */
const NUMBER_MOST = 2 ** 32 - 1;

const PARSERS = {
  address: parseNameAddress,
  "call-id": (text, where): Outcome<string> =>
    isCallId(text) ? ok(text) : fail("header-malformed", where, `${quoted(text)}; expected word or word@word`),
  credentials: parseCredentials,
  cseq: (text) => parseCSeq(text),
  "media-type": (text, where): Outcome<MediaType> => {
    const type = parseMediaType(text);
    return type === null ? fail("header-malformed", where, `${quoted(text)}; expected type/subtype;name=value`) : ok(type);
  },
  number: parseNumberValue,
  reference: parseReference,
  text: (text): Outcome<string> => ok(text),
  token: parseTokenValue,
  via: (text) => parseVia(text),
  warning: parseWarning,
} as const satisfies Record<ValueKind, (text: string, where: string) => Outcome<unknown>>;

/** What a value of that header is read as. */
export type ValueOf<K extends KnownHeader> =
  ReturnType<(typeof PARSERS)[(typeof HEADERS)[K]["value"]]> extends infer Result
    ? Result extends { readonly ok: true; readonly value: infer Value }
      ? Value
      : never
    : never;

/** Every value of that header in order, list elements one by one; empty where it is absent. The first fault ends it. */
export function readValues<K extends KnownHeader>(message: Pick<SipMessage, "headers">, key: K): Outcome<readonly ValueOf<K>[]> {
  const { name, form, value: kind } = HEADERS[key];
  const parse: (text: string, where: string) => Outcome<unknown> = PARSERS[kind];
  const found: ValueOf<K>[] = [];
  for (const text of headersOf(message, key)) {
    const elements = form === "list" ? splitElements(text, name) : ok([text]);
    if (!elements.ok) return elements;
    for (const element of elements.value) {
      const value = parse(element, name);
      if (!value.ok) return value;
      found.push(value.value as ValueOf<K>);
    }
  }
  return ok(found);
}

/** Lists that may be empty: `Accept:` alone takes nothing, `Allow:` and `Supported:` name nothing (RFC 3261 20.1, 20.5, 20.37). */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(["Accept", "Accept-Encoding", "Accept-Language", "Allow", "Supported"]);

const splitElements = (text: string, name: string): Outcome<readonly string[]> =>
  text === "" && MAY_BE_EMPTY.has(name) ? ok([]) : splitList(text, name);

function parseTokenValue(text: string, where: string): Outcome<TokenValue> {
  const end = skip(text, 0, TOKEN);
  if (end === 0) return fail("header-malformed", where, `${quoted(text)}; expected token;name=value`);
  const parameters = parseParameters(text, end, where);
  return parameters.ok ? ok({ token: text.slice(0, end), parameters: parameters.value }) : parameters;
}

function parseNumberValue(text: string, where: string): Outcome<NumberValue> {
  const end = skip(text, 0, DIGIT);
  const number = parseNumber(text.slice(0, end), NUMBER_MOST);
  if (number === null) return fail("number-out-of-range", where, `${quoted(text)}; expected 0 to ${NUMBER_MOST}`);
  const open = skipBlanks(text, end);
  const close = skipComment(text, open);
  if (close < 0) return fail("header-malformed", where, "the comment is not closed");
  const parameters = parseParameters(text, close, where);
  const comment = close === open ? null : text.slice(open + 1, close - 1);
  return parameters.ok ? ok({ number, comment, parameters: parameters.value }) : parameters;
}

/** Past the comment that starts at `at`, which may hold others and escapes (RFC 3261 25.1); `at` where there is none, -1 where it is not closed. */
function skipComment(text: string, at: number): number {
  if (codeAt(text, at) !== OPEN) return at;
  let depth = 0;
  for (let end = at; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === BACKSLASH) end++;
    else if (code === OPEN) depth++;
    else if (code === CLOSE && --depth === 0) return end + 1;
  }
  return -1;
}

const OPEN = 0x28;
const CLOSE = 0x29;
const BACKSLASH = 0x5c;

const REFERENCE = /^<([A-Za-z][A-Za-z0-9+.-]*:[^\s<>"]+)>/;

function parseReference(text: string, where: string): Outcome<Reference> {
  const match = REFERENCE.exec(text);
  if (match === null) return fail("header-malformed", where, `${quoted(text)}; expected <URI>;name=value`);
  const parameters = parseParameters(text, match[0].length, where);
  return parameters.ok ? ok({ uri: match[1] as string, parameters: parameters.value }) : parameters;
}

function parseCredentials(text: string, where: string): Outcome<Credentials> {
  const end = skip(text, 0, TOKEN);
  const start = skipBlanks(text, end);
  if (end === 0 || start === end) return fail("header-malformed", where, "expected a scheme and its parameters");
  const elements = splitList(text.slice(start), where);
  if (!elements.ok) return elements;
  const parameters = parseParameters(elements.value.map((element) => `;${element}`).join(""), 0, where);
  return parameters.ok ? ok({ scheme: text.slice(0, end), parameters: parameters.value }) : parameters;
}

const WARNING = /^(\d{3}) +([^\s"]+) +("(?:[^"\\]|\\[\s\S])*")$/;

function parseWarning(text: string, where: string): Outcome<Warning> {
  const match = WARNING.exec(text);
  return match === null
    ? fail("header-malformed", where, `${quoted(text)}; expected code agent "text"`)
    : ok({ code: Number(match[1]), agent: match[2] as string, text: unquote(match[3] as string) });
}
