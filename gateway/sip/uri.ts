/** SIP and SIPS URIs (RFC 3261 19.1), and name-addr as in From, To, Contact and Route (RFC 3261 20.10). */
import { fail, failed, type Outcome, ok, quoted } from "./faults.ts";
import { isToken, type Parameters, parameter, parseParameters, unquote } from "./grammar.ts";
import { LIMITS } from "./limits.ts";
import {
  characters,
  codeAt,
  lowerSlice,
  PASSWORD,
  skip,
  skipBlanks,
  skipEscaped,
  skipHost,
  skipPort,
  skipQuoted,
  URI_HEADERS,
  URI_PARAMETER,
  URI_VALUE,
  USER,
} from "./scan.ts";

/** A URI whose parts are known. Parts are as written: percent-encoded. */
export interface SipUri {
  readonly scheme: "sip" | "sips";
  readonly user: string | null;
  readonly password: string | null;
  /** Lower case; an IPv6 reference keeps its brackets. */
  readonly host: string;
  readonly port: number | null;
  readonly parameters: Parameters;
  /** What follows `?`: never turned into headers. */
  readonly headers: string | null;
  /** The whole URI as it stood. */
  readonly text: string;
}

/** A URI of another scheme: well formed as far as anyone can tell. */
export interface OtherUri {
  readonly scheme: string;
  readonly text: string;
}

export type Uri = SipUri | OtherUri;

export const isSipUri = (uri: Uri): uri is SipUri => uri.scheme === "sip" || uri.scheme === "sips";

/** absoluteURI (RFC 3261 25.1): a scheme, then at least one character that a URI may have. */
const OTHER_URI = /^([A-Za-z][A-Za-z0-9+.-]*):[A-Za-z0-9\-_.!~*'();/?:@&=+$,%[\]#]+$/;
const PORT_MOST = 65_535;

/** Parses a URI of any scheme. `where` names the place in faults. */
export function parseUri(text: string, where: string): Outcome<Uri> {
  const scheme = text.startsWith("sip:") ? "sip:" : /^sips?:/i.exec(text)?.[0].toLowerCase();
  if (scheme === undefined) return parseOtherUri(text, where);
  const userInfo = readUserInfo(text, scheme.length);
  const hostEnd = userInfo === null ? -1 : skipHost(text, userInfo.end);
  if (userInfo === null || hostEnd < 0) return malformed(text, where);
  const hasPort = codeAt(text, hostEnd) === COLON;
  const portEnd = hasPort ? skipPort(text, hostEnd + 1) : hostEnd;
  const port = hasPort ? Number(text.slice(hostEnd + 1, portEnd)) : null;
  if (portEnd < 0 || (port ?? 0) > PORT_MOST) return malformed(text, where);
  const parameters = parseUriParameters(text, portEnd, where);
  if (!parameters.ok) return parameters;
  const headers = readUriHeaders(text, parameters.value.end);
  if (headers === undefined) return malformed(text, where);
  return ok({
    scheme: scheme === "sip:" ? "sip" : "sips",
    user: userInfo.user,
    password: userInfo.password,
    host: lowerSlice(text, userInfo.end, hostEnd),
    port,
    parameters: parameters.value.list,
    headers,
    text,
  });
}

const malformed = (text: string, where: string) => fail("uri-malformed", where, `${quoted(text)} is no URI; expected sip:user@host`);

/** The `@` cannot stand anywhere else in a SIP URI. `end`: where the host starts. Null where the part before it is malformed. */
function readUserInfo(text: string, from: number): { user: string | null; password: string | null; end: number } | null {
  const at = text.indexOf("@", from);
  if (at < 0) return { user: null, password: null, end: from };
  const userEnd = skipEscaped(text, from, USER);
  if (userEnd === from) return null;
  const hasPassword = codeAt(text, userEnd) === COLON;
  const end = hasPassword ? skipEscaped(text, userEnd + 1, PASSWORD) : userEnd;
  if (end !== at) return null;
  return { user: text.slice(from, userEnd), password: hasPassword ? text.slice(userEnd + 1, end) : null, end: at + 1 };
}

/** What follows `?` to the end; null where nothing does; undefined where it is malformed. */
function readUriHeaders(text: string, at: number): string | null | undefined {
  if (at === text.length) return null;
  const end = codeAt(text, at) === QUESTION ? skipEscaped(text, at + 1, URI_HEADERS) : -1;
  return end === text.length && end > at + 1 ? text.slice(at + 1) : undefined;
}

const NO_PARAMETERS: Parameters = [];

function parseOtherUri(text: string, where: string): Outcome<Uri> {
  const scheme = OTHER_URI.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return malformed(text, where);
  return ok({ scheme, text });
}

/** Parameters from there on. `end`: where they end. */
function parseUriParameters(text: string, from: number, where: string): Outcome<{ list: Parameters; end: number }> {
  const found: (readonly [string, string | null])[] = [];
  let at = from;
  while (codeAt(text, at) === SEMICOLON) {
    const end = skipEscaped(text, at + 1, URI_PARAMETER);
    const hasValue = codeAt(text, end) === EQUALS;
    const valueEnd = hasValue ? skipEscaped(text, end + 1, URI_VALUE) : end;
    if (end === at + 1 || (hasValue && valueEnd === end + 1)) return malformed(text, where);
    if (found.length === LIMITS.parameters) return fail("uri-malformed", where, `more than ${LIMITS.parameters} parameters`);
    const name = lowerSlice(text, at + 1, end);
    if (parameter(found, name) !== undefined) return fail("uri-malformed", where, `URI parameter ${quoted(name)} stands twice`);
    found.push([name, hasValue ? text.slice(end + 1, valueEnd) : null]);
    at = valueEnd;
  }
  return ok({ list: found.length === 0 ? NO_PARAMETERS : found, end: at });
}

/** The address of record: scheme sip, user as written, host in lower case; no port, no parameters. Null without a user. */
export const addressOf = (uri: Uri): string | null => (isSipUri(uri) && uri.user !== null ? `sip:${uri.user}@${uri.host}` : null);

/** The address of record with the instance it names (`gr`, RFC 5627), if any. */
export function instanceOf(uri: Uri): string | null {
  const address = addressOf(uri);
  const gr = address !== null && isSipUri(uri) ? parameter(uri.parameters, "gr") : null;
  return gr ? `${address};gr=${gr}` : address;
}

/** An address without its `;gr=` and other parameters: text before the first semicolon after the `@`. */
export function bareAddress(address: string): string {
  const end = address.indexOf(";", address.lastIndexOf("@"));
  return end < 0 ? address : address.slice(0, end);
}

/** name-addr or addr-spec with the parameters of the header. */
export interface NameAddress {
  /** Display name without quotes, as bytes; null where there is none. */
  readonly display: string | null;
  readonly uri: Uri;
  /** Parameters of the header, never those of the URI (RFC 3261 20.10). */
  readonly parameters: Parameters;
}

const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUESTION = 0x3f;
const QUOTE = 0x22;
const OPEN = 0x3c;

/** Unquoted display names are tokens and white space. */
const DISPLAY = characters("A-Za-z0-9", ".!%*_+`'~ \t-");

/** Parses one name-addr or addr-spec. `where` names the header in faults. */
export function parseNameAddress(text: string, where: string): Outcome<NameAddress> {
  if (codeAt(text, 0) === QUOTE) return parseQuotedDisplay(text, where);
  const open = text.indexOf("<");
  if (open < 0) return parseBareAddress(text, where);
  const display = text.slice(0, open).trimEnd();
  if (skip(display, 0, DISPLAY) < display.length) return fail("header-malformed", where, `display name ${quoted(display)} needs quotes`);
  return parseBracketed(text, open, display === "" ? null : display, where);
}

function parseQuotedDisplay(text: string, where: string): Outcome<NameAddress> {
  const end = skipQuoted(text, 0);
  if (end < 0) return fail("header-malformed", where, "the quoted display name is not closed");
  const open = skipBlanks(text, end);
  if (codeAt(text, open) !== OPEN) return fail("header-malformed", where, "expected < after the display name");
  return parseBracketed(text, open, unquote(text.slice(0, end)), where);
}

function parseBracketed(text: string, open: number, display: string | null, where: string): Outcome<NameAddress> {
  const close = text.indexOf(">", open);
  if (close < 0) return fail("header-malformed", where, "< is not closed");
  const uri = parseUri(text.slice(open + 1, close), where);
  if (!uri.ok) return uri;
  const parameters = parseParameters(text, close + 1, where);
  return parameters.ok ? ok({ display, uri: uri.value, parameters: parameters.value }) : parameters;
}

/** Without brackets, `;` starts the parameters of the header, and `?` and `,` may not stand in the URI (RFC 3261 20). */
function parseBareAddress(text: string, where: string): Outcome<NameAddress> {
  const end = text.indexOf(";");
  const address = (end < 0 ? text : text.slice(0, end)).trimEnd();
  if (/[?,]/.test(address)) return fail("header-malformed", where, `${quoted(address)} must stand between < and >`);
  const uri = parseUri(address, where);
  if (!uri.ok) return uri;
  const parameters = end < 0 ? ok(NO_PARAMETERS) : parseParameters(text, end, where);
  return parameters.ok ? ok({ display: null, uri: uri.value, parameters: parameters.value }) : parameters;
}

/** Where the parameters of the header begin in a well-formed name-addr or addr-spec. */
export function headerParametersStart(text: string): number {
  const afterDisplay = codeAt(text, 0) === QUOTE ? Math.max(0, skipQuoted(text, 0)) : 0;
  const close = text.indexOf(">", afterDisplay);
  const semicolon = text.indexOf(";");
  const bracketed = afterDisplay > 0 || text.includes("<");
  return bracketed ? close + 1 : semicolon < 0 ? text.length : semicolon;
}

/** The tag; null where there is none. A tag is a token (RFC 3261 19.3). */
export function tagOf(address: NameAddress): Outcome<string | null> {
  const tag = parameter(address.parameters, "tag");
  if (tag === undefined) return ok(null);
  return tag !== null && isToken(tag) ? ok(tag) : fail("header-malformed", "tag", "is empty or no token");
}

/** Parses every element of a list header of addresses. */
export function parseAddresses(elements: readonly string[], where: string): Outcome<readonly NameAddress[]> {
  const found: NameAddress[] = [];
  for (const element of elements) {
    const address = parseNameAddress(element, where);
    if (!address.ok) return failed(address.fault);
    found.push(address.value);
  }
  return ok(found);
}
