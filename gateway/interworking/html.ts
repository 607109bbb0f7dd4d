/** The text of an HTML message, for the side that is sent plain text. Nothing of the markup survives, so that nothing of it can act. */

// Attributes are bounded, so that unclosed tags cannot make a search start over and over.

/** What is not shown at all, up to its end tag or the end of the text. */
const HIDDEN = /<(script|style|head|title)\b[^>]{0,2048}>[\s\S]*?(?:<\/\1\s*>|$)/gi;
const COMMENT = /<!--[\s\S]*?(?:-->|$)/g;
/** Elements that begin or end a line. */
const LINE = /<(?:br|\/p|\/div|\/li|\/tr|\/h[1-6]|\/blockquote)\b[^>]{0,2048}>/gi;
const TAG = /<\/?[a-z!?][^>]*(?:>|$)/gi;
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi;

/** Named references that occur in messages (HTML 4.01 section 24). */
const NAMED: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["apos", "'"],
  ["gt", ">"],
  ["lt", "<"],
  ["nbsp", " "],
  ["quot", '"'],
]);

/** White space is folded as a browser does; references that are not known stay as they are. */
export function htmlToText(html: string): string {
  return html
    .replace(COMMENT, "")
    .replace(HIDDEN, "")
    .replace(/[ \t\r\n]+/g, " ")
    .replace(LINE, "\n")
    .replace(TAG, "")
    .replace(REFERENCE, resolve) // last, so that a tag written by references stays text
    .split("\n")
    .map((line) => line.trim())
    .join("\n")
    .trim();
}

function resolve(reference: string, decimal: string | undefined, hexadecimal: string | undefined, name: string | undefined): string {
  if (name !== undefined) return NAMED.get(name.toLowerCase()) ?? reference;
  const codePoint = decimal === undefined ? Number.parseInt(hexadecimal ?? "", 16) : Number(decimal);
  return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : reference;
}
