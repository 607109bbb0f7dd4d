import assert from "node:assert/strict";
import fc from "fast-check";
import { opaqueString, usernameCaseMapped } from "./precis.ts";

type Case = readonly [string, string | null, string];

// biome-ignore format: one case a line; the first from RFC 8265 sections 3.5 and 4.3, in other words
const USERNAMES: readonly Case[] = [
  ["juliet",                 "juliet",               "a plain name"],
  ["Juliet",                 "juliet",               "upper case"],
  ["fussball",               "fussball",             "ss"],
  ["fu\u00dfball",           "fu\u00dfball",         "sharp s, which stays another name"],
  ["\u03c0",                 "\u03c0",               "a Greek letter"],
  ["\u03a3",                 "\u03c3",               "capital sigma"],
  ["\u03c3",                 "\u03c3",               "small sigma"],
  ["\u03b1\u03a3",           "\u03b1\u03c2",         "capital sigma at the end"],
  ["\uff41\uff22",           "ab",                   "fullwidth letters"],
  ["e\u0301",                "\u00e9",               "a decomposed letter"],
  ["\u3007",                 "\u3007",               "ideographic zero, an exception"],
  ["l\u00b7l",               "l\u00b7l",             "a middle dot between l and l"],
  ["\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937", "a joiner after a virama"],
  ["\u0375\u03b1",           "\u0375\u03b1",         "a keraia before a Greek letter"],
  ["\u05d0\u05f3",           "\u05d0\u05f3",         "a geresh after a Hebrew letter"],
  ["\u30a2\u30fb\u30a2",     "\u30a2\u30fb\u30a2",   "a katakana middle dot among katakana"],
  ["\u0661\u0662",           null,                   "Arabic-Indic digits alone, against the Bidi Rule"],
  ["\u0627\u0661",           "\u0627\u0661",         "Arabic-Indic digits after an Arabic letter"],
  ["\u05d0\u05d1",           "\u05d0\u05d1",         "Hebrew letters"],
  ["\u05d01",                "\u05d01",              "Hebrew and a digit at the end"],
  ["\u05d0\u05b7",           "\u05d0\u05b7",         "a Hebrew letter with a mark"],
  ["1\u05d0",                null,                   "a digit before Hebrew"],
  ["a\u05d0",                null,                   "Latin and Hebrew"],
  ["\u05d0a",                null,                   "Hebrew and Latin"],
  ["\u05d0-",                null,                   "Hebrew with a hyphen at the end"],
  ["\u06271\u0661",          null,                   "European and Arabic-Indic digits in one"],
  ["\u0627\u0661\u06f1",     null,                   "two kinds of Arabic digits in one"],
  ["a\u00b7b",               null,                   "a middle dot elsewhere"],
  ["a\u200db",               null,                   "a joiner elsewhere"],
  ["\u0375a",                null,                   "a keraia before a Latin letter"],
  ["a\u05f3",                null,                   "a geresh after a Latin letter"],
  ["a\u30fb",                null,                   "a katakana middle dot among Latin letters"],
  ["foo bar",                null,                   "a space"],
  ["foo\u3000bar",           null,                   "an ideographic space"],
  ["\u265a",                 null,                   "a symbol"],
  ["henry\u2163",            null,                   "a Roman numeral, which has a compatibility equivalent"],
  ["\u212b",                 null,                   "the angstrom sign, which has an equivalent"],
  ["\ufb01",                 null,                   "a ligature"],
  ["a\u00ad",                null,                   "a soft hyphen"],
  ["a\u0000",                null,                   "a control character"],
  ["\u1100",                 null,                   "an old Hangul jamo"],
  ["\u0640",                 null,                   "a tatweel"],
  ["\ue000",                 null,                   "a private-use character"],
  ["\u0378",                 null,                   "an unassigned code point"],
  ["\ud800",                 null,                   "a lone surrogate"],
  ["",                       null,                   "nothing"],
];

// biome-ignore format: one case a line
const RESOURCES: readonly Case[] = [
  ["Balcony",                "Balcony",              "case, which stays"],
  ["foo bar",                "foo bar",              "a space"],
  ["foo\u1680bar",           "foo bar",              "another space, as U+0020"],
  ["\u3000",                 " ",                    "an ideographic space"],
  ["\u03c0\u00df\u00e5",     "\u03c0\u00df\u00e5",   "letters"],
  ["e\u0301",                "\u00e9",               "a decomposed letter"],
  ["\u265a\u{1F600}",        "\u265a\u{1F600}",      "symbols"],
  ["Jack of \u2666s",        "Jack of \u2666s",      "a symbol among letters"],
  ["\u2163",                 "\u2163",               "a Roman numeral"],
  ["\uff41",                 "\uff41",               "a fullwidth letter, which stays"],
  ["<&'\"/@>",               "<&'\"/@>",             "what a localpart cannot hold"],
  ["\u05d0a",                "\u05d0a",              "mixed directions"],
  ["my cat\tis a by",        null,                   "a control character"],
  ["a\u200b",                null,                   "a zero width space"],
  ["\ue000",                 null,                   "a private-use character"],
  ["\ud800",                 null,                   "a lone surrogate"],
  ["",                       null,                   "nothing"],
];

describe("PRECIS", () => {
  for (const [profile, prepare, cases] of [
    ["UsernameCaseMapped", usernameCaseMapped, USERNAMES],
    ["OpaqueString", opaqueString, RESOURCES],
  ] as const) {
    describe(profile, () => {
      for (const [text, expected, what] of cases) {
        it(`${expected === null ? "refuses" : "takes"} ${what}`, () => assert.equal(prepare(text), expected));
      }

      it("leaves what it made as it is", () => {
        fc.assert(
          fc.property(fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary", maxLength: 4 })), (text) => {
            const prepared = prepare(text);
            if (prepared !== null) assert.equal(prepare(prepared), prepared);
          }),
          { numRuns: 2000 },
        );
      });

      it("leaves what it made of any one character as it is", () => {
        for (let code = 0; code < 0x20000; code++) {
          const prepared = prepare(String.fromCodePoint(code));
          if (prepared !== null) assert.equal(prepare(prepared), prepared, `U+${code.toString(16)}`);
        }
      });
    });
  }

  it("takes no name in two cases for two", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."aZ\u00c4\u00f6\u0416\u03a9"), minLength: 1 }), (text) => {
        assert.equal(usernameCaseMapped(text.toUpperCase()), usernameCaseMapped(text.toLowerCase()));
      }),
    );
  });
});
