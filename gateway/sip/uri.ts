/** SIP and SIPS URIs (RFC 3261 19.1), and name-addr as in From, To, Contact and Route (RFC 3261 20.10). */
import { fail, failed, type Outcome, ok, quoted } from "./faults.ts";
import { HOST, isToken, type Parameters, parameter, parseParameters, QUOTED, TOKEN_CLASS, unquote } from "./grammar.ts";
import { LIMITS } from "./limits.ts";

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

const UNRESERVED = "A-Za-z0-9\\-_.!~*'()";
const SIP_URI = new RegExp(
  `^(sips?):(?:((?:[${UNRESERVED}&=+$,;?/]|%[0-9A-Fa-f]{2})+)(?::((?:[${UNRESERVED}&=+$,]|%[0-9A-Fa-f]{2})*))?@)?(${HOST})(?::(\\d{1,5}))?(;[^?]*)?(?:\\?(.+))?$`,
  "i",
);
/** COMPAT(lync): `=` inside a value, as in base64. */
const URI_PARAMETER = new RegExp(
  `^((?:[${UNRESERVED}\\[\\]/:&+$]|%[0-9A-Fa-f]{2})+)(?:=((?:[${UNRESERVED}\\[\\]/:&+$=]|%[0-9A-Fa-f]{2})+))?$`,
);
const URI_HEADERS = new RegExp(`^(?:[${UNRESERVED}\\[\\]/?:+$&=]|%[0-9A-Fa-f]{2})+$`);
/** absoluteURI (RFC 3261 25.1): a scheme, then at least one character that a URI may have. */
const OTHER_URI = /^([A-Za-z][A-Za-z0-9+.-]*):[A-Za-z0-9\-_.!~*'();/?:@&=+$,%[\]#]+$/;
const PORT_MOST = 65_535;

/** Parses a URI of any scheme. `where` names the place in faults. */
export function parseUri(text: string, where: string): Outcome<Uri> {
  const match = SIP_URI.exec(text);
  if (match === null) return parseOtherUri(text, where);
  const [, scheme, user, password, host, port, parameters, headers] = match;
  const number = port === undefined ? null : Number(port);
  if (number !== null && number > PORT_MOST) return fail("uri-malformed", where, `port ${port} is above ${PORT_MOST}`);
  if (headers !== undefined && !URI_HEADERS.test(headers)) return fail("uri-malformed", where, `headers ${quoted(headers)} of the URI`);
  const list = parameters === undefined ? ok(NO_PARAMETERS) : parseUriParameters(parameters, where);
  if (!list.ok) return list;
  return ok({
    scheme: (scheme as string).toLowerCase() as SipUri["scheme"],
    user: user ?? null,
    password: password ?? null,
    host: (host as string).toLowerCase(),
    port: number,
    parameters: list.value,
    headers: headers ?? null,
    text,
  });
}

const NO_PARAMETERS: Parameters = [];

function parseOtherUri(text: string, where: string): Outcome<Uri> {
  const match = OTHER_URI.exec(text);
  const scheme = match?.[1]?.toLowerCase();
  if (scheme === undefined || scheme === "sip" || scheme === "sips") {
    return fail("uri-malformed", where, `${quoted(text)} is no URI; expected sip:user@host`);
  }
  return ok({ scheme, text });
}

/** `text` starts with a semicolon. */
function parseUriParameters(text: string, where: string): Outcome<Parameters> {
  const pieces = text.slice(1).split(";");
  if (pieces.length > LIMITS.parameters) return fail("uri-malformed", where, `more than ${LIMITS.parameters} parameters`);
  const found: (readonly [string, string | null])[] = [];
  for (const piece of pieces) {
    const match = URI_PARAMETER.exec(piece);
    if (match === null) return fail("uri-malformed", where, `${quoted(piece)} is no URI parameter`);
    const name = (match[1] as string).toLowerCase();
    if (parameter(found, name) !== undefined) return fail("uri-malformed", where, `URI parameter ${quoted(name)} stands twice`);
    found.push([name, match[2] ?? null]);
  }
  return ok(found);
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

const DISPLAY = new RegExp(`^[${TOKEN_CLASS} \\t]*$`);
const QUOTED_START = new RegExp(`${QUOTED}[ \\t]*`, "y");

/** Parses one name-addr or addr-spec. `where` names the header in faults. */
export function parseNameAddress(text: string, where: string): Outcome<NameAddress> {
  if (text.charCodeAt(0) === 0x22) return parseQuotedDisplay(text, where);
  const open = text.indexOf("<");
  if (open < 0) return parseBareAddress(text, where);
  const display = text.slice(0, open).trimEnd();
  if (!DISPLAY.test(display)) return fail("header-malformed", where, `display name ${quoted(display)} needs quotes`);
  return parseBracketed(text, open, display === "" ? null : display, where);
}

function parseQuotedDisplay(text: string, where: string): Outcome<NameAddress> {
  QUOTED_START.lastIndex = 0;
  const match = QUOTED_START.exec(text);
  if (match === null) return fail("header-malformed", where, "the quoted display name is not closed");
  if (text.charCodeAt(match[0].length) !== 0x3c) return fail("header-malformed", where, "expected < after the display name");
  return parseBracketed(text, match[0].length, unquote(match[0].trimEnd()), where);
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
  QUOTED_START.lastIndex = 0;
  const afterDisplay = QUOTED_START.test(text) ? QUOTED_START.lastIndex : 0;
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
