/** The small pieces of RFC 3261's grammar (section 25.1) that several headers share. Every expression here runs in linear time. */
import { fail, type Outcome, ok, quoted } from "./faults.ts";
import { LIMITS } from "./limits.ts";

/** token, as the inside of a character class. */
export const TOKEN_CLASS = "A-Za-z0-9\\-.!%*_+`'~";

/** host: name, IPv4 address or IPv6 reference. Underscores occur in the names of Windows hosts. */
export const HOST = "(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\\.?|\\[[0-9A-Fa-f:.]{2,45}\\])";

/** quoted-string; a header's value holds no line ends that could be escaped. */
export const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';

const TOKEN = new RegExp(`^[${TOKEN_CLASS}]+$`);

export const isToken = (text: string): boolean => TOKEN.test(text);

/** Call-ID: word [ "@" word ]. */
const CALL_ID = /^[A-Za-z0-9\-.!%*_+`'~()<>:\\"/[\]?{}]+(?:@[A-Za-z0-9\-.!%*_+`'~()<>:\\"/[\]?{}]+)?$/;

export const isCallId = (text: string): boolean => CALL_ID.test(text);

/** Name in lower case, value as written (quotes included), null where there is none. */
export type Parameters = readonly (readonly [string, string | null])[];

/** A parameter's value; null where it has none, undefined where the parameter is absent. `name` in lower case. */
export function parameter(parameters: Parameters, name: string): string | null | undefined {
  for (const pair of parameters) if (pair[0] === name) return pair[1];
  return undefined;
}

/**
 * One `;name=value`. Values: token, quoted-string, host, and the characters that Microsoft's parameters use unquoted
 * (COMPAT(lync): epid, ms-received-cid, base64 with `=`).
 */
const ONE_PARAMETER = new RegExp(
  `[ \\t]*;[ \\t]*([${TOKEN_CLASS}]+)(?:[ \\t]*=[ \\t]*(${QUOTED}|[!#$%&'*+\\-./0-9:=?@A-Z\\[\\]^_\`a-z{|}~()]+))?`,
  "y",
);

/** Parses `;name=value...` up to the end of the text. A name that stands twice is an error (RFC 3261 7.3.1). */
export function parseParameters(text: string, from: number, where: string): Outcome<Parameters> {
  const found: (readonly [string, string | null])[] = [];
  let at = from;
  while (at < text.length) {
    ONE_PARAMETER.lastIndex = at;
    const match = ONE_PARAMETER.exec(text);
    if (match === null) {
      return /^[ \t]*$/.test(text.slice(at))
        ? ok(found)
        : fail("header-malformed", where, `expected ;name=value at ${quoted(text.slice(at))}`);
    }
    const name = (match[1] as string).toLowerCase();
    if (parameter(found, name) !== undefined) return fail("header-repeated", where, `parameter ${quoted(name)} stands twice`);
    if (found.length === LIMITS.parameters) return fail("header-malformed", where, `more than ${LIMITS.parameters} parameters`);
    found.push([name, match[2] ?? null]);
    at = ONE_PARAMETER.lastIndex;
  }
  return ok(found);
}

/** The text inside a quoted-string, escapes resolved; any other value as it is. */
export const unquote = (value: string): string =>
  value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1).replace(/\\([\s\S])/g, "$1") : value;

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

/** A whole number of at most `most`; null for anything else. Leading zeros are fine (RFC 4475 3.1.1.1). */
export function parseNumber(text: string, most: number): number | null {
  if (!/^\d{1,64}$/.test(text)) return null;
  const number = Number(text);
  return number <= most ? number : null;
}
