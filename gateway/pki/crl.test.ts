import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { issue, makeAuthority } from "../../test/support/certificates.ts";
import { flag, issuingPoint, makeCrl, makeCrlPem, pointName } from "../../test/support/crls.ts";
import { extension, pemBlock } from "./build.ts";
import { serialOf, serialText } from "./certificate.ts";
import { CrlFormatError, isListSignedBy, readCrl } from "./crl.ts";
import { bitString, type Der, decode, encode, integer, itemsOf, nothing, sequence, set, tagged, taggedBytes, time } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { OID } from "./oids.ts";

const root = makeAuthority({ name: "Contoso Root" });
const certificate = new X509Certificate(root.certificatePem);
const leaf = issue(root, { dnsNames: ["fabrikam.com"] }).certificateChain;
const serial = serialText(serialOf(new X509Certificate(leaf)));

const refused = (bytes: Buffer, text: RegExp): void =>
  assert.throws(
    () => readCrl(bytes),
    (error: unknown) => error instanceof CrlFormatError && text.test(error.message),
  );

/** The list with its body's values changed; its signature is not made anew. */
const changed = (bytes: Buffer, change: (parts: readonly Der[]) => readonly Der[]): Buffer => {
  const [body, ...rest] = itemsOf(decode(bytes));
  return encode(sequence(sequence(...change(itemsOf(body))), ...rest));
};

describe("a revocation list", () => {
  it("says whose it is, when it counts, and what it revokes and why", () => {
    const thisUpdate = new Date("2026-06-01T00:00:00Z");
    const crl = readCrl(makeCrl(root, { revoked: [leaf], thisUpdate, reason: 1 }));
    assert.equal(crl.issuerText, "Contoso Root");
    assert.deepEqual([crl.thisUpdate, crl.nextUpdate], [thisUpdate, new Date("2026-06-08T00:00:00Z")]);
    assert.deepEqual([...crl.revoked], [[serial, { at: thisUpdate, reason: 1 }]]);
    assert.deepEqual(crl.scope, { only: null, points: null });
  });

  it("may revoke nothing, give no reasons, and be of the first version", () => {
    assert.equal(readCrl(makeCrl(root)).revoked.size, 0);
    assert.deepEqual(readCrl(makeCrl(root, { revoked: [leaf] })).revoked.get(serial)?.reason, null);
    assert.equal(readCrl(makeCrl(root, { version: null })).revoked.size, 0);
  });

  it("is read from PEM as from DER", () => {
    assert.deepEqual([...readCrl(Buffer.from(makeCrlPem(root, { revoked: [leaf] }))).revoked.keys()], [serial]);
    refused(Buffer.from(leaf), /expected -----BEGIN X509 CRL-----/);
    refused(Buffer.from(makeCrlPem(root) + makeCrlPem(root)), /is not one PEM block/);
  });

  it("made by OpenSSL is read and its signature holds", () => {
    const issuer = new X509Certificate(OPENSSL.root);
    const crl = readCrl(Buffer.from(OPENSSL.crl));
    assert.ok(isListSignedBy(crl, issuer));
    assert.equal(crl.issuerText, "Fabrikam Root");
    assert.equal(crl.nextUpdate.getUTCFullYear(), 2126, "a GeneralizedTime");
    assert.equal(crl.revoked.get(serialText(serialOf(new X509Certificate(OPENSSL.leaf))))?.reason, 1);
  });

  it("holds a serial number whatever zeros lead it", () => {
    assert.equal(serialText(Buffer.from("009f8e01", "hex")), "9f8e01");
    assert.equal(serialText(Buffer.from("00", "hex")), "00");
  });
});

describe("the signature of a list", () => {
  it("is the issuer's, and nobody else's", () => {
    const crl = readCrl(makeCrl(root));
    assert.ok(isListSignedBy(crl, certificate));
    assert.ok(!isListSignedBy(crl, new X509Certificate(makeAuthority({ name: "Contoso Root" }).certificatePem)));
    assert.ok(isListSignedBy(crl, certificate), "the answer of one authority is not another's");
  });

  it("does not hold for a list that was changed", () => {
    const bytes = changed(makeCrl(root, { revoked: [leaf] }), (parts) => parts.filter((_, index) => index !== 5));
    const crl = readCrl(bytes);
    assert.equal(crl.revoked.size, 0);
    assert.ok(!isListSignedBy(crl, certificate));
  });

  it("covers its own algorithm: inside and outside must be the same", () => {
    const [body, , signature] = itemsOf(decode(makeCrl(root)));
    const other = sequence(decode(Buffer.from("06082a8648ce3d040303", "hex")));
    refused(encode(sequence(body as Der, other, signature as Der)), /two signature algorithms/);
  });
});

describe("a list that is not understood whole", () => {
  const odd = (critical: boolean) => extension("1.2.3.4.5", critical, nothing());
  const inEntry = (value: Der) => makeCrl(root, { revoked: [leaf], entryExtensions: [value] });
  const inList = (...values: readonly Der[]) => makeCrl(root, { extensions: values });

  it("is refused for a critical extension that is not known, and not for one that is not critical", () => {
    refused(inList(odd(true)), /critical extension 1\.2\.3\.4\.5/);
    refused(inEntry(odd(true)), /entry with a critical extension/);
    readCrl(inList(odd(false)));
    readCrl(inEntry(odd(false)));
  });

  it("is refused as a delta, even where its author did not mark it critical", () => {
    refused(inList(extension(OID.deltaCrlIndicator, true, integer(1))), /is a delta/);
    refused(inList(extension(OID.deltaCrlIndicator, false, integer(1))), /is a delta/);
  });

  it("is refused where it speaks for other authorities", () => {
    refused(inList(issuingPoint(flag(4))), /is indirect/);
    refused(inEntry(extension(OID.certificateIssuer, true, sequence())), /is indirect/);
  });

  it("is refused where it is for some reasons, for attribute certificates or for no certificate", () => {
    refused(inList(issuingPoint(taggedBytes(3, Buffer.of(1, 0x40)))), /some reasons only/);
    refused(inList(issuingPoint(flag(5))), /attribute certificates/);
    refused(inList(issuingPoint(flag(1), flag(2))), /for no certificate/);
    refused(inList(issuingPoint(tagged(0, tagged(1, set())))), /otherwise than by URI/);
  });

  it("is refused where it does not say when the next one comes", () => {
    refused(makeCrl(root, { nextUpdate: null }), /does not say when the next one comes/);
  });

  it("is refused in another version", () => {
    refused(makeCrl(root, { version: 2 }), /version that is not known/);
  });
});

describe("the scope of a list", () => {
  it("is what it says of itself", () => {
    const scope = (...fields: readonly Der[]) => readCrl(makeCrl(root, { extensions: [issuingPoint(...fields)] })).scope;
    assert.deepEqual(scope(flag(1)), { only: "leaves", points: null });
    assert.deepEqual(scope(flag(2)), { only: "authorities", points: null });
    assert.deepEqual(scope(pointName("http://a.example/1.crl", "http://b.example/1.crl"), flag(1)), {
      only: "leaves",
      points: ["http://a.example/1.crl", "http://b.example/1.crl"],
    });
  });
});

describe("bytes that are no list", () => {
  it("are refused with a sentence", () => {
    refused(Buffer.alloc(0), /cannot be read/);
    refused(new X509Certificate(leaf).raw, /cannot be read/);
    refused(Buffer.concat([makeCrl(root), Buffer.of(0)]), /bytes follow/);
    refused(Buffer.from(pemBlock("X509 CRL", Buffer.from("x"))), /cannot be read/);
  });

  it("never do more than that, whatever byte is changed", () => {
    const good = makeCrl(root, { revoked: [leaf], reason: 1, extensions: [issuingPoint(pointName("http://a.example/"), flag(1))] });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        try {
          readCrl(cut ? bytes.subarray(0, at) : bytes);
        } catch (error) {
          assert.ok(error instanceof CrlFormatError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are bounded in length, in entries and in values", () => {
    refused(Buffer.alloc(LIMITS.crlBytes + 1), /expected at most 4194304/);
    const [body, algorithm] = itemsOf(decode(makeCrl(root)));
    const [version, inner, issuer] = itemsOf(body) as [Der, Der, Der];
    const at = time(new Date("2026-06-01T00:00:00Z"));
    const list = (entries: Buffer): Buffer => {
      const wrap = (content: Buffer): Buffer => Buffer.concat([Buffer.of(0x30, 0x83), sized(content.length), content]);
      const head = Buffer.concat([version, inner, issuer, at, at].map(encode));
      return wrap(Buffer.concat([wrap(Buffer.concat([head, wrap(entries)])), encode(algorithm as Der), encode(bitString(Buffer.of(0)))]));
    };
    const date = encode(at);
    const many = (count: number): Buffer =>
      Buffer.concat(
        Array.from({ length: count }, (_, index) =>
          Buffer.concat([Buffer.of(0x30, date.length + 5, 0x02, 3), sized(index + 65_536), date]),
        ),
      );
    assert.equal(readCrl(list(many(LIMITS.crlEntries))).revoked.size, LIMITS.crlEntries);
    refused(list(many(LIMITS.crlEntries + 1)), /more than 100000 entries/);
    const bomb = encode(sequence(...Array.from({ length: 20 }, () => nothing())));
    refused(list(Buffer.concat([bomb, many(4000)])), /more values/);
  });
});

const sized = (length: number): Buffer => Buffer.of((length >> 16) & 255, (length >> 8) & 255, length & 255);

/** `openssl ca -gencrl` of OpenSSL 3.0; the root and a leaf that is revoked. */
const OPENSSL = {
  root: `-----BEGIN CERTIFICATE-----
MIIBvjCCAWOgAwIBAgIUdskoi5wT0nmZJvELLATiyEWr6yEwCgYIKoZIzj0EAwIw
KzERMA8GA1UECgwIRmFicmlrYW0xFjAUBgNVBAMMDUZhYnJpa2FtIFJvb3QwIBcN
MjYxMTI3MDY0MzExWhgPMjEyNjExMDMwNjQzMTFaMCsxETAPBgNVBAoMCEZhYnJp
a2FtMRYwFAYDVQQDDA1GYWJyaWthbSBSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAErl21SQwDklpHmot9/Hm9z7nfbme6xg4YAAKMXDxz9TQiAQ52ZzlBock6
dxLyC7CWHZSJ8tyG2Foz4SpLIw9R6KNjMGEwHQYDVR0OBBYEFFcLFcMn50nW3FsX
85imMh7yN6ZWMB8GA1UdIwQYMBaAFFcLFcMn50nW3FsX85imMh7yN6ZWMA8GA1Ud
EwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49BAMCA0kAMEYCIQDH
VV/o9/DsxhvzxK4I0z88+h2qf9VQdjsAz8PitGfnCQIhAJ5xXFsmSTzbqdxhEgbz
5phKJBxJvc/IoEfuwNBYGt9Y
-----END CERTIFICATE-----
`,
  leaf: `-----BEGIN CERTIFICATE-----
MIIBpTCCAUygAwIBAgIEAJ+OATAKBggqhkjOPQQDAjArMREwDwYDVQQKDAhGYWJy
aWthbTEWMBQGA1UEAwwNRmFicmlrYW0gUm9vdDAgFw0yNjExMjcwNjQzMTFaGA8y
MTI2MTEwMzA2NDMxMVowFzEVMBMGA1UEAwwMZmFicmlrYW0uY29tMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEOA+aNWTo4Y3wz6ttV35gqdf+MezJTlo+g0C+FB+u
/mkDsuylLRH7g8lHKXmFmL0WD2rAtaD+h1VfS4oifRBbi6NwMG4wFwYDVR0RBBAw
DoIMZmFicmlrYW0uY29tMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBTm
aIqUbzlnwFj2Bek4ZveGwllDETAfBgNVHSMEGDAWgBRXCxXDJ+dJ1txbF/OYpjIe
8jemVjAKBggqhkjOPQQDAgNHADBEAiBCPrfHsJLdFxssbsXKI1NzzMXjNnNib3sm
JSoH7lnhKQIgUQxLdGwqsEC3hZalB44smYElL+JPizUdfBLgN/5DQCE=
-----END CERTIFICATE-----
`,
  crl: `-----BEGIN X509 CRL-----
MIIBDDCBtAIBATAKBggqhkjOPQQDAjArMREwDwYDVQQKDAhGYWJyaWthbTEWMBQG
A1UEAwwNRmFicmlrYW0gUm9vdBcNMjYxMTI3MDY0MzExWhgPMjEyNjExMDMwNjQz
MTFaMCUwIwIEAJ+OARcNMjYxMTI3MDY0MzExWjAMMAoGA1UdFQQDCgEBoC8wLTAf
BgNVHSMEGDAWgBRXCxXDJ+dJ1txbF/OYpjIe8jemVjAKBgNVHRQEAwIBATAKBggq
hkjOPQQDAgNHADBEAiAkcqF58u/pfViVoGUMBzW9JSK+0PVSAi+V2fNTZ9eXIQIg
J60+mEhWfDEpB7IKRa6jtu4kuGucX/MzBRXVDISRb1U=
-----END X509 CRL-----
`,
};
