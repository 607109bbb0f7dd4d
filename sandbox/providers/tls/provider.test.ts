import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { extensionsOf } from "../../../gateway/pki/certificate.ts";
import { OID } from "../../../gateway/pki/oids.ts";
import { type Driven, drive, type Resource } from "../drive.ts";
import { type Properties, reveal, Secret, UNKNOWN } from "../wire.ts";
import { tls } from "./provider.ts";

const KEY = "tls:index/privateKey:PrivateKey";
const REQUEST = "tls:index/certRequest:CertRequest";
const SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert";
const SIGNED = "tls:index/locallySignedCert:LocallySignedCert";

const text = (resource: Resource, output: string): string => String(reveal(resource.outputs[output] ?? ""));

describe("the tls stand-in", () => {
  let engine: Driven;
  let key: Resource;
  let authority: Resource;
  const AUTHORITY: Properties = {
    subject: { commonName: "Development authority", organization: "Contoso" },
    isCaCertificate: true,
    allowedUses: ["cert_signing", "crl_signing"],
    validityPeriodHours: 48,
    setSubjectKeyId: true,
    setAuthorityKeyId: true,
    maxPathLength: 0,
  };
  before(async () => {
    engine = await drive(tls);
    key = await engine.create(KEY, "key", { algorithm: "ECDSA", ecdsaCurve: "P256" });
    authority = await engine.create(SELF_SIGNED, "authority", { ...AUTHORITY, privateKeyPem: new Secret(text(key, "privateKeyPem")) });
  });
  after(() => engine.close());

  // biome-ignore format: a table
  const algorithms = [
    [{ algorithm: "RSA", rsaBits: 2048 },        "rsa",     "RSA PRIVATE KEY", "ssh-rsa"],
    [{ algorithm: "ECDSA", ecdsaCurve: "P384" }, "ec",      "EC PRIVATE KEY",  "ecdsa-sha2-nistp384"],
    [{ algorithm: "ECDSA" },                     "ec",      "EC PRIVATE KEY",  ""],
    [{ algorithm: "ED25519" },                   "ed25519", "PRIVATE KEY",     "ssh-ed25519"],
  ] as const;
  for (const [inputs, type, label, ssh] of algorithms) {
    it(`makes a real key for ${JSON.stringify(inputs)}, secret in all its forms`, async () => {
      const made = await engine.create(KEY, "k", inputs);
      for (const form of ["privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"])
        assert.ok(made.outputs[form] instanceof Secret, form);
      assert.ok(text(made, "privateKeyPem").startsWith(`-----BEGIN ${label}-----`));
      const read = createPrivateKey(text(made, "privateKeyPem"));
      assert.equal(read.asymmetricKeyType, type);
      assert.ok(createPublicKey(read).equals(createPublicKey(text(made, "publicKeyPem"))));
      assert.equal(text(made, "publicKeyOpenssh").split(" ")[0], ssh);
      assert.match(made.id, /^[0-9a-f]{40}$/);
    });
  }

  it("writes the default curve as the real one does: P224", async () => {
    const { inputs } = await engine.check(KEY, "k", { algorithm: "ECDSA" });
    assert.deepEqual(inputs, { algorithm: "ECDSA", rsaBits: 2048, ecdsaCurve: "P224" });
  });

  it("knows nothing of a key in preview but its inputs", async () => {
    const outputs = await engine.preview(KEY, "k", { algorithm: "RSA", rsaBits: 2048, ecdsaCurve: "P224" });
    assert.equal(outputs.algorithm, "RSA");
    assert.equal(outputs.publicKeyPem, UNKNOWN);
    assert.deepEqual(outputs.privateKeyPem, new Secret(UNKNOWN));
  });

  it("takes unknown inputs in preview and refuses them afterwards", async () => {
    const inputs: Properties = { ...AUTHORITY, privateKeyPem: UNKNOWN };
    assert.deepEqual((await engine.check(SELF_SIGNED, "a", inputs)).failures, []);
    assert.equal((await engine.preview(SELF_SIGNED, "a", inputs)).certPem, UNKNOWN);
    await assert.rejects(engine.create(SELF_SIGNED, "a", inputs), /privateKeyPem is still unknown/);
  });

  // biome-ignore format: a table
  const refused = [
    [KEY,         {},                                               /^algorithm: algorithm is required/],
    [KEY,         { algorithm: "DSA" },                             /expected one of RSA, ECDSA, ED25519/],
    [KEY,         { algorithm: "RSA", rsaBits: "2048" },            /rsaBits is "2048"; expected an integer from 512/],
    [KEY,         { algorithm: "RSA", bits: 1 },                    /bits is not an input here/],
    [REQUEST,     { dnsNames: ["a.example"] },                      /privateKeyPem or privateKeyPemWo is required/],
    [REQUEST,     { privateKeyPem: "k", ipAddresses: ["1.2.3"] },   /ipAddresses\[0\] is "1.2.3"; expected an IPv4 or IPv6 address/],
    [SELF_SIGNED, { privateKeyPem: "k", validityPeriodHours: 1, allowedUses: ["tls"] }, /allowedUses\[0\] is "tls"; expected one of digital_signature/],
    [SIGNED,      { caPrivateKeyPem: "k", caCertPem: "c", allowedUses: [], validityPeriodHours: 1 }, /certRequestPem is required/],
  ] as const;
  for (const [type, inputs, expected] of refused) {
    it(`refuses ${type.split(":").at(-1)} ${JSON.stringify(inputs)}`, async () => {
      const { failures } = await engine.check(type, "x", inputs);
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.match(failures[0] ?? "", expected);
    });
  }

  it("makes a self-signed authority that honours its inputs", () => {
    const certificate = new X509Certificate(text(authority, "certPem"));
    assert.equal(certificate.subject, "O=Contoso\nCN=Development authority");
    assert.ok(certificate.ca && certificate.verify(certificate.publicKey));
    assert.equal(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom), 48 * 3_600_000);
    const extensions = extensionsOf(certificate);
    for (const id of [OID.subjectKeyIdentifier, OID.authorityKeyIdentifier, OID.keyUsage]) assert.ok(extensions.has(id));
    assert.equal(extensions.get(OID.basicConstraints)?.value.toString("hex"), "30060101ff020100");
    assert.equal(authority.outputs.readyForRenewal, false);
    assert.ok(authority.outputs.privateKeyPem instanceof Secret);
  });

  const leaf = async (overrides: Properties = {}): Promise<Resource> => {
    const own = await engine.create(KEY, "leaf", { algorithm: "RSA", rsaBits: 2048 });
    const request = await engine.create(REQUEST, "leaf", {
      privateKeyPem: text(own, "privateKeyPem"),
      subject: { commonName: "edge.example" },
      dnsNames: ["edge.example", "sip.example"],
      ipAddresses: ["127.0.0.1", "2001:db8::1"],
    });
    return engine.create(SIGNED, "leaf", {
      certRequestPem: text(request, "certRequestPem"),
      caCertPem: text(authority, "certPem"),
      caPrivateKeyPem: text(key, "privateKeyPem"),
      allowedUses: ["digital_signature", "server_auth"],
      validityPeriodHours: 24,
      ...overrides,
    });
  };

  it("signs a request: subject and names from there, issuer and key identifier from the authority", async () => {
    const certificate = new X509Certificate(text(await leaf(), "certPem"));
    const issuer = new X509Certificate(text(authority, "certPem"));
    assert.ok(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey) && !certificate.ca);
    assert.equal(certificate.subjectAltName, "DNS:edge.example, DNS:sip.example, IP Address:127.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1");
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  });

  it("refuses an authority's key that is not the certificate's", async () => {
    const other = await engine.create(KEY, "other", { algorithm: "ED25519" });
    await assert.rejects(leaf({ caPrivateKeyPem: text(other, "privateKeyPem") }), /caPrivateKeyPem is not the key of caCertPem/);
    await assert.rejects(leaf({ certRequestPem: "x" }), /certRequestPem holds no certificate request/);
    await assert.rejects(leaf({ caPrivateKeyPem: "x" }), /caPrivateKeyPem holds no private key/);
  });

  it("replaces for everything but earlyRenewalHours", async () => {
    const change = (news: Properties) => engine.diff(SELF_SIGNED, "authority", authority, { ...authority.inputs, ...news });
    assert.deepEqual((await change({})).detail, {});
    assert.deepEqual((await change({ validityPeriodHours: 24 })).detail, { validityPeriodHours: "update-replace" });
    assert.deepEqual((await change({ subject: { commonName: "Other", organization: "Contoso" } })).replaces, ["subject"]);
    assert.deepEqual((await change({ earlyRenewalHours: 1 })).detail, { earlyRenewalHours: "update" });
  });

  it("is made anew once its early renewal is reached", async () => {
    const due = { ...authority.inputs, earlyRenewalHours: 48 };
    const { detail, replaces } = await engine.diff(SELF_SIGNED, "authority", authority, due);
    assert.deepEqual(detail, { earlyRenewalHours: "update", readyForRenewal: "update-replace" });
    assert.deepEqual(replaces, ["readyForRenewal"]);
    assert.equal((await engine.read(SELF_SIGNED, "authority", { ...authority, inputs: due }))?.outputs.readyForRenewal, true);
    assert.equal((await engine.update(SELF_SIGNED, "authority", authority, due)).outputs.certPem, authority.outputs.certPem);
  });

  it("names what it has for a type it does not have", async () => {
    await assert.rejects(
      engine.check("tls:index/other:Other", "x", {}),
      /no resource type tls:index\/other:Other; it has tls:index\/privateKey/,
    );
    await assert.rejects(engine.invoke("tls:index/getPublicKey:getPublicKey", {}), /no function .*; it has none/);
  });

  it("runs only the sandbox's stacks", async () => {
    for (const [stack, allowed] of [
      ["prod", false],
      ["sandboxes", false],
      ["sandbox-2", true],
    ] as const) {
      const other = await drive(tls, stack);
      const checked = other.check(KEY, "k", { algorithm: "ED25519" });
      if (allowed) assert.deepEqual((await checked).failures, []);
      else await assert.rejects(checked, /stand-ins run only the sandbox stack: .* the stack is "/);
      other.close();
    }
  });
});
