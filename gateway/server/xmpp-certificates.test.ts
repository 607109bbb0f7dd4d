import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { type ConnectionOptions, createSecureContext, type TLSSocket } from "node:tls";
import { type Issued, issue, makeAuthority, makeIntermediate } from "../../test/support/certificates.ts";
import { makeCrl, makeCrlPem } from "../../test/support/crls.ts";
import { eventually, message, type RawPeer, ROWS, type TestEdge, XmppWorld } from "../../test/support/xmpp-world.ts";
import type { PartnerInput } from "../config/schema.ts";
import { TLS_SUITES } from "./xmpp-identities.ts";

const FABRIKAM: PartnerInput = { domain: "fabrikam.example", ...ROWS.external };
const FEATURES = /<\/stream:features>|<stream:features\/>|<\/stream:error>/;
const TODAY = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000);

const pinOf = ({ certificateChain }: Issued): string =>
  createHash("sha256")
    .update(new X509Certificate(certificateChain).publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");

describe("certificates over real streams", () => {
  let world: XmppWorld;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(() => world.stop());

  const edgeOf = (partners: readonly PartnerInput[], more: Partial<Parameters<XmppWorld["edge"]>[0]> = {}): Promise<TestEdge> =>
    world.edge({ domain: "contoso.example", partners, ...more });

  /** Up to the features after TLS, or the stream error. */
  async function tryIn(edge: TestEdge, from: string, certificate: Issued): Promise<{ readonly said: string; readonly peer: RawPeer }> {
    const peer = await world.dial(edge);
    return { said: await peer.upTo(from, "contoso.example", certificate), peer };
  }

  async function proveIn(edge: TestEdge, from: string, certificate: Issued): Promise<RawPeer> {
    const { said, peer } = await tryIn(edge, from, certificate);
    assert.match(said, /EXTERNAL/);
    peer.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
    await peer.expect(/<success/);
    peer.open(from, "contoso.example");
    await peer.expect(FEATURES);
    await eventually(() => proven(edge).length > 0);
    return peer;
  }

  const proven = (edge: TestEdge) => edge.side.connections().filter(({ method }) => method !== null);
  const refusals = (edge: TestEdge) => edge.side.attempts().map(({ code, text }) => `${code}: ${text}`);

  async function refusedIn(edge: TestEdge, from: string, certificate: Issued, text: RegExp): Promise<void> {
    const { said } = await tryIn(edge, from, certificate);
    assert.match(said, /not-authorized/);
    assert.match(refusals(edge)[0] ?? "", text);
  }

  describe("a partner's own authority", () => {
    const own = makeAuthority({ name: "Fabrikam Root" });
    const fabrikam = { ...FABRIKAM, trustedAuthorities: [own.certificatePem] };
    const litware: PartnerInput = { domain: "litware.example", ...ROWS.external };

    it("vouches for this partner, and no other authority does", async () => {
      const edge = await edgeOf([fabrikam]);
      await proveIn(edge, "fabrikam.example", issue(own, { dnsNames: ["fabrikam.example"] }));
      await refusedIn(edge, "fabrikam.example", world.issue("fabrikam.example"), /issued by "World Authority", which is not among/);
    });

    it("does not vouch for another partner", async () => {
      const edge = await edgeOf([fabrikam, litware]);
      const forged = issue(own, { dnsNames: ["litware.example", "fabrikam.example"] });
      await refusedIn(edge, "litware.example", forged, /certificate-not-proven: .*issued by "Fabrikam Root", which is not among/);
      await proveIn(edge, "litware.example", world.issue("litware.example"));
    });

    it("ends the stream when it is taken away, and leaves the stream of another partner", async () => {
      const edge = await edgeOf([fabrikam, litware]);
      const peer = await proveIn(edge, "fabrikam.example", issue(own, { dnsNames: ["fabrikam.example"] }));
      await proveIn(edge, "litware.example", world.issue("litware.example"));
      edge.reload({ partners: [FABRIKAM, litware] });
      assert.match(await peer.end(), /policy-violation/);
      assert.match(refusals(edge)[0] ?? "", /no-longer-admitted: .*its certificate is not trusted any more/);
      await eventually(() => proven(edge).length === 1);
      assert.equal(proven(edge)[0]?.partnerDomain, "litware.example");
    });
  });

  describe("a pinned key", () => {
    const selfSigned = (): Issued => issue(makeAuthority(), { dnsNames: ["fabrikam.example"], selfSigned: true });

    it("lets its self-signed certificate in, and an impostor's not", async () => {
      const own = selfSigned();
      const edge = await edgeOf([{ ...FABRIKAM, pinnedKeys: [pinOf(own)] }]);
      await refusedIn(edge, "fabrikam.example", selfSigned(), /none of the partner's pinned keys/);
      await refusedIn(edge, "fabrikam.example", world.issue("fabrikam.example"), /none of the partner's pinned keys/);
      await proveIn(edge, "fabrikam.example", own);
    });

    it("lets us out to it, and to nobody else", async () => {
      const own = selfSigned();
      const partner = await world.edge({
        domain: "fabrikam.example",
        partners: [{ domain: "contoso.example", ...ROWS.external }],
        certificate: own,
      });
      const edge = await edgeOf([{ ...FABRIKAM, pinnedKeys: [pinOf(own)] }]);
      const say = () => edge.side.send(message("ann@contoso.example", "bob@fabrikam.example", "x"), Date.now() + 3000);
      assert.equal((await say()).sent, true);
      edge.reload({ partners: [{ ...FABRIKAM, pinnedKeys: [pinOf(selfSigned())] }] });
      await eventually(() => proven(edge).length === 0 && proven(partner).length === 0);
      const sent = await say();
      assert.match(sent.sent ? "" : sent.because.text, /none of the partner's pinned keys/);
    });
  });

  describe("an impostor", () => {
    it("is refused by a certificate that is self-signed, out of date, or out of its authority's bounds", async () => {
      const edge = await edgeOf([FABRIKAM]);
      const names = { dnsNames: ["fabrikam.example"] };
      await refusedIn(edge, "fabrikam.example", issue(world.authority, { ...names, selfSigned: true }), /self-signed/);
      await refusedIn(edge, "fabrikam.example", issue(world.authority, { ...names, notAfter: TODAY }), /expired on/);
      const bounded = makeIntermediate(world.authority, { name: "Bounded", pathLength: 0 });
      await refusedIn(
        edge,
        "fabrikam.example",
        issue(makeIntermediate(bounded, { name: "Below" }), names),
        /allows 0 authorities below it/,
      );
    });
  });

  describe("a revoked certificate", () => {
    const lists = (...revoked: string[]) => [makeCrlPem(world.authority, { thisUpdate: TODAY, revoked })];

    it("is refused, leaf and authority alike", async () => {
      const leaf = world.issue("fabrikam.example");
      const issuing = makeIntermediate(world.authority, { name: "Issuing" });
      const edge = await edgeOf([FABRIKAM], { xmpp: { crls: lists(leaf.certificateChain, issuing.certificatePem) } });
      await refusedIn(edge, "fabrikam.example", leaf, /certificate of "fabrikam\.example" was revoked/);
      await refusedIn(edge, "fabrikam.example", issue(issuing, { dnsNames: ["fabrikam.example"] }), /"Issuing" was revoked/);
    });

    it("ends the stream that stands on it as soon as a list says so", async () => {
      const leaf = world.issue("fabrikam.example");
      const edge = await edgeOf([FABRIKAM], { xmpp: { revocation: "hard", crls: lists() } });
      const peer = await proveIn(edge, "fabrikam.example", leaf);
      edge.reload({ xmpp: { revocation: "hard", crls: lists(leaf.certificateChain) } });
      assert.match(await peer.end(), /policy-violation/);
      assert.match(refusals(edge)[0] ?? "", /was revoked/);
    });

    it("ends it when a list that was fetched later says so, and not before the list is there", async () => {
      const leaf = world.issue("fabrikam.example");
      let release: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const bytes = makeCrl(world.authority, { thisUpdate: TODAY, revoked: [leaf.certificateChain] });
      const edge = await edgeOf([FABRIKAM], { fetch: () => gate.then(() => new Response(new Uint8Array(bytes))) });
      const peer = await proveIn(edge, "fabrikam.example", leaf);
      edge.reload({ xmpp: { revocation: "hard", crls: ["http://crl.example/a.crl"] } });
      assert.equal(proven(edge).length, 1);
      release();
      assert.match(await peer.end(), /policy-violation/);
    });

    it("is looked for before the port opens", async () => {
      const leaf = world.issue("fabrikam.example");
      const bytes = makeCrl(world.authority, { thisUpdate: TODAY, revoked: [leaf.certificateChain] });
      const xmpp = { crls: ["http://crl.example/a.crl"] };
      const edge = await edgeOf([FABRIKAM], { xmpp, fetch: async () => new Response(new Uint8Array(bytes)) });
      await refusedIn(edge, "fabrikam.example", leaf, /was revoked/);
    });

    it("may be one that nobody can ask about: softly accepted and said once, firmly refused with the remedy", async () => {
      const edge = await edgeOf([FABRIKAM]);
      await proveIn(edge, "fabrikam.example", world.issue("fabrikam.example"));
      const peer = await proveIn(edge, "fabrikam.example", world.issue("fabrikam.example"));
      const reports = edge.logged.filter(({ what }) => what === "revocation-unchecked");
      assert.deepEqual(
        reports.map(({ facts }) => facts),
        [{ issuer: '"World Authority"', why: "there is none" }],
      );
      edge.reload({ xmpp: { revocation: "hard" } });
      assert.match(await peer.end(), /policy-violation/);
      await refusedIn(
        edge,
        "fabrikam.example",
        world.issue("fabrikam.example"),
        /add its list to xmpp\.crls, or set xmpp\.revocation to soft/,
      );
    });
  });

  describe("our own certificates", () => {
    const sipDomains = ["contoso.example", "litware.example"];
    const nameOf = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.subjectAltName ?? "";

    /** The certificate that is served to a client that asks for this name. */
    async function served(edge: TestEdge, servername?: string): Promise<string> {
      const peer = await world.dial(edge);
      peer.open("fabrikam.example", "contoso.example");
      await peer.expect(FEATURES);
      peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await peer.expect(/<proceed[^>]*>/);
      const name = nameOf(await peer.secure(undefined, servername ? { servername } : {}));
      peer.close();
      return name;
    }

    it("are served by the domain that the client asks for; any other name, or none, gets the default one", async () => {
      const edge = await edgeOf([FABRIKAM], { sipDomains, furtherCertificates: [world.issue("litware.example")] });
      assert.equal(await served(edge, "contoso.example"), "DNS:contoso.example");
      assert.equal(await served(edge, "litware.example"), "DNS:litware.example");
      assert.equal(await served(edge, "LITWARE.example"), "DNS:litware.example");
      assert.equal(await served(edge, "unknown.example"), "DNS:contoso.example");
      assert.equal(await served(edge), "DNS:contoso.example");
    });

    it("are not served for a domain that is no SIP domain, whatever they name", async () => {
      const edge = await edgeOf([FABRIKAM], { furtherCertificates: [world.issue("litware.example")] });
      assert.equal(await served(edge, "litware.example"), "DNS:contoso.example");
    });

    it("are chosen by every kind of name, and the first that fits is taken before the default one", async () => {
      const all = issue(world.authority, { srvNames: ["_xmpp-server.litware.example"] });
      const edge = await edgeOf([FABRIKAM], {
        sipDomains,
        furtherCertificates: [
          issue(world.authority, { dnsNames: ["contoso.example", "extra.example"] }),
          all,
          world.issue("litware.example"),
        ],
      });
      assert.match(await served(edge, "litware.example"), /othername/);
      assert.equal(await served(edge, "contoso.example"), "DNS:contoso.example, DNS:extra.example");
    });

    it("prove each of two domains to a partner, in both directions", async () => {
      const partners = sipDomains.map((domain) => ({ domain, ...ROWS.external }));
      const partner = await world.edge({ domain: "fabrikam.example", partners });
      const edge = await edgeOf([FABRIKAM], { sipDomains, furtherCertificates: [world.issue("litware.example")] });
      world.publish("litware.example", edge.address);
      for (const domain of sipDomains) {
        const out = await edge.side.send(message(`ann@${domain}`, "bob@fabrikam.example", "x"), Date.now() + 3000);
        assert.equal(out.sent && out.proof.by, "sasl-over-tls", out.sent ? "" : out.because.text);
        const back = await partner.side.send(message("bob@fabrikam.example", `ann@${domain}`, "x"), Date.now() + 3000);
        assert.equal(back.sent && back.proof.by, "sasl-over-tls", back.sent ? "" : back.because.text);
      }
      await eventually(() => partner.received.length === 2 && edge.received.length === 2);
    });

    it("are exchanged while streams stand: those stay, new ones see the new certificate", async () => {
      const edge = await edgeOf([FABRIKAM], { sipDomains, furtherCertificates: [world.issue("litware.example")] });
      const peer = await proveIn(edge, "fabrikam.example", world.issue("fabrikam.example"));
      edge.reload({
        certificate: issue(world.authority, { dnsNames: ["contoso.example", "new.example"] }),
        furtherCertificates: [issue(world.authority, { dnsNames: ["litware.example", "newer.example"] })],
      });
      assert.equal(await served(edge, "contoso.example"), "DNS:contoso.example, DNS:new.example");
      assert.equal(await served(edge, "litware.example"), "DNS:litware.example, DNS:newer.example");
      peer.send("<message xmlns='jabber:server' from='bob@fabrikam.example' to='ann@contoso.example'><body>still here</body></message>");
      await eventually(() => edge.received.length === 1);
      assert.equal(proven(edge).length, 1);
    });
  });

  describe("the list of connections", () => {
    it("tells what the peer's certificate claims and when it ends, and nothing of a peer without one", async () => {
      const notAfter = new Date("2040-05-01T00:00:00Z");
      const edge = await edgeOf([FABRIKAM]);
      await proveIn(edge, "fabrikam.example", world.issue("fabrikam.example", { notAfter, xmppAddrs: ["im.fabrikam.example"] }));
      assert.deepEqual(proven(edge)[0]?.certificate, {
        names: ["fabrikam.example", "im.fabrikam.example"],
        expires: notAfter.getTime(),
      });
      const plain = await world.dial(edge);
      plain.open("fabrikam.example", "contoso.example");
      await plain.expect(FEATURES);
      assert.equal(edge.side.connections().find(({ method }) => method === null)?.certificate, null);
    });
  });

  describe("TLS", () => {
    async function handshake(edge: TestEdge, options: ConnectionOptions): Promise<TLSSocket> {
      const peer = await world.dial(edge);
      peer.open("fabrikam.example", edge.domain);
      await peer.expect(FEATURES);
      peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      await peer.expect(/<proceed[^>]*>/);
      return peer.secure(undefined, options);
    }

    it("is 1.3 or 1.2, with each of our suites that fits the certificate", async () => {
      const edge = await edgeOf([FABRIKAM], { gateway: { partnerConnectionLimit: 100 } });
      const rsa = await world.edge({
        domain: "rsa.example",
        partners: [FABRIKAM],
        certificate: world.issue("rsa.example", { key: "rsa2048" }),
      });
      for (const [name] of TLS_SUITES) {
        const version = name.startsWith("TLS_") ? "TLSv1.3" : "TLSv1.2";
        const socket = await handshake(name.includes("-RSA-") ? rsa : edge, { ciphers: name, minVersion: version, maxVersion: version });
        assert.deepEqual([socket.getProtocol(), socket.getCipher().name], [version, name]);
        socket.destroy();
      }
    });

    for (const [what, options] of [
      ["TLS 1.1", { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }],
      ["RSA key exchange", { maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256:AES256-SHA" }],
      ["CBC", { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA384" }],
      ["finite-field DHE", { maxVersion: "TLSv1.2", ciphers: "DHE-RSA-AES128-GCM-SHA256" }],
    ] as const) {
      it(`refuses ${what}, and remembers that it did`, async () => {
        const edge = await edgeOf([FABRIKAM], { certificate: world.issue("contoso.example", { key: "rsa2048" }) });
        await assert.rejects(handshake(edge, options), /TLS failed/);
        await eventually(() => edge.side.attempts().length > 0);
        assert.match(
          refusals(edge)[0] ?? "",
          /tls-handshake-failed: the TLS handshake with fabrikam\.example failed: .*(protocol|cipher|version)/i,
        );
        await eventually(() => edge.side.connections().length === 0);
      });
    }

    it("does not connect to a server that speaks nothing better", async () => {
      const edge = await edgeOf([FABRIKAM]);
      await world.serve("fabrikam.example", async (peer) => {
        await peer.expect(/<stream:stream[^>]*>/);
        peer.answer("fabrikam.example", "contoso.example", "1", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        await peer.expect(/<starttls[^>]*>/);
        peer.send("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        const own = world.issue("fabrikam.example");
        const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
        const secureContext = createSecureContext({ cert: own.certificateChain, key: own.privateKey, ...old });
        await peer.acceptTls(own, { secureContext });
      });
      const sent = await edge.side.send(message("ann@contoso.example", "bob@fabrikam.example", "x"), Date.now() + 3000);
      assert.equal(sent.sent ? "sent" : sent.because.code, "tls-handshake-failed");
    });

    it("is not negotiated a second time on a stream", async () => {
      const edge = await edgeOf([FABRIKAM]);
      const socket = await handshake(edge, { maxVersion: "TLSv1.2" });
      const outcome = await new Promise<string>((resolve) => {
        socket.on("error", () => resolve("refused"));
        socket.on("close", () => resolve("closed"));
        socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error ? "refused" : "renegotiated"));
      });
      assert.notEqual(outcome, "renegotiated");
    });
  });
});
