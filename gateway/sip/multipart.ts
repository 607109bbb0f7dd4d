/** Bodies of several parts (RFC 2046 5.1, RFC 5621 3): bytes -> parts with their own headers. A part may be such a body again. */
import { fail, failed, type Outcome, ok, quoted } from "./faults.ts";
import { type Parameters, parameter, unquote } from "./grammar.ts";
import { readFields } from "./head.ts";
import { LIMITS } from "./limits.ts";
import { type Header, NO_BODY } from "./message.ts";
import { isBlank } from "./scan.ts";

export interface Part {
  readonly headers: readonly Header[];
  /** Shares memory with the whole. */
  readonly body: Buffer;
}

const WHERE = "multipart body";
/** RFC 2046 5.1.1; a space may not be the last. */
const BOUNDARY = /^[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]$/;

/** The boundary that a Content-Type names. */
export function boundaryOf(parameters: Parameters): Outcome<string> {
  const boundary = unquote(parameter(parameters, "boundary") ?? "");
  return BOUNDARY.test(boundary)
    ? ok(boundary)
    : fail("body-malformed", WHERE, `boundary ${quoted(boundary)}; expected 1 to 70 characters of RFC 2046`);
}

/** The parts between the boundary lines. What stands before the first and after the last is no part (RFC 2046 5.1.1). */
export function readParts(bytes: Buffer, boundary: string): Outcome<readonly Part[]> {
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  const parts: Part[] = [];
  let line = nextDelimiter(bytes, delimiter, 0);
  while (line !== null && !line.isClosing) {
    const next = nextDelimiter(bytes, delimiter, line.end - 2);
    if (next === null) break;
    if (parts.length === LIMITS.bodyParts) return fail("body-malformed", WHERE, `more than ${LIMITS.bodyParts} parts`);
    const part = readPart(bytes.subarray(line.end, Math.max(line.end, next.start)));
    if (!part.ok) return part;
    parts.push(part.value);
    line = next;
  }
  if (line === null) return fail("body-malformed", WHERE, `no line with boundary ${quoted(boundary)}`);
  return line.isClosing ? ok(parts) : fail("body-malformed", WHERE, "is not closed by its boundary");
}

interface Delimiter {
  /** Where its CRLF starts, which belongs to it and not to the part before. */
  readonly start: number;
  /** Past the CRLF at its end; past the `--` where it closes the body. */
  readonly end: number;
  readonly isClosing: boolean;
}

/** The next whole boundary line, blanks at its end allowed; a line that only starts like one is text. */
function nextDelimiter(bytes: Buffer, delimiter: Buffer, from: number): Delimiter | null {
  const opens = from === 0 && bytes.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2));
  let start = opens ? -2 : bytes.indexOf(delimiter, from);
  for (; start >= -2 && start !== -1; start = bytes.indexOf(delimiter, Math.max(0, start + 2))) {
    const after = start + delimiter.length;
    if (bytes[after] === HYPHEN && bytes[after + 1] === HYPHEN) return { start, end: after + 2, isClosing: true };
    let end = after;
    while (isBlank(bytes[end] ?? -1)) end++;
    if (bytes[end] === 0x0d && bytes[end + 1] === 0x0a) return { start, end: end + 2, isClosing: false };
  }
  return null;
}

const HYPHEN = 0x2d;

/** Without headers, a part starts with an empty line; without an empty line, it is headers alone (RFC 2046 5.1). */
function readPart(bytes: Buffer): Outcome<Part> {
  if (bytes[0] === 0x0d && bytes[1] === 0x0a) return ok({ headers: [], body: bytes.subarray(2) });
  const end = bytes.indexOf("\r\n\r\n");
  const headEnd = end < 0 ? bytes.length : end;
  if (headEnd > LIMITS.headBytes) return fail("head-too-large", WHERE, `headers of a part of more than ${LIMITS.headBytes} bytes`);
  const { headers, fault } = readFields(bytes.toString("latin1", 0, headEnd));
  return fault === null ? ok({ headers, body: end < 0 ? NO_BODY : bytes.subarray(end + 4) }) : failed(fault);
}
