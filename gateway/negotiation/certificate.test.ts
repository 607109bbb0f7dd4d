import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import {
  type Authority,
  type AuthorityOptions,
  type IssueOptions,
  issue,
  makeAuthority,
  makeIntermediate,
} from "../../test/support/certificates.ts";
import { type CrlOptions, makeCrl } from "../../test/support/crls.ts";
import { extension } from "../pki/build.ts";
import { readCrl } from "../pki/crl.ts";
import { sequence, tagged, taggedBytes } from "../pki/der.ts";
import { OID } from "../pki/oids.ts";
import { readCertificates } from "../pki/roots.ts";
import { certificateSummary, judgeCertificate, type PeerCertificate, SHOWN_NAMES, type Trust } from "./certificate.ts";

const NOW = new Date("2026-06-03T00:00:00Z");
const root = makeAuthority({ name: "Root" });
const other = makeAuthority({ name: "Other Root" });

function shown(options: IssueOptions = {}, authority: Authority = root): PeerCertificate {
  const [leaf, ...intermediates] = readCertificates(issue(authority, { dnsNames: ["fabrikam.example"], ...options }).certificateChain);
  assert.ok(leaf);
  return { leaf, intermediates };
}

const certificate = (authority: Authority) => new X509Certificate(authority.certificatePem);
const list = (authority: Authority, options: CrlOptions = {}) => readCrl(makeCrl(authority, options));
const TRUST: Trust = { roots: [certificate(root)], pins: [], revocation: { mode: "off", crls: [] }, now: NOW };
const judge = (peer: PeerCertificate | null, trust: Partial<Trust> = {}, domain: string | null = "fabrikam.example") =>
  judgeCertificate(peer, domain, { ...TRUST, ...trust });
const accepted = (...claim: Parameters<typeof judge>) => assert.deepEqual(judge(...claim), { standing: "valid", detail: "" });
const refused = (text: RegExp, ...claim: Parameters<typeof judge>) => {
  const { standing, detail } = judge(...claim);
  assert.equal(standing, "invalid");
  assert.match(detail, text);
};

/** SHA-256 of the key as it stands in the certificate's PEM public key: computed apart from the code under test. */
const pinOf = ({ leaf }: PeerCertificate): string => {
  const pem = leaf.publicKey.export({ type: "spki", format: "pem" }).toString();
  return createHash("sha256")
    .update(Buffer.from(pem.replace(/-----.*-----|\s/g, ""), "base64"))
    .digest("hex");
};

describe("a peer's certificate", () => {
  it("proves the domain that it names, under an authority that is trusted", () => {
    accepted(shown());
    refused(/made out to fabrikam\.example, not to contoso\.example/, shown(), {}, "contoso.example");
  });

  it("proves nothing where none was shown, or nobody says whose it is to be", () => {
    assert.equal(judge(null).standing, "none");
    assert.equal(judge(shown(), {}, null).standing, "none");
  });

  it("is no impostor's, self-signed or of another authority", () => {
    refused(/self-signed and not itself among the trusted/, shown({ selfSigned: true }));
    refused(/issued by "Other Root"/, shown({}, other));
    refused(/not signed with that authority's key/, shown({}, makeAuthority({ name: "Root" })));
  });

  it("is refused where chain or dates do not hold", () => {
    const below = (options: AuthorityOptions, parent = root) => makeIntermediate(parent, options);
    refused(/expired on 2026-06-01/, shown({ notAfter: new Date("2026-06-01") }));
    refused(/allows 0 authorities below it/, shown({}, below({ name: "Two" }, below({ name: "One", pathLength: 0 }))));
    const contoso = sequence(tagged(0, sequence(taggedBytes(2, Buffer.from("contoso.example")))));
    refused(/limited to certain names/, shown({}, below({ extensions: [extension(OID.nameConstraints, true, contoso)] })));
  });
});

describe("a pinned key", () => {
  const impostor = shown({ selfSigned: true });
  const own = shown({ selfSigned: true });

  it("vouches for a certificate that nobody else vouches for", () => {
    accepted(own, { roots: null, pins: [pinOf(own)] });
    const elsewhere = shown({}, other);
    accepted(elsewhere, { roots: null, pins: [pinOf(elsewhere)] });
  });

  it("is not another key", () => {
    refused(/its key is none of the partner's pinned keys; its SHA-256 is [0-9a-f]{64}$/, impostor, { roots: null, pins: [pinOf(own)] });
    refused(/none of the partner's pinned keys/, shown(), { pins: [pinOf(own)] });
  });

  it("that is none takes no authority's place", () => refused(/not among the trusted authorities/, shown(), { roots: null, pins: [] }));

  it("is one of several, so that a key can be changed", () => {
    accepted(own, { roots: null, pins: [pinOf(impostor), pinOf(own)] });
  });

  it("does not excuse a wrong name, a date, a purpose or a weak key", () => {
    const pinned = (options: IssueOptions) => {
      const peer = shown({ selfSigned: true, ...options });
      return [peer, { roots: null, pins: [pinOf(peer)] }] as const;
    };
    refused(/not to fabrikam/, ...pinned({ dnsNames: ["contoso.example"] }));
    refused(/expired/, ...pinned({ notAfter: new Date("2026-06-01") }));
    refused(/not valid before/, ...pinned({ notBefore: new Date("2026-06-04") }));
    refused(/clients only/, ...pinned({ extendedKeyUsage: ["clientAuth"] }));
    refused(/RSA key of 1024 bits/, ...pinned({ key: "rsa1024" }));
  });

  it("beside authorities must hold as well as they", () => {
    const peer = shown();
    accepted(peer, { pins: [pinOf(peer)] });
    refused(/self-signed/, own, { pins: [pinOf(own)] });
    refused(/none of the partner's pinned keys/, peer, { pins: [pinOf(own)] });
  });

  it("is the leaf's: an authority's does not do", () => {
    const pins = [pinOf({ leaf: certificate(root), intermediates: [] })];
    refused(/none of the partner's pinned keys/, shown(), { roots: null, pins });
  });
});

describe("revocation", () => {
  const issuing = makeIntermediate(root, { name: "Issuing" });
  const peer = shown({}, issuing);
  const both = [list(issuing), list(root)];
  const revokedLeaf = [list(issuing, { revoked: [peer.leaf.toString()], reason: 1 }), list(root)];
  const revokedIntermediate = [list(issuing), list(root, { revoked: [issuing.certificatePem] })];
  const stale = [list(issuing, { thisUpdate: new Date("2026-05-01") }), list(root)];
  const forged = [list(issuing, { signer: makeAuthority(), revoked: [peer.leaf.toString()] }), list(root)];

  for (const mode of ["soft", "hard"] as const) {
    it(`${mode} accepts what no list names`, () => accepted(peer, { revocation: { mode, crls: both } }));
    it(`${mode} refuses a revoked leaf`, () => {
      refused(/"fabrikam\.example" was revoked on 2026-06-01 \(keyCompromise\)/, peer, { revocation: { mode, crls: revokedLeaf } });
    });
    it(`${mode} refuses what a revoked authority has issued`, () => {
      refused(/"Issuing" was revoked/, peer, { revocation: { mode, crls: revokedIntermediate } });
    });
  }

  it("off asks nobody", () => accepted(peer, { revocation: { mode: "off", crls: revokedLeaf } }));

  it("soft accepts without a usable list, and says which is missing", () => {
    const unchecked = (crls: Trust["revocation"]["crls"]) => {
      const judgement = judge(peer, { revocation: { mode: "soft", crls } });
      assert.equal(judgement.standing, "valid");
      return judgement.unchecked?.map(({ issuer, why }) => `${issuer}: ${why}`);
    };
    assert.deepEqual(unchecked([]), ['"Issuing": there is none', '"Root": there is none']);
    assert.deepEqual(unchecked(stale), ['"Issuing": the one there is was to be replaced by 2026-05-08']);
    assert.deepEqual(unchecked(forged), ['"Issuing": the one with its name is not signed with its key']);
  });

  it("hard refuses without one, and says what would mend it", () => {
    const mend = "add its list to xmpp\\.crls, or set xmpp\\.revocation to soft";
    const hard = (crls: Trust["revocation"]["crls"]) => ({ revocation: { mode: "hard" as const, crls } });
    refused(new RegExp(`^no usable revocation list of "Issuing" \\(there is none\\): ${mend}$`), peer, hard([]));
    refused(new RegExp(`of "Issuing" \\(the one there is was to be replaced by 2026-05-08\\): ${mend}`), peer, hard(stale));
    refused(/not signed with its key/, peer, hard(forged));
    refused(/of "Root" \(there is none\)/, peer, hard(both.slice(0, 1)));
  });

  it("is not asked about a key that is pinned alone: whoever pins takes it out again", () => {
    accepted(peer, { roots: null, pins: [pinOf(peer)], revocation: { mode: "hard", crls: revokedLeaf } });
    refused(/was revoked/, peer, { pins: [pinOf(peer)], revocation: { mode: "hard", crls: revokedLeaf } });
  });
});

describe("what a certificate claims", () => {
  it("is told as domains and an end, and nothing where none was shown", () => {
    const notAfter = new Date("2026-12-01T00:00:00Z");
    const peer = shown({ dnsNames: ["fabrikam.example", "*.fabrikam.example"], xmppAddrs: ["fabrikam.example"], notAfter });
    assert.deepEqual(certificateSummary(peer), { names: ["fabrikam.example", "*.fabrikam.example"], expires: notAfter.getTime() });
    assert.equal(certificateSummary(null), null);
  });

  it("is cut where it claims very much", () => {
    const dnsNames = Array.from({ length: SHOWN_NAMES + 5 }, (_, index) => `d${index}.example`);
    assert.equal(certificateSummary(shown({ dnsNames }))?.names.length, SHOWN_NAMES);
  });
});
