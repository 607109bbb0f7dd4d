import assert from "node:assert/strict";
import { MATRIX } from "../gateway/config/matrix.ts";
import { reportsOf } from "../test/support/policy-args.ts";
import { COMPONENTS } from "./component-inputs.ts";
import { negotiationRowInvalid } from "./negotiation-row-invalid.ts";

const configuration = (partner: Record<string, unknown>, gateway?: Record<string, unknown>) => ({
  type: COMPONENTS.partnerConfiguration,
  props: { partners: [{ domain: "fabrikam.example", ...partner }], ...(gateway ? { gateway } : {}) },
});

describe("policy negotiation-row-invalid", () => {
  for (const { row, tls, sasl, dialback, verdict } of MATRIX) {
    it(`${verdict === "invalid" ? "fires for" : "stays quiet on"} row ${row}`, async () => {
      const partner = { tlsNegotiation: tls, saslNegotiation: sasl, supportDialbackNegotiation: dialback };
      const reports = await reportsOf(negotiationRowInvalid, configuration(partner));
      assert.equal(reports.length, verdict === "invalid" ? 1 : 0);
      if (verdict === "invalid") assert.match(reports[0] ?? "", new RegExp(`^partner fabrikam\\.example: row ${row} is not valid: `));
    });
  }

  it("judges by the mode: row 5 is not valid where dialback gives way to SASL", async () => {
    const partner = { tlsNegotiation: "notSupported", saslNegotiation: "required" };
    assert.equal((await reportsOf(negotiationRowInvalid, configuration(partner))).length, 0);
    assert.equal((await reportsOf(negotiationRowInvalid, configuration(partner, { negotiationMode: "strict" }))).length, 1);
  });

  it("fills in the defaults as the gateway does", async () => {
    assert.equal(
      (await reportsOf(negotiationRowInvalid, configuration({ tlsNegotiation: "notSupported", supportDialbackNegotiation: false }))).length,
      1,
    );
  });

  it("stays quiet on other resources", async () => {
    const { props } = configuration({ tlsNegotiation: "notSupported", supportDialbackNegotiation: false });
    assert.deepEqual(await reportsOf(negotiationRowInvalid, { type: "random:index:Thing", props }), []);
  });
});
