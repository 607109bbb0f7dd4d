import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { verifyChain } from "./chain.ts";
import { certificateFacts } from "./issued.ts";
import { provesDomain } from "./names.ts";
import { type SelfSignedSettings, selfSigned } from "./selfsigned.ts";

const privateKeyPem = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const SETTINGS: SelfSignedSettings = {
  names: ["sip.contoso.com", "contoso.com"],
  privateKeyPem,
  notBefore: new Date("2026-01-01T00:00:00Z"),
  notAfter: new Date("2051-01-01T00:00:00Z"),
  serial: "ff00",
};

describe("an interim certificate", () => {
  it("says what it was told, the same each time", () => {
    const pem = selfSigned(SETTINGS);
    assert.equal(pem, selfSigned(SETTINGS));
    const facts = certificateFacts(pem);
    assert.deepEqual(
      [facts.names.dns, facts.names.commonName, facts.serial, facts.selfSigned],
      [SETTINGS.names, "sip.contoso.com", "FF00", true],
    );
    assert.deepEqual([facts.notBefore, facts.notAfter], [SETTINGS.notBefore, SETTINGS.notAfter]);
  });

  it("is trusted by nobody, except by who pins it", () => {
    const leaf = new X509Certificate(selfSigned(SETTINGS));
    assert.equal(leaf.ca, false);
    assert.equal(provesDomain(leaf, "contoso.com"), true);
    const verdict = verifyChain({ leaf, intermediates: [], roots: [], now: new Date("2026-06-01") });
    assert.equal(verdict.ok ? "" : verdict.code, "certificate-self-signed");
    assert.equal(verifyChain({ leaf, intermediates: [], roots: [leaf], now: new Date("2026-06-01") }).ok, true);
  });

  it("may have a name that is too long for its subject", () => {
    const long = `${"a".repeat(60)}.contoso.com`;
    const facts = certificateFacts(selfSigned({ ...SETTINGS, names: [long] }));
    assert.deepEqual([facts.names.dns, facts.names.commonName], [[long], null]);
  });

  it("has a positive serial of at most 20 bytes", () => {
    assert.equal(certificateFacts(selfSigned({ ...SETTINGS, serial: "f".repeat(40) })).serial, `7${"F".repeat(39)}`);
  });

  const wrong: readonly (readonly [Partial<SelfSignedSettings>, RegExp])[] = [
    [{ names: [] }, /expected one or more/],
    [{ names: ["contoso.com", "a b"] }, /"a b" is not a domain name/],
    [{ notAfter: new Date("2026-01-01T00:00:00Z") }, /end before it begins/],
    [{ serial: "xyz" }, /hexadecimal/],
    [{ serial: "00" }, /not zero/],
  ];
  for (const [change, message] of wrong) {
    it(`is not made where ${message.source}`, () => assert.throws(() => selfSigned({ ...SETTINGS, ...change }), message));
  }
});
