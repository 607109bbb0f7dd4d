import assert from "node:assert/strict";
import fc from "fast-check";
import { comment, quote } from "./powershell.ts";

/** Reads back what `quote` may print: quoted parts and characters, joined by +. Anything else is an error. */
function evaluate(expression: string): string {
  const inner = /^\((.*)\)$/s.exec(expression)?.[1] ?? expression;
  let text = "";
  let rest = inner;
  while (rest !== "") {
    const found = /^(?:'((?:[ -&(-~]|'')*)'|\[char\]0x([0-9A-F]{4}))(?: \+ |$)/.exec(rest);
    assert.ok(found, `cannot be read: ${rest}`);
    text += found[2] === undefined ? (found[1] ?? "").replaceAll("''", "'") : String.fromCharCode(Number.parseInt(found[2], 16));
    rest = rest.slice(found[0].length);
  }
  return text;
}

describe("a quoted string", () => {
  // biome-ignore format: one case, one line
  for (const [text, expected] of [
    ["fabrikam.com",              "'fabrikam.com'"],
    ["",                          "''"],
    ["it's",                      "'it''s'"],
    ["'; Remove-CsUser; '",       "'''; Remove-CsUser; '''"],
    ["$(Get-Date) `n $env:PATH",  "'$(Get-Date) `n $env:PATH'"],
    ["a\nb",                      "('a' + [char]0x000A + 'b')"],
    ["\u2019; Remove-CsUser",     "('' + [char]0x2019 + '; Remove-CsUser')"],
    ["ü",                         "('' + [char]0x00FC)"],
    ["\u{1F600}",                 "('' + [char]0xD83D + [char]0xDE00)"],
    ["\u001b[31m",                "('' + [char]0x001B + '[31m')"],
  ] as const) {
    it(`of ${JSON.stringify(text)} is ${expected}`, () => {
      assert.equal(quote(text), expected);
    });
  }

  it("stands for its text and nothing else, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string({ unit: fc.constantFrom("'", "\u2019", "\u201a", "\n", "\r", ";", "$", "`", "a") }),
        ),
        (text) => {
          assert.match(quote(text), /^[ -~]*$/);
          assert.equal(evaluate(quote(text)), text);
        },
      ),
    );
  });
});

describe("a comment", () => {
  it("stays one line of ASCII, whatever it says", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => assert.match(comment(text), /^#[ -~]*$/)));
  });
});
