/** One tag or XML declaration as text -> its parts. The reader has already found its end and refused `<` within. */
import { endOfQualifiedName, resolveReferences } from "./characters.ts";
import type { ReaderLimits } from "./limits.ts";
import { notWellFormed, overLimit, XmlProblem } from "./problem.ts";

export interface OpenTag {
  /** As written, with prefix. */
  readonly name: string;
  /** Names as written and normalised values, alternating. */
  readonly pairs: readonly string[];
  readonly empty: boolean;
}

const SLASH = 0x2f;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/**
 * Reads `<name a='b' ...>` or `<name .../>`.
 * @param plain No value holds a reference or white space other than U+0020, so that values are taken as they are.
 * @throws XmlProblem
 */
export function readOpenTag(text: string, plain: boolean, limits: ReaderLimits): OpenTag {
  let at = endOfQualifiedName(text, 1);
  const name = nameBetween(text, 1, at, limits);
  const pairs: string[] = [];
  for (;;) {
    const next = skipSpace(text, at);
    const code = text.charCodeAt(next);
    if (code === GREATER) return { name, pairs, empty: false };
    if (code === SLASH && text.charCodeAt(next + 1) === GREATER) return { name, pairs, empty: true };
    if (next === at) throw notWellFormed("a tag with something other than white space after a name or value");
    if (pairs.length === 2 * limits.attributes) throw overLimit("a tag", limits.attributes, "attributes");
    at = readAttribute(text, next, plain, limits, pairs);
  }
}

/** Reads `</name>`; the name as written. @throws XmlProblem */
export function readCloseTag(text: string, limits: ReaderLimits): string {
  const end = endOfQualifiedName(text, 2);
  const name = nameBetween(text, 2, end, limits);
  if (skipSpace(text, end) !== text.length - 1) throw notWellFormed("a closing tag with something after its name");
  return name;
}

const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.0\1(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])([A-Za-z][\w.-]*)\2)?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(?:yes|no)\4)?[ \t\r\n]*\?>$/;

/** Checks `<?xml version='1.0' ...?>` (XML 1.0 production 23). @throws XmlProblem */
export function checkDeclaration(text: string): void {
  const match = DECLARATION.exec(text);
  if (match === null) throw notWellFormed("an XML declaration other than of version 1.0, or a processing instruction");
  const encoding = match[3];
  //= RFC 6120 11.6
  if (encoding !== undefined && encoding.toUpperCase() !== "UTF-8") {
    throw new XmlProblem("unsupported-encoding", `the encoding is ${encoding.slice(0, 40)}; only UTF-8 is allowed`);
  }
}

/** Appends name and value to `pairs`; returns where the attribute ends. */
function readAttribute(text: string, start: number, plain: boolean, limits: ReaderLimits, pairs: string[]): number {
  const nameEnd = endOfQualifiedName(text, start);
  const name = nameBetween(text, start, nameEnd, limits);
  const equals = skipSpace(text, nameEnd);
  if (text.charCodeAt(equals) !== EQUALS) throw notWellFormed("an attribute without a value");
  const open = skipSpace(text, equals + 1);
  const quote = text.charCodeAt(open);
  if (quote !== SINGLE_QUOTE && quote !== DOUBLE_QUOTE) throw notWellFormed("an attribute value without quotes");
  const close = text.indexOf(quote === SINGLE_QUOTE ? "'" : '"', open + 1);
  if (close === -1) throw notWellFormed("an attribute value without its closing quote");
  const written = text.slice(open + 1, close);
  const value = plain ? written : normaliseValue(written);
  if (exceeds(value, limits.attributeBytes)) throw overLimit("an attribute value", limits.attributeBytes);
  pairs.push(name, value);
  return close + 1;
}

/** Attribute-value normalisation (XML 1.0 section 3.3.3): white space becomes U+0020, unless it comes from a reference. */
const normaliseValue = (written: string): string => resolveReferences(written.replace(/\r\n|[\t\n\r]/g, " "));

function nameBetween(text: string, start: number, end: number, limits: ReaderLimits): string {
  if (end === start) throw notWellFormed("a tag with something that is no name where a name is due");
  const name = text.slice(start, end);
  if (exceeds(name, limits.nameBytes)) throw overLimit("a name", limits.nameBytes);
  return name;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

/** Whether the text takes more than so many bytes; one UTF-16 unit takes three at most. */
const exceeds = (text: string, bytes: number): boolean => text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
