/** The small pieces of RFC 3261's grammar (section 25.1) that several headers share. All of it runs in linear time. */
import { fail, type Outcome, ok, quoted } from "./faults.ts";
import { LIMITS } from "./limits.ts";
import { type CharacterClass, codeAt, lowerSlice, skip, skipBlanks, skipQuoted, TOKEN, VALUE, WORD } from "./scan.ts";

/** Whether the whole text is of that class, and not empty. */
const isAll = (text: string, table: CharacterClass): boolean => text !== "" && skip(text, 0, table) === text.length;

export const isToken = (text: string): boolean => isAll(text, TOKEN);

const AT = 0x40;

/** Call-ID: word [ "@" word ]. */
export function isCallId(text: string): boolean {
  const end = skip(text, 0, WORD);
  if (end === text.length || end === 0) return end > 0;
  return text.charCodeAt(end) === AT && end + 1 < text.length && skip(text, end + 1, WORD) === text.length;
}

/** Name in lower case, value as written (quotes included), null where there is none. */
export type Parameters = readonly (readonly [string, string | null])[];

/** A parameter's value; null where it has none, undefined where the parameter is absent. `name` in lower case. */
export function parameter(parameters: Parameters, name: string): string | null | undefined {
  for (const pair of parameters) if (pair[0] === name) return pair[1];
  return undefined;
}

const NONE: Outcome<Parameters> = ok([]);
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;

/** Parses `;name=value...` from there to the end of the text. A name that stands twice is an error (RFC 3261 7.3.1). */
export function parseParameters(text: string, from: number, where: string): Outcome<Parameters> {
  let at = skipBlanks(text, from);
  if (at === text.length) return NONE;
  const found: (readonly [string, string | null])[] = [];
  while (at < text.length) {
    const start = codeAt(text, at) === SEMICOLON ? skipBlanks(text, at + 1) : -1;
    const end = start < 0 ? -1 : skip(text, start, TOKEN);
    const equals = skipBlanks(text, end);
    const hasValue = codeAt(text, equals) === EQUALS;
    const valueAt = hasValue ? skipBlanks(text, equals + 1) : end;
    const valueEnd = hasValue ? endOfValue(text, valueAt) : end;
    if (start < 0 || end === start || valueEnd < 0)
      return fail("header-malformed", where, `expected ;name=value at ${quoted(text.slice(at))}`);
    const name = lowerSlice(text, start, end);
    if (parameter(found, name) !== undefined) return fail("header-repeated", where, `parameter ${quoted(name)} stands twice`);
    if (found.length === LIMITS.parameters) return fail("header-malformed", where, `more than ${LIMITS.parameters} parameters`);
    found.push([name, hasValue ? text.slice(valueAt, valueEnd) : null]);
    at = skipBlanks(text, valueEnd);
  }
  return ok(found);
}

/** -1 where there is no value, or its quotes are not closed. */
function endOfValue(text: string, at: number): number {
  if (codeAt(text, at) === QUOTE) return skipQuoted(text, at);
  const end = skip(text, at, VALUE);
  return end > at ? end : -1;
}

/** The text inside a quoted-string, escapes resolved; any other value as it is. */
export function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  const inside = value.slice(1, -1);
  return inside.includes("\\") ? inside.replace(/\\([\s\S])/g, "$1") : inside;
}

/**
 * Splits a list at its commas: not those in quoted strings or between `<` and `>`. Elements are trimmed; empty ones are an error.
 */
export function splitList(value: string, where: string): Outcome<readonly string[]> {
  if (!value.includes(",")) return value === "" ? fail("header-malformed", where, "is empty") : ok([value]);
  const elements = cutAtCommas(value);
  if (elements === null) return fail("header-malformed", where, "a quoted string or < is not closed");
  if (elements.some((element) => element === "")) return fail("header-malformed", where, "an element between commas is empty");
  if (elements.length > LIMITS.listElements) return fail("header-malformed", where, `more than ${LIMITS.listElements} elements`);
  return ok(elements);
}

function cutAtCommas(value: string): string[] | null {
  const elements: string[] = [];
  let start = 0;
  let inQuotes = false;
  let inBrackets = false;
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at);
    if (inQuotes) {
      if (char === 0x5c) at++;
      else if (char === 0x22) inQuotes = false;
    } else if (char === 0x22 && !inBrackets) inQuotes = true;
    else if (char === 0x3c) inBrackets = true;
    else if (char === 0x3e) inBrackets = false;
    else if (char === 0x2c && !inBrackets) {
      elements.push(value.slice(start, at).trim());
      start = at + 1;
    }
  }
  if (inQuotes || inBrackets) return null;
  elements.push(value.slice(start).trim());
  return elements;
}

/** The tokens of a list header in lower case, without parameters (`Require`, `Supported`, `Accept`). Empty elements are skipped. */
export const tokensOf = (values: readonly string[]): string[] =>
  values
    .flatMap((value) => value.split(","))
    .map((element) => (element.split(";")[0] as string).trim().toLowerCase())
    .filter((element) => element !== "");

/** More digits than any number needs, with leading zeros. */
const NUMBER_DIGITS = 64;

/** A whole number of at most `most`; null for anything else. Leading zeros are fine (RFC 4475 3.1.1.1). */
export function parseNumber(text: string, most: number): number | null {
  if (text === "" || text.length > NUMBER_DIGITS) return null;
  let number = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return null;
    number = number * 10 + digit;
  }
  return number <= most ? number : null;
}
