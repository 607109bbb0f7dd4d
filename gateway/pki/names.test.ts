import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { type IssueOptions, issue, makeAuthority } from "../../test/support/certificates.ts";
import { extension } from "./build.ts";
import { type Der, decode, encode, ia5String, oid, printableString, sequence, tagged, taggedBytes, utf8String } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { certificateNames, generalNames, isDomain, provesDomain, provesHost, readAlternativeNames, subjectAltName } from "./names.ts";
import { OID } from "./oids.ts";

const authority = makeAuthority();
const certificate = (options: IssueOptions) => new X509Certificate(issue(authority, options).certificateChain);
const withNames = (...names: Der[]) =>
  certificate({ commonName: "x", extensions: [extension(OID.subjectAltName, false, sequence(...names))] });
const dnsBytes = (bytes: string) => taggedBytes(2, Buffer.from(bytes, "latin1"));

describe("names in a certificate", () => {
  it("are read by kind and in their order", () => {
    const names = certificateNames(
      certificate({
        dnsNames: ["Sip.contoso.com", "*.contoso.com"],
        srvNames: ["_xmpp-server.contoso.com"],
        xmppAddrs: ["contoso.com", "tschüss.example"],
        commonName: "sip.contoso.com",
      }),
    );
    assert.deepEqual(names, {
      dns: ["sip.contoso.com", "*.contoso.com"],
      srv: ["_xmpp-server.contoso.com"],
      xmppAddr: ["contoso.com", "tschüss.example"],
      commonName: "sip.contoso.com",
      damaged: null,
    });
  });

  it("are empty lists where the certificate has none", () => {
    assert.deepEqual(certificateNames(certificate({ commonName: "only.cn.example" })), {
      dns: [],
      srv: [],
      xmppAddr: [],
      commonName: "only.cn.example",
      damaged: null,
    });
  });

  const broken: readonly (readonly [string, Der])[] = [
    ["is no sequence", utf8String("contoso.com")],
    ["has an otherName without a type", sequence(tagged(0, tagged(0, utf8String("contoso.com"))))],
    ["has an otherName without a value", sequence(tagged(0, oid(OID.srvName)))],
    ["has a DNS name that is constructed", sequence(tagged(2, utf8String("contoso.com")))],
    ["has more names than allowed", sequence(...Array.from({ length: LIMITS.names + 1 }, (_, index) => dnsBytes(`a${index}.example`)))],
  ];
  for (const [what, value] of broken) {
    it(`are none, and said to be damaged, where the extension ${what}`, () => {
      const names = certificateNames(certificate({ commonName: "x", extensions: [extension(OID.subjectAltName, false, value)] }));
      assert.deepEqual([names.dns, names.srv, names.xmppAddr], [[], [], []]);
      assert.match(names.damaged ?? "", /alternative names cannot be read/);
    });
  }

  it("are none where the extension stands twice", () => {
    const names = certificateNames(certificate({ dnsNames: ["contoso.com"], extensions: [subjectAltName({ dns: ["fabrikam.com"] })] }));
    assert.deepEqual(names.dns, []);
    assert.match(names.damaged ?? "", /stands twice/);
  });

  it("leave out a name that no domain could have and keep the others", () => {
    const names = certificateNames(
      withNames(
        dnsBytes("fabrikam.com\0.evil.example"),
        dnsBytes("fabrikam.com, DNS:evil.example"),
        dnsBytes("fabrikam.com."),
        dnsBytes("f*.fabrikam.com"),
        dnsBytes("*.*.com"),
        dnsBytes("*"),
        dnsBytes(""),
        dnsBytes("10.0.0.1"),
        dnsBytes("good.example"),
      ),
    );
    assert.deepEqual(names.dns, ["good.example"]);
  });

  it("round-trip through DER", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const domain = fc.tuple(label, fc.stringMatching(/^[a-z]{2,8}$/)).map((parts) => parts.join("."));
    const lists = fc.record({
      dns: fc.array(domain),
      srv: fc.array(domain.map((name) => `_xmpp-server.${name}`)),
      // Labels that look like A-labels but are none are refused, as they should be.
      xmppAddr: fc.array(domain.filter((name) => !name.startsWith("xn--"))),
    });
    fc.assert(
      fc.property(lists, (names) => assert.deepEqual(readAlternativeNames(decode(encode(sequence(...generalNames(names))))), { ...names })),
    );
  });

  it("never make the reader throw anything but its own error, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readAlternativeNames(decode(Buffer.from(bytes)));
        } catch (error) {
          assert.equal((error as Error).name, "DerError");
        }
      }),
    );
  });
});

describe("a domain is proven", () => {
  const rows: readonly (readonly [string, IssueOptions, string, boolean])[] = [
    ["by its DNS-ID", { dnsNames: ["fabrikam.com"] }, "fabrikam.com", true],
    ["not by another one", { dnsNames: ["fabrikam.com.evil.example", "xfabrikam.com"] }, "fabrikam.com", false],
    ["by its SRV-ID for servers", { srvNames: ["_xmpp-server.fabrikam.com"] }, "fabrikam.com", true],
    ["not by an SRV-ID for clients", { srvNames: ["_xmpp-client.fabrikam.com"] }, "fabrikam.com", false],
    ["by its XmppAddr", { xmppAddrs: ["fabrikam.com"] }, "fabrikam.com", true],
    ["not by the XmppAddr of a user there", { xmppAddrs: ["alice@fabrikam.com"] }, "fabrikam.com", false],
    ["not by an XmppAddr with a resource", { xmppAddrs: ["fabrikam.com/evil.example"] }, "fabrikam.com", false],
    ["by an XmppAddr in Unicode", { xmppAddrs: ["tschüss.example"] }, "xn--tschss-6ya.example", true],
    ["not by an XmppAddr in look-alike characters", { xmppAddrs: ["ｆabrikam.com"] }, "fabrikam.com", false],
    ["whatever the case", { dnsNames: ["FABRIKAM.com"] }, "fabrikam.com", true],
    ["by a wildcard one label up", { dnsNames: ["*.fabrikam.com"] }, "im.fabrikam.com", true],
    ["not by a wildcard at its own level", { dnsNames: ["*.fabrikam.com"] }, "fabrikam.com", false],
    ["not by a wildcard two labels up", { dnsNames: ["*.fabrikam.com"] }, "a.im.fabrikam.com", false],
    ["not by a wildcard below a top-level domain", { dnsNames: ["*.com"] }, "fabrikam.com", false],
    ["not by a wildcard in an SRV-ID", { srvNames: ["_xmpp-server.*.fabrikam.com"] }, "im.fabrikam.com", false],
    ["not by a wildcard asked for", { dnsNames: ["*.fabrikam.com"] }, "*.fabrikam.com", false],
    ["not by the common name", { commonName: "fabrikam.com" }, "fabrikam.com", false],
    ["not by the common name beside other names", { commonName: "fabrikam.com", dnsNames: ["evil.example"] }, "fabrikam.com", false],
    ["not by a subject that holds a name in a comma list", { commonName: "x, CN=fabrikam.com" }, "fabrikam.com", false],
  ];
  for (const [what, options, domain, proven] of rows) {
    it(what, () => assert.equal(provesDomain(certificate(options), domain), proven));
  }

  it("not by a name cut short at NUL", () => {
    assert.equal(provesDomain(withNames(dnsBytes("fabrikam.com\0.evil.example")), "fabrikam.com"), false);
  });

  it("by other string types than the standard's, which some authorities use", () => {
    const name = (value: Der) => withNames(tagged(0, oid(OID.xmppAddr), tagged(0, value)));
    assert.equal(provesDomain(name(printableString("fabrikam.com")), "fabrikam.com"), true);
    assert.equal(provesDomain(name(ia5String("fabrikam.org")), "fabrikam.com"), false);
  });
});

describe("a host is proven", () => {
  it("by its DNS-ID alone", () => {
    assert.equal(provesHost(certificate({ dnsNames: ["lync.contoso.com"] }), "lync.contoso.com"), true);
    assert.equal(
      provesHost(certificate({ srvNames: ["_xmpp-server.lync.contoso.com"], xmppAddrs: ["lync.contoso.com"] }), "lync.contoso.com"),
      false,
    );
  });
});

describe("a domain name", () => {
  it("has two labels or more, in lower-case A-labels", () => {
    for (const good of ["contoso.com", "sip.contoso.com", "xn--tschss-6ya.example", "3com.com", "a-b.example"])
      assert.equal(isDomain(good), true, good);
    const bad = [
      "",
      "contoso",
      "Contoso.com",
      "-a.example",
      "a-.example",
      "a..example",
      ".example.com",
      "a.example.",
      "1.2.3.4",
      "a b.example",
      `${"a".repeat(64)}.example`,
      `${"a.".repeat(130)}com`,
    ];
    for (const name of bad) assert.equal(isDomain(name), false, name);
  });
});
