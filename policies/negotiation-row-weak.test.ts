import assert from "node:assert/strict";
import { MATRIX, NOTES } from "../gateway/config/matrix.ts";
import { reportsOf } from "../test/support/policy-args.ts";
import { COMPONENTS } from "./component-inputs.ts";
import { negotiationRowWeak } from "./negotiation-row-weak.ts";

const reports = (row: (typeof MATRIX)[number]) =>
  reportsOf(negotiationRowWeak, {
    type: COMPONENTS.partnerConfiguration,
    props: {
      partners: [
        { domain: "fabrikam.example", tlsNegotiation: row.tls, saslNegotiation: row.sasl, supportDialbackNegotiation: row.dialback },
      ],
    },
  });

describe("policy negotiation-row-weak", () => {
  it("fires with the page's reason for the seven rows that it warns of", async () => {
    const warned = MATRIX.filter(({ verdict }) => verdict === "warning");
    assert.equal(warned.length, 7);
    for (const row of warned) assert.ok((await reports(row))[0]?.endsWith(NOTES[row.note ?? "no-method"]), `row ${row.row}`);
  });

  it("fires for every row that allows a session without TLS", async () => {
    for (const row of MATRIX.filter(({ methods }) => methods.includes("tcp-dialback"))) {
      assert.ok((await reports(row)).includes(`partner fabrikam.example: row ${row.row} allows a session without TLS`));
    }
  });

  it("stays quiet on rows 2, 7, 8 and 13", async () => {
    const quiet = await Promise.all(
      MATRIX.map(async (row) => ((await reports(row)).length === 0 && row.verdict === "valid" ? [row.row] : [])),
    );
    assert.deepEqual(quiet.flat(), [2, 7, 8, 13]);
  });
});
