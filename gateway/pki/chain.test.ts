import assert from "node:assert/strict";
import { sign, X509Certificate } from "node:crypto";
import {
  type Authority,
  type AuthorityOptions,
  type IssueOptions,
  issue,
  makeAuthority,
  makeIntermediate,
} from "../../test/support/certificates.ts";
import { distinguishedName, extension, pemBlock } from "./build.ts";
import { CHAIN_CODES, type ChainCode, verifyChain } from "./chain.ts";
import { bitString, type Der, decode, encode, itemsOf, nothing, oid, sequence, tagged, taggedBytes } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { subjectAltName } from "./names.ts";
import { OID } from "./oids.ts";
import { readCertificates } from "./roots.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const root = makeAuthority({ name: "Contoso Root" });
const seen = new Set<ChainCode>();

function verify(chainPem: string, roots: readonly Authority[] = [root], now = NOW) {
  const [leaf, ...intermediates] = readCertificates(chainPem);
  assert.ok(leaf);
  return verifyChain({ leaf, intermediates, roots: roots.map(({ certificatePem }) => new X509Certificate(certificatePem)), now });
}

function accepted(chainPem: string, roots?: readonly Authority[]) {
  const verdict = verify(chainPem, roots);
  assert.ok(verdict.ok, verdict.ok ? "" : verdict.text);
  return verdict.chain.length;
}

function refused(chainPem: string, code: ChainCode, text: RegExp, roots?: readonly Authority[], now?: Date) {
  const verdict = verify(chainPem, roots, now);
  assert.ok(!verdict.ok);
  assert.equal(verdict.code, code, verdict.text);
  assert.match(verdict.text, text);
  seen.add(code);
}

const leaf = (authority: Authority, options: IssueOptions = {}) =>
  issue(authority, { dnsNames: ["fabrikam.com"], ...options }).certificateChain;
const below = (options: AuthorityOptions, parent = root) => makeIntermediate(parent, options);

describe("a chain", () => {
  it("is accepted from a root, and through intermediates in any order", () => {
    assert.equal(accepted(leaf(root)), 2);
    const two = below({ name: "Two" }, below({ name: "One" }));
    assert.equal(accepted(leaf(two)), 4);
    const [own = "", ...rest] = leaf(two).split(/(?=-----BEGIN)/);
    assert.equal(accepted(own + rest.toReversed().join("")), 4);
  });

  it("is accepted although the root itself was sent too", () => {
    assert.equal(accepted(leaf(root) + root.certificatePem), 2);
  });

  it("is refused without its intermediate, and the missing issuer is named", () => {
    const [own = ""] = leaf(below({ name: "Contoso Issuing" }))
      .split(/(?=-----BEGIN)/g)
      .slice(0, 1);
    refused(own, "certificate-untrusted", /"fabrikam.com" was issued by "Contoso Issuing".*no intermediate certificate was sent/);
  });

  it("is refused from an authority that nobody trusts, and from one of the same name", () => {
    refused(leaf(makeAuthority({ name: "Elsewhere" })), "certificate-untrusted", /issued by "Elsewhere"/);
    refused(leaf(makeAuthority({ name: "Contoso Root" })), "certificate-untrusted", /not signed with that authority's key/);
    const impostor = makeAuthority({ name: "Contoso Root" });
    refused(leaf(impostor) + impostor.certificatePem, "certificate-untrusted", /./);
    const strange = makeAuthority({ name: "Elsewhere" });
    refused(leaf(strange) + strange.certificatePem, "certificate-untrusted", /ends at the certificate of "Elsewhere"/);
  });

  it("is refused for an empty list of roots", () => {
    refused(leaf(root), "certificate-untrusted", /not among the trusted authorities/, []);
  });

  it("is accepted by the path that holds, where an authority is cross-signed", () => {
    const old = makeAuthority({ name: "Old Root", notAfter: new Date("2025-01-01") });
    const young = makeAuthority({ name: "Young Root" });
    const crossed = below({ name: "Young Root", privateKeyPem: young.privateKeyPem }, old);
    const viaOld = leaf(crossed);
    assert.equal(accepted(viaOld, [old, young]), 2);
    refused(viaOld, "certificate-expired", /"Old Root" expired on 2025-01-01/, [old]);
  });

  it("may be eight certificates long and not nine", () => {
    let authority = root;
    for (let level = 1; level <= LIMITS.chainLength - 2; level++) authority = below({ name: `Level ${level}` }, authority);
    assert.equal(accepted(leaf(authority)), LIMITS.chainLength);
    refused(leaf(below({ name: "Too deep" }, authority)), "chain-too-long", /longer than 8 certificates/);
  });

  it("costs a bounded number of signature checks, however many look-alikes a peer sends", () => {
    let pile = leaf(makeIntermediate(makeAuthority(), { name: "Same" }));
    for (let index = 0; index < 200; index++) pile += makeAuthority({ name: "Same" }).certificatePem;
    const started = performance.now();
    refused(pile, "certificate-untrusted", /./);
    assert.ok(performance.now() - started < 1000);
  });

  it("costs no more where the look-alikes have all signed one another", () => {
    const one = makeAuthority({ name: "Same" });
    let pile = leaf(one);
    for (let index = 0; index < LIMITS.intermediates; index++)
      pile += makeAuthority({ name: "Same", privateKeyPem: one.privateKeyPem }).certificatePem;
    refused(pile, "chain-too-long", /more than 32 signatures|longer than 8/);
    // The trusted one is tried first, so that a pile of others does not hide it.
    assert.equal(accepted(pile, [one]), 2);
  });

  it("that runs in a circle ends", () => {
    const one = makeAuthority({ name: "One" });
    const two = makeIntermediate(one, { name: "Two" });
    const oneAgain = makeIntermediate(two, { name: "One", privateKeyPem: one.privateKeyPem });
    refused(leaf(one) + oneAgain.certificatePem + two.certificatePem, "certificate-untrusted", /./);
  });
});

describe("the purpose of a certificate", () => {
  it("is the server's in both directions", () => {
    accepted(leaf(root, { extendedKeyUsage: ["serverAuth"] }));
    accepted(leaf(root, { extendedKeyUsage: ["clientAuth", "serverAuth"] }));
    accepted(leaf(root, { extendedKeyUsage: ["any"] }));
    accepted(leaf(root, { extendedKeyUsage: null }));
  });

  it("is refused where it is the client's only", () => {
    refused(leaf(root, { extendedKeyUsage: ["clientAuth"] }), "certificate-wrong-purpose", /clients only.*serverAuth/);
  });

  it("cannot be given by an authority that lacks it", () => {
    const narrow = below({ extensions: [extension(OID.extendedKeyUsage, false, sequence(oid(OID.clientAuth)))] });
    refused(leaf(narrow), "certificate-wrong-purpose", /"Test Intermediate" is for clients only/);
  });

  it("is no excuse for an impostor: self-signed for servers only is not trusted", () => {
    refused(leaf(root, { selfSigned: true, extendedKeyUsage: ["serverAuth"] }), "certificate-self-signed", /"fabrikam.com" is self-signed/);
  });
});

describe("a self-signed certificate", () => {
  it("is accepted where it is itself among the trusted ones, and while it is valid", () => {
    const own = leaf(root, { selfSigned: true, notAfter: new Date("2026-12-01") });
    const pinned = { certificatePem: own, privateKeyPem: "", chainPem: "" };
    assert.equal(accepted(own, [pinned]), 1);
    refused(own, "certificate-expired", /expired on 2026-12-01/, [pinned], new Date("2027-01-01"));
  });
});

describe("dates", () => {
  it("refuse what has expired or is not yet valid, leaf and issuer alike", () => {
    refused(leaf(root, { notAfter: new Date("2026-05-31") }), "certificate-expired", /"fabrikam.com" expired on 2026-05-31/);
    refused(leaf(root, { notBefore: new Date("2026-06-02") }), "certificate-not-yet-valid", /not valid before 2026-06-02/);
    refused(leaf(below({ notAfter: new Date("2026-05-31") })), "certificate-expired", /"Test Intermediate" expired/);
    accepted(leaf(root, { notBefore: NOW, notAfter: NOW }));
  });
});

describe("an issuer", () => {
  it("must be an authority: a partner's own certificate vouches for nobody", () => {
    const partner = issue(root, { dnsNames: ["fabrikam.com"] });
    const posing = { certificatePem: partner.certificateChain, privateKeyPem: partner.privateKey, chainPem: partner.certificateChain };
    refused(
      leaf(posing, { dnsNames: ["contoso.com"] }),
      "issuer-not-an-authority",
      /"fabrikam.com" has signed .*"contoso.com".*not a certificate authority/,
    );
  });

  it("must be allowed to sign certificates", () => {
    refused(leaf(below({ uses: ["cRLSign"] })), "issuer-not-an-authority", /key usage does not allow/);
    accepted(leaf(below({ uses: ["keyCertSign"] })));
  });

  it("keeps its path length", () => {
    const bounded = below({ name: "Bounded", pathLength: 0 });
    accepted(leaf(bounded));
    refused(leaf(below({ name: "Further" }, bounded)), "issuer-path-length", /"Bounded" allows 0 authorities below it; the chain has 1/);
  });

  it("does not count itself, issued anew under its own name, as a level", () => {
    const bounded = below({ name: "Rekeyed", pathLength: 0 });
    accepted(leaf(below({ name: "Rekeyed" }, bounded)));
  });
});

describe("extensions and strength", () => {
  it("refuse a critical extension that is not understood, and let pass one that is not critical", () => {
    const odd = (critical: boolean) => extension("1.2.3.4.5", critical, nothing());
    refused(leaf(root, { extensions: [odd(true)] }), "certificate-unknown-extension", /critical extension 1\.2\.3\.4\.5/);
    refused(leaf(below({ extensions: [odd(true)] })), "certificate-unknown-extension", /"Test Intermediate"/);
    accepted(leaf(root, { extensions: [odd(false)] }));
  });

  it("refuse an extension that stands twice", () => {
    refused(leaf(root, { extensions: [subjectAltName({ dns: ["contoso.com"] })] }), "certificate-malformed", /stands twice/);
  });

  it("refuse an RSA key below 2048 bits", () => {
    refused(leaf(root, { key: "rsa1024" }), "certificate-weak", /RSA key of 1024 bits; expected 2048 or more/);
    accepted(leaf(root, { key: "rsa2048" }));
  });
});

describe("a signature", () => {
  it("made with SHA-1 is refused", () => {
    const good = new X509Certificate(leaf(root));
    const algorithm = sequence(oid(OID.ecdsaWithSha1));
    const body = sequence(...itemsOf(itemsOf(decode(good.raw))[0]).map((item, index) => (index === 2 ? algorithm : item)));
    const signature = sign("sha1", encode(body), root.privateKeyPem);
    const weak = pemBlock("CERTIFICATE", encode(sequence(body, algorithm, bitString(signature))));
    refused(weak, "certificate-weak", /signed with MD5 or SHA-1; expected SHA-256/);
  });
});

describe("name constraints", () => {
  const constrained = (permitted: readonly Der[], excluded: readonly Der[] = []) =>
    below({
      name: "Limited",
      extensions: [
        extension(
          OID.nameConstraints,
          true,
          sequence(
            ...(permitted.length ? [tagged(0, ...permitted.map(subtree))] : []),
            ...(excluded.length ? [tagged(1, ...excluded.map(subtree))] : []),
          ),
        ),
      ],
    });
  const subtree = (base: Der) => sequence(base);
  const dns = (name: string) => taggedBytes(2, Buffer.from(name));

  it("hold for DNS names", () => {
    const authority = constrained([dns("fabrikam.com")]);
    accepted(leaf(authority));
    accepted(leaf(authority, { dnsNames: ["im.fabrikam.com", "*.fabrikam.com"] }));
    refused(
      leaf(authority, { dnsNames: ["fabrikam.com", "contoso.com"] }),
      "issuer-name-constraints",
      /"Limited".*contoso.com is not among/,
    );
    refused(leaf(authority, { dnsNames: ["xfabrikam.com"] }), "issuer-name-constraints", /not among/);
  });

  it("hold for a leaf that bears its issuer's name, too", () => {
    refused(
      leaf(constrained([dns("fabrikam.com")]), { commonName: "Limited", dnsNames: ["contoso.com"] }),
      "issuer-name-constraints",
      /contoso.com/,
    );
  });

  it("hold for SRV names and XMPP addresses too", () => {
    const authority = constrained([dns("fabrikam.com")]);
    accepted(leaf(authority, { srvNames: ["_xmpp-server.fabrikam.com"], xmppAddrs: ["im.fabrikam.com"] }));
    refused(leaf(authority, { srvNames: ["_xmpp-server.contoso.com"] }), "issuer-name-constraints", /contoso.com/);
    refused(leaf(authority, { xmppAddrs: ["contoso.com"] }), "issuer-name-constraints", /contoso.com/);
  });

  it("exclude what they exclude, a wildcard that would reach it included", () => {
    const authority = constrained([], [dns("hr.fabrikam.com")]);
    accepted(leaf(authority));
    refused(leaf(authority, { dnsNames: ["hr.fabrikam.com"] }), "issuer-name-constraints", /may not vouch for/);
    refused(leaf(authority, { dnsNames: ["*.fabrikam.com"] }), "issuer-name-constraints", /may not vouch for/);
  });

  it("with a leading dot mean what is below, not the name itself", () => {
    const authority = constrained([dns(".fabrikam.com")]);
    accepted(leaf(authority, { dnsNames: ["im.fabrikam.com"] }));
    refused(leaf(authority), "issuer-name-constraints", /not among/);
  });

  it("hold for directory names, whatever their case", () => {
    const directory = (organization: string) => tagged(4, distinguishedName({ commonName: "", organization }));
    const authority = constrained([directory("fabrikam")]);
    refused(leaf(authority), "issuer-name-constraints", /not among/);
    accepted(leaf(constrained([dns("fabrikam.com")], [directory("Contoso")])));
  });

  it("of a kind that cannot be checked refuse only a certificate that has such a name", () => {
    const everyAddress = taggedBytes(7, Buffer.alloc(8));
    const authority = constrained([dns("fabrikam.com")], [everyAddress]);
    accepted(leaf(authority));
    const address = issue(authority, {
      commonName: "x",
      extensions: [extension(OID.subjectAltName, false, sequence(dns("fabrikam.com"), taggedBytes(7, Buffer.of(127, 0, 0, 1))))],
    });
    refused(address.certificateChain, "issuer-name-constraints", /cannot be checked/);
  });

  it("that cannot be read refuse everything below them", () => {
    const odd = below({ extensions: [extension(OID.nameConstraints, true, sequence(tagged(0, sequence())))] });
    refused(leaf(odd), "certificate-malformed", /name constraint/);
  });
});

describe("the codes of a chain", () => {
  it("have all been seen in the tests above", () => {
    assert.deepEqual([...seen].sort(), [...CHAIN_CODES]);
  });
});
