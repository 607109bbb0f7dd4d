/**
 * Finds where a token ends in the bytes of a stream, and can be stopped and taken up again at any byte. What it cannot accept
 * it refuses at the offending byte: what RFC 6120 section 11.1 restricts, control characters, `<` within a tag.
 */
import { notWellFormed, XmlProblem } from "./problem.ts";

/** Where in the stream the reader is: before its first byte, before its header, inside, after its closing tag. */
export type Place = "start" | "prolog" | "inside" | "after";

export type TokenKind = "space" | "text" | "openTag" | "closeTag" | "cdata" | "declaration";

/** Classes of bytes, as bits: which of them a token holds decides what has to be done with it. */
export const CONTROL = 1;
export const WIDE = 2;
export const AMPERSAND = 4;
export const CARRIAGE_RETURN = 8;
export const LINE = 16;
export const GREATER = 32;
const LESS = 64;
const QUOTE = 128;

export const UNFINISHED = -1;

export const CDATA_START = "<![CDATA[";
export const CDATA_END = "]]>";
const DECLARATION_START = "<?xml";

/** Bytes by class; 0 is an ordinary character. The control characters are those that are no Char of XML 1.0 (production 2). */
const CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80) return WIDE;
  if (byte < 0x20) return byte === 0x0d ? CARRIAGE_RETURN : byte === 0x09 || byte === 0x0a ? LINE : CONTROL;
  const special: Readonly<Record<string, number>> = { "&": AMPERSAND, ">": GREATER, "<": LESS, "'": QUOTE, '"': QUOTE };
  return special[String.fromCharCode(byte)] ?? 0;
});

export class Scanner {
  /** Bytes of the token looked at so far. */
  scanned = 0;
  /** Classes of the bytes met in the token. */
  met = 0;
  kind: TokenKind = "text";
  /** The quote that is open in a tag, or 0. */
  #quote = 0;

  /** Forgets the token. */
  reset(): void {
    this.scanned = 0;
    this.met = 0;
    this.#quote = 0;
  }

  /**
   * The end of the token that begins at `start`, or UNFINISHED when it lies at or beyond `stop` (> start).
   * @throws XmlProblem
   */
  endOfToken(input: Uint8Array, start: number, stop: number, place: Place, depth: number): number {
    const end = this.#endOf(input, start, stop, place, depth);
    if (end === UNFINISHED) this.scanned = stop - start;
    return end;
  }

  #endOf(input: Uint8Array, start: number, stop: number, place: Place, depth: number): number {
    if (input[start] !== LEFT) return depth === 0 ? this.#endOfSpace(input, start, stop, place) : this.#endOfText(input, start, stop);
    if (place === "after") throw notWellFormed("something after the closing tag of the stream");
    if (stop === start + 1) return UNFINISHED;
    const second = input[start + 1] as number;
    if (second === EXCLAMATION) return this.#endOfCdata(input, start, stop, depth);
    if (second === QUESTION) return this.#endOfDeclaration(input, start, stop, place);
    if (second === SLASH) {
      if (place !== "inside") throw notWellFormed("a closing tag before the header");
      this.kind = "closeTag";
    } else {
      if (second === 0 && place === "start") throw notUtf8();
      this.kind = "openTag";
    }
    return this.#endOfTag(input, start, stop);
  }

  /** White space where no element is open: complete at every byte, so that a keep-alive is seen at once. */
  #endOfSpace(input: Uint8Array, start: number, stop: number, place: Place): number {
    this.kind = "space";
    let at = start;
    while (at < stop && isSpace(input[at] as number)) at++;
    if (at > start) return at;
    const byte = input[start] as number;
    //= RFC 6120 11.6
    if (place === "start" && (byte === 0xfe || byte === 0xff || byte === 0)) throw notUtf8();
    if (place === "inside" && CLASSES[byte] !== CONTROL)
      throw new XmlProblem("invalid-xml", "text outside of a stanza; white space is allowed there");
    throw notWellFormed(
      `something other than white space ${place === "after" ? "after the stream" : place === "inside" ? "between stanzas" : "before the header"}`,
    );
  }

  #endOfText(input: Uint8Array, start: number, stop: number): number {
    this.kind = "text";
    let met = this.met;
    for (let at = start + this.scanned; at < stop; at++) {
      const kind = CLASSES[input[at] as number] as number;
      if (kind === 0) continue;
      if (kind === LESS) {
        this.met = met;
        return at;
      }
      if (kind === CONTROL) throw controlCharacter();
      met |= kind;
    }
    this.met = met;
    return UNFINISHED;
  }

  #endOfTag(input: Uint8Array, start: number, stop: number): number {
    let met = this.met;
    let quote = this.#quote;
    for (let at = start + Math.max(this.scanned, 1); at < stop; at++) {
      const byte = input[at] as number;
      const kind = CLASSES[byte] as number;
      if (kind === 0) continue;
      met |= kind;
      if (kind === QUOTE) {
        if (quote === 0) quote = this.#opening(input, at);
        else if (quote === byte) quote = 0;
      } else if (kind === GREATER) {
        if (quote !== 0) continue;
        this.met = met;
        return at + 1;
      } else if (kind === LESS) throw notWellFormed("a < inside a tag");
      else if (kind === CONTROL) throw controlCharacter();
    }
    this.met = met;
    this.#quote = quote;
    return UNFINISHED;
  }

  /** A quote where none is open: only after `=`, or else the rest of the stream would be taken for its value. */
  #opening(input: Uint8Array, at: number): number {
    const before = input[at - 1] as number;
    if (this.kind === "closeTag" || (before !== EQUALS && !isSpace(before)))
      throw notWellFormed("a quote in a tag that opens no attribute value");
    return input[at] as number;
  }

  #endOfCdata(input: Uint8Array, start: number, stop: number, depth: number): number {
    //= RFC 6120 11.1
    if (depth === 0 || !agrees(input, start, stop, CDATA_START)) {
      throw new XmlProblem("restricted-xml", "a comment, DTD or CDATA section where none is allowed");
    }
    this.kind = "cdata";
    const content = start + CDATA_START.length;
    for (let at = Math.max(start + this.scanned, content); at < stop; at++) {
      const kind = CLASSES[input[at] as number] as number;
      if (kind === 0) continue;
      if (kind === CONTROL) throw controlCharacter();
      this.met |= kind;
      if (kind === GREATER && input[at - 1] === BRACKET && input[at - 2] === BRACKET) return at + 1;
    }
    return UNFINISHED;
  }

  #endOfDeclaration(input: Uint8Array, start: number, stop: number, place: Place): number {
    //= RFC 6120 11.1
    const behind = start + DECLARATION_START.length;
    if (place !== "start" || !agrees(input, start, stop, DECLARATION_START) || (behind < stop && !isSpace(input[behind] as number))) {
      throw new XmlProblem("restricted-xml", "a processing instruction, or an XML declaration elsewhere than at the very start");
    }
    this.kind = "declaration";
    for (let at = start + Math.max(this.scanned, DECLARATION_START.length); at < stop; at++) {
      const kind = CLASSES[input[at] as number] as number;
      if (kind === LESS || kind === CONTROL || kind === WIDE) throw notWellFormed("an XML declaration with a character it cannot hold");
      if (kind === GREATER && input[at - 1] === QUESTION) return at + 1;
    }
    return UNFINISHED;
  }
}

const LEFT = 0x3c;
const EXCLAMATION = 0x21;
const QUESTION = 0x3f;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const BRACKET = 0x5d;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Whether the bytes at hand begin as expected. */
function agrees(input: Uint8Array, start: number, stop: number, expected: string): boolean {
  const length = Math.min(stop - start, expected.length);
  for (let index = 0; index < length; index++) if (input[start + index] !== expected.charCodeAt(index)) return false;
  return true;
}

const controlCharacter = (): XmlProblem => notWellFormed("a control character that XML cannot carry");
const notUtf8 = (): XmlProblem => new XmlProblem("unsupported-encoding", "an encoding other than UTF-8");
