import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { MATRIX, type MatrixRow, NOTES } from "../gateway/config/matrix.ts";
import { parseDocumentText } from "../gateway/config/parse.ts";
import { documentInput } from "../test/support/edge-document.ts";
import { certificateText, resolved, settled, startMocks } from "../test/support/pulumi-mocks.ts";
import { PartnerConfiguration, type PartnerConfigurationArgs } from "./partner-configuration.ts";
import type { PartnerArgs } from "./settings.ts";

const args = (changes: Partial<PartnerConfigurationArgs> = {}): PartnerConfigurationArgs => ({
  ...(documentInput() as PartnerConfigurationArgs),
  ...changes,
});

const partnerOf = (row: MatrixRow): PartnerArgs => ({
  domain: "fabrikam.example",
  tlsNegotiation: row.tls,
  saslNegotiation: row.sasl,
  supportDialbackNegotiation: row.dialback,
});

describe("PartnerConfiguration", () => {
  it("writes the document that the gateway parses, with every default in it", async () => {
    await startMocks();
    const made = new PartnerConfiguration("partners", args({ partners: [{ domain: "Fabrikam.example." }] }));
    const document = parseDocumentText((await resolved(made.document)) ?? "");
    assert.equal(document.partners[0]?.domain, "fabrikam.example");
    assert.equal(document.partners[0]?.partnerType, "publicUnverified");
    assert.equal(document.gateway.keepAliveInterval, 300);
  });

  it("registers its inputs as they were given, so that a preview shows them", async () => {
    const mocks = await startMocks();
    new PartnerConfiguration("partners", args({ partners: [{ domain: "fabrikam.example" }] }));
    await settled();
    assert.deepEqual(mocks.named("partners").type, "xmpp-edge:index:PartnerConfiguration");
    assert.deepEqual(mocks.named("partners").inputs.partners, [{ domain: "fabrikam.example" }]);
  });

  for (const row of MATRIX) {
    const settings = `TLS ${row.tls}, SASL ${row.sasl}, dialback ${row.dialback}`;
    if (row.verdict === "invalid") {
      it(`refuses row ${row.row} (${settings})`, async () => {
        await startMocks();
        assert.throws(
          () => new PartnerConfiguration("partners", args({ partners: [partnerOf(row)] })),
          (error) => pulumi.InputPropertiesError.isInstance(error) && error.errors[0]?.propertyPath === "partners[0]",
        );
      });
    } else {
      it(`takes row ${row.row} (${settings})${row.verdict === "warning" ? " and warns with the page's reason" : " without a warning"}`, async () => {
        const mocks = await startMocks();
        const made = new PartnerConfiguration("partners", args({ partners: [{ ...partnerOf(row), partnerType: "federated" }] }));
        const [summary] = (await resolved(made.partners)) ?? [];
        assert.deepEqual([summary?.row, summary?.verdict, summary?.methods], [row.row, row.verdict, row.methods]);
        const warnings = (await resolved(made.warnings)) ?? [];
        assert.equal(warnings.length, row.verdict === "warning" ? 1 : 0);
        if (row.verdict === "warning") assert.ok(warnings[0]?.endsWith(NOTES[row.note ?? "no-method"]));
        assert.deepEqual(
          mocks.logged,
          warnings.map((text) => ({ severity: "warn", text })),
        );
      });
    }
  }

  it("reports every problem of its inputs in one error", async () => {
    await startMocks();
    const partners = [{ domain: "x" }, { domain: "fabrikam.example", connectionLimit: 0, partnerType: "friend" as "federated" }];
    assert.throws(
      () => new PartnerConfiguration("partners", args({ partners })),
      (error) => {
        assert.ok(pulumi.InputPropertiesError.isInstance(error));
        assert.deepEqual(
          error.errors.map((problem) => problem.propertyPath),
          ["partners[0].domain", "partners[1].partnerType", "partners[1].connectionLimit"],
        );
        return true;
      },
    );
  });

  it("refuses what another resource tells too late, as an error of the component", async () => {
    await startMocks();
    const made = new PartnerConfiguration("partners", args({ accessEdgeFqdn: pulumi.output("not a name") }));
    await assert.rejects(
      resolved(made.document),
      (error) => pulumi.ResourceError.isInstance(error) && /accessEdgeFqdn/.test(error.message),
    );
  });

  it("trusts the development authority on both sides, besides those declared", async () => {
    await startMocks();
    const [declared, development] = [certificateText("declared"), certificateText("development")];
    const made = new PartnerConfiguration(
      "partners",
      args({ xmpp: { trustedAuthorities: [declared] }, developmentAuthorityPem: pulumi.output(development) }),
    );
    const document = parseDocumentText((await resolved(made.document)) ?? "");
    assert.deepEqual(document.xmpp.trustedAuthorities, [declared, development]);
    assert.deepEqual(document.sip.trustedAuthorities, [development]);
  });
});
