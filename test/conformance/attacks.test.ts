/**
 * What hostile peers have done to XMPP servers, done to this one. Each attack has one exact outcome, and a stream of another
 * partner on the same side goes on as if nothing had happened. The reader's and the certificate checker's own tests go further
 * into each format; these show that what they refuse reaches nobody.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import type { PartnerInput } from "../../gateway/config/schema.ts";
import { messageToSip } from "../../gateway/interworking/message.ts";
import { dialbackKey } from "../../gateway/negotiation/dialback-key.ts";
import { NEGOTIATION_LIMITS } from "../../gateway/negotiation/guards.ts";
import { XMPP_LIMITS } from "../../gateway/server/xmpp-limits.ts";
import { READER_LIMITS, type ReaderLimits, UNAUTHENTICATED_LIMITS } from "../../gateway/stream/reader.ts";
import { childOf, textOf, type XmlElement } from "../../gateway/xmpp/element.ts";
import { NS } from "../../gateway/xmpp/namespaces.ts";
import { type Issued, type IssueOptions, issue, makeAuthority, makeIntermediate } from "../support/certificates.ts";
import { ConformanceWorld } from "../support/transcript.ts";
import { eventually, message, PORT, RawPeer, ROWS, type TestEdge } from "../support/xmpp-world.ts";

const US = "contoso.example";
const ATTACKER = "fabrikam.example";
const VICTIM = "litware.example";
const BYSTANDER = "woodgrove.example";

const STARTTLS = `<starttls xmlns='${NS.tls}'/>`;
const DIALBACK = `<dialback xmlns='${NS.dialbackFeature}'><errors/></dialback>`;
const EXTERNAL = `<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>=</auth>`;
const HEADER = `<stream:stream xmlns='${NS.server}' xmlns:stream='${NS.streams}' from='${ATTACKER}' to='${US}' version='1.0'>`;
const FEATURES = /<stream:features\/>|<\/stream:features>/;

const stanza = (from = `bob@${ATTACKER}`, body = "attack"): string =>
  `<message from='${from}' to='ann@${US}'><body>${body}</body></message>`;
const key = (from: string, text = "0123456789abcdef", to = US): string => `<db:result from='${from}' to='${to}'>${text}</db:result>`;
const bodyOf = (found: XmlElement): string => textOf(childOf(found, NS.server, "body") ?? found);

/** A world in which every attack has a bystander: a partner whose stream stands before it, and must stand after it. */
class AttackWorld extends ConformanceWorld {
  /** Bare connections of a test's own. */
  readonly sockets: Socket[] = [];

  /** An edge whose attacker has the settings of a row. */
  attacked(row: keyof typeof ROWS, more: Partial<PartnerInput> = {}, gateway = {}): Promise<TestEdge> {
    return this.edge({
      domain: US,
      gateway,
      partners: [
        { domain: ATTACKER, ...ROWS[row], ...more },
        { domain: VICTIM, ...ROWS.anything },
        { domain: BYSTANDER, ...ROWS.external },
      ],
    });
  }

  /** Proven by EXTERNAL. */
  async authenticated(edge: TestEdge, domain: string): Promise<RawPeer> {
    const peer = await this.dial(edge);
    await peer.upTo(domain, US, this.issue(domain));
    peer.send(EXTERNAL);
    await peer.expect(/<success[^>]*>/);
    peer.open(domain, US);
    await peer.expect(FEATURES);
    return peer;
  }

  /** In clear, up to the features. */
  async opened(edge: TestEdge, from = ATTACKER): Promise<RawPeer> {
    const peer = await this.dial(edge);
    peer.open(from, US);
    await peer.expect(FEATURES);
    return peer;
  }

  /** From an address of its own. */
  async dialFrom(edge: TestEdge, localAddress: string): Promise<RawPeer> {
    const socket = await this.bare(edge, localAddress);
    return new RawPeer(socket);
  }

  async bare(edge: TestEdge, localAddress = "127.0.0.1"): Promise<Socket> {
    const socket = connectTcp({ host: edge.address, port: PORT, localAddress });
    socket.on("error", () => {});
    this.sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }

  override async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await super.stop();
  }
}

describe("attacks on the XMPP side", () => {
  let world: AttackWorld;
  beforeEach(() => {
    world = new AttackWorld();
  });
  afterEach(() => world.stop());

  const codes = (edge: TestEdge): readonly string[] => edge.side.attempts().map(({ code }) => code);

  /** Does the attack beside a stream of another partner. Only the stanzas named may have reached the router, and the other stream's. */
  async function beside(edge: TestEdge, attack: () => Promise<void>, routed: readonly string[] = []): Promise<void> {
    const bystander = await world.authenticated(edge, BYSTANDER);
    const { id } = edge.side.connections().find(({ partnerDomain }) => partnerDomain === BYSTANDER) ?? {};
    await attack();
    bystander.send(stanza(`carol@${BYSTANDER}`, "still here"));
    await eventually(() => edge.received.some(({ stanza }) => bodyOf(stanza) === "still here"), "the bystander's message");
    assert.deepEqual(
      edge.received.map(({ stanza }) => `${stanza.attributes.get("from")}: ${bodyOf(stanza)}`),
      [...routed, `carol@${BYSTANDER}: still here`],
    );
    assert.ok(edge.side.connections().some((one) => one.id === id));
  }

  /** The edge ends the stream with that error. */
  async function endsWith(peer: RawPeer, condition: string): Promise<void> {
    assert.match(await peer.end(), new RegExp(`<stream:error><${condition} [^]*</stream:error></stream:stream>$`));
  }

  // ---- dialback (CVE-2012-3525, -4669 to -4672; CVE-2016-0756, -1232; CVE-2021-32919) --------------------------------

  it("an unsolicited valid on an inbound stream proves nothing (CVE-2012-3525)", async () => {
    const edge = await world.attacked("anyDialback");
    await beside(edge, async () => {
      for (const claim of [
        `<db:result from='${VICTIM}' to='${US}' type='valid'/>`,
        `<db:verify from='${VICTIM}' to='${US}' id='x' type='valid'/>`,
      ]) {
        const peer = await world.opened(edge);
        peer.send(claim + stanza(`eve@${VICTIM}`));
        await endsWith(peer, "not-authorized");
      }
      assert.deepEqual(codes(edge), ["unsolicited-dialback", "unsolicited-dialback"]);
    });
  });

  it("an authoritative server that says valid for another domain than its own proves neither (CVE-2012-4670)", async () => {
    const edge = await world.attacked("tcpDialback");
    let id = "";
    await world.serve(VICTIM, async (peer) => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.answer(VICTIM, US, "v1", DIALBACK);
      const asked = await peer.expect(/<\/db:verify>/);
      const said = /id='([^']*)'/.exec(asked.slice(asked.indexOf("<db:verify")))?.[1];
      peer.send(`<db:verify from='${VICTIM}' to='${US}' id='${said}' type='invalid'/>`);
    });
    await world.serve(ATTACKER, async (peer) => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.answer(ATTACKER, US, "a1", DIALBACK);
      await peer.expect(/<\/db:verify>/);
      peer.send(`<db:verify from='${VICTIM}' to='${US}' id='${id}' type='valid'/>`);
    });
    await beside(edge, async () => {
      const peer = await world.dial(edge);
      peer.open(ATTACKER, US);
      id = /id='([0-9a-f]+)'/.exec(await peer.expect(FEATURES))?.[1] ?? "";
      peer.send(key(ATTACKER));
      assert.match(await peer.expect(/<\/db:result>/), /type='error'/);
      peer.send(key(VICTIM));
      assert.match(await peer.end(), /policy-violation|type='invalid'|type='error'/);
      assert.ok(codes(edge).includes("unsolicited-dialback"));
    });
  });

  it("a server that says valid for another pair than the one that asked gets no stanza (CVE-2012-4669)", async () => {
    const edge = await world.attacked("tcpDialback");
    let got = "";
    await world.serve(ATTACKER, async (peer) => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.answer(ATTACKER, US, "s1", DIALBACK);
      await peer.expect(/<\/db:result>/);
      peer.send(`<db:result from='${VICTIM}' to='${US}' type='valid'/>`);
      got = await peer.end();
    });
    await beside(edge, async () => {
      const sent = await edge.side.send(message(`ann@${US}`, `bob@${ATTACKER}`, "secret"), Date.now() + 3000);
      assert.equal(!sent.sent && sent.because.code, "unsolicited-dialback");
      await eventually(() => got !== "");
      assert.doesNotMatch(got, /secret/);
    });
  });

  it("a certificate for one's own domain does not shorten dialback for another (CVE-2021-32919)", async () => {
    const edge = await world.attacked("anything");
    await world.serve(VICTIM, async (peer) => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.answer(VICTIM, US, "v1", DIALBACK);
      await peer.expect(/<\/starttls>|<starttls[^>]*>|<\/db:verify>/);
      peer.close();
    });
    await beside(edge, async () => {
      const peer = await world.authenticated(edge, ATTACKER);
      peer.send(key(VICTIM));
      assert.match(await peer.expect(/<\/db:result>/), new RegExp(`to='${VICTIM}' type='error'`));
      peer.send(stanza(`eve@${VICTIM}`));
      await endsWith(peer, "invalid-from");
    });
  });

  it("a key that the edge gave one server cannot be used at another, nor for another stream (CVE-2016-0756)", async () => {
    const edge = await world.attacked("anyDialback");
    const made = dialbackKey(`secret of ${US}`, { receiving: ATTACKER, originating: US, streamId: "s1" });
    await beside(edge, async () => {
      const peer = await world.opened(edge);
      for (const [from, to, id, type] of [
        [ATTACKER, US, "s1", "valid"],
        [VICTIM, US, "s1", "invalid"],
        [ATTACKER, US, "s2", "invalid"],
        [ATTACKER, US, " s1", "invalid"],
        [ATTACKER, US, "", "invalid"],
        [ATTACKER, US, `${US} s1`, "invalid"],
      ] as const) {
        peer.send(`<db:verify from='${from}' to='${to}' id='${id}'>${made}</db:verify>`);
        assert.match(await peer.expect(/<db:verify [^>]*>/), new RegExp(`id='${id}' to='${from}' type='${type}'`));
      }
    });
  });

  it("nobody is taken for this edge itself", async () => {
    const edge = await world.attacked("anyDialback");
    await beside(edge, async () => {
      const peer = await world.opened(edge);
      peer.send(key(US));
      assert.match(await peer.expect(/<\/db:result>/), /type='error'.*policy-violation/s);
      peer.open(US, US);
      const other = await world.dial(edge);
      other.open(US, US);
      await endsWith(other, "policy-violation");
    });
  });

  it("many keys for one domain make a bounded number of connections to its authoritative server", async () => {
    const many = XMPP_LIMITS.verificationsPerPartner;
    const edge = await world.attacked("tcpDialback", {}, { partnerConnectionLimit: many + 10 });
    let connections = 0;
    await world.serve(ATTACKER, async () => {
      connections++;
    });
    await beside(edge, async () => {
      const peers = await Promise.all(Array.from({ length: many }, () => world.opened(edge)));
      for (const peer of peers) peer.send(key(ATTACKER));
      await eventually(() => connections === many);
      const last = await world.opened(edge);
      last.send(key(ATTACKER));
      assert.match(await last.expect(/<\/db:result>/), /type='error'.*resource-constraint/s);
      assert.equal(connections, many);
    });
  });

  it("many keys for the many domains of one partner make no more connections than those of one domain", async () => {
    const many = XMPP_LIMITS.verificationsPerPartner;
    const domains = Array.from({ length: many + 5 }, (_, index) => `d${index}.${ATTACKER}`);
    const edge = await world.attacked("tcpDialback", { additionalDomains: domains });
    const address = await world.serve(ATTACKER, async () => {});
    for (const domain of domains) world.publish(domain, address);
    await beside(edge, async () => {
      const peer = await world.opened(edge);
      peer.send(domains.map((domain) => key(domain)).join(""));
      for (let refused = 0; refused < 5; refused++) assert.match(await peer.expect(/<\/db:result>/), /type='error'.*resource-constraint/s);
    });
  });

  it("one stream proves a bounded number of pairs", async () => {
    const domains = Array.from({ length: NEGOTIATION_LIMITS.pairsOnStream }, (_, index) => `d${index}.${ATTACKER}`);
    const edge = await world.attacked("tcpDialback", { additionalDomains: domains });
    const answer = async (peer: RawPeer): Promise<void> => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.answer(ATTACKER, US, "a1", DIALBACK);
      const [, id, to] = /<db:verify from='[^']*' id='([^']*)' to='([^']*)'/.exec(await peer.expect(/<\/db:verify>/)) ?? [];
      peer.send(`<db:verify from='${to}' to='${US}' id='${id}' type='valid'/></stream:stream>`);
    };
    const address = await world.serve(ATTACKER, answer);
    for (const domain of domains) world.publish(domain, address);
    await beside(edge, async () => {
      const peer = await world.opened(edge);
      for (const domain of domains) {
        peer.send(key(domain));
        await peer.expect(/type='valid'\/>/);
      }
      peer.send(key(ATTACKER));
      assert.match(await peer.expect(/<\/db:result>/), /type='error'.*resource-constraint/s);
      assert.equal(codes(edge)[0], "too-many-pairs");
    });
  });

  // ---- STARTTLS (CVE-2016-10027, plaintext injection), TLS (CVE-2013-6169), restarts (CVE-2018-10847) ----------------

  it("clear text behind <starttls/> is not taken for what came under TLS", async () => {
    const edge = await world.attacked("anything");
    await beside(edge, async () => {
      for (const injected of [HEADER, EXTERNAL, stanza(), HEADER + EXTERNAL + HEADER + stanza(), "<"]) {
        const peer = await world.opened(edge);
        peer.send(STARTTLS + injected);
        const all = await peer.end();
        assert.match(all, /<stream:error><policy-violation /, injected);
        assert.doesNotMatch(all, /<proceed/);
      }
    });
  });

  it("a server from whose features STARTTLS was taken away gets neither key nor stanza in clear, where TLS is demanded", async () => {
    const edge = await world.attacked("externalOrDialback");
    let got = "";
    await world.serve(ATTACKER, async (peer) => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.answer(ATTACKER, US, "s1", DIALBACK);
      got = await peer.expect(/<starttls[^>]*>/);
      peer.send(`<failure xmlns='${NS.tls}'/></stream:stream>`);
      got += await peer.end();
    });
    await beside(edge, async () => {
      const sent = await edge.side.send(message(`ann@${US}`, `bob@${ATTACKER}`, "secret"), Date.now() + 3000);
      assert.equal(!sent.sent && sent.because.code, "starttls-not-offered");
      assert.doesNotMatch(got, /db:result|secret/);
    });
  });

  for (const [what, from, to, condition] of [
    ["from", VICTIM, US, "invalid-from"],
    ["from left out", null, US, "invalid-from"],
    ["to", ATTACKER, "contoso2.example", "host-unknown"],
  ] as const) {
    it(`another ${what} after TLS, and after SASL, is not what was agreed (CVE-2018-10847)`, async () => {
      const edge = await world.attacked("anything");
      edge.reload({ sipDomains: [US, "contoso2.example"] });
      await beside(edge, async () => {
        const early = await world.opened(edge);
        early.send(STARTTLS);
        await early.expect(/<proceed[^>]*>/);
        await early.secure(world.issue(ATTACKER, { dnsNames: [ATTACKER, VICTIM] }));
        early.open(from, to);
        await endsWith(early, condition);
        const late = await world.dial(edge);
        await late.upTo(ATTACKER, US, world.issue(ATTACKER, { dnsNames: [ATTACKER, VICTIM] }));
        late.send(EXTERNAL);
        await late.expect(/<success[^>]*>/);
        late.open(from, to);
        await endsWith(late, condition);
      });
    });
  }

  /** TLS on a connection of the test's own, which the world's peers do not show. */
  async function secured(edge: TestEdge, certificate: Issued | null, options: ConnectionOptions): Promise<TLSSocket> {
    const socket = await world.bare(edge);
    const peer = new RawPeer(socket);
    peer.send(HEADER);
    await peer.expect(FEATURES);
    peer.send(STARTTLS);
    await peer.expect(/<proceed[^>]*>/);
    socket.removeAllListeners("data");
    const identity = certificate ? { cert: certificate.certificateChain, key: certificate.privateKey } : {};
    const tls = connectTls({ socket, rejectUnauthorized: false, ...identity, ...options });
    tls.on("error", () => {});
    await new Promise<void>((resolve, reject) => tls.once("secureConnect", resolve).once("close", () => reject(new Error("no handshake"))));
    return tls;
  }

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`a ${version} session cannot be taken up again without the certificate that began it`, async () => {
      const edge = await world.attacked("externalOrDialback");
      const fixed = { minVersion: version, maxVersion: version } as const;
      await beside(edge, async () => {
        const first = await secured(edge, world.issue(ATTACKER), fixed);
        const sessions: (Buffer<ArrayBufferLike> | undefined)[] = [first.getSession()];
        first.on("session", (session: Buffer) => sessions.push(session));
        const hello = new RawPeer(first);
        hello.send(HEADER);
        assert.match(await hello.expect(FEATURES), /EXTERNAL/);
        for (const session of sessions.filter((one) => one !== undefined)) {
          const second = await secured(edge, null, { ...fixed, session });
          assert.equal(second.isSessionReused(), false);
          const peer = new RawPeer(second);
          peer.send(HEADER);
          assert.doesNotMatch(await peer.expect(FEATURES), /EXTERNAL/);
        }
      });
    });
  }

  it("a certificate cannot be changed by renegotiation", async () => {
    const edge = await world.attacked("external");
    await beside(edge, async () => {
      const tls = await secured(edge, world.issue(ATTACKER), { maxVersion: "TLSv1.2" });
      const error = await new Promise<Error | null>((resolve) => {
        tls.once("close", () => resolve(new Error("closed")));
        tls.renegotiate({ rejectUnauthorized: false }, resolve);
      });
      assert.ok(error, "it was renegotiated");
    });
  });

  for (const [what, options] of [
    ["TLS 1.1", { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" }],
    ["ciphers without authentication", { maxVersion: "TLSv1.2", ciphers: "ADH-AES128-SHA256:AECDH-AES128-SHA:@SECLEVEL=0" }],
    ["ciphers without encryption", { maxVersion: "TLSv1.2", ciphers: "NULL-SHA256:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0" }],
  ] as const) {
    it(`there is no handshake with ${what} (CVE-2013-6169)`, async () => {
      const edge = await world.attacked("anything");
      await beside(edge, () => assert.rejects(secured(edge, world.issue(ATTACKER), options), /no handshake/));
    });
  }

  it("compression is neither offered nor accepted (CVE-2014-2741 to -2746)", async () => {
    const edge = await world.attacked("anything");
    await beside(edge, async () => {
      const peer = await world.dial(edge);
      assert.doesNotMatch(await peer.upTo(ATTACKER, US, world.issue(ATTACKER)), /compress/);
      peer.send("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>");
      await endsWith(peer, "unsupported-stanza-type");
    });
  });

  it("a mechanism that was not offered is not accepted (CVE-2017-10807)", async () => {
    const edge = await world.attacked("externalOrDialback");
    await beside(edge, async () => {
      const peer = await world.dial(edge);
      await peer.upTo(ATTACKER, US, undefined);
      for (const mechanism of ["ANONYMOUS", "PLAIN", "EXTERNAL"]) {
        peer.send(`<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>AGEAYg==</auth>`);
        assert.match(await peer.expect(/<\/failure>/), /<failure [^>]*><invalid-mechanism\/>/);
      }
      await endsWith(peer, "policy-violation");
    });
  });

  // ---- names in certificates (CVE-2014-3451, CVE-2021-44532, CVE-2025-59154) ----------------------------------------

  const OTHER_AUTHORITY = makeAuthority({ name: "World Authority" });

  /** Shows the certificate where nothing but a certificate would do. */
  async function certificateIsRefused(certificate: Issued, text?: RegExp): Promise<void> {
    const edge = await world.attacked("external");
    await beside(edge, async () => {
      const peer = await world.dial(edge);
      const answer = await peer.upTo(ATTACKER, US, certificate);
      assert.match(answer, /<stream:error><not-authorized /);
      if (text) assert.match(answer, text);
      peer.send(EXTERNAL + stanza());
      await peer.end();
      assert.deepEqual(codes(edge), ["certificate-not-proven"]);
    });
  }

  // biome-ignore format: one certificate a line
  const NAMES: readonly (readonly [string, IssueOptions])[] = [
    ["a name cut short by NUL",                          { dnsNames: [`${ATTACKER}\0.evil.example`] }],
    ["a name that holds a list of names",                { dnsNames: [`evil.example, DNS:${ATTACKER}`] }],
    ["a subject that holds a list of names",             { dnsNames: ["evil.example"], commonName: `evil.example/CN=${ATTACKER}` }],
    ["the name in the subject only",                     { dnsNames: [], commonName: ATTACKER }],
    ["the name as a part of another",                    { dnsNames: [`${ATTACKER}.evil.example`, `x${ATTACKER}`] }],
    ["a wildcard one label too high",                    { dnsNames: ["*.example"] }],
    ["a wildcard one label too low",                     { dnsNames: [`*.${ATTACKER}`] }],
    ["a wildcard for everything",                        { dnsNames: ["*", "*.*", "*.*.example"] }],
    ["a wildcard inside a label",                        { dnsNames: ["f*.example", "*m.example", "fabrikam.*"] }],
    ["a wildcard in a service name",                     { dnsNames: [], srvNames: ["_xmpp-server.*.example", "*.fabrikam.example"] }],
    ["a service name for clients",                       { dnsNames: [], srvNames: [`_xmpp-client.${ATTACKER}`] }],
    ["an XMPP address of a user",                        { dnsNames: [], xmppAddrs: [`bob@${ATTACKER}`, `${ATTACKER}/x`] }],
    ["look-alike letters",                               { dnsNames: [], xmppAddrs: ["f\u0430brikam.example"] }],
    ["a name that only a regular expression would take", { dnsNames: ["fabrikamxexample", "fabrikam.example.", ".*"] }],
    ["the wrong purpose",                                { dnsNames: [ATTACKER], extendedKeyUsage: ["clientAuth"] }],
  ];
  for (const [what, options] of NAMES)
    it(`a certificate with ${what} proves nothing`, () => certificateIsRefused(world.issue(ATTACKER, options)));

  it("a certificate of an authority that only has a trusted name proves nothing (CVE-2014-3451)", () =>
    certificateIsRefused(issue(OTHER_AUTHORITY, { dnsNames: [ATTACKER] })));

  it("a certificate signed with a server's certificate proves nothing", () => {
    const own = world.issue("evil.example");
    const parent = { certificatePem: own.certificateChain, privateKeyPem: own.privateKey, chainPem: own.certificateChain };
    return certificateIsRefused(issue(parent, { dnsNames: [ATTACKER] }));
  });

  it("a pile of look-alike authorities costs a bounded number of signatures", () => {
    const pile = Array.from({ length: 40 }, () => makeIntermediate(OTHER_AUTHORITY, { name: "World Authority" }).certificatePem);
    const { certificateChain, privateKey } = issue(makeIntermediate(OTHER_AUTHORITY, { name: "World Authority" }), {
      dnsNames: [ATTACKER],
    });
    const [leaf = ""] = certificateChain.split(/(?<=-----END CERTIFICATE-----\n)/);
    return certificateIsRefused({ certificateChain: leaf + pile.join(""), privateKey });
  });

  // ---- domains that look like another ------------------------------------------------------------------------------

  for (const from of [
    "f\u0430brikam.example",
    "fabr\u0131kam.example",
    "fabrikam.ex\u0430mple",
    "\u0585fabrikam.example",
    "xn--fbrikam-2fg.example",
  ]) {
    it(`${from} is another domain than the one it looks like`, async () => {
      const edge = await world.attacked("anything");
      await beside(edge, async () => {
        const peer = await world.dial(edge);
        peer.open(from, US);
        const all = await peer.end();
        assert.match(all, /<stream:error><(policy-violation|improper-addressing) /);
        assert.doesNotMatch(all, /features/);
      });
    });
  }

  for (const from of ["FABRIKAM.Example", "\uff46abrikam.example", "fabrikam\u3002example", "fabri\u00adkam.example", `${ATTACKER}.`]) {
    it(`${JSON.stringify(from)} is the same domain, and has as much to prove`, async () => {
      const edge = await world.attacked("external");
      await beside(edge, async () => {
        const peer = await world.dial(edge);
        peer.open(from, US);
        assert.match(await peer.expect(FEATURES), new RegExp(` to='${ATTACKER}'`));
        const secure = await world.dial(edge);
        assert.match(await secure.upTo(from, US, world.issue("evil.example")), /<stream:error><not-authorized /);
      });
    });
  }

  for (const from of [
    `bob@${ATTACKER}@${VICTIM}`,
    `${VICTIM}/@${ATTACKER}`,
    `eve@${VICTIM}/bob@${ATTACKER}`,
    `bob@${ATTACKER}&#10;.${VICTIM}`,
    `@${ATTACKER}`,
  ]) {
    it(`the sender ${from} is not of the domain proven`, async () => {
      const edge = await world.attacked("external");
      await beside(edge, async () => {
        const peer = await world.authenticated(edge, ATTACKER);
        peer.send(stanza(from));
        assert.match(await peer.end(), /<stream:error><(invalid-from|improper-addressing) /);
      });
    });
  }

  // ---- XML (CVE-2011-1755 to -1757, CVE-2022-0217: entities; CVE-2022-25235, -25236, -22784 to -22787: smuggling) ----

  const LAUGHS = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]>";
  // biome-ignore format: one start a line
  const STARTS: readonly (readonly [string, string])[] = [
    ["nested entities",            `<?xml version='1.0'?>${LAUGHS}<stream:stream to='&c;'>`],
    ["an entity read from a file", "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><l>&a;</l>"],
    ["a DTD from elsewhere",       "<!DOCTYPE l SYSTEM 'http://evil.example/l.dtd'>"],
    ["a parameter entity",         "<!DOCTYPE l [<!ENTITY % a 'x'> %a;]>"],
    ["a style sheet",              "<?xml-stylesheet href='http://evil.example/'?>"],
    ["an entity in the header",    `<stream:stream xmlns='${NS.server}' xmlns:stream='${NS.streams}' from='${ATTACKER}' to='&us;' version='1.0'>`],
  ];
  for (const [what, start] of STARTS) {
    it(`a stream that begins with ${what} ends with restricted-xml`, async () => {
      const edge = await world.attacked("anything");
      await beside(edge, async () => {
        const peer = await world.dial(edge);
        peer.send(start);
        await endsWith(peer, "restricted-xml");
      });
    });
  }

  const FORGED = stanza(`boss@${VICTIM}`, "forged");
  // biome-ignore format: one attack a line: what, bytes, stream error, what is routed before it
  const SMUGGLED: readonly (readonly [string, string | Uint8Array, string, readonly string[]])[] = [
    ["nested entities",                       LAUGHS,                                                                                        "restricted-xml",          []],
    ["a lead byte that would swallow a <",    Buffer.concat([Buffer.from(`<message from='bob@${ATTACKER}' to='ann@${US}'><body>x`), Buffer.of(0xe1), Buffer.from(`</body></message>${FORGED}`)]), "not-well-formed", []],
    ["an overlong <",                         Buffer.concat([Buffer.from(`<message from='bob@${ATTACKER}' to='ann@${US}'><body>`), Buffer.of(0xc0, 0xbc), Buffer.from(`/body></message>${FORGED}`)]), "not-well-formed", []],
    ["a namespace with a separator",          `<message xmlns='jabber:server&#10;message' from='bob@${ATTACKER}' to='ann@${US}'/>${FORGED}`,  "unsupported-stanza-type", []],
    ["a namespace that only looks right",     `<message xmlns='jabber:server ' from='bob@${ATTACKER}' to='ann@${US}'/>${FORGED}`,             "unsupported-stanza-type", []],
    ["a stanza in an element not known",      `<x xmlns='urn:x'>${FORGED}</x>`,                                                              "unsupported-stanza-type", []],
    ["a stream in the stream",                `<stream:stream from='${VICTIM}' to='${US}' version='1.0'>${FORGED}</stream:stream>`,            "unsupported-stanza-type", []],
    ["a stanza behind the closing tag",       `${stanza()}</stream:stream>${FORGED}`,                                                        "",                        [`bob@${ATTACKER}: attack`]],
    ["a stanza behind an error",              `<stream:error><reset xmlns='${NS.streamErrors}'/></stream:error>${FORGED}</stream:stream>`,                     "",                        []],
    ["another sender in a second attribute",  `<message from='bob@${ATTACKER}' from='boss@${VICTIM}' to='ann@${US}'/>`,                        "not-well-formed",         []],
    ["text that ends its element by CDATA",   `${stanza(undefined, `<![CDATA[</body></message>${FORGED}]]>`)}<x xmlns='urn:x'/>`,               "unsupported-stanza-type", [`bob@${ATTACKER}: </body></message>${FORGED}`]],
    ["text that ends its element by entity",  `${stanza(undefined, "&lt;/body&gt;&lt;message/&gt;")}<x xmlns='urn:x'/>`,                        "unsupported-stanza-type", [`bob@${ATTACKER}: </body><message/>`]],
    ["a prefix that means something else",    `<stream:message xmlns:stream='${NS.client}' from='bob@${ATTACKER}' to='ann@${US}'/>`,           "invalid-namespace",       []],
    ["names that programs have for their own", `<__proto__ xmlns='constructor' hasOwnProperty='x' toString='y'/>`,                             "unsupported-stanza-type", []],
    ["a dialback type of such a name",        `<db:result xmlns:db='${NS.dialback}' from='${ATTACKER}' to='${US}' type='__proto__'/>`,          "not-authorized",          []],
  ];
  for (const [what, bytes, condition, routed] of SMUGGLED) {
    it(`${what} brings nothing to the router that was not proven`, async () => {
      const edge = await world.attacked("external");
      await beside(
        edge,
        async () => {
          const peer = await world.authenticated(edge, ATTACKER);
          peer.send(bytes);
          if (condition === "") assert.equal(await peer.end(), "</stream:stream>");
          else await endsWith(peer, condition);
        },
        routed,
      );
    });
  }

  it("what a stanza carries inside it speaks for nobody: carbons, forwards, delays, attributes of other namespaces", async () => {
    const edge = await world.attacked("external");
    const forged = `<message xmlns='jabber:client' from='boss@${US}' to='ann@${US}'><body>forged</body></message>`;
    const inside = [
      `<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>${forged}</forwarded></received>`,
      `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='${NS.delay}' from='${US}' stamp='2020-01-01T00:00:00Z'/>${forged}</forwarded>`,
      `<result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>${forged}</forwarded></result>`,
      `<body xmlns='jabber:client'>forged</body>`,
      `<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='boss@${US}'/></addresses>`,
    ];
    const bystander = await world.authenticated(edge, BYSTANDER);
    const peer = await world.authenticated(edge, ATTACKER);
    for (const one of inside)
      peer.send(`<message xmlns:x='urn:x' x:from='boss@${US}' from='bob@${ATTACKER}' to='ann@${US}'>${one}</message>`);
    peer.send(`</stream:stream>`);
    await peer.end();
    bystander.send(stanza(`carol@${BYSTANDER}`, "still here"));
    await eventually(() => edge.received.length === inside.length + 1);
    for (const { stanza, proof } of edge.received.slice(0, -1)) {
      assert.equal(stanza.attributes.get("from"), `bob@${ATTACKER}`);
      assert.equal(proof.partnerDomain, ATTACKER);
      assert.equal(messageToSip(stanza).kind, "refuse", "no text of the inner message is taken for one of the outer");
    }
  });

  // ---- memory and time (CVE-2021-32918, -32920, CVE-2026-43507) ------------------------------------------------------

  const unfinished = (bytes: number): string => `<message>${"x".repeat(bytes - "<message>".length)}`;
  // biome-ignore format: one attack a line
  const TOO_MUCH: readonly (readonly [string, (limits: ReaderLimits) => string])[] = [
    ["a stanza without end",          ({ elementBytes }) => unfinished(elementBytes + 1)],
    ["an attribute without end",      ({ elementBytes }) => `<message a='${"x".repeat(elementBytes)}`],
    ["a long attribute",              ({ attributeBytes }) => `<message a='${"x".repeat(attributeBytes + 1)}'/>`],
    ["a long name",                   ({ nameBytes }) => `<${"x".repeat(nameBytes + 1)}/>`],
    ["elements too deep",             ({ depth }) => "<a>".repeat(depth + 1)],
    ["too many attributes",           ({ attributes }) => `<message ${Array.from({ length: attributes + 1 }, (_, index) => `a${index}=''`).join(" ")}/>`],
    ["too many namespaces",           ({ namespaces }) => `<a ${Array.from({ length: namespaces / 2 }, (_, i) => `xmlns:a${i}='u:a'`).join(" ")}><a ${Array.from({ length: namespaces / 2 + 1 }, (_, i) => `xmlns:b${i}='u:b'`).join(" ")}/>`],
    ["too many small elements",       ({ children }) => `<message>${"<a/>".repeat(children)}`],
  ];
  for (const [what, bytes] of TOO_MUCH) {
    it(`${what} ends the stream at the limit, before the stanza is whole, and sooner where nothing is proven`, async () => {
      const edge = await world.attacked("anything");
      await beside(edge, async () => {
        const unproven = await world.opened(edge);
        unproven.send(bytes(UNAUTHENTICATED_LIMITS));
        await endsWith(unproven, "policy-violation");
        const proven = await world.authenticated(edge, ATTACKER);
        proven.send(bytes(READER_LIMITS));
        await endsWith(proven, "policy-violation");
      });
    });
  }

  it("a header without end is refused at its limit", async () => {
    const edge = await world.attacked("anything");
    await beside(edge, async () => {
      for (const start of ["<stream:stream to='", "<?xml version='1.0' ", "", "<"]) {
        const peer = await world.dial(edge);
        peer.send(start + (start === "<" ? "x" : " ").repeat(UNAUTHENTICATED_LIMITS.headerBytes + 1));
        await endsWith(peer, "policy-violation");
      }
    });
  });

  it("a header that comes byte by byte is given as much time as any other", async () => {
    const edge = await world.attacked("anything", {}, { streamEstablishmentTimeout: 1 });
    await beside(edge, async () => {
      const peer = await world.dial(edge);
      const timer = setInterval(() => peer.send(" "), 20);
      await endsWith(peer, "connection-timeout").finally(() => clearInterval(timer));
    });
  });

  it("white space without end holds no memory, and does not keep a stream that proves nothing", async () => {
    const edge = await world.attacked("anything", {}, { streamEstablishmentTimeout: 1 });
    await beside(edge, async () => {
      const peer = await world.opened(edge);
      peer.send(" \n".repeat(500_000));
      peer.send(EXTERNAL);
      await peer.expect(/<encryption-required\/><\/failure>/);
      await endsWith(peer, "connection-timeout");
    });
  });

  it("streams from one address that prove nothing are bounded, and do not count against another address", async () => {
    const edge = await world.attacked("anything", {}, { partnerConnectionLimit: 3 });
    await beside(edge, async () => {
      for (let count = 0; count < 3; count++) await world.opened(edge);
      const fourth = await world.dial(edge);
      fourth.open(ATTACKER, US);
      await endsWith(fourth, "policy-violation");
      const elsewhere = await world.dialFrom(edge, world.address());
      elsewhere.open(ATTACKER, US);
      await elsewhere.expect(FEATURES);
    });
  });

  it("connections from one address that say nothing leave room for another address", async () => {
    const edge = await world.attacked("anything", {}, { partnerConnectionLimit: 3, connectionLimit: 8 });
    await beside(edge, async () => {
      for (let count = 0; count < 10; count++) await world.bare(edge).catch(() => {});
      const elsewhere = await world.dialFrom(edge, world.address());
      elsewhere.open(ATTACKER, US);
      await elsewhere.expect(FEATURES);
    });
  });

  it("a peer that asks and never reads the answers is cut off, and forgotten", async () => {
    const edge = await world.attacked("anyDialback");
    await beside(edge, async () => {
      const socket = await world.bare(edge);
      const peer = new RawPeer(socket);
      peer.open(ATTACKER, US);
      await peer.expect(FEATURES);
      peer.pause();
      const question = `<db:verify from='${ATTACKER}' to='${US}' id='${"x".repeat(UNAUTHENTICATED_LIMITS.attributeBytes)}'>k</db:verify>`;
      // What the kernel holds in both directions comes on top of writeBuffer.
      for (let asked = 0; asked < 20_000 && !socket.destroyed; asked++) {
        if (!socket.write(question)) await Promise.race([once(socket, "drain"), once(socket, "close")]).catch(() => {});
      }
      await eventually(() => edge.side.connections().length === 1, "the end of the stream");
      assert.ok(codes(edge).includes("peer-not-reading"));
      assert.ok(edge.side.attempts().length <= XMPP_LIMITS.attempts);
    });
  });

  it("failures without end are remembered up to a limit", async () => {
    const edge = await world.attacked("anyDialback");
    await beside(edge, async () => {
      const peer = await world.opened(edge);
      const question = `<db:verify from='${ATTACKER}' to='${US}' id='x'>k</db:verify>`;
      peer.send(question.repeat(XMPP_LIMITS.attempts + 10));
      for (let answered = 0; answered < XMPP_LIMITS.attempts + 10; answered++) await peer.expect(/type='invalid'\/>/);
      assert.equal(edge.side.attempts().length, XMPP_LIMITS.attempts);
    });
  });

  it("what a peer says is cut short in the record of failures", async () => {
    const edge = await world.attacked("external");
    await beside(edge, async () => {
      const peer = await world.authenticated(edge, ATTACKER);
      const text = "x".repeat(200_000);
      peer.send(
        `<stream:error><reset xmlns='${NS.streamErrors}'/><text xmlns='${NS.streamErrors}'>${text}</text></stream:error></stream:stream>`,
      );
      await peer.end();
      assert.ok((edge.side.attempts()[0]?.text.length ?? 0) < 2000);
    });
  });
});
