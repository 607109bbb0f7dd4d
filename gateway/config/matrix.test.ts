import assert from "node:assert/strict";
import { MATRIX, type MatrixRow, type Method, matrixRow, NEGOTIATION_VALUES, NOTES, noteText } from "./matrix.ts";

/** The rule that Microsoft's rows follow, written apart from them: three lines. */
function methodsByRule({ tls, sasl, dialback }: MatrixRow): Method[] {
  const methods: Method[] = [];
  if (tls !== "notSupported" && sasl !== "notSupported") methods.push("sasl-over-tls");
  if (dialback && tls !== "notSupported" && !(tls === "required" && sasl === "required")) methods.push("tls-dialback");
  if (dialback && tls !== "required") methods.push("tcp-dialback");
  return methods;
}

const rowsWith = (verdict: MatrixRow["verdict"], mode: "lync-compat" | "strict" = "lync-compat"): number[] =>
  MATRIX.map((row) => matrixRow({ tlsNegotiation: row.tls, saslNegotiation: row.sasl, supportDialbackNegotiation: row.dialback }, mode))
    .filter((row) => row.verdict === verdict)
    .map((row) => row.row);

describe("the negotiation table", () => {
  for (const row of MATRIX) {
    it(`row ${row.row} lists what the three-line rule gives`, () => {
      assert.deepEqual(row.methods, methodsByRule(row));
    });
  }

  it("has every combination of the three settings exactly once", () => {
    const combinations = NEGOTIATION_VALUES.flatMap((tls) =>
      NEGOTIATION_VALUES.flatMap((sasl) => [true, false].map((dialback) => `${tls} ${sasl} ${dialback}`)),
    );
    assert.equal(combinations.length, 18);
    assert.deepEqual(MATRIX.map((row) => `${row.tls} ${row.sasl} ${row.dialback}`).sort(), combinations.sort());
  });

  it("numbers its rows from 1 to 18 in the page's order", () => {
    assert.deepEqual(
      MATRIX.map((row) => row.row),
      Array.from({ length: 18 }, (_, index) => index + 1),
    );
  });

  it("calls a row not valid exactly where no method is left", () => {
    for (const row of MATRIX) assert.equal(row.verdict === "invalid", row.methods.length === 0, `row ${row.row}`);
  });

  it("warns about seven of the thirteen rows that work, and refuses five", () => {
    assert.deepEqual(rowsWith("warning"), [1, 3, 4, 5, 9, 10, 11]);
    assert.deepEqual(rowsWith("valid"), [2, 7, 8, 13, 15, 17]);
    assert.deepEqual(rowsWith("invalid"), [6, 12, 14, 16, 18]);
  });

  it("gives a reason with every warning and every refusal", () => {
    for (const row of MATRIX.filter(({ verdict }) => verdict !== "valid")) assert.ok(noteText(row), `row ${row.row}`);
  });

  it("uses every note, and has a text for every note it uses", () => {
    assert.deepEqual([...new Set(MATRIX.flatMap((row) => row.note ?? []))].sort(), Object.keys(NOTES).sort());
  });

  it("finds for every combination the row that shows it", () => {
    for (const row of MATRIX) {
      assert.equal(
        matrixRow({ tlsNegotiation: row.tls, saslNegotiation: row.sasl, supportDialbackNegotiation: row.dialback }).row,
        row.row,
      );
    }
  });
});

describe("strict mode", () => {
  const strict = (number: number): MatrixRow => {
    const row = MATRIX[number - 1];
    assert.ok(row);
    return matrixRow({ tlsNegotiation: row.tls, saslNegotiation: row.sasl, supportDialbackNegotiation: row.dialback }, "strict");
  };

  it("leaves twelve rows and refuses six", () => {
    assert.deepEqual(rowsWith("invalid", "strict"), [5, 6, 12, 14, 16, 18]);
    assert.equal(rowsWith("valid", "strict").length + rowsWith("warning", "strict").length, 12);
  });

  it("takes dialback from row 3 and everything from row 5", () => {
    assert.deepEqual(strict(3).methods, ["sasl-over-tls"]);
    assert.deepEqual(strict(5).methods, []);
    assert.equal(strict(5).note, "no-method");
  });

  it("changes no row whose SASL is not required", () => {
    for (const row of MATRIX.filter(({ sasl }) => sasl !== "required")) assert.deepEqual(strict(row.row), row);
  });
});
