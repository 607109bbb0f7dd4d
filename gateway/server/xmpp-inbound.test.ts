import assert from "node:assert/strict";
import fc from "fast-check";
import { eventually, ROWS, type TestEdge, XmppWorld } from "../../test/support/xmpp-world.ts";
import type { PartnerInput } from "../config/schema.ts";
import { dialbackKey } from "../negotiation/dialback-key.ts";

const TLS = "urn:ietf:params:xml:ns:xmpp-tls";
const SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const STARTTLS = `<starttls xmlns='${TLS}'/>`;
const auth = (mechanism: string, text = "="): string => `<auth xmlns='${SASL}' mechanism='${mechanism}'>${text}</auth>`;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("the receiving side", () => {
  let world: XmppWorld;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(() => world.stop());

  const edgeWith = (row: keyof typeof ROWS, more: Partial<PartnerInput> = {}, gateway = {}): Promise<TestEdge> =>
    world.edge({ domain: "contoso.example", partners: [{ domain: "fabrikam.example", ...ROWS[row], ...more }], gateway });

  const codes = (edge: TestEdge): string[] => edge.side.attempts().map(({ code }) => code);

  async function authenticated(edge: TestEdge) {
    const peer = await world.dial(edge);
    await peer.upTo("fabrikam.example", "contoso.example", world.issue("fabrikam.example"));
    peer.send(auth("EXTERNAL"));
    await peer.expect(/<success[^>]*>/);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<stream:features[^>]*>/);
    return peer;
  }

  // ---- offers ------------------------------------------------------------------------------------------------------

  it("offers STARTTLS as required where the row has no plain dialback, and nothing else", async () => {
    const peer = await world.dial(await edgeWith("externalOrDialback"));
    peer.open("fabrikam.example", "contoso.example");
    const features = await peer.expect(/<\/stream:features>/);
    assert.match(features, /<starttls xmlns='[^']*'><required\/><\/starttls>/);
    assert.doesNotMatch(features, /features:dialback|mechanism/);
  });

  it("advertises dialback errors where dialback may be used, and never PLAIN", async () => {
    const edge = await edgeWith("anything");
    const peer = await world.dial(edge);
    const after = await peer.upTo("fabrikam.example", "contoso.example", world.issue("fabrikam.example"));
    assert.match(after, /<dialback xmlns='urn:xmpp:features:dialback'><errors\/><\/dialback>/);
    assert.match(after, /<mechanisms[^>]*><mechanism>EXTERNAL<\/mechanism><\/mechanisms>/);
    peer.send(auth("PLAIN", base64("\0a\0b")));
    assert.match(await peer.expect(/<\/failure>/), /invalid-mechanism/);
  });

  it("answers a header without version without features, and admits it to plain dialback only", async () => {
    const plain = await world.dial(await edgeWith("tcpDialback"));
    plain.open("fabrikam.example", "contoso.example", "");
    const header = await plain.expect(/<stream:stream[^>]*>/);
    assert.match(header, /xmlns:db='jabber:server:dialback'/);
    assert.doesNotMatch(header, /version='1\.0'>/);
    const old = await world.dial(await edgeWith("external"));
    old.open("fabrikam.example", "contoso.example", "");
    assert.match(await old.end(), /policy-violation.*demands TLS/s);
  });

  // ---- refusals ----------------------------------------------------------------------------------------------------

  for (const [name, from, to, condition, text] of [
    ["an unlisted domain", "evil.example", "contoso.example", "policy-violation", "evil.example is not a federated partner of this edge"],
    ["a host that is not served", "fabrikam.example", "nobody.example", "host-unknown", "nobody.example is not a domain of this edge"],
    ["a from that is no domain", "not a domain", "contoso.example", "improper-addressing", "the header's 'from'"],
  ] as const) {
    it(`refuses ${name} with ${condition}, inside a stream and with the closing tag`, async () => {
      const peer = await world.dial(await edgeWith("external"));
      peer.open(from, to);
      const all = await peer.end();
      assert.match(all, /^<\?xml version='1\.0'\?><stream:stream [^>]*from='contoso\.example'[^>]*id='[0-9a-f]{32}'/);
      assert.match(all, new RegExp(`<stream:error><${condition} .*${text}.*</stream:error></stream:stream>$`, "s"));
      assert.doesNotMatch(all, /features/);
    });
  }

  it("refuses a client's content namespace", async () => {
    const peer = await world.dial(await edgeWith("external"));
    peer.send("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='contoso.example' version='1.0'>");
    assert.match(await peer.end(), /invalid-namespace/);
  });

  it("compares U-labels in their normalised form", async () => {
    const peer = await world.dial(await edgeWith("external", { additionalDomains: ["bücher.example"] }));
    peer.open("BÜCHER.example", "Contoso.Example");
    await peer.expect(/<\/stream:features>/);
  });

  it("refuses a stanza before authentication, before and after TLS", async () => {
    const edge = await edgeWith("anything");
    const stanza = "<message from='a@fabrikam.example' to='b@contoso.example'><body>x</body></message>";
    const plain = await world.dial(edge);
    plain.open("fabrikam.example", "contoso.example");
    await plain.expect(/<\/stream:features>/);
    plain.send(stanza);
    assert.match(await plain.end(), /not-authorized.*before fabrikam\.example was proven/s);
    const secure = await world.dial(edge);
    await secure.upTo("fabrikam.example", "contoso.example", world.issue("fabrikam.example"));
    secure.send(stanza);
    assert.match(await secure.end(), /not-authorized/);
    assert.equal(edge.received.length, 0);
  });

  it("throws away what comes behind <starttls/> in clear, and the stream with it", async () => {
    const edge = await edgeWith("anything");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send(`${STARTTLS}<message from='a@fabrikam.example' to='b@contoso.example'/>`);
    const all = await peer.end();
    assert.match(all, /policy-violation/);
    assert.doesNotMatch(all, /proceed/);
    assert.deepEqual(codes(edge), ["bytes-before-restart"]);
  });

  it("refuses STARTTLS where the row has no TLS", async () => {
    const peer = await world.dial(await edgeWith("tcpDialback"));
    peer.open("fabrikam.example", "contoso.example");
    assert.doesNotMatch(await peer.expect(/<\/stream:features>/), /starttls/);
    peer.send(STARTTLS);
    assert.match(await peer.end(), /<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/><\/stream:stream>/);
  });

  it("refuses SASL before TLS with encryption-required, and ends after three failures", async () => {
    const edge = await edgeWith("anything");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    for (let time = 0; time < 3; time++) {
      peer.send(auth("EXTERNAL"));
      assert.match(await peer.expect(/<\/failure>/), /encryption-required/);
    }
    assert.match(await peer.end(), /policy-violation/);
  });

  // ---- EXTERNAL ----------------------------------------------------------------------------------------------------

  for (const [name, text] of [
    ["=", "="],
    ["nothing", ""],
    ["its own name", base64("fabrikam.example")],
  ] as const) {
    it(`takes ${name} as authorisation identity`, async () => {
      const peer = await world.dial(await edgeWith("external"));
      await peer.upTo("fabrikam.example", "contoso.example", world.issue("fabrikam.example"));
      peer.send(auth("EXTERNAL", text));
      await peer.expect(/<success[^>]*>/);
    });
  }

  it("refuses another authorisation identity, and closes where no dialback is left", async () => {
    const peer = await world.dial(await edgeWith("external"));
    await peer.upTo("fabrikam.example", "contoso.example", world.issue("fabrikam.example"));
    peer.send(auth("EXTERNAL", base64("contoso.example")));
    assert.match(await peer.expect(/<\/stream:stream>/), /<failure[^>]*><invalid-authzid\/><\/failure><\/stream:stream>$/);
    peer.send("</stream:stream>");
    await peer.end();
  });

  it("accepts a certificate that is for servers only", async () => {
    const peer = await world.dial(await edgeWith("external"));
    const features = await peer.upTo(
      "fabrikam.example",
      "contoso.example",
      world.issue("fabrikam.example", { extendedKeyUsage: ["serverAuth"] }),
    );
    assert.match(features, /EXTERNAL/);
  });

  for (const [name, certificate] of [
    ["no certificate", undefined],
    ["a certificate for another name", { dnsNames: ["woodgrove.example"] }],
    ["the name in CN only", { dnsNames: [], commonName: "fabrikam.example" }],
    ["a self-signed impostor that is for servers only", { selfSigned: true, extendedKeyUsage: ["serverAuth"] }],
    ["an expired certificate", { notAfter: new Date("2021-01-01") }],
  ] as const) {
    it(`EXTERNAL only: ${name} ends with not-authorized and the reason; with dialback in the row it is offered instead`, async () => {
      const shown = certificate && world.issue("fabrikam.example", certificate);
      const edge = await edgeWith("external");
      const peer = await world.dial(edge);
      const refused = await peer.upTo("fabrikam.example", "contoso.example", shown);
      assert.match(refused, /not-authorized/);
      assert.match(refused, /the certificate does not prove fabrikam\.example/);
      edge.reload({ partners: [{ domain: "fabrikam.example", ...ROWS.externalOrDialback }] });
      const other = await world.dial(edge);
      const features = await other.upTo("fabrikam.example", "contoso.example", shown);
      assert.match(features, /features:dialback/);
      assert.doesNotMatch(features, /EXTERNAL/);
      other.send(auth("EXTERNAL"));
      assert.match(await other.expect(/<\/failure>/), /invalid-mechanism/);
      assert.equal(other.ended, false);
    });
  }

  for (const [name, from, to, condition] of [
    ["from", "woodgrove.example", "contoso.example", "invalid-from"],
    ["to", "fabrikam.example", "contoso2.example", "host-unknown"],
  ] as const) {
    it(`refuses another '${name}' after TLS with ${condition}`, async () => {
      const edge = await world.edge({
        domain: "contoso.example",
        sipDomains: ["contoso.example", "contoso2.example"],
        partners: [
          { domain: "fabrikam.example", ...ROWS.anything },
          { domain: "woodgrove.example", ...ROWS.anything },
        ],
      });
      const peer = await world.dial(edge);
      peer.open("fabrikam.example", "contoso.example");
      await peer.expect(/<\/stream:features>/);
      peer.send(STARTTLS);
      await peer.expect(/<proceed[^>]*>/);
      await peer.secure(world.issue("woodgrove.example"));
      peer.open(from, to);
      assert.match(await peer.end(), new RegExp(condition));
    });
  }

  it("without a from: STARTTLS not required, dialback where any partner has it, EXTERNAL never", async () => {
    const edge = await edgeWith("anything");
    const peer = await world.dial(edge);
    peer.open(null, "contoso.example");
    const plain = await peer.expect(/<\/stream:features>/);
    assert.match(plain, /<starttls xmlns='[^']*'\/>.*features:dialback/s);
    peer.send(STARTTLS);
    await peer.expect(/<proceed[^>]*>/);
    await peer.secure(world.issue("fabrikam.example"));
    peer.open(null, "contoso.example");
    const features = await peer.expect(/<\/stream:features>/);
    assert.match(features, /features:dialback/);
    assert.doesNotMatch(features, /EXTERNAL/);
  });

  // ---- stanzas -----------------------------------------------------------------------------------------------------

  for (const [name, attributes, condition] of [
    ["without to", "from='a@fabrikam.example'", "improper-addressing"],
    ["without from", "to='b@contoso.example'", "improper-addressing"],
    ["from another domain", "from='a@woodgrove.example' to='b@contoso.example'", "invalid-from"],
    ["from another domain of the same partner", "from='a@more.fabrikam.example' to='b@contoso.example'", "invalid-from"],
    ["to a host that is not served", "from='a@fabrikam.example' to='b@nobody.example'", "host-unknown"],
    ["to another host of ours", "from='a@fabrikam.example' to='b@contoso2.example'", "not-authorized"],
  ] as const) {
    it(`a stanza ${name} ends the stream with ${condition}`, async () => {
      const edge = await world.edge({
        domain: "contoso.example",
        sipDomains: ["contoso.example", "contoso2.example"],
        partners: [{ domain: "fabrikam.example", additionalDomains: ["more.fabrikam.example"], ...ROWS.external }],
      });
      const peer = await authenticated(edge);
      peer.send(`<message ${attributes}><body>x</body></message>`);
      assert.match(await peer.end(), new RegExp(`<stream:error><${condition} `));
      assert.equal(edge.received.length, 0);
    });
  }

  for (const [name, xml, condition] of [
    ["an unknown element", "<x xmlns='urn:x'/>", "unsupported-stanza-type"],
    ["a client's stanza", "<message xmlns='jabber:client' from='a@fabrikam.example' to='b@contoso.example'/>", "invalid-namespace"],
    ["a comment", "<!-- x -->", "restricted-xml"],
    ["STARTTLS again", STARTTLS, "not-authorized"],
    ["a dialback answer for nothing", "<db:result from='fabrikam.example' to='contoso.example' type='valid'/>", "not-authorized"],
    ["a verification for nothing", "<db:verify from='fabrikam.example' to='contoso.example' id='x' type='valid'/>", "not-authorized"],
  ] as const) {
    it(`${name} on an authenticated stream ends it with ${condition}`, async () => {
      const peer = await authenticated(await edgeWith("externalOrDialback"));
      peer.send(xml);
      assert.match(await peer.end(), new RegExp(`<stream:error><${condition} `));
    });
  }

  it("an unsolicited valid makes nothing true: the stanza behind it goes nowhere", async () => {
    const edge = await edgeWith("tcpDialback");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send(
      "<db:result from='fabrikam.example' to='contoso.example' type='valid'/><message from='a@fabrikam.example' to='b@contoso.example'/>",
    );
    assert.match(await peer.end(), /not-authorized/);
    assert.equal(edge.received.length, 0);
    assert.deepEqual(codes(edge), ["unsolicited-dialback"]);
  });

  // ---- dialback ----------------------------------------------------------------------------------------------------

  it("a wrong key is found invalid by the authoritative server, told, and ends the stream", async () => {
    const edge = await edgeWith("tcpDialback");
    await world.edge({ domain: "fabrikam.example", partners: [{ domain: "contoso.example", ...ROWS.tcpDialback }] });
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send("<db:result from='fabrikam.example' to='contoso.example'>0123456789abcdef</db:result>");
    assert.match(await peer.end(), /<db:result from='contoso\.example' to='fabrikam\.example' type='invalid'\/><\/stream:stream>/);
    assert.equal(edge.received.length, 0);
    assert.ok(codes(edge).includes("dialback-key-invalid"));
  });

  it("several pairs are proven one by one on a stream, and a wrong key beside proven ones is forbidden without ending it", async () => {
    const edge = await world.edge({
      domain: "contoso.example",
      sipDomains: ["contoso.example", "contoso2.example"],
      partners: [{ domain: "fabrikam.example", additionalDomains: ["more.fabrikam.example"], ...ROWS.tcpDialback }],
    });
    const served = ["fabrikam.example", "more.fabrikam.example"];
    const partner = { domain: "contoso.example", additionalDomains: ["contoso2.example"], ...ROWS.tcpDialback };
    const fabrikam = await world.edge({ domain: "fabrikam.example", sipDomains: served, partners: [partner] });
    world.publish("more.fabrikam.example", fabrikam.address);
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    const id = /id='([0-9a-f]+)'/.exec(await peer.expect(/<\/stream:features>/))?.[1] ?? "";
    const key = (from: string, to: string) => dialbackKey("secret of fabrikam.example", { receiving: to, originating: from, streamId: id });
    const ask = (from: string, to: string, text = key(from, to)) => peer.send(`<db:result from='${from}' to='${to}'>${text}</db:result>`);
    ask("fabrikam.example", "contoso.example");
    await peer.expect(/<db:result from='contoso\.example' to='fabrikam\.example' type='valid'\/>/);
    ask("more.fabrikam.example", "contoso2.example");
    await peer.expect(/<db:result from='contoso2\.example' to='more\.fabrikam\.example' type='valid'\/>/);
    ask("fabrikam.example", "contoso2.example", "wrong");
    assert.match(await peer.expect(/<\/db:result>/), /type='error'.*forbidden/s);
    ask("fabrikam.example", "nobody.example");
    assert.match(await peer.expect(/<\/db:result>/), /type='error'.*item-not-found/s);
    ask("evil.example", "contoso.example");
    assert.match(await peer.expect(/<\/db:result>/), /type='error'.*policy-violation/s);
    peer.send(
      "<message from='a@more.fabrikam.example' to='b@contoso2.example'/><message from='a@fabrikam.example' to='b@contoso.example'/>",
    );
    await eventually(() => edge.received.length === 2);
    assert.deepEqual(
      edge.received.map(({ proof }) => `${proof.partnerDomain} ${proof.localDomain} ${proof.by}`),
      ["more.fabrikam.example contoso2.example tcp-dialback", "fabrikam.example contoso.example tcp-dialback"],
    );
  });

  it("an authoritative server that cannot be reached is a dialback error, not the end of the stream", async () => {
    const edge = await edgeWith("tcpDialback");
    world.publish("fabrikam.example", world.address());
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send("<db:result from='fabrikam.example' to='contoso.example'>abc</db:result>");
    assert.match(await peer.expect(/<\/db:result>/), /type='error'.*remote-connection-failed/s);
    assert.equal(peer.ended, false);
  });

  it("dialback without TLS is refused where the row demands TLS", async () => {
    const edge = await world.edge({
      domain: "contoso.example",
      partners: [
        { domain: "fabrikam.example", ...ROWS.tlsDialback },
        { domain: "woodgrove.example", ...ROWS.tcpDialback },
      ],
    });
    const peer = await world.dial(edge);
    peer.open("woodgrove.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send("<db:result from='fabrikam.example' to='contoso.example'>abc</db:result>");
    assert.match(await peer.expect(/<\/db:result>/), /type='error'.*policy-violation.*demands TLS/s);
  });

  it("as authoritative server: valid only for a key that we would make, before authentication, with TLS where the row demands it", async () => {
    const edge = await edgeWith("anyDialback");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    const claim = { receiving: "fabrikam.example", originating: "contoso.example", streamId: "abc" };
    const ask = (key: string, to = "contoso.example") =>
      peer.send(`<db:verify from='fabrikam.example' to='${to}' id='abc'>${key}</db:verify>`);
    ask(dialbackKey("secret of contoso.example", claim));
    await peer.expect(/<db:verify from='contoso\.example' id='abc' to='fabrikam\.example' type='valid'\/>/);
    ask(dialbackKey("another secret", claim));
    await peer.expect(/<db:verify from='contoso\.example' id='abc' to='fabrikam\.example' type='invalid'\/>/);
    ask("x", "nobody.example");
    assert.match(await peer.expect(/<\/db:verify>/), /type='error'.*item-not-found/s);
    edge.reload({ partners: [{ domain: "fabrikam.example", ...ROWS.tlsDialback }] });
    ask(dialbackKey("secret of contoso.example", claim));
    assert.match(await peer.expect(/<\/db:verify>/), /type='error'.*policy-violation/s);
  });

  // ---- limits ------------------------------------------------------------------------------------------------------

  it("more streams than the partner may have are refused with policy-violation; other partners are not touched", async () => {
    const edge = await edgeWith("external", { connectionLimit: 2 });
    await authenticated(edge);
    await authenticated(edge);
    const third = await world.dial(edge);
    await third.upTo("fabrikam.example", "contoso.example", world.issue("fabrikam.example"));
    third.send(auth("EXTERNAL"));
    await third.expect(/<success[^>]*>/);
    third.open("fabrikam.example", "contoso.example");
    assert.match(await third.end(), /policy-violation.*connection limit/s);
  });

  it("the partner's limit also counts for keys of dialback, as an error on a stream that stays", async () => {
    const edge = await edgeWith("anyDialback", { connectionLimit: 1 });
    await world.edge({ domain: "fabrikam.example", partners: [{ domain: "contoso.example", ...ROWS.anyDialback }] });
    const ask = async () => {
      const peer = await world.dial(edge);
      peer.open("fabrikam.example", "contoso.example");
      const id = /id='([0-9a-f]+)'/.exec(await peer.expect(/<\/stream:features>/))?.[1] ?? "";
      const claim = { receiving: "contoso.example", originating: "fabrikam.example", streamId: id };
      peer.send(`<db:result from='fabrikam.example' to='contoso.example'>${dialbackKey("secret of fabrikam.example", claim)}</db:result>`);
      return peer;
    };
    await (await ask()).expect(/type='valid'/);
    assert.match(await (await ask()).expect(/<\/db:result>/), /type='error'.*resource-constraint.*connection limit/s);
  });

  it("more streams than the edge may have are turned away with resource-constraint", async () => {
    const edge = await edgeWith("external", {}, { connectionLimit: 1 });
    await authenticated(edge);
    const second = await world.dial(edge);
    assert.match(await second.end(), /<stream:stream .*resource-constraint.*<\/stream:stream>$/s);
  });

  it("unproven streams count by address", async () => {
    const edge = await edgeWith("external", {}, { partnerConnectionLimit: 2 });
    for (let time = 0; time < 2; time++) {
      const peer = await world.dial(edge);
      peer.open("fabrikam.example", "contoso.example");
      await peer.expect(/<\/stream:features>/);
    }
    const third = await world.dial(edge);
    third.open("fabrikam.example", "contoso.example");
    assert.match(await third.end(), /policy-violation.*not authenticated yet/s);
  });

  it("a stream that proves nothing in time ends with connection-timeout", async () => {
    const edge = await edgeWith("external", {}, { streamEstablishmentTimeout: 1 });
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    assert.match(await peer.end(), /connection-timeout/);
    assert.deepEqual(codes(edge), ["establishment-timeout"]);
  });

  it("a peer that asks for TLS and then says nothing is gone after the establishment timeout", async () => {
    const edge = await edgeWith("external", {}, { streamEstablishmentTimeout: 1 });
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send(STARTTLS);
    await peer.expect(/<proceed[^>]*>/);
    await peer.end();
    await eventually(() => edge.side.connections().length === 0);
    assert.deepEqual(codes(edge), ["establishment-timeout"]);
  });

  it("TLS below 1.2 is refused", async () => {
    const edge = await edgeWith("external");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send(STARTTLS);
    await peer.expect(/<proceed[^>]*>/);
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    await assert.rejects(peer.secure(undefined, old), /TLS failed/);
  });

  it("a peer that speaks something else after <proceed/> fails the handshake, with its name in the record", async () => {
    const edge = await edgeWith("external");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send(STARTTLS);
    await peer.expect(/<proceed[^>]*>/);
    peer.send("<stream:stream and more of what is not TLS>");
    await peer.end();
    await eventually(() => edge.side.connections().length === 0);
    const [attempt] = edge.side.attempts();
    assert.equal(attempt?.code, "tls-handshake-failed");
    assert.equal(attempt?.peer, "fabrikam.example");
  });

  it("whatever an unproven peer says in whatever order, none of its stanzas goes anywhere", async () => {
    const edge = await edgeWith("anyDialback");
    await world.edge({ domain: "fabrikam.example", partners: [{ domain: "contoso.example", ...ROWS.anyDialback }] });
    const pieces = [
      "<message from='a@fabrikam.example' to='b@contoso.example'><body>x</body></message>",
      "<db:result from='fabrikam.example' to='contoso.example'>0123</db:result>",
      "<db:result from='fabrikam.example' to='contoso.example' type='valid'/>",
      "<db:verify from='fabrikam.example' to='contoso.example' id='1'>0123</db:verify>",
      "<db:verify from='fabrikam.example' to='contoso.example' id='1' type='valid'/>",
      auth("EXTERNAL"),
      `<success xmlns='${SASL}'/>`,
      "</stream:stream>",
      " ",
    ];
    const run = async (chosen: readonly string[]): Promise<void> => {
      const peer = await world.dial(edge);
      peer.open("fabrikam.example", "contoso.example");
      for (const piece of chosen) peer.send(piece);
      await peer.expect(/<\/stream:features>/);
      peer.send(`${pieces[0]}<x xmlns='urn:x'/>`);
      await peer.end();
      assert.equal(edge.received.length, 0, chosen.join(""));
    };
    await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 6 }), run), { numRuns: 40 });
  });

  it("an element larger than an unproven peer may send is refused before it is whole", async () => {
    const edge = await edgeWith("anything");
    const peer = await world.dial(edge);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(/<\/stream:features>/);
    peer.send(`<message><body>${"x".repeat(100_000)}`);
    assert.match(await peer.end(), /policy-violation/);
  });
});
