import assert from "node:assert/strict";
import tls from "node:tls";
import { issue, makeAuthority } from "../../test/support/certificates.ts";
import { LIMITS } from "./limits.ts";
import { readCertificates, readRoots } from "./roots.ts";

const root = makeAuthority();
const good = root.certificatePem;

describe("certificates from PEM text", () => {
  it("are read in their order, with text between them", () => {
    const chain = issue(root, { dnsNames: ["contoso.com"] }).certificateChain;
    const read = readCertificates(`Subject: CN=contoso.com\r\n${chain.replaceAll("\n", "\r\n")}\nIssuer\n${good}`);
    assert.deepEqual(
      read.map(({ subject }) => subject),
      ["CN=contoso.com", "CN=Test Root"],
    );
  });

  it("are none in an empty text", () => assert.deepEqual(readCertificates(" \n"), []));

  const broken: readonly (readonly [string, string, RegExp])[] = [
    ["is no PEM", "certificate", /^no PEM block/],
    [
      "is a key",
      `${good}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`,
      /^block 2: is a private key; expected CERTIFICATE/,
    ],
    ["is the request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", /block 1: is the request/],
    ["is a bundle of another kind", "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----", /openssl pkcs7 -print_certs/],
    ["has an unheard-of label", "-----BEGIN constructor-----\nAAAA\n-----END constructor-----", /labelled "constructor"/],
    ["has no end", good.slice(0, 200), /block 1: has no -----END/],
    ["is no base64", good.replace("M", "*"), /block 1: is not base64/],
    ["is no certificate", `${good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----`, /block 2: does not hold a certificate/],
    ["is cut off", good.replace(/\n.{64}\n/, "\n"), /block 1: does not hold a certificate/],
    ["is too long", `-----BEGIN CERTIFICATE-----\n${"A".repeat(100_000)}\n-----END CERTIFICATE-----`, /longer than a certificate may be/],
  ];
  for (const [what, pem, message] of broken) {
    it(`say which block it is that ${what}`, () => assert.throws(() => readCertificates(pem), { code: "certificate-malformed", message }));
  }

  it("are bounded in number and size", () => {
    assert.equal(readCertificates(good.repeat(3), 3).length, 3);
    assert.throws(() => readCertificates(good.repeat(4), 3), /4 PEM blocks; expected at most 3/);
    assert.throws(() => readCertificates("x".repeat(LIMITS.pemBytes + 1)), /expected at most 8388608/);
  });

  it("include every public authority the runtime knows, each once", () => {
    const roots = readRoots([...tls.rootCertificates, ...tls.rootCertificates]);
    assert.equal(roots.length, tls.rootCertificates.length);
  });
});
