/** Bytes -> a SIP message and its essentials, or a typed fault. */
import { type Essentials, readEssentials } from "./essentials.ts";
import { type Fault, fail, fault, type Outcome, ok } from "./faults.ts";
import { parseNumber, splitList } from "./grammar.ts";
import { type Head, readHead, type StartLine } from "./head.ts";
import { LIMITS } from "./limits.ts";
import { type Header, headerOf, NO_BODY, type SipMessage, type SipRequest, type SipResponse } from "./message.ts";
import { isSipUri, type NameAddress, parseAddresses, parseUri, type Uri } from "./uri.ts";

/** A message and what was read from its headers. */
export interface Received<M extends SipMessage = SipMessage> {
  readonly message: M;
  readonly essentials: Essentials;
  /** Null in a response. */
  readonly requestUri: M extends SipRequest ? Uri : null;
  /** Every Contact, in order; empty where there is none, or `*`. */
  readonly contacts: readonly NameAddress[];
}

export type ReceivedRequest = Received<SipRequest>;
export type ReceivedResponse = Received<SipResponse>;

export type Parsed =
  | { readonly ok: true; readonly received: ReceivedRequest | ReceivedResponse }
  | {
      readonly ok: false;
      readonly fault: Fault;
      /** Headers to answer a request with; null where there must be no answer: a response, an ACK, or nothing to answer by. */
      readonly answerable: readonly Header[] | null;
    };

/** Gives a head and its body their meaning. */
export function interpret(head: Head, body: Buffer): Parsed {
  if (head.fault !== null || head.start === null)
    return refusal(head, head.fault ?? fault("start-line-malformed", "start line", "is missing"));
  const message = messageOf(head.start, head.headers, body);
  const essentials = readEssentials(message);
  if (!essentials.ok) return refusal(head, essentials.fault);
  const contacts = readContacts(message);
  if (!contacts.ok) return refusal(head, contacts.fault);
  if (message.kind === "response")
    return { ok: true, received: { message, essentials: essentials.value, requestUri: null, contacts: contacts.value } };
  const uri = readRequestUri(message);
  if (!uri.ok) return refusal(head, uri.fault);
  return { ok: true, received: { message, essentials: essentials.value, requestUri: uri.value, contacts: contacts.value } };
}

/** Written out rather than spread, so that every message has one of two shapes. */
function messageOf(start: StartLine, headers: readonly Header[], body: Buffer): SipMessage {
  if (start.kind === "request") return { kind: "request", method: start.method, uri: start.uri, headers, body };
  return { kind: "response", status: start.status, reason: start.reason, headers, body };
}

function refusal(head: Head, problem: Fault): Parsed {
  const isAck = head.start?.kind === "request" ? head.start.method === "ACK" : /\bACK$/.test(headerOf(head, "cseq") ?? "");
  const canAnswer = !head.isResponse && !isAck && headerOf(head, "via") !== undefined;
  return { ok: false, fault: problem, answerable: canAnswer ? head.headers : null };
}

/** Contacts must be well formed; `*` stands alone (RFC 3261 20.10). */
function readContacts(message: SipMessage): Outcome<readonly NameAddress[]> {
  const found: NameAddress[] = [];
  for (const header of message.headers) {
    if (header.key !== "contact" || header.value === "*") continue;
    const elements = splitList(header.value, "Contact");
    if (!elements.ok) return elements;
    const addresses = parseAddresses(elements.value, "Contact");
    if (!addresses.ok) return addresses;
    found.push(...addresses.value);
  }
  return ok(found);
}

/** Headers in a Request-URI are not allowed (RFC 3261 19.1.1 table 1). */
function readRequestUri(request: SipRequest): Outcome<Uri> {
  const uri = parseUri(request.uri, "Request-URI");
  if (!uri.ok) return uri;
  return isSipUri(uri.value) && uri.value.headers !== null
    ? fail("uri-malformed", "Request-URI", "headers after ? are not allowed in a Request-URI")
    : uri;
}

const CONTENT_LENGTH_DIGITS = 15;

/** What Content-Length says: a number, absent, or a fault. Header repeated is a fault of the head already. */
export function contentLength(head: Pick<Head, "headers">): number | null | Fault {
  let value: string | undefined;
  for (const header of head.headers) {
    if (header.key !== "content-length") continue;
    if (value !== undefined) return fault("content-length-malformed", "Content-Length", "stands twice; expected once");
    value = header.value;
  }
  if (value === undefined) return null;
  const number = value.length > CONTENT_LENGTH_DIGITS ? null : parseNumber(value, Number.MAX_SAFE_INTEGER);
  return number ?? fault("content-length-malformed", "Content-Length", "is no number");
}

/** What ends a head, as bytes: a text would be encoded again for each search. */
export const EMPTY_LINE: Buffer = Buffer.from("\r\n\r\n");

/** Parses one message that stands alone in its bytes, as in a datagram: without Content-Length, all that follows is the body. */
export function parseMessage(bytes: Buffer): Parsed {
  const end = bytes.indexOf(EMPTY_LINE);
  const head = readHead(bytes.toString("latin1", 0, end < 0 ? bytes.length : end));
  if (end < 0) return refusal(head, fault("line-end-malformed", "headers", "no empty line after the headers"));
  if (end > LIMITS.headBytes) return refusal(head, fault("head-too-large", "headers", `more than ${LIMITS.headBytes} bytes`));
  const rest = bytes.subarray(end + 4);
  const length = contentLength(head);
  if (length !== null && typeof length !== "number") return refusal(head, length);
  if (length !== null && length > rest.length) {
    return refusal(head, fault("body-truncated", "Content-Length", `${length}, but ${rest.length} bytes follow`));
  }
  return interpret(head, length === 0 ? NO_BODY : rest.subarray(0, length ?? rest.length));
}
