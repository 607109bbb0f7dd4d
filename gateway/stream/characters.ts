/**
 * Characters, names and references of XML 1.0 (fifth edition) and Namespaces in XML 1.0, shared by reader and writer.
 */
import { notWellFormed, XmlProblem } from "./problem.ts";

/** What is not a Char (production 2), lone surrogates included. */
export const NOT_A_CHARACTER = /[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** NameStartChar (production 4) and NameChar (4a), both without the colon: NCName of Namespaces in XML. */
const START =
  "A-Z_a-z\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}";
const NC_NAME = `[${START}][${START}\\-.0-9\\u00B7\\u0300-\\u036F\\u203F\\u2040]*`;

const WHOLE_NC_NAME = new RegExp(`^${NC_NAME}$`, "u");
const QUALIFIED_NAME = new RegExp(`${NC_NAME}(?::${NC_NAME})?`, "uy");

/** Whether the text is a name without prefix. */
export const isNcName = (text: string): boolean => WHOLE_NC_NAME.test(text);

/** Where the qualified name that begins at `from` ends; `from` itself where none begins there. */
export function endOfQualifiedName(text: string, from: number): number {
  let at = from;
  let fresh = true;
  let colon = false;
  for (;;) {
    const kind = NAME_KIND[text.charCodeAt(at)];
    if (kind === undefined) break;
    if (kind === START_KIND) fresh = false;
    else if (kind === COLON_KIND && !fresh && !colon) colon = fresh = true;
    else if (kind !== LATER_KIND || fresh) return fresh ? from : at;
    at++;
  }
  // A character beyond ASCII: the exact productions decide.
  QUALIFIED_NAME.lastIndex = from;
  return QUALIFIED_NAME.test(text) ? QUALIFIED_NAME.lastIndex : from;
}

const START_KIND = 1;
const LATER_KIND = 2;
const COLON_KIND = 3;

const NAME_KIND: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (character === ":") return COLON_KIND;
  if (/[A-Z_a-z]/.test(character)) return START_KIND;
  return /[-.0-9]/.test(character) ? LATER_KIND : 0;
});

/** The five entities every processor knows (XML 1.0 section 4.6); RFC 6120 section 11.1 allows no other. */
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["apos", "'"],
  ["quot", '"'],
]);

const REFERENCE = /&(?:#(?:x([0-9A-Fa-f]+)|([0-9]+));|([^\s&;<]*;)?)/g;

/** Replaces character and entity references by what they stand for. @throws XmlProblem */
export const resolveReferences = (text: string): string =>
  text.replace(REFERENCE, (_, hex: string | undefined, decimal: string | undefined, entity: string | undefined) => {
    if (hex !== undefined) return characterOf(Number.parseInt(hex, 16));
    if (decimal !== undefined) return characterOf(Number.parseInt(decimal, 10));
    return entityOf(entity?.slice(0, -1) ?? "");
  });

function characterOf(code: number): string {
  const character = code <= 0x10ffff ? String.fromCodePoint(code) : "";
  if (character === "" || NOT_A_CHARACTER.test(character)) throw notWellFormed("a reference to a character that XML cannot carry");
  return character;
}

function entityOf(name: string): string {
  const character = ENTITIES.get(name);
  if (character !== undefined) return character;
  if (!isNcName(name)) throw notWellFormed("an ampersand that begins no reference");
  //= RFC 6120 11.1
  throw new XmlProblem("restricted-xml", "a reference to an entity other than amp, lt, gt, apos and quot");
}

/** Line ends as XML 1.0 section 2.11 has them: CR LF and CR become LF. */
export const normaliseLineEnds = (text: string): string => text.replace(/\r\n?/g, "\n");
