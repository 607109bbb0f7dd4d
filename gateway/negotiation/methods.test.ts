import assert from "node:assert/strict";
import { MATRIX } from "../config/matrix.ts";
import { columnOf, methodsOf } from "./methods.ts";

/** The columns of the design table: which rows have which M, in both modes. */
// biome-ignore format: one row of the page, one line
const EXPECTED: readonly (readonly [row: number, compat: string, strict: string])[] = [
  [ 1, "E",     "E"    ], [ 2, "E",     "E"    ], [ 3, "E D P", "E"    ], [ 4, "E",     "E"    ], [ 5, "P",     "none" ], [ 6, "none",  "none" ],
  [ 7, "E D",   "E D"  ], [ 8, "E",     "E"    ], [ 9, "E D P", "E D P"], [10, "E",     "E"    ], [11, "P",     "P"    ], [12, "none",  "none" ],
  [13, "D",     "D"    ], [14, "none",  "none" ], [15, "D P",   "D P"  ], [16, "none",  "none" ], [17, "P",     "P"    ], [18, "none",  "none" ],
];

describe("the set M of a partner", () => {
  for (const [number, compat, strict] of EXPECTED) {
    it(`row ${number} is ${compat}, in strict mode ${strict}`, () => {
      const row = MATRIX.find((candidate) => candidate.row === number);
      assert.ok(row);
      const settings = { tlsNegotiation: row.tls, saslNegotiation: row.sasl, supportDialbackNegotiation: row.dialback };
      assert.equal(columnOf(methodsOf(settings, "lync-compat")), compat);
      assert.equal(columnOf(methodsOf(settings, "strict")), strict);
    });
  }

  it("strict mode refuses six rows, the published table five", () => {
    assert.equal(EXPECTED.filter(([, compat]) => compat === "none").length, 5);
    assert.equal(EXPECTED.filter(([, , strict]) => strict === "none").length, 6);
  });
});
