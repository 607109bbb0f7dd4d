import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { issue, makeAuthority, makeIntermediate } from "../../test/support/certificates.ts";
import { certificateFacts, checkIssuedCertificate, type IssuedCheck, type IssuedCode, issuedKeyBits } from "./issued.ts";

const NOW = new Date("2026-06-01T00:00:00Z");
const root = makeAuthority({ name: "Public Root" });
const issuing = makeIntermediate(root, { name: "Public Issuing" });
const NAMES = ["sip.contoso.com", "contoso.com"];
const edge = issue(issuing, { dnsNames: NAMES, extendedKeyUsage: ["serverAuth"] });
const again = (options: Parameters<typeof issue>[1]) => issue(issuing, { dnsNames: NAMES, privateKeyPem: edge.privateKey, ...options });
const roots = [new X509Certificate(root.certificatePem)];
const [own = "", intermediate = ""] = edge.certificateChain.split(/(?=-----BEGIN)/);

const verdictOf = (changes: Partial<IssuedCheck>) =>
  checkIssuedCertificate({ chainPem: edge.certificateChain, keyPem: edge.privateKey, requiredNames: NAMES, now: NOW, roots, ...changes });

function problems(changes: Partial<IssuedCheck>) {
  const verdict = verdictOf(changes);
  return verdict.ok ? [] : verdict.problems;
}

const codes = (changes: Partial<IssuedCheck>): IssuedCode[] => problems(changes).map(({ code }) => code);

describe("an issued certificate", () => {
  it("that fits is accepted, and its facts are told", () => {
    const verdict = verdictOf({});
    assert.ok(verdict.ok);
    assert.deepEqual(verdict.certificate.names.dns, NAMES);
    assert.equal(verdict.certificate.issuer, "Public Issuing");
    assert.equal(verdict.certificate.key, "EC prime256v1");
    assert.equal(verdict.certificate.chainLength, 2);
    assert.equal(verdict.certificate.selfSigned, false);
    assert.deepEqual(certificateFacts(edge.certificateChain), verdict.certificate);
  });

  it("is accepted with the root at its end, by its public key alone, and without roots to compare with", () => {
    assert.deepEqual(codes({ chainPem: edge.certificateChain + root.certificatePem }), []);
    const keyPem = new X509Certificate(own).publicKey.export({ type: "spki", format: "pem" }).toString();
    assert.deepEqual(codes({ keyPem, roots: undefined }), []);
  });

  it("needs its issuer beside it where there are no roots to compare with, be it a root", () => {
    assert.deepEqual(codes({ chainPem: own, roots: undefined }), ["chain-incomplete"]);
    assert.match(problems({ chainPem: own, roots: undefined })[0]?.text ?? "", /stands alone, without the certificate of "Public Issuing"/);
    const direct = issue(root, { dnsNames: NAMES });
    const [alone = ""] = direct.certificateChain.split(/(?=-----BEGIN)/);
    const of = (chainPem: string) => codes({ chainPem, keyPem: direct.privateKey, roots: undefined });
    assert.deepEqual(of(alone), ["chain-incomplete"]);
    assert.deepEqual(of(alone + root.certificatePem), []);
  });

  it("needs issuers that are valid and may issue, also without roots to compare with", () => {
    const stale = makeIntermediate(root, { name: "Stale Issuing", notAfter: new Date("2026-05-31") });
    const served = issue(stale, { dnsNames: NAMES });
    assert.deepEqual(codes({ chainPem: served.certificateChain, keyPem: served.privateKey, roots: undefined }), ["certificate-expired"]);
  });

  const rows: readonly (readonly [string, Partial<IssuedCheck>, readonly IssuedCode[], RegExp])[] = [
    ["for another key", { keyPem: issue(root).privateKey }, ["key-mismatch"], /another key than the edge has.*current request/],
    [
      "with a name too few",
      { requiredNames: [...NAMES, "sip.fabrikam.com", "fabrikam.com"] },
      ["name-missing", "name-missing"],
      /sip.fabrikam.com.*issue it again/,
    ],
    [
      "that has expired",
      { chainPem: again({ notAfter: new Date("2026-05-31") }).certificateChain },
      ["certificate-expired"],
      /expired on 2026-05-31.*new certificate/,
    ],
    [
      "that is not yet valid",
      { chainPem: again({ notBefore: new Date("2026-06-02") }).certificateChain },
      ["certificate-not-yet-valid"],
      /not valid before 2026-06-02.*wait/,
    ],
    [
      "for clients only",
      { chainPem: again({ extendedKeyUsage: ["clientAuth"] }).certificateChain },
      ["certificate-wrong-purpose"],
      /clients only.*template WebServer/,
    ],
    [
      "without its intermediate",
      { chainPem: own },
      ["chain-incomplete"],
      /issued by "Public Issuing".*append the authority's certificates/,
    ],
    ["in the wrong order", { chainPem: intermediate + own }, ["chain-order"], /certificate 2 of 2 is the edge's own.*first/],
    [
      "with the chain's upper part in the wrong order",
      { chainPem: own + root.certificatePem + intermediate },
      ["chain-order"],
      /certificate 1 was issued by certificate 3/,
    ],
    ["with a gap in its chain", { chainPem: own + root.certificatePem }, ["chain-incomplete"], /issued by "Public Issuing".*append/],
    [
      "from an authority that is not trusted",
      { roots: [new X509Certificate(makeAuthority({ name: "Other" }).certificatePem)] },
      ["certificate-untrusted"],
      /"Public Issuing" was issued by "Public Root".*authority that partners trust/,
    ],
    ["that is no certificate", { chainPem: "hello" }, ["certificate-malformed"], /no PEM block.*Base-64/],
    ["that is empty", { chainPem: "" }, ["certificate-malformed"], /no certificate in it/],
    [
      "with its key in the file",
      { chainPem: edge.certificateChain + edge.privateKey },
      ["certificate-malformed"],
      /block 3: is a private key.*without a private key/,
    ],
  ];
  for (const [what, changes, expected, told] of rows) {
    it(`${what} is refused with the remedy`, () => {
      assert.deepEqual(codes(changes), expected);
      const [first] = problems(changes);
      assert.match(`${first?.text} -> ${first?.remedy}`, told);
    });
  }

  it("that is the authority's own is refused", () => {
    const authority = again({ isAuthority: true });
    assert.ok(codes({ chainPem: authority.certificateChain }).includes("leaf-is-authority"));
  });

  it("with a weak key is refused, and with a key below the asked length", () => {
    const weak = issue(issuing, { dnsNames: NAMES, key: "rsa1024" });
    assert.deepEqual(codes({ chainPem: weak.certificateChain, keyPem: weak.privateKey }), ["certificate-weak"]);
    const strong = issue(issuing, { dnsNames: NAMES, key: "rsa2048" });
    assert.deepEqual(codes({ chainPem: strong.certificateChain, keyPem: strong.privateKey }), []);
    assert.deepEqual(codes({ chainPem: strong.certificateChain, keyPem: strong.privateKey, minimumBits: 3072 }), ["certificate-weak"]);
  });

  it("tells the length of the key it is for, and nothing where that is no RSA key of an edge", () => {
    assert.equal(issuedKeyBits(issue(issuing, { dnsNames: NAMES, key: "rsa2048" }).certificateChain), 2048);
    for (const other of ["hello", "", intermediate, own]) assert.equal(issuedKeyBits(other), null);
  });

  it("with several things wrong is told all of them", () => {
    const bad = issue(issuing, { dnsNames: ["contoso.com"], notAfter: new Date("2026-05-31"), extendedKeyUsage: ["clientAuth"] });
    assert.deepEqual(codes({ chainPem: bad.certificateChain }), [
      "key-mismatch",
      "name-missing",
      "certificate-expired",
      "certificate-wrong-purpose",
    ]);
  });

  it("covers a name by a wildcard, an SRV name or an XMPP address", () => {
    const other = issue(issuing, { dnsNames: ["*.contoso.com"], srvNames: ["_xmpp-server.contoso.com"], xmppAddrs: ["fabrikam.com"] });
    assert.deepEqual(codes({ chainPem: other.certificateChain, keyPem: other.privateKey, requiredNames: [...NAMES, "fabrikam.com"] }), []);
  });
});
