/** JID escaping (XEP-0106): how characters a localpart cannot hold stand in one. For localparts only. */

// biome-ignore format: XEP-0106 section 3.2, in its order
const ESCAPES = {
  " ":  "\\20",
  '"':  "\\22",
  "&":  "\\26",
  "'":  "\\27",
  "/":  "\\2f",
  ":":  "\\3a",
  "<":  "\\3c",
  ">":  "\\3e",
  "@":  "\\40",
  "\\": "\\5c",
} as const satisfies Readonly<Record<string, string>>;

const ESCAPED: ReadonlyMap<string, string> = new Map(Object.entries(ESCAPES));
const UNESCAPED: ReadonlyMap<string, string> = new Map(Object.entries(ESCAPES).map(([character, sequence]) => [sequence, character]));

const SEQUENCE = /\\(?:2[0267f]|3[ace]|40|5c)/g;
/** A backslash only where it would begin a sequence (section 4.1 rule 7). */
const TO_ESCAPE = /[ "&'/:<>@]|\\(?=2[0267f]|3[ace]|40|5c)/g;

/**
 * Text -> localpart. Always reversible by unescapeLocalpart. A text that begins or ends with a space gives a localpart that
 * parseJid refuses (section 3.2).
 */
export const escapeLocalpart = (text: string): string => text.replace(TO_ESCAPE, (character) => ESCAPED.get(character) ?? character);

/** Localpart -> the text it stands for. Sequences that are none of the ten stay as they are (section 4.1 rule 3). */
export const unescapeLocalpart = (localpart: string): string =>
  localpart.replace(SEQUENCE, (sequence) => UNESCAPED.get(sequence) ?? sequence);
