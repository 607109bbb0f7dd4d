import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { type Authority, type IssueOptions, issue, makeAuthority, makeIntermediate } from "../../test/support/certificates.ts";
import { type CrlOptions, distributionPoints, flag, issuingPoint, makeCrl, pointName } from "../../test/support/crls.ts";
import { extension } from "./build.ts";
import { readCrl } from "./crl.ts";
import { type Der, integer } from "./der.ts";
import { OID } from "./oids.ts";
import { checkRevocation } from "./revocation.ts";
import { readCertificates } from "./roots.ts";

const NOW = new Date("2026-06-03T12:00:00Z");
const root = makeAuthority({ name: "Contoso Root" });
const issuing = makeIntermediate(root, { name: "Contoso Issuing" });

const chainOf = (options: IssueOptions = {}, authority: Authority = issuing, top: Authority = root) =>
  readCertificates(issue(authority, { dnsNames: ["fabrikam.com"], ...options }).certificateChain + top.certificatePem);
const list = (authority: Authority, options: CrlOptions = {}) => readCrl(makeCrl(authority, options));
const pem = (certificate: X509Certificate | undefined) => certificate?.toString() ?? "";

const chain = chainOf();
const good = [list(issuing), list(root)];

describe("the revocation of a chain", () => {
  it("is none where a list of every issuer names none of its certificates", () => {
    assert.deepEqual(checkRevocation(chain, good, NOW), { revoked: null, unchecked: [] });
  });

  it("is found for the leaf, with day and reason", () => {
    const { revoked } = checkRevocation(chain, [list(issuing, { revoked: [pem(chain[0])], reason: 1 }), list(root)], NOW);
    assert.match(
      revoked ?? "",
      /certificate of "fabrikam\.com" was revoked on 2026-06-01 \(keyCompromise\), says the list of "Contoso Issuing"/,
    );
  });

  it("is found for an intermediate", () => {
    const { revoked } = checkRevocation(chain, [list(issuing), list(root, { revoked: [pem(chain[1])] })], NOW);
    assert.match(revoked ?? "", /"Contoso Issuing" was revoked on 2026-06-01, says the list of "Contoso Root"/);
  });

  it("is not asked about the trusted certificate itself, nor where it is all there is", () => {
    const lists = [list(issuing), list(root, { revoked: [root.certificatePem] })];
    assert.deepEqual(checkRevocation(chain, lists, NOW), { revoked: null, unchecked: [] });
    assert.deepEqual(checkRevocation(chain.slice(2), [], NOW), { revoked: null, unchecked: [] });
  });

  it("is another certificate's where only the issuer's name or only the serial number is the same", () => {
    const elsewhere = makeAuthority({ name: "Elsewhere" });
    const lists = [...good, list(issuing, { revoked: [pem(chainOf()[0])] }), list(elsewhere, { revoked: [pem(chain[0])] })];
    assert.equal(checkRevocation(chain, lists, NOW).revoked, null);
  });
});

describe("a list that cannot be asked", () => {
  const why = (lists: ReturnType<typeof list>[], of = chain): string[] => {
    const { revoked, unchecked } = checkRevocation(of, lists, NOW);
    assert.equal(revoked, null);
    return unchecked.map((link) => `${link.issuer}: ${link.why}`);
  };

  it("is the one that is not there", () => {
    assert.deepEqual(why([]), ['"Contoso Issuing": there is none', '"Contoso Root": there is none']);
    assert.deepEqual(why([list(root)]), ['"Contoso Issuing": there is none']);
  });

  it("is one by a wrong signer, whatever it says", () => {
    const forger = makeAuthority({ name: "Contoso Issuing" });
    const forged = list(issuing, { signer: forger, revoked: [pem(chain[0])] });
    assert.deepEqual(why([forged, list(root)]), ['"Contoso Issuing": the one with its name is not signed with its key']);
    assert.deepEqual(why([forged, ...good]), [], "nor does it hide the true one");
  });

  it("is one that is out of date, or not yet in date", () => {
    const old = list(issuing, { thisUpdate: new Date("2026-05-01T00:00:00Z") });
    assert.deepEqual(why([old, list(root)]), ['"Contoso Issuing": the one there is was to be replaced by 2026-05-08']);
    const early = list(issuing, { thisUpdate: new Date("2026-06-04T00:00:00Z") });
    assert.deepEqual(why([early, list(root)]), ['"Contoso Issuing": the one there is counts from 2026-06-04 only']);
    assert.deepEqual(why([old, ...good]), [], "nor does it hide the present one");
  });

  it("is one of an authority that may not sign lists", () => {
    const narrow = makeIntermediate(root, { name: "Narrow", uses: ["keyCertSign"] });
    assert.deepEqual(why([list(narrow), list(root)], chainOf({}, narrow)), [
      '"Narrow": the key usage of the authority does not allow it to sign lists',
    ]);
  });

  it("is one for other certificates", () => {
    const scoped = (...fields: readonly Der[]) => list(issuing, { extensions: [issuingPoint(...fields)] });
    const other = ['"Contoso Issuing": the one there is speaks of other certificates of this authority'];
    assert.deepEqual(why([scoped(flag(1)), list(root)]), []);
    assert.deepEqual(why([scoped(flag(2)), list(root)]), other);
    assert.deepEqual(why([list(issuing), list(root, { extensions: [issuingPoint(flag(2))] })]), []);
    assert.deepEqual(why([list(issuing), list(root, { extensions: [issuingPoint(flag(1))] })]), [
      '"Contoso Root": the one there is speaks of other certificates of this authority',
    ]);
    const point = scoped(pointName("http://crl.contoso.com/7.crl"));
    assert.deepEqual(why([point, list(root)]), other);
    assert.deepEqual(why([point, list(root)], chainOf({ extensions: [distributionPoints("http://crl.contoso.com/8.crl")] })), other);
    assert.deepEqual(why([point, list(root)], chainOf({ extensions: [distributionPoints("http://crl.contoso.com/7.crl")] })), []);
  });

  it("is one with which a broken certificate cannot be compared", () => {
    const broken = chainOf({ extensions: [extension(OID.crlDistributionPoints, false, integer(1))] });
    const point = list(issuing, { extensions: [issuingPoint(pointName("http://crl.contoso.com/7.crl"))] });
    assert.match(why([point, list(root)], broken)[0] ?? "", /"fabrikam.com" cannot be read/);
  });
});

describe("a certificate once revoked", () => {
  it("stays so on a list that is out of date or covers others, since its serial number is never given again", () => {
    const old = list(issuing, { thisUpdate: new Date("2026-05-01T00:00:00Z"), revoked: [pem(chain[0])] });
    assert.match(checkRevocation(chain, [old, ...good], NOW).revoked ?? "", /was revoked on 2026-05-01/);
    const authorities = list(issuing, { extensions: [issuingPoint(flag(2))], revoked: [pem(chain[0])] });
    assert.match(checkRevocation(chain, [authorities, ...good], NOW).revoked ?? "", /was revoked/);
  });

  it("under a key that was changed is found by the list that the old key signed", () => {
    const rekeyed = makeAuthority({ name: "Contoso Root" });
    const lists = [list(rekeyed), list(root, { revoked: [pem(chain[1])] }), list(issuing)];
    assert.match(checkRevocation(chain, lists, NOW).revoked ?? "", /"Contoso Issuing" was revoked/);
  });

  it("is compared by its own number: RSA authorities sign lists too", () => {
    const rsa = makeAuthority({
      name: "RSA Root",
      privateKeyPem: issue(root, { dnsNames: ["x.example"], key: "rsa2048" }).privateKey,
    });
    const short = chainOf({}, rsa, rsa);
    const { revoked } = checkRevocation(short, [list(rsa, { revoked: [pem(short[0])], reason: 4 })], NOW);
    assert.match(revoked ?? "", /\(superseded\)/);
    assert.ok(new X509Certificate(rsa.certificatePem).publicKey.asymmetricKeyType === "rsa");
  });
});
