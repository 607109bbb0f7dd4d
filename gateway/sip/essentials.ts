/** The headers without which no message can be handled (RFC 3261 8.1.1), parsed once into types that cannot be wrong. */
import { fail, type Outcome, ok, quoted } from "./faults.ts";
import { isCallId, type Parameters, parameter, parseNumber, parseParameters, splitList } from "./grammar.ts";
import { headerOf, type SipMessage } from "./message.ts";
import { codeAt, DIGIT, lowerSlice, skip, skipBlanks, skipHost, skipPort, TOKEN, upperSlice } from "./scan.ts";
import { type NameAddress, parseNameAddress, tagOf } from "./uri.ts";

export interface Via {
  /** Upper case: `TLS`. */
  readonly transport: string;
  /** sent-by: host in lower case, port where one stands. */
  readonly host: string;
  readonly port: number | null;
  readonly parameters: Parameters;
  /** Null where there is none. */
  readonly branch: string | null;
}

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

export interface Essentials {
  /** Top first; at least one. */
  readonly via: readonly [Via, ...Via[]];
  readonly from: NameAddress;
  readonly fromTag: string | null;
  readonly to: NameAddress;
  readonly toTag: string | null;
  readonly callId: string;
  readonly cseq: CSeq;
  /** Null where the header is absent. */
  readonly maxForwards: number | null;
}

/** What a branch starts with that RFC 3261 elements made (8.1.1.7). */
export const MAGIC_COOKIE = "z9hG4bK";

/** CSeq is a 32-bit number (RFC 3261 8.1.1.5); what we send stays below 2^31. */
const CSEQ_MOST = 2 ** 32 - 1;
const MAX_FORWARDS_MOST = 255;

export function readEssentials(message: SipMessage): Outcome<Essentials> {
  const via = readVias(message);
  if (!via.ok) return via;
  const from = readAddress(message, "from", "From");
  if (!from.ok) return from;
  const to = readAddress(message, "to", "To");
  if (!to.ok) return to;
  const callId = headerOf(message, "call-id");
  if (callId === undefined) return fail("header-missing", "Call-ID", "is missing");
  if (!isCallId(callId)) return fail("header-malformed", "Call-ID", `${quoted(callId)}; expected word or word@word`);
  const cseqText = headerOf(message, "cseq");
  if (cseqText === undefined) return fail("header-missing", "CSeq", "is missing");
  const cseq = parseCSeq(cseqText);
  if (!cseq.ok) return cseq;
  const maxForwards = readMaxForwards(headerOf(message, "max-forwards"));
  if (!maxForwards.ok) return maxForwards;
  return ok({
    via: via.value,
    from: from.value.address,
    fromTag: from.value.tag,
    to: to.value.address,
    toTag: to.value.tag,
    callId,
    cseq: cseq.value,
    maxForwards: maxForwards.value,
  });
}

function readAddress(message: SipMessage, key: string, name: string): Outcome<{ address: NameAddress; tag: string | null }> {
  const value = headerOf(message, key);
  if (value === undefined) return fail("header-missing", name, "is missing");
  const address = parseNameAddress(value, name);
  if (!address.ok) return address;
  const tag = tagOf(address.value);
  return tag.ok ? ok({ address: address.value, tag: tag.value }) : fail("header-malformed", name, `tag ${tag.fault.what}`);
}

function readVias(message: SipMessage): Outcome<readonly [Via, ...Via[]]> {
  const found: Via[] = [];
  for (const header of message.headers) {
    if (header.key !== "via") continue;
    const elements = splitList(header.value, "Via");
    if (!elements.ok) return elements;
    for (const element of elements.value) {
      const via = parseVia(element);
      if (!via.ok) return via;
      found.push(via.value);
    }
  }
  return isFilled(found) ? ok(found) : fail("header-missing", "Via", "is missing");
}

const isFilled = (vias: readonly Via[]): vias is readonly [Via, ...Via[]] => vias.length > 0;

/** `SIP/2.0/`, the usual way and with white space (RFC 4475 3.1.1.1). */
const PROTOCOL = /^SIP[ \t]*\/[ \t]*2\.0[ \t]*\/[ \t]*/i;

/** One Via value: `SIP/2.0/TLS host:port;branch=...`. */
export function parseVia(text: string): Outcome<Via> {
  const start = text.startsWith("SIP/2.0/") ? 8 : (PROTOCOL.exec(text)?.[0].length ?? text.length);
  const transportEnd = skip(text, start, TOKEN);
  const hostAt = skipBlanks(text, transportEnd);
  const hostEnd = transportEnd === start || hostAt === transportEnd ? -1 : skipHost(text, hostAt);
  const port = hostEnd < 0 ? null : readPort(text, hostEnd);
  if (port === null) return fail("header-malformed", "Via", `${quoted(text)}; expected SIP/2.0/TRANSPORT host:port;branch=...`);
  const parameters = parseParameters(text, port.end, "Via");
  if (!parameters.ok) return parameters;
  return ok({
    transport: upperSlice(text, start, transportEnd),
    host: lowerSlice(text, hostAt, hostEnd),
    port: port.number,
    parameters: parameters.value,
    branch: parameter(parameters.value, "branch") ?? null,
  });
}

/** The port after a host, null where there is none; null as a whole where it is malformed. */
function readPort(text: string, hostEnd: number): { readonly number: number | null; readonly end: number } | null {
  const colon = skipBlanks(text, hostEnd);
  if (codeAt(text, colon) !== 0x3a) return { number: null, end: hostEnd };
  const start = skipBlanks(text, colon + 1);
  const end = skipPort(text, start);
  return end < 0 ? null : { number: Number(text.slice(start, end)), end };
}

/** CSeq: number and method. */
export function parseCSeq(value: string): Outcome<CSeq> {
  const digits = skip(value, 0, DIGIT);
  const methodAt = skipBlanks(value, digits);
  if (digits === 0 || methodAt === digits || methodAt === value.length || skip(value, methodAt, TOKEN) < value.length) {
    return fail("header-malformed", "CSeq", `${quoted(value)}; expected a number and a method`);
  }
  const number = parseNumber(value.slice(0, digits), CSEQ_MOST);
  if (number === null) return fail("number-out-of-range", "CSeq", `${quoted(value.slice(0, digits))}; expected at most ${CSEQ_MOST}`);
  return ok({ number, method: value.slice(methodAt) });
}

function readMaxForwards(value: string | undefined): Outcome<number | null> {
  if (value === undefined) return ok(null);
  const number = parseNumber(value, MAX_FORWARDS_MOST);
  return number === null ? fail("number-out-of-range", "Max-Forwards", `${quoted(value)}; expected 0 to ${MAX_FORWARDS_MOST}`) : ok(number);
}
