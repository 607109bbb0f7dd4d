import assert from "node:assert/strict";
import fc from "fast-check";
import { issue, makeAuthority } from "../../test/support/certificates.ts";
import { makeCrlPem } from "../../test/support/crls.ts";
import { documentInput } from "../../test/support/edge-document.ts";
import { documentWarnings, parseDocument } from "./parse.ts";
import { LIMITS, type PartnerInput } from "./schema.ts";

const authority = makeAuthority();
const withPartner = (partner: Partial<PartnerInput>) =>
  parseDocument(documentInput({ partners: [{ domain: "fabrikam.example", ...partner }] }));
const withCrls = (...crls: string[]) => parseDocument(documentInput({ xmpp: { crls } })).xmpp.crls;
const pinsOf = (...pinnedKeys: string[]) => withPartner({ pinnedKeys }).partners[0]?.pinnedKeys;

describe("a pinned key", () => {
  it("is one value, however it is written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (array) => {
        const bytes = Buffer.from(array);
        const hex = bytes.toString("hex");
        const colons = hex.toUpperCase().match(/../g)?.join(":") ?? "";
        const base64 = bytes.toString("base64");
        assert.deepEqual(pinsOf(hex, colons, base64, base64.replace("=", "")), [hex, hex, hex, hex]);
      }),
    );
  });

  it("is refused with what is expected where it is anything else", () => {
    const hex = "ab".repeat(32);
    for (const bad of [
      "",
      "sha256//",
      hex.slice(1),
      `${hex}0`,
      `${hex}${hex}`,
      "A".repeat(42),
      `${"A".repeat(43)}==`,
      `${"-".repeat(43)}=`,
      ` ${hex}`,
    ]) {
      assert.throws(
        () => pinsOf(hex, bad),
        /partners\[0\]\.pinnedKeys\[1\] is .*; expected the SHA-256 of a certificate's SubjectPublicKeyInfo: 64 hexadecimal digits or 44 characters of base64/,
        bad,
      );
    }
  });

  it("may stand beside nine others and not beside ten", () => {
    const many = (count: number) => pinsOf(...Array.from({ length: count }, () => "0".repeat(64)));
    assert.equal(many(LIMITS.pinnedKeys)?.length, 10);
    assert.throws(() => many(LIMITS.pinnedKeys + 1), /expected at most 10 entries/);
  });
});

describe("a partner's own authorities", () => {
  it("are certificates in PEM form, a bounded number of them", () => {
    const pem = authority.certificatePem;
    assert.deepEqual(withPartner({ trustedAuthorities: [pem] }).partners[0]?.trustedAuthorities, [pem]);
    assert.throws(() => withPartner({ trustedAuthorities: ["x"] }), /trustedAuthorities\[0\] is "x"; expected a certificate in PEM form/);
    assert.throws(() => withPartner({ trustedAuthorities: Array.from({ length: 11 }, () => pem) }), /expected at most 10 entries/);
    const key = issue(authority, { dnsNames: ["a.example"] }).privateKey;
    assert.throws(() => withPartner({ trustedAuthorities: [key] }), /is a private key \(not shown\)/);
  });
});

describe("a revocation list", () => {
  it("is a URL or stands there itself", () => {
    const entries = ["http://crl.example/a.crl", "https://crl.example/a.crl?b", "file:///etc/edge/a.crl", makeCrlPem(authority)];
    assert.deepEqual(withCrls(...entries), entries);
  });

  it("is refused as anything else", () => {
    for (const bad of [
      "",
      "a.crl",
      "/etc/a.crl",
      "ftp://crl.example/a.crl",
      "ldap://crl.example/cn=a",
      "http://user:secret@crl.example/a.crl",
      "file://host/a.crl",
      `http://crl.example/${"a".repeat(2048)}`,
      makeCrlPem(authority) + makeCrlPem(authority),
      authority.certificatePem,
    ])
      assert.throws(() => withCrls(bad), /xmpp\.crls\[0\] is .*expected an http, https or file URL without user or password/, bad);
  });

  it("is asked for softly where nothing is said", () => {
    assert.equal(parseDocument(documentInput()).xmpp.revocation, "soft");
    assert.throws(() => parseDocument(documentInput({ xmpp: { revocation: "on" as never } })), /expected "off", "soft", "hard"/);
  });
});

describe("trust that does less than it seems to", () => {
  const warnings = (partner: Partial<PartnerInput>, xmpp = {}) =>
    documentWarnings(parseDocument(documentInput({ partners: [{ domain: "fabrikam.example", ...partner }], xmpp }))).map(
      ({ text }) => text,
    );
  const saslOnly = { saslNegotiation: "required", supportDialbackNegotiation: false } as const;
  const pinnedKeys = ["0".repeat(64)];

  it("is warned of where dialback may prove the partner without it", () => {
    const text = /dialback, which this row admits, proves the partner without (trustedAuthorities and )?pinnedKeys/;
    assert.ok(warnings({ saslNegotiation: "optional", pinnedKeys }).some((line) => text.test(line)));
    assert.ok(
      warnings({ saslNegotiation: "optional", pinnedKeys, trustedAuthorities: [authority.certificatePem] }).some((line) => text.test(line)),
    );
    assert.deepEqual(warnings({ ...saslOnly, pinnedKeys }), []);
  });

  it("is warned of where lists are demanded and none is named", () => {
    assert.match(warnings(saslOnly, { revocation: "hard" })[0] ?? "", /hard without any list under xmpp\.crls/);
    assert.deepEqual(warnings(saslOnly, { revocation: "hard", crls: ["http://crl.example/a.crl"] }), []);
  });
});
