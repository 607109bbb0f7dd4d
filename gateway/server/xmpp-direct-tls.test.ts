import assert from "node:assert/strict";
import { connect } from "node:net";
import { makeTestClock } from "../../test/support/clock.ts";
import { eventually, message, PORT, type RawPeer, ROWS, type TestEdge, TLS_PORT, XmppWorld } from "../../test/support/xmpp-world.ts";
import type { PartnerInput } from "../config/schema.ts";
import type { Clock, Sent } from "./ports.ts";

const PROTOCOLS = { ALPNProtocols: ["xmpp-server"] };
const EXTERNAL = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
const DIALBACK = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
const SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const VALID = "<db:result from='fabrikam.example' to='contoso.example' type='valid'/>";
const FEATURES = /<\/stream:features>|<stream:features\/>|<\/stream:error>/;

const code = (sent: Sent): string => (sent.sent ? `sent by ${sent.proof.by}` : sent.because.code);

describe("direct TLS to a partner", () => {
  let world: XmppWorld;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(() => world.stop());

  const edgeWith = (row: keyof typeof ROWS, more: Partial<PartnerInput> = {}, clock?: Clock): Promise<TestEdge> =>
    world.edge({
      domain: "contoso.example",
      partners: [{ domain: "fabrikam.example", ...ROWS[row], ...more }],
      ...(clock ? { clock } : {}),
    });
  const say = (edge: TestEdge, milliseconds = 3000): Promise<Sent> =>
    edge.side.send(message("ann@contoso.example", "bob@fabrikam.example", "x"), Date.now() + milliseconds);

  /** A server reached by `_xmpps-server` alone, or first; `act` gets what stands behind the handshake. */
  async function direct(act: (peer: RawPeer) => Promise<void>, certificate = world.issue("fabrikam.example")) {
    const seen = { names: [] as unknown[], protocols: [] as unknown[] };
    const address = await world.serve("fabrikam.example", async (peer) => {
      const secured = await peer.acceptTls(certificate, PROTOCOLS);
      seen.names.push((secured as unknown as { servername: unknown }).servername);
      seen.protocols.push(secured.alpnProtocol);
      await act(peer);
    });
    world.srv.delete("_xmpp-server._tcp.fabrikam.example");
    world.publishDirect("fabrikam.example", address);
    return seen;
  }

  async function greet(peer: RawPeer, features: string, id = "s1"): Promise<string> {
    const said = await peer.expect(/<stream:stream[^>]*>/);
    peer.answer("fabrikam.example", "contoso.example", id, features);
    return said;
  }

  async function external(peer: RawPeer): Promise<void> {
    await greet(peer, EXTERNAL);
    await peer.expect(/<\/auth>/);
    peer.send(SUCCESS);
    await greet(peer, "", "s2");
    await peer.expect(/<\/message>/);
  }

  async function dialback(peer: RawPeer): Promise<void> {
    await greet(peer, DIALBACK);
    await peer.expect(/<\/db:result>/);
    peer.send(VALID);
    await peer.expect(/<\/message>/);
  }

  it("begins with the handshake, says by ALPN and SNI what and whom it wants, and goes on as after STARTTLS", async () => {
    const edge = await edgeWith("external");
    const seen = await direct(external);
    assert.equal(code(await say(edge)), "sent by sasl-over-tls");
    assert.deepEqual(seen, { names: ["fabrikam.example"], protocols: ["xmpp-server"] });
    assert.match(edge.side.connections()[0]?.security ?? "", /^TLSv1\.3 .*certificate valid$/);
  });

  it("takes a server that knows no ALPN", async () => {
    const edge = await edgeWith("external");
    const address = await world.serve("fabrikam.example", async (peer) => {
      await peer.acceptTls(world.issue("fabrikam.example"));
      await external(peer);
    });
    world.srv.clear();
    world.publishDirect("fabrikam.example", address);
    assert.equal(code(await say(edge)), "sent by sasl-over-tls");
  });

  it("serves dialback over TLS, whatever the certificate proves", async () => {
    const edge = await edgeWith("tlsDialback");
    await direct(dialback, world.issue("fabrikam.example", { selfSigned: true }));
    assert.equal(code(await say(edge)), "sent by tls-dialback");
  });

  it("does not use STARTTLS inside, even where a peer offers it", async () => {
    const edge = await edgeWith("external");
    let said = "";
    await direct(async (peer) => {
      await greet(peer, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
      said = await peer.end();
    });
    assert.equal(code(await say(edge)), "external-not-offered");
    assert.doesNotMatch(said, /<starttls/);
  });

  it("a certificate that proves nothing ends it where dialback is not admitted, before a word is said", async () => {
    const edge = await edgeWith("external");
    let said = "";
    await direct(async (peer) => {
      said = await peer.end();
    }, world.issue("litware.example"));
    assert.equal(code(await say(edge)), "server-certificate-invalid");
    await eventually(() => edge.side.connections().length === 0);
    assert.equal(said, "");
  });

  it("is not used where TLS is of no use with the partner", async () => {
    const edge = await edgeWith("tcpDialback");
    let handshakes = 0;
    const address = await world.serve("fabrikam.example", dialback);
    world.publishDirect("fabrikam.example", address, { port: TLS_PORT });
    world.hosts.set("tls.fabrikam.example", [world.address()]);
    const { srv } = world.resolver;
    world.resolver.srv = (name) => {
      if (name.startsWith("_xmpps-server")) handshakes++;
      return srv(name);
    };
    assert.equal(code(await say(edge)), "sent by tcp-dialback");
    assert.equal(handshakes, 0);
  });

  it("is not used where a proxy is named", async () => {
    const edge = await edgeWith("external", { proxyFqdn: "proxy.fabrikam.example" });
    await direct(external);
    assert.equal(code(await say(edge)), "no-address");
  });

  it("two edges find one another by it, and each proves itself by its certificate", async () => {
    const edge = await edgeWith("external");
    const other = await world.edge({
      domain: "fabrikam.example",
      partners: [{ domain: "contoso.example", ...ROWS.external }],
      directTls: true,
    });
    world.srv.delete("_xmpp-server._tcp.fabrikam.example");
    world.publishDirect("fabrikam.example", other.address, { port: TLS_PORT });
    assert.equal(code(await say(edge)), "sent by sasl-over-tls");
    await eventually(() => other.received.length === 1);
    assert.equal(other.received[0]?.proof.by, "sasl-over-tls");
  });

  it("serves to ask the authoritative server about a key", async () => {
    const edge = await world.edge({
      domain: "contoso.example",
      partners: [{ domain: "fabrikam.example", ...ROWS.tlsDialback }],
      directTls: true,
    });
    const other = await world.edge({
      domain: "fabrikam.example",
      partners: [{ domain: "contoso.example", ...ROWS.tlsDialback }],
      directTls: true,
    });
    world.srv.clear();
    world.publishDirect("contoso.example", edge.address, { port: TLS_PORT });
    world.publishDirect("fabrikam.example", other.address, { port: TLS_PORT });
    assert.equal(code(await say(edge)), "sent by tls-dialback");
    await eventually(() => other.received.length === 1);
  });

  describe("that comes to nothing", () => {
    /** A second server of the partner, by STARTTLS on the usual record: an edge. */
    function second(row: keyof typeof ROWS = "external"): Promise<TestEdge> {
      return world.edge({ domain: "fabrikam.example", partners: [{ domain: "contoso.example", ...ROWS[row] }] });
    }
    /** First by priority: a server on the port of direct TLS, which does what it likes. */
    async function first(act: (peer: RawPeer) => Promise<void>): Promise<void> {
      const now = world.srv.get("_xmpp-server._tcp.fabrikam.example") ?? [];
      const hosts = world.hosts.get("xmpp.fabrikam.example") ?? [];
      const address = await world.serve("fabrikam.example", act);
      world.srv.set("_xmpp-server._tcp.fabrikam.example", now);
      world.hosts.set("xmpp.fabrikam.example", hosts);
      world.publishDirect("fabrikam.example", address);
    }

    // biome-ignore format: a table
    const failures: readonly (readonly [string, (peer: RawPeer) => Promise<void>])[] = [
      ["a server that speaks no TLS",       async (peer) => peer.send("<?xml version='1.0'?><stream:error/>")],
      ["a server that hangs up",            async (peer) => peer.close()],
      ["a server that speaks another protocol", async (peer) => void (await peer.acceptTls(world.issue("fabrikam.example"), { ALPNProtocols: ["h2"] }))],
      ["a server with another's certificate", async (peer) => void (await peer.acceptTls(world.issue("litware.example")))],
      ["a server that hangs up behind the handshake", async (peer) => {
        await peer.acceptTls(world.issue("fabrikam.example"));
        await peer.expect(/<stream:stream/);
        peer.close();
      }],
    ];
    for (const [what, act] of failures) {
      it(`${what}: the next server is tried`, async () => {
        const edge = await edgeWith("external");
        await second();
        let tried = 0;
        await first(async (peer) => {
          tried++;
          await act(peer);
        });
        assert.equal(code(await say(edge)), "sent by sasl-over-tls");
        assert.equal(tried, 1);
      });
    }

    it("a server that waits is left after XMPP_LIMITS.handshake", async () => {
      const clock = makeTestClock();
      const edge = await edgeWith("external", {}, clock);
      await second();
      await first(async (peer) => void (await peer.end()));
      clock.speed = 20;
      assert.equal(code(await say(edge, 100_000)), "sent by sasl-over-tls");
      assert.equal(edge.side.attempts()[0]?.code, "tls-handshake-failed");
      assert.match(edge.side.attempts()[0]?.text ?? "", /no answer within 10 seconds/);
    });

    it("a port where nothing listens: the next server is tried", async () => {
      const edge = await edgeWith("external");
      const other = await second();
      world.publishDirect("fabrikam.example", other.address, { port: TLS_PORT });
      assert.equal(code(await say(edge)), "sent by sasl-over-tls");
    });

    it("nothing goes in clear afterwards, though the row would admit it", async () => {
      const edge = await edgeWith("anything");
      let said = "";
      const plain = async (peer: RawPeer): Promise<void> => {
        await greet(peer, DIALBACK);
        said += await peer.expect(/<starttls[^>]*>/);
        peer.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
        said += await peer.end();
      };
      await world.serve("fabrikam.example", plain);
      await first(async (peer) => peer.close());
      assert.equal(code(await say(edge)), "starttls-not-offered");
      assert.doesNotMatch(said, /db:result/);
    });

    it("a first server that was never reached teaches nothing: the row admits plain dialback", async () => {
      const edge = await edgeWith("anything");
      await world.serve("fabrikam.example", dialback);
      world.publishDirect("fabrikam.example", world.address());
      assert.equal(code(await say(edge)), "sent by tcp-dialback");
    });

    it("is told with its own reason where it was all there was, and with every server's where there were more", async () => {
      const edge = await edgeWith("external");
      await first(async (peer) => peer.close());
      assert.equal(code(await say(edge)), "tls-handshake-failed");
      edge.reload({ partners: [{ domain: "fabrikam.example", ...ROWS.external, description: "again" }] });
      world.publish("fabrikam.example", world.address());
      const sent = await say(edge);
      assert.equal(code(sent), "connect-failed");
      assert.ok(!sent.sent);
      assert.match(sent.because.text, /tls\.fabrikam\.example \(.*\): the TLS handshake .*; xmpp\.fabrikam\.example \(.*\): ECONNREFUSED/);
    });
  });

  it("servers are tried in order over all their addresses, IPv6 and IPv4", async () => {
    const edge = await edgeWith("external");
    const other = await world.edge({ domain: "fabrikam.example", partners: [{ domain: "contoso.example", ...ROWS.external }] });
    world.srv.set("_xmpp-server._tcp.fabrikam.example", [
      { priority: 1, weight: 0, port: PORT, name: "nowhere.fabrikam.example" },
      { priority: 2, weight: 0, port: PORT, name: "down.fabrikam.example" },
      { priority: 3, weight: 0, port: PORT, name: "xmpp.fabrikam.example" },
    ]);
    world.hosts.set("down.fabrikam.example", ["::1", world.address()]);
    world.hosts.set("xmpp.fabrikam.example", ["::1", world.address(), other.address]);
    assert.equal(code(await say(edge)), "sent by sasl-over-tls");
  });
});

describe("direct TLS from a partner", () => {
  let world: XmppWorld;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(() => world.stop());

  const edgeWith = (row: keyof typeof ROWS, gateway = {}, clock?: Clock): Promise<TestEdge> =>
    world.edge({
      domain: "contoso.example",
      partners: [{ domain: "fabrikam.example", ...ROWS[row] }],
      directTls: true,
      gateway,
      ...(clock ? { clock } : {}),
    });

  /** Handshake and first header. Returns what came, up to the features or the error. */
  async function begin(
    edge: TestEdge,
    from: string | null = "fabrikam.example",
    options = {},
    certificate = world.issue("fabrikam.example"),
  ) {
    const peer = await world.dial(edge, TLS_PORT);
    const secured = await peer.secure(certificate, options);
    peer.open(from, "contoso.example");
    return { peer, secured, said: await peer.expect(FEATURES) };
  }

  it("begins with the handshake and offers what stands after TLS, never STARTTLS", async () => {
    const edge = await edgeWith("externalOrDialback");
    const { peer, secured, said } = await begin(edge, "fabrikam.example", PROTOCOLS);
    assert.equal(secured.alpnProtocol, "xmpp-server");
    assert.match(said, /<mechanism>EXTERNAL<\/mechanism>/);
    assert.match(said, /<dialback/);
    assert.doesNotMatch(said, /starttls/);
    peer.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
    await peer.expect(/<success/);
    peer.open("fabrikam.example", "contoso.example");
    await peer.expect(FEATURES);
    peer.send("<message from='bob@fabrikam.example' to='ann@contoso.example'><body>x</body></message>");
    await eventually(() => edge.received.length === 1);
    assert.equal(edge.received[0]?.proof.by, "sasl-over-tls");
  });

  it("refuses STARTTLS inside", async () => {
    const edge = await edgeWith("external");
    const { peer } = await begin(edge);
    peer.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert.match(await peer.end(), /<stream:error>/);
    assert.equal(edge.side.attempts()[0]?.code, "out-of-order");
  });

  // biome-ignore format: a table
  const protocols: readonly (readonly [string, object, unknown])[] = [
    ["takes a peer that offers no protocol",            {},                                       false],
    ["takes a peer that offers ours among others",      { ALPNProtocols: ["h2", "xmpp-server"] }, "xmpp-server"],
  ];
  for (const [what, options, expected] of protocols) {
    it(what, async () => {
      const { secured, said } = await begin(await edgeWith("external"), "fabrikam.example", options);
      assert.equal(secured.alpnProtocol, expected);
      assert.match(said, /EXTERNAL/);
    });
  }

  for (const protocol of ["xmpp-client", "h2"]) {
    it(`refuses in the handshake a peer that offers ${protocol} only, and records it`, async () => {
      const edge = await edgeWith("external");
      const peer = await world.dial(edge, TLS_PORT);
      await assert.rejects(peer.secure(world.issue("fabrikam.example"), { ALPNProtocols: [protocol] }));
      await eventually(() => edge.side.attempts().length === 1);
      const [attempt] = edge.side.attempts();
      assert.deepEqual([attempt?.code, attempt?.step], ["tls-handshake-failed", "awaitHandshake"]);
      assert.match(attempt?.text ?? "", /no application protocol/);
    });
  }

  it("a partner that TLS is not admitted for gets policy-violation", async () => {
    const edge = await edgeWith("tcpDialback");
    const { said } = await begin(edge);
    assert.match(said, /<policy-violation/);
    assert.equal(edge.side.attempts()[0]?.code, "tls-not-allowed");
  });

  it("a partner that needs a certificate and shows none gets not-authorized; a stranger policy-violation", async () => {
    const edge = await edgeWith("external");
    assert.match((await begin(edge, "fabrikam.example", {}, world.issue("litware.example"))).said, /<not-authorized/);
    assert.match((await begin(edge, "litware.example")).said, /<policy-violation/);
  });

  it("a peer in clear gets no word, and is recorded", async () => {
    const edge = await edgeWith("tcpDialback");
    const peer = await world.dial(edge, TLS_PORT);
    peer.open("fabrikam.example", "contoso.example");
    assert.doesNotMatch(await peer.end(), /<stream/);
    await eventually(() => edge.side.attempts()[0]?.code === "tls-handshake-failed");
  });

  it("a connection that says nothing is no attempt", async () => {
    const edge = await edgeWith("external");
    await new Promise<void>((resolve) => {
      const socket = connect({ host: edge.address, port: TLS_PORT }, () => socket.end());
      socket.on("close", () => resolve());
    });
    await eventually(() => edge.side.connections().length === 0);
    assert.deepEqual(edge.side.attempts(), []);
  });

  it("a handshake that is not finished in time ends with the establishment timeout", async () => {
    const clock = makeTestClock();
    clock.speed = 10;
    const edge = await edgeWith("external", { streamEstablishmentTimeout: 1 }, clock);
    const peer = await world.dial(edge, TLS_PORT);
    assert.equal(await peer.end(), "");
    assert.equal(edge.side.attempts()[0]?.code, "establishment-timeout");
  });

  it("handshakes count for the limit of their address, and one too many is refused before its own", async () => {
    const edge = await edgeWith("external", { partnerConnectionLimit: 2 });
    await world.dial(edge, TLS_PORT);
    await begin(edge);
    const third = await world.dial(edge, TLS_PORT);
    assert.equal(await third.end(), "");
    assert.equal(edge.side.attempts()[0]?.code, "address-limit");
  });

  it("a full edge closes without a word", async () => {
    const edge = await edgeWith("external", { connectionLimit: 1, partnerConnectionLimit: 1 });
    await begin(edge);
    const second = await world.dial(edge, TLS_PORT);
    assert.equal(await second.end(), "");
    assert.equal(edge.side.attempts()[0]?.code, "edge-full");
  });

  it("is off unless the document names its port", async () => {
    const edge = await world.edge({ domain: "contoso.example", partners: [] });
    await assert.rejects(world.dial(edge, TLS_PORT), /ECONNREFUSED/);
  });
});
