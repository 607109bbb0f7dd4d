/** Start line and header lines: text -> names and values, still without meaning (RFC 3261 7.1 to 7.3). */
import { type Fault, fail, fault, type Outcome, ok, quoted } from "./faults.ts";
import { SINGLE } from "./headers.ts";
import { LIMITS } from "./limits.ts";
import { type Header, headerKey, headerOf, SIP_VERSION } from "./message.ts";
import { codeAt, isBlank, skip, skipBlanks, TOKEN, URI } from "./scan.ts";

export type StartLine =
  | { readonly kind: "request"; readonly method: string; readonly uri: string }
  | { readonly kind: "response"; readonly status: number; readonly reason: string };

/** The head of a message. What could be read is there even when there is a fault, so that a request can be answered. */
export interface Head {
  /** Null when the start line is at fault. */
  readonly start: StartLine | null;
  /** A response is discarded, never answered. */
  readonly isResponse: boolean;
  readonly headers: readonly Header[];
  /** The first thing that is wrong; null when all is well. */
  readonly fault: Fault | null;
}

const STATUS_LINE = /^SIP\//i;

/** Reads a head: everything before the empty line, in latin1, without the empty line's CRLF CRLF. */
export function readHead(text: string): Head {
  const end = text.indexOf("\r\n");
  const line = end < 0 ? text : text.slice(0, end);
  const isResponse = STATUS_LINE.test(line);
  const start = isResponse ? readStatusLine(line) : readRequestLine(line);
  const { headers, problem } = readHeaders(text, end < 0 ? text.length : end + 2);
  return { start: start.ok ? start.value : null, isResponse, headers, fault: start.ok ? problem : start.fault };
}

function readRequestLine(line: string): Outcome<StartLine> {
  const methodEnd = skip(line, 0, TOKEN);
  const uriEnd = skip(line, methodEnd + 1, URI);
  const version = line.slice(uriEnd + 1);
  const isSpaced = codeAt(line, methodEnd) === 0x20 && codeAt(line, uriEnd) === 0x20;
  if (methodEnd === 0 || uriEnd === methodEnd + 1 || !isSpaced || !(version === SIP_VERSION || /^SIP\/\d+\.\d+$/i.test(version))) {
    return fail("start-line-malformed", "request line", `${quoted(line)}; expected METHOD URI ${SIP_VERSION}, one space between`);
  }
  if (version.toUpperCase() !== SIP_VERSION) return fail("version-not-supported", "request line", `${version}; expected ${SIP_VERSION}`);
  return ok({ kind: "request", method: line.slice(0, methodEnd), uri: line.slice(methodEnd + 1, uriEnd) });
}

function readStatusLine(line: string): Outcome<StartLine> {
  const match = /^SIP\/2\.0 (\d+) ([^\r\n]*)$/i.exec(line);
  if (match === null) return fail("start-line-malformed", "status line", `${quoted(line)}; expected ${SIP_VERSION} status reason`);
  const [, digits, reason] = match;
  const status = Number(digits);
  if (digits?.length !== 3 || status < 100 || status > 699) {
    return fail("status-out-of-range", "status line", `status ${quoted(digits as string)}; expected 100 to 699`);
  }
  return ok({ kind: "response", status, reason: reason as string });
}

/** Reads header lines that stand alone, as in a part of a body: everything before the empty line. */
export function readFields(text: string): { readonly headers: readonly Header[]; readonly fault: Fault | null } {
  const { headers, problem } = readHeaders(text, 0);
  return { headers, fault: problem };
}

interface Lines {
  readonly headers: Header[];
  problem: Fault | null;
}

function readHeaders(text: string, from: number): Lines {
  const lines: Lines = { headers: [], problem: null };
  let at = from;
  while (at < text.length) {
    const cr = text.indexOf("\r", at);
    const end = cr < 0 ? text.length : cr;
    const lf = text.indexOf("\n", at);
    if (cr < 0 ? lf >= 0 : lf !== cr + 1) {
      lines.problem ??= fault("line-end-malformed", "headers", "a lone carriage return or line feed; expected CRLF");
      return lines;
    }
    readLine(text, at, end, lines);
    at = end + 2;
  }
  return lines;
}

function readLine(text: string, start: number, end: number, lines: Lines): void {
  if (isBlank(codeAt(text, start))) {
    continueLast(trimmed(text, start, end), lines);
    return;
  }
  const nameEnd = skip(text, start, TOKEN);
  const colon = skipBlanks(text, nameEnd);
  if (nameEnd === start || colon >= end || codeAt(text, colon) !== COLON) {
    lines.problem ??= fault("header-malformed", "headers", `${quoted(text.slice(start, end))}; expected Name: value`);
    return;
  }
  if (lines.headers.length === LIMITS.headers) {
    lines.problem ??= fault("head-too-large", "headers", `more than ${LIMITS.headers} headers`);
    return;
  }
  const name = text.slice(start, nameEnd);
  const key = headerKey(name);
  if (SINGLE.has(key) && headerOf(lines, key) !== undefined) {
    lines.problem ??= fault("header-repeated", name, "stands twice; expected once");
  }
  lines.headers.push({ name, key, value: trimmed(text, colon + 1, end) });
}

const COLON = 0x3a;

/** A fold is one space (RFC 3261 7.3.1). */
function continueLast(more: string, lines: Lines): void {
  const last = lines.headers.pop();
  if (last === undefined) lines.problem ??= fault("header-malformed", "headers", "the first header starts with white space");
  else lines.headers.push({ ...last, value: last.value === "" || more === "" ? last.value + more : `${last.value} ${more}` });
}

/** Only space and tab are white space in a header (String.prototype.trim would take bytes of UTF-8 characters with it). */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}
