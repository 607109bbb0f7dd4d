/**
 * The two PRECIS profiles of a JID: UsernameCaseMapped for the localpart and OpaqueString for the resourcepart (RFC 7622
 * sections 3.3 and 3.4, RFC 8265). Code points are derived as RFC 8264 section 8 says, from the runtime's Unicode data.
 */

/** What a code point may be used for (RFC 8264 section 8). */
type Derived = "valid" | "freeform" | "contextual" | "disallowed";

/** First test that holds decides, in the order of RFC 8264 section 8. */
// biome-ignore format: one rule a line
const DERIVATION: readonly (readonly [RegExp | ((character: string) => boolean), Derived])[] = [
  [/[\u00DF\u03C2\u06FD\u06FE\u0F0B\u3007]/,                                     "valid"],      // 9.6 Exceptions
  [/[\u00B7\u0375\u05F3\u05F4\u30FB\u0660-\u0669\u06F0-\u06F9]/,                 "contextual"], // 9.6 Exceptions
  [/[\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B]/,                              "disallowed"], // 9.6 Exceptions
  [/\p{Cn}/u,                                                                    "disallowed"], // 9.10 Unassigned
  [/[\x21-\x7E]/,                                                                "valid"],      // 9.11 ASCII7
  [/[\u200C\u200D]/,                                                             "contextual"], // 9.8 JoinControl
  [/[\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7C6\uD7CB-\uD7FB]/,                     "disallowed"], // 9.9 OldHangulJamo
  [/[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u,             "disallowed"], // 9.13 PrecisIgnorableProperties
  [/\p{Cc}/u,                                                                    "disallowed"], // 9.12 Controls
  [(character) => character.normalize("NFKC") !== character,                     "freeform"],   // 9.17 HasCompat
  [/[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]/u,                              "valid"],      // 9.1 LetterDigits
  [/[\p{Lt}\p{Nl}\p{No}\p{Me}]/u,                                                "freeform"],   // 9.18 OtherLetterDigits
  [/[\p{Zs}\p{S}\p{P}]/u,                                                        "freeform"],   // 9.14 to 9.16
];

function derive(character: string): Derived {
  const rule = DERIVATION.find(([test]) => (typeof test === "function" ? test(character) : test.test(character)));
  return rule?.[1] ?? "disallowed";
}

/** UsernameCaseMapped (RFC 8265 section 3.3); null where the text is not allowed. */
export function usernameCaseMapped(text: string): string | null {
  if (/^[\x21-\x7E]+$/.test(text)) return text.toLowerCase();
  if (!inClass(mapWidth(text), false)) return null;
  const once = mapUsername(text);
  // A form that changes when mapped again could be compared with itself and differ (RFC 8264 section 7).
  return once !== "" && once === mapUsername(once) && inClass(once, false) && obeysBidiRule(once) ? once : null;
}

/** OpaqueString (RFC 8265 section 4.2): case and width stay; null where the text is not allowed. */
export function opaqueString(text: string): string | null {
  if (/^[\x20-\x7E]+$/.test(text)) return text;
  if (!inClass(text, true)) return null;
  const mapped = text.replace(/\p{Zs}/gu, " ").normalize("NFC");
  return mapped !== "" && inClass(mapped, true) ? mapped : null;
}

const mapUsername = (text: string): string => mapWidth(text).toLowerCase().normalize("NFC");

/** Fullwidth and halfwidth characters become what they are variants of (RFC 8265 section 3.3.2). */
const mapWidth = (text: string): string => text.replace(/[\u3000\uFF01-\uFFEE]/g, (character) => character.normalize("NFKC"));

/** IdentifierClass, or FreeformClass (RFC 8264 sections 4.2 and 4.3). */
function inClass(text: string, freeform: boolean): boolean {
  const characters = [...text];
  return characters.every((character, index) => {
    const derived = derive(character);
    if (derived === "contextual") return inContext(characters, index);
    return derived === "valid" || (freeform && derived === "freeform");
  });
}

/** Characters of the canonical combining class Virama. */
const VIRAMA =
  /[\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D3B\u0D3C\u0D4D\u0DCA\u0E3A\u0EBA\u0F84\u1039\u103A\u1714\u1715\u1734\u17D2\u1A60\u1B44\u1BAA\u1BAB\u1BF2\u1BF3\u2D7F\uA806\uA82C\uA8C4\uA953\uA9C0\uAAF6\uABED]/;

/** Contextual rules (RFC 5892 appendix A). */
// biome-ignore format: one rule a line
const CONTEXTS: readonly (readonly [RegExp, (characters: readonly string[], index: number) => boolean])[] = [
  // A.1, A.2. Of A.1 only the first alternative: the runtime does not know joining types.
  [/[\u200C\u200D]/,   (characters, index) => VIRAMA.test(characters[index - 1] ?? "")],
  [/\u00B7/,           (characters, index) => characters[index - 1] === "l" && characters[index + 1] === "l"],         // A.3
  [/\u0375/,           (characters, index) => /\p{Script=Greek}/u.test(characters[index + 1] ?? "")],                  // A.4
  [/[\u05F3\u05F4]/,   (characters, index) => /\p{Script=Hebrew}/u.test(characters[index - 1] ?? "")],                 // A.5, A.6
  [/\u30FB/,           (characters) => /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(characters.join("").replaceAll("\u30FB", ""))], // A.7
  [/[\u0660-\u0669]/,  (characters) => !/[\u06F0-\u06F9]/.test(characters.join(""))],                                  // A.8
  [/[\u06F0-\u06F9]/,  (characters) => !/[\u0660-\u0669]/.test(characters.join(""))],                                  // A.9
];

function inContext(characters: readonly string[], index: number): boolean {
  const rule = CONTEXTS.find(([applies]) => applies.test(characters[index] ?? ""));
  return rule?.[1](characters, index) ?? false;
}

/** Blocks of what runs right to left (Bidi_Class R and AL); of the other classes there IdentifierClass lets only marks and digits in. */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;
const ARABIC_NUMBER = /[\u0660-\u0669\u066B\u066C\u06DD\u{10E60}-\u{10E7E}]/u;
const EUROPEAN_NUMBER = /[0-9\u06F0-\u06F9]/;

type Direction = "R" | "L" | "EN" | "AN" | "mark" | "neutral";

function directionOf(character: string): Direction {
  if (EUROPEAN_NUMBER.test(character)) return "EN";
  if (ARABIC_NUMBER.test(character)) return "AN";
  if (/\p{Mn}/u.test(character)) return "mark";
  if (RIGHT_TO_LEFT.test(character)) return "R";
  return /[\p{L}\p{Nd}\p{Mc}]/u.test(character) ? "L" : "neutral";
}

/** The Bidi Rule (RFC 5893 section 2) on texts that hold a right-to-left character; others pass. */
function obeysBidiRule(text: string): boolean {
  const directions = [...text].map(directionOf);
  if (!directions.includes("R") && !directions.includes("AN")) return true;
  const last = directions.findLast((direction) => direction !== "mark");
  if (directions[0] !== "R" || directions.includes("L")) return false;
  return last !== "neutral" && !(directions.includes("EN") && directions.includes("AN"));
}
