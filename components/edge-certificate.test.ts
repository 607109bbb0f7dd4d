import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { readRequest } from "../gateway/pki/request.ts";
import { type IssueOptions, issue, makeAuthority, makeIntermediate } from "../test/support/certificates.ts";
import { certificateText, isSecret, MOCK_KEY_PEM, resolved, settled, startMocks } from "../test/support/pulumi-mocks.ts";
import { edgeRequest } from "./certificate-request.ts";
import { EdgeCertificate, type EdgeCertificateArgs } from "./edge-certificate.ts";

const NAMES = ["sip.contoso.example", "contoso.example", "emea.contoso.example"];
const NOW = "2026-06-01T00:00:00Z";

const args = (changes: Partial<EdgeCertificateArgs> = {}): EdgeCertificateArgs =>
  ({ ...edgeRequest("sip.contoso.example", ["contoso.example", "emea.contoso.example"]), now: NOW, ...changes }) as EdgeCertificateArgs;

const make = async (changes: Partial<EdgeCertificateArgs> = {}, preview = false) => {
  const mocks = await startMocks(preview);
  const certificate = new EdgeCertificate("edge", args(changes));
  return { mocks, certificate };
};

const intermediate = makeIntermediate(makeAuthority());
const issuedFor = (changes: IssueOptions = {}): string =>
  issue(intermediate, { dnsNames: NAMES, privateKeyPem: MOCK_KEY_PEM, ...changes }).certificateChain;

describe("EdgeCertificate", () => {
  describe("the request", () => {
    it("holds the names that the wizard fills in, the further names, and the declared settings", async () => {
      const { certificate } = await make({
        additionalNames: ["xmpp.contoso.example"],
        friendlyName: "Edge external",
        templateName: "EdgeServer",
        organization: "Contoso",
        organizationalUnit: "Messaging",
        country: "FR",
        state: "Île-de-France",
        locality: "Paris",
      });
      const request = readRequest((await resolved(certificate.requestPem)) ?? "");
      assert.deepEqual(request.dnsNames, [
        "sip.contoso.example",
        "sip.emea.contoso.example",
        "contoso.example",
        "emea.contoso.example",
        "xmpp.contoso.example",
      ]);
      assert.deepEqual(request.srvNames, ["_xmpp-server.contoso.example", "_xmpp-server.emea.contoso.example"]);
      assert.deepEqual(request.subject, {
        commonName: "sip.contoso.example",
        organization: "Contoso",
        organizationalUnit: "Messaging",
        country: "FR",
        state: "Île-de-France",
        locality: "Paris",
      });
      assert.deepEqual([request.templateName, request.friendlyName, request.signatureValid], ["EdgeServer", "Edge external", true]);
    });

    it("is the same text for the same settings and key, and no secret although a secret key signs it", async () => {
      const [first, second] = [await make(), await make()];
      assert.equal(await resolved(first.certificate.requestPem), await resolved(second.certificate.requestPem));
      assert.equal(await isSecret(first.certificate.requestPem), false);
      assert.equal(await isSecret(first.certificate.privateKeyPem), true);
    });

    it("takes another subject name", async () => {
      const { certificate } = await make({ subjectName: "xmpp.contoso.example" });
      const request = readRequest((await resolved(certificate.requestPem)) ?? "");
      assert.equal(request.subject.commonName, "xmpp.contoso.example");
      assert.ok(request.dnsNames.includes("xmpp.contoso.example") && request.dnsNames.includes("sip.contoso.example"));
    });

    it("is summed up in a preview, where the key is not yet made, and not again by up", async () => {
      const preview = await make({}, true);
      const summary = await resolved(preview.certificate.requestSummary);
      assert.match(summary ?? "", /^Certificate template\s+WebServer$/m);
      assert.match(summary ?? "", /RSA 2048 bits/);
      assert.equal(await resolved(preview.certificate.requestPem), undefined);
      assert.deepEqual(preview.mocks.logged, [{ severity: "info", text: `Certificate request of edge:\n${summary}` }]);
      const up = await make();
      await settled();
      assert.deepEqual(up.mocks.logged, []);
    });

    it("is refused with every problem of its settings, under their own names", async () => {
      await startMocks();
      assert.throws(
        () => new EdgeCertificate("edge", args({ country: "FRA", additionalNames: ["*.contoso.example"], subjectName: "edge" })),
        (error) => {
          assert.ok(pulumi.InputPropertiesError.isInstance(error));
          assert.deepEqual(error.errors.map((problem) => problem.propertyPath).sort(), ["additionalNames", "country", "subjectName"]);
          return true;
        },
      );
    });
  });

  describe("the key", () => {
    it("is RSA of 2048 bits unless told otherwise", async () => {
      const { mocks } = await make();
      await settled();
      assert.deepEqual(mocks.named("edge-key").inputs, { algorithm: "RSA", rsaBits: 2048 });
      const longer = await make({ bitLength: 4096 }, true);
      await settled();
      assert.equal(longer.mocks.named("edge-key").inputs.rsaBits, 4096);
    });
  });

  describe("the served certificate", () => {
    it("is the key's own until one is issued", async () => {
      const { mocks, certificate } = await make();
      assert.equal(await resolved(certificate.certificateChain), certificateText("edge-self-signed"));
      assert.match((await resolved(certificate.status)) ?? "", /^self-signed/);
      assert.ok(mocks.named("edge-self-signed").inputs.dnsNames.includes("contoso.example"));
    });

    it("is signed from the request by a development authority where there is one", async () => {
      const { mocks, certificate } = await make({ signer: { certificatePem: "authority", privateKeyPem: pulumi.secret("authority key") } });
      assert.equal(await resolved(certificate.certificateChain), certificateText("edge-signed"));
      const { inputs } = mocks.named("edge-signed");
      assert.equal(inputs.certRequestPem, await resolved(certificate.requestPem));
      assert.equal(mocks.ofType("SelfSignedCert").length, 0);
    });

    it("does not put the signer's key or the time among the component's inputs", async () => {
      const { mocks } = await make({ signer: { certificatePem: "authority", privateKeyPem: pulumi.secret("authority key") } });
      await settled();
      assert.deepEqual(Object.keys(mocks.named("edge").inputs).sort(), ["commonName", "dnsNames", "requiredNames", "srvNames"]);
    });

    it("is the issued one, as given, and nothing else is made", async () => {
      const issued = issuedFor();
      const { mocks, certificate } = await make({ issued });
      assert.equal(await resolved(certificate.certificateChain), issued);
      assert.equal(await isSecret(certificate.certificateChain), false);
      assert.equal(await resolved(certificate.status), "issued by Test Intermediate, valid until 2045-01-01");
      assert.deepEqual(mocks.registered.map(({ type }) => type).sort(), [
        "tls:index/privateKey:PrivateKey",
        "xmpp-edge:index:EdgeCertificate",
      ]);
    });

    it("is not served from a preview that cannot check it", async () => {
      const { certificate } = await make({ issued: issuedFor() }, true);
      assert.equal(await resolved(certificate.certificateChain), undefined);
    });

    it("is warned of in the last thirty days", async () => {
      const { certificate, mocks } = await make({ issued: issuedFor({ notAfter: new Date("2026-06-30T00:00:00Z") }) });
      const [warning] = (await resolved(certificate.warnings)) ?? [];
      assert.match(warning ?? "", /ends on 2026-06-30/);
      assert.deepEqual(mocks.logged, [{ severity: "warn", text: warning }]);
      const later = await make({ issued: issuedFor({ notAfter: new Date("2026-07-02T00:00:00Z") }) });
      assert.deepEqual(await resolved(later.certificate.warnings), []);
    });

    const refused: readonly (readonly [string, string, RegExp])[] = [
      [
        "is for another key",
        issue(intermediate, { dnsNames: NAMES }).certificateChain,
        /the issued certificate of edge has 1 problem:\n.*another key than the edge has: give the certificate/,
      ],
      [
        "lacks a SIP domain",
        issuedFor({ dnsNames: NAMES.slice(0, 2) }),
        /does not hold the name emea\.contoso\.example: ask the authority/,
      ],
      ["has ended", issuedFor({ notAfter: new Date("2026-05-01T00:00:00Z") }), /2026-05-01.*: ask the authority for a new certificate/],
      ["is not yet valid", issuedFor({ notBefore: new Date("2026-07-01T00:00:00Z") }), /2026-07-01.*: wait until it is valid/],
      [
        "stands behind its authority",
        intermediate.certificatePem + issuedFor().slice(0, issuedFor().indexOf(intermediate.certificatePem)),
        /first/,
      ],
      ["stands alone", issuedFor().slice(0, issuedFor().indexOf(intermediate.certificatePem)), /stands alone.*append the authority's/],
      ["is no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", /cannot be read/],
    ];
    for (const [why, issued, expected] of refused) {
      it(`is refused where it ${why}, with the remedy`, async () => {
        const { certificate } = await make({ issued });
        await assert.rejects(
          resolved(certificate.certificateChain),
          (error) => pulumi.ResourceError.isInstance(error) && expected.test(error.message),
        );
      });
    }

    it("is not judged by date where no time is given", async () => {
      const { certificate } = await make({ issued: issuedFor({ notAfter: new Date("2026-05-01T00:00:00Z") }), now: undefined });
      assert.ok(await resolved(certificate.certificateChain));
    });
  });
});
