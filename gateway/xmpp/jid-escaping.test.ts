import assert from "node:assert/strict";
import fc from "fast-check";
import { escapeLocalpart, unescapeLocalpart } from "./jid-escaping.ts";

describe("JID escaping", () => {
  // biome-ignore format: text, localpart; from XEP-0106 section 3 and its section on exceptions
  const CASES: readonly (readonly [string, string])[] = [
    ["space cadet",         "space\\20cadet"],
    ['call me "ishmael"',   "call\\20me\\20\\22ishmael\\22"],
    ["at&t guy",            "at\\26t\\20guy"],
    ["d'artagnan",          "d\\27artagnan"],
    ["/.fanboy",            "\\2f.fanboy"],
    ["::foo::",             "\\3a\\3afoo\\3a\\3a"],
    ["<foo>",               "\\3cfoo\\3e"],
    ["user@host",           "user\\40host"],
    ["c:\\net",             "c\\3a\\net"],
    ["c:\\\\net",           "c\\3a\\\\net"],
    ["c:\\cool stuff",      "c\\3a\\cool\\20stuff"],
    ["c:\\5commas",         "c\\3a\\5c5commas"],
    ["\\20",                "\\5c20"],
    ["\\5c26",              "\\5c5c26"],
    ["\\",                  "\\"],
    ["\\2",                 "\\2"],
    ["\\2F",                "\\2F"],
    ["\\21",                "\\21"],
  ];
  for (const [text, localpart] of CASES) {
    it(`turns ${text} into ${localpart} and back`, () => {
      assert.equal(escapeLocalpart(text), localpart);
      assert.equal(unescapeLocalpart(localpart), text);
    });
  }

  const tricky = fc.string({
    unit: fc.oneof(fc.constantFrom(..."\\\\\\\\ \"&'/:<>@023567acefACEF"), fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 })),
  });

  it("gives back every text", () => {
    fc.assert(
      fc.property(tricky, (text) => assert.equal(unescapeLocalpart(escapeLocalpart(text)), text)),
      { numRuns: 2000 },
    );
  });

  it("leaves no character that a localpart cannot hold", () => {
    fc.assert(fc.property(tricky, (text) => assert.doesNotMatch(escapeLocalpart(text), /[ "&'/:<>@]/)));
  });

  it("touches no sequence but the ten", () => {
    assert.equal(unescapeLocalpart("\\21\\2F\\3A\\00\\x20\\\\5d"), "\\21\\2F\\3A\\00\\x20\\\\5d");
  });
});
