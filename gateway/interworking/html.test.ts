import assert from "node:assert/strict";
import fc from "fast-check";
import { htmlToText } from "./html.ts";

describe("the text of HTML", () => {
  // biome-ignore format: a table
  const rows: readonly (readonly [string, string])[] = [
    ["plain",                                               "plain"              ],
    ["<p>one</p><p>two</p>",                                "one\ntwo"           ],
    ["one<br>two<BR/>three",                                "one\ntwo\nthree"    ],
    ["<DIV style=\"color:red\">Hi <b>there</b></DIV>",      "Hi there"           ],
    ["a   b\r\n\tc",                                        "a b c"              ],
    ["1 &lt; 2 &amp;&amp; 3 &gt; 2 &quot;&apos;&nbsp;x",    "1 < 2 && 3 > 2 \"' x"],
    ["&#233;&#xe9;&#x1F600;",                               "éé😀"               ],
    ["&unknown; &#99999999; &#x110000;",                    "&unknown; &#99999999; &#x110000;"],
    ["&amp;lt;b&amp;gt;",                                   "&lt;b&gt;"          ],
    ["&lt;script&gt;x&lt;/script&gt;",                      "<script>x</script>" ],
    ["<script>alert(1)</script>shown",                      "shown"              ],
    ["<style>p{}</style ><title>t</title>shown",            "shown"              ],
    ["<script>never closed",                                ""                   ],
    ["a<!-- b -->c<!-- d",                                  "ac"                 ],
    ["1 < 2 and 3 > 2",                                     "1 < 2 and 3 > 2"    ],
    ["<img src=x onerror=alert(1)>x",                       "x"                  ],
    ["<b",                                                  ""                   ],
  ];
  for (const [html, text] of rows) it(`${JSON.stringify(html)} is ${JSON.stringify(text)}`, () => assert.equal(htmlToText(html), text));

  it("takes time in proportion to its length, whatever it is made of", () => {
    const pieces = ["<script", "<script>", "<!--", "<br", "<", "&#", "&nbsp;", " ", "\n", "<b> ", "</script ", "<title a"];
    // A text four times the longest that is taken: what grew with the square would run into the runner's limit.
    for (const piece of pieces) assert.equal(typeof htmlToText(piece.repeat(262_144 / piece.length)), "string", piece);
  });

  it("is had from every text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => assert.equal(typeof htmlToText(text), "string")));
  });
});
