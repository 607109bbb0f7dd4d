/**
 * The XML stream reader: bytes of one direction of a stream -> header, first-level elements, closing tag. Strict as RFC 6120
 * section 11 asks. Works through each byte once, however the bytes are cut, and holds no more than one unfinished token.
 */
import { isUtf8 } from "node:buffer";
import type { XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { StreamErrorCondition } from "../xmpp/stream-errors.ts";
import { normaliseLineEnds, resolveReferences } from "./characters.ts";
import { READER_LIMITS, type ReaderLimits } from "./limits.ts";
import { notWellFormed, overLimit, XmlProblem } from "./problem.ts";
import {
  AMPERSAND,
  CARRIAGE_RETURN,
  CDATA_END,
  CDATA_START,
  GREATER,
  LINE,
  type Place,
  Scanner,
  type TokenKind,
  UNFINISHED,
  WIDE,
} from "./scanner.ts";
import { checkDeclaration, type OpenTag, readCloseTag, readOpenTag } from "./tag.ts";
import { type StreamHeader, Tree } from "./tree.ts";

export { READER_LIMITS, type ReaderLimits, UNAUTHENTICATED_LIMITS } from "./limits.ts";
export type { StreamHeader } from "./tree.ts";

export type StreamEvent =
  | { readonly kind: "header"; readonly header: StreamHeader }
  /** `bytes` is the element's size on the wire. */
  | { readonly kind: "element"; readonly element: XmlElement; readonly bytes: number }
  /** White space between first-level elements: a sign of life. One event for each run within one write. */
  | { readonly kind: "whitespace" }
  | { readonly kind: "close" }
  /** Always the last event: the reader is dead, later writes return nothing. */
  | { readonly kind: "error"; readonly condition: StreamErrorCondition; readonly text: string };

/** Whether the root is the `<stream:stream/>` of RFC 6120, whatever its prefix. */
export const isStreamHeader = (header: StreamHeader): boolean => header.name === "stream" && header.namespace === NS.streams;

/** Bytes of buffer an idle reader may keep, so that small cuts do not allocate again and again. */
const IDLE_BYTES = 1024;

const NOTHING = Buffer.alloc(0);

export class StreamReader {
  #limits: ReaderLimits;
  #tree: Tree;
  #scanner = new Scanner();
  #place: Place = "start";
  #dead = false;
  /** Bytes of finished tokens that count towards headerBytes or elementBytes. */
  #spent = 0;
  /** The unfinished token is the first `#pending` bytes. */
  #kept: Buffer = NOTHING;
  #pending = 0;

  constructor(limits: ReaderLimits = READER_LIMITS) {
    this.#limits = limits;
    this.#tree = new Tree(limits);
  }

  /** Bytes of what is begun and not finished, token or first-level element: at most the larger of headerBytes and elementBytes. */
  get pending(): number {
    return this.#pending + (this.#place === "inside" ? this.#spent : 0);
  }

  /** Takes the next bytes; returns what they complete, in order. The chunk may be reused afterwards. */
  write(chunk: Uint8Array): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (this.#dead || chunk.length === 0) return events;
    try {
      const input = this.#join(chunk);
      this.#keep(input, this.#consume(input, events));
    } catch (problem) {
      if (!(problem instanceof XmlProblem)) throw problem;
      events.push({ kind: "error", condition: problem.condition, text: problem.message });
      this.#dead = true;
      this.restart();
    }
    return events;
  }

  /**
   * A new stream on the same connection (after TLS or SASL): everything is forgotten, unread bytes included. Returns how many
   * of those there were; what came behind the last byte wanted and was complete is among the events already returned, and is
   * the caller's to refuse. A dead reader stays dead.
   */
  restart(): number {
    const thrownAway = this.pending;
    this.#tree = new Tree(this.#limits);
    this.#scanner.reset();
    this.#place = "start";
    this.#spent = 0;
    this.#kept = NOTHING;
    this.#pending = 0;
    return thrownAway;
  }

  /** Other limits from the next token on. */
  setLimits(limits: ReaderLimits): void {
    this.#limits = limits;
    this.#tree.limits = limits;
  }

  /** What is pending followed by the chunk; the chunk itself where nothing is. */
  #join(chunk: Uint8Array): Buffer {
    if (this.#pending === 0) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const length = this.#pending + chunk.length;
    if (this.#kept.length < length) {
      // Doubling keeps the copying linear in the bytes received.
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#kept.length));
      this.#kept.copy(larger, 0, 0, this.#pending);
      this.#kept = larger;
    }
    this.#kept.set(chunk, this.#pending);
    return this.#kept.subarray(0, length);
  }

  /** Keeps what follows the bytes used. */
  #keep(input: Buffer, used: number): void {
    const rest = input.length - used;
    if (rest > 0 && this.#pending > 0) {
      if (used > 0) this.#kept.copyWithin(0, used, input.length);
    } else if (rest > 0) {
      if (this.#kept.length < rest) this.#kept = Buffer.allocUnsafeSlow(Math.max(rest, IDLE_BYTES));
      input.copy(this.#kept, 0, used);
    } else if (this.#kept.length > IDLE_BYTES) this.#kept = NOTHING;
    this.#pending = rest;
  }

  /** Works through all finished tokens; returns how many bytes they take. */
  #consume(input: Buffer, events: StreamEvent[]): number {
    const scanner = this.#scanner;
    let start = 0;
    while (start < input.length) {
      const stop = Math.min(input.length, start + this.#allowance());
      const end = start < stop ? scanner.endOfToken(input, start, stop, this.#place, this.#tree.depth) : UNFINISHED;
      if (end === UNFINISHED) {
        if (stop < input.length) throw this.#tooLong();
        break;
      }
      this.#token(input, start, end, events);
      scanner.reset();
      start = end;
    }
    return start;
  }

  /** Bytes the token at hand may take. */
  #allowance(): number {
    const { headerBytes, elementBytes } = this.#limits;
    return (this.#place === "start" || this.#place === "prolog" ? headerBytes : elementBytes) - this.#spent;
  }

  //= RFC 6120 13.12
  #tooLong(): XmlProblem {
    const { headerBytes, elementBytes } = this.#limits;
    return this.#place === "inside" ? overLimit("a stanza", elementBytes) : overLimit("a stream header", headerBytes);
  }

  #token(input: Buffer, start: number, end: number, events: StreamEvent[]): void {
    const { kind, met } = this.#scanner;
    if (kind === "space") this.#space(end - start, events);
    else {
      this.#spent += end - start;
      this.#markup(kind, textOf(input, start, end, met), met, events);
    }
  }

  #markup(kind: Exclude<TokenKind, "space">, written: string, met: number, events: StreamEvent[]): void {
    switch (kind) {
      case "text":
        this.#tree.text(readText(written, met));
        break;
      case "openTag":
        this.#openTag(written, met, events);
        break;
      case "closeTag":
        this.#closeTag(written, events);
        break;
      case "cdata":
        this.#tree.text(normaliseLineEnds(written.slice(CDATA_START.length, -CDATA_END.length)));
        break;
      case "declaration":
        checkDeclaration(written);
        this.#place = "prolog";
        break;
      default:
        kind satisfies never;
    }
  }

  /** Counts only before the header, where nothing else limits it. */
  #space(bytes: number, events: StreamEvent[]): void {
    if (this.#place === "inside") events.push({ kind: "whitespace" });
    else if (this.#place !== "after") {
      this.#spent += bytes;
      this.#place = "prolog";
    }
  }

  #openTag(written: string, met: number, events: StreamEvent[]): void {
    const tag = readOpenTag(written, (met & (AMPERSAND | CARRIAGE_RETURN | LINE)) === 0, this.#limits);
    if (this.#place === "inside") this.#finished(this.#tree.open(tag), events);
    else this.#header(tag, events);
  }

  #header(tag: OpenTag, events: StreamEvent[]): void {
    events.push({ kind: "header", header: this.#tree.openRoot(tag) });
    this.#place = "inside";
    this.#spent = 0;
    if (tag.empty) this.#close(tag.name, events);
  }

  #closeTag(written: string, events: StreamEvent[]): void {
    const name = readCloseTag(written, this.#limits);
    if (this.#tree.depth === 0) this.#close(name, events);
    else this.#finished(this.#tree.close(name), events);
  }

  #finished(element: XmlElement | null, events: StreamEvent[]): void {
    if (element === null) return;
    events.push({ kind: "element", element, bytes: this.#spent });
    this.#spent = 0;
  }

  #close(name: string, events: StreamEvent[]): void {
    this.#tree.closeRoot(name);
    events.push({ kind: "close" });
    this.#place = "after";
    this.#spent = 0;
  }
}

/** Characters that are UTF-8 and still no Char of XML 1.0; the scanner has refused the others. */
const NONCHARACTERS = /[\uFFFE\uFFFF]/;

function textOf(input: Buffer, start: number, end: number, met: number): string {
  if ((met & WIDE) === 0) return input.toString("latin1", start, end);
  if (!isUtf8(input.subarray(start, end))) throw notWellFormed("bytes that are not UTF-8");
  const text = input.toString("utf8", start, end);
  if (NONCHARACTERS.test(text)) throw notWellFormed("a character that XML cannot carry");
  return text;
}

function readText(written: string, met: number): string {
  if ((met & (AMPERSAND | CARRIAGE_RETURN | GREATER)) === 0) return written;
  if (written.includes(CDATA_END)) throw notWellFormed("]]> in text");
  const text = (met & CARRIAGE_RETURN) === 0 ? written : normaliseLineEnds(written);
  return (met & AMPERSAND) === 0 ? text : resolveReferences(text);
}
