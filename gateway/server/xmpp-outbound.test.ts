import assert from "node:assert/strict";
import { message, PORT, type RawPeer, ROWS, type TestEdge, XmppWorld } from "../../test/support/xmpp-world.ts";
import type { PartnerInput } from "../config/schema.ts";
import { dialbackKey } from "../negotiation/dialback-key.ts";
import type { Sent } from "./ports.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const EXTERNAL = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
const DIALBACK = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
const SASL_FAILURE = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
const VALID = "<db:result from='fabrikam.example' to='contoso.example' type='valid'/>";

describe("the initiating side", () => {
  let world: XmppWorld;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(() => world.stop());

  const edgeWith = (row: keyof typeof ROWS, more: Partial<PartnerInput> = {}, gateway = {}): Promise<TestEdge> =>
    world.edge({ domain: "contoso.example", partners: [{ domain: "fabrikam.example", ...ROWS[row], ...more }], gateway });

  const say = (edge: TestEdge, body = "x", milliseconds = 3000): Promise<Sent> =>
    edge.side.send(message("ann@contoso.example", "bob@fabrikam.example", body), Date.now() + milliseconds);

  const code = (sent: Sent): string => (sent.sent ? `sent by ${sent.proof.by}` : sent.because.code);

  /** Header and features, after the edge's header. */
  async function greet(peer: RawPeer, features: string, id = "s1"): Promise<void> {
    await peer.expect(/<stream:stream[^>]*>/);
    peer.answer("fabrikam.example", "contoso.example", id, features);
  }

  async function secured(peer: RawPeer, features: string, id = "s2", certificate = world.issue("fabrikam.example")): Promise<void> {
    await greet(peer, STARTTLS);
    await peer.expect(/<starttls[^>]*>/);
    peer.send(PROCEED);
    await peer.acceptTls(certificate);
    await greet(peer, features, id);
  }

  it("sends the key that XEP-0185 makes of the peer's stream id, then its stanzas, only after the verdict", async () => {
    const edge = await edgeWith("tcpDialback");
    const seen: string[] = [];
    await world.serve("fabrikam.example", async (peer) => {
      await greet(peer, DIALBACK, "s77");
      seen.push(await peer.expect(/<\/db:result>/));
      peer.send(VALID);
      seen.push(await peer.expect(/<\/message>/));
    });
    assert.equal(code(await say(edge)), "sent by tcp-dialback");
    const key = dialbackKey("secret of contoso.example", {
      receiving: "fabrikam.example",
      originating: "contoso.example",
      streamId: "s77",
    });
    assert.ok(seen[0]?.includes(`<db:result from='contoso.example' to='fabrikam.example'>${key}</db:result>`));
    assert.ok(!seen[0]?.includes("<message"));
  });

  it("after EXTERNAL was refused it goes on with dialback on the same stream", async () => {
    const edge = await edgeWith("externalOrDialback");
    await world.serve("fabrikam.example", async (peer) => {
      await secured(peer, EXTERNAL + DIALBACK);
      await peer.expect(/<auth [^>]*mechanism='EXTERNAL'>Y29udG9zby5leGFtcGxl<\/auth>/);
      peer.send(SASL_FAILURE);
      await peer.expect(/<\/db:result>/);
      peer.send(VALID);
    });
    assert.equal(code(await say(edge)), "sent by tls-dialback");
  });

  it("after EXTERNAL was refused by closing it makes one new connection that skips EXTERNAL", async () => {
    const edge = await edgeWith("anything");
    let connections = 0;
    await world.serve("fabrikam.example", async (peer) => {
      connections++;
      await secured(peer, EXTERNAL + DIALBACK);
      if (connections === 1) {
        await peer.expect(/<\/auth>/);
        return peer.send(`${SASL_FAILURE}</stream:stream>`);
      }
      await peer.expect(/<\/db:result>/);
      peer.send(VALID);
    });
    assert.equal(code(await say(edge)), "sent by tls-dialback");
    assert.equal(connections, 2);
    assert.equal(edge.side.attempts()[0]?.code, "external-refused");
  });

  it("EXTERNAL refused and no dialback in the row: fails with the peer's condition", async () => {
    const edge = await edgeWith("external");
    await world.serve("fabrikam.example", async (peer) => {
      await secured(peer, EXTERNAL);
      await peer.expect(/<\/auth>/);
      peer.send(SASL_FAILURE);
    });
    const sent = await say(edge);
    assert.equal(code(sent), "external-refused");
    assert.ok(!sent.sent && sent.because.text.includes("not-authorized"));
  });

  it("EXTERNAL is never sent to a server whose certificate does not prove it", async () => {
    const edge = await edgeWith("externalOrDialback");
    let said = "";
    await world.serve("fabrikam.example", async (peer) => {
      await secured(peer, EXTERNAL + DIALBACK, "s2", world.issue("fabrikam.example", { selfSigned: true }));
      said = await peer.expect(/<\/db:result>/);
      peer.send(VALID);
    });
    assert.equal(code(await say(edge)), "sent by tls-dialback");
    assert.doesNotMatch(said, /<auth/);
  });

  it("no EXTERNAL offered and no dialback in the row: tells the administrator the likely reason", async () => {
    const edge = await edgeWith("external");
    await world.serve("fabrikam.example", (peer) => secured(peer, DIALBACK));
    const sent = await say(edge);
    assert.equal(code(sent), "external-not-offered");
    assert.ok(!sent.sent && sent.because.text.includes("probably does not trust the certificate of this edge"));
  });

  it("tries STARTTLS although it is not advertised, where the row has no plain dialback", async () => {
    const edge = await edgeWith("tlsDialback");
    await world.serve("fabrikam.example", async (peer) => {
      await greet(peer, DIALBACK);
      await peer.expect(/<starttls[^>]*>/);
      peer.send(PROCEED);
      await peer.acceptTls(world.issue("fabrikam.example"));
      await greet(peer, DIALBACK);
      await peer.expect(/<\/db:result>/);
      peer.send(VALID);
    });
    assert.equal(code(await say(edge)), "sent by tls-dialback");
  });

  for (const [name, refusal] of [
    ["a failure", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"],
    [
      "a stream error",
      "<stream:error><unsupported-stanza-type xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    ],
  ] as const) {
    it(`${name} to STARTTLS that was not advertised means that it is not offered`, async () => {
      const edge = await edgeWith("tlsDialback");
      await world.serve("fabrikam.example", async (peer) => {
        await greet(peer, DIALBACK);
        await peer.expect(/<starttls[^>]*>/);
        peer.send(refusal);
      });
      assert.equal(code(await say(edge)), "starttls-not-offered");
    });
  }

  it("a server from before RFC 3920 gets plain dialback where the row has it, and nothing where it has not", async () => {
    const edge = await edgeWith("anyDialback");
    await world.serve("fabrikam.example", async (peer) => {
      await peer.expect(/<stream:stream[^>]*>/);
      peer.send(
        "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' id='old1'>",
      );
      await peer.expect(/<\/db:result>/);
      peer.send(VALID);
    });
    assert.equal(code(await say(edge)), "sent by tcp-dialback");
    edge.reload({ partners: [{ domain: "fabrikam.example", ...ROWS.tlsDialback }] });
    assert.equal(code(await say(edge)), "starttls-not-offered");
  });

  it("a handshake that fails is not followed by an attempt in clear", async () => {
    const edge = await edgeWith("anything");
    let connections = 0;
    await world.serve("fabrikam.example", async (peer) => {
      connections++;
      await greet(peer, STARTTLS + DIALBACK);
      await peer.expect(/<starttls[^>]*>/);
      peer.send(PROCEED);
      await new Promise((resolve) => setTimeout(resolve, 20));
      peer.send("this is not TLS");
    });
    assert.equal(code(await say(edge)), "tls-handshake-failed");
    assert.equal(connections, 1);
  });

  it("refuses what comes behind <proceed/> in clear", async () => {
    const edge = await edgeWith("anything");
    await world.serve("fabrikam.example", async (peer) => {
      await greet(peer, STARTTLS + DIALBACK);
      await peer.expect(/<starttls[^>]*>/);
      peer.send(`${PROCEED}${VALID}`);
    });
    assert.equal(code(await say(edge)), "bytes-before-restart");
  });

  for (const [name, answer] of [
    ["for another pair", "<db:result from='woodgrove.example' to='contoso.example' type='valid'/>"],
    ["as a verification", "<db:verify from='fabrikam.example' to='contoso.example' id='s1' type='valid'/>"],
    ["before it was asked for", ""],
  ] as const) {
    it(`a valid ${name} proves nothing`, async () => {
      const edge = await edgeWith("tcpDialback");
      await world.serve("fabrikam.example", async (peer) => {
        if (answer === "") {
          await peer.expect(/<stream:stream[^>]*>/);
          peer.answer("fabrikam.example", "contoso.example", "s1", DIALBACK);
          peer.send(VALID.replace("fabrikam", "evil"));
          return;
        }
        await greet(peer, DIALBACK);
        await peer.expect(/<\/db:result>/);
        peer.send(answer);
      });
      assert.equal(code(await say(edge)), "unsolicited-dialback");
    });
  }

  for (const [name, answer, expected] of [
    ["invalid", "<db:result from='fabrikam.example' to='contoso.example' type='invalid'/>", "internal-server-error"],
    [
      "an error",
      "<db:result from='fabrikam.example' to='contoso.example' type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
      "remote-server-timeout",
    ],
    ["the end", "</stream:stream>", "remote-server-timeout"],
  ] as const) {
    it(`${name} in place of a verdict is ${expected} to the sender`, async () => {
      const edge = await edgeWith("tcpDialback");
      await world.serve("fabrikam.example", async (peer) => {
        await greet(peer, DIALBACK);
        await peer.expect(/<\/db:result>/);
        peer.send(answer);
      });
      const sent = await say(edge);
      assert.ok(!sent.sent);
      assert.equal(sent.because.condition, expected);
    });
  }

  // ---- finding the server ------------------------------------------------------------------------------------------

  const accepting = async (peer: RawPeer): Promise<void> => {
    await greet(peer, DIALBACK);
    await peer.expect(/<\/db:result>/);
    peer.send(VALID);
  };

  it("takes the target '.' as a no", async () => {
    const edge = await edgeWith("tcpDialback");
    world.srv.set("_xmpp-server._tcp.fabrikam.example", [{ priority: 0, weight: 0, port: 0, name: "." }]);
    assert.equal(code(await say(edge)), "no-service");
  });

  it("a look-up that fails is told with its reason, and nothing else is tried", async () => {
    const edge = await edgeWith("tcpDialback");
    world.resolver.srv = () => Promise.reject(Object.assign(new Error("x"), { code: "ESERVFAIL" }));
    world.hosts.set("fabrikam.example", [await world.serve("other.example", accepting)]);
    const sent = await say(edge);
    assert.equal(code(sent), "dns-failed");
    assert.ok(!sent.sent && sent.because.text.includes("ESERVFAIL"));
  });

  it("tries one target after the other: refused, silent, then the one that works", async () => {
    const edge = await edgeWith("tcpDialback");
    const silent = await world.serve("silent.example", async (peer) => peer.close());
    const good = await world.serve("good.example", accepting);
    world.hosts.set("a.example", [world.address()]);
    world.hosts.set("b.example", [silent]);
    world.hosts.set("c.example", [good]);
    world.srv.set(
      "_xmpp-server._tcp.fabrikam.example",
      ["c", "a", "b"].map((name, index) => ({ priority: [3, 1, 2][index] ?? 0, weight: 0, port: PORT, name: `${name}.example` })),
    );
    assert.equal(code(await say(edge)), "sent by tcp-dialback");
  });

  it("where no target can be reached it says which were tried and why", async () => {
    const edge = await edgeWith("tcpDialback");
    world.publish("fabrikam.example", world.address());
    const sent = await say(edge);
    assert.equal(code(sent), "connect-failed");
    assert.ok(!sent.sent && /xmpp\.fabrikam\.example \(127\.[\d.]+:15269\): ECONNREFUSED/.test(sent.because.text));
  });

  // ---- deadlines and queues ----------------------------------------------------------------------------------------

  it("settles by its deadline, and what was refused is not written later", async () => {
    const edge = await edgeWith("tcpDialback");
    let verdict = (): void => {};
    const written: string[] = [];
    await world.serve("fabrikam.example", async (peer) => {
      await greet(peer, DIALBACK);
      await peer.expect(/<\/db:result>/);
      await new Promise<void>((resolve) => {
        verdict = resolve;
      });
      peer.send(VALID);
      written.push(await peer.expect(/<\/message>/));
    });
    const started = Date.now();
    const [early, late] = [say(edge, "early", 150), say(edge, "late", 3000)];
    assert.equal(code(await early), "deadline-passed");
    assert.ok(Date.now() - started < 400);
    verdict();
    assert.equal(code(await late), "sent by tcp-dialback");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(written.length, 1);
    assert.match(written[0] ?? "", /late/);
    assert.doesNotMatch(written[0] ?? "", /early/);
  });

  it("a stream that is not established in time is given up with its last step", async () => {
    const edge = await edgeWith("tcpDialback", {}, { streamEstablishmentTimeout: 1 });
    await world.serve("fabrikam.example", async (peer) => {
      await peer.expect(/never/);
    });
    const sent = await say(edge);
    assert.equal(code(sent), "establishment-timeout");
    assert.equal(edge.side.connections().length, 0);
  });

  it("a full queue refuses at once", async () => {
    const edge = await edgeWith("tcpDialback");
    await world.serve("fabrikam.example", async (peer) => {
      await peer.expect(/never/);
    });
    const sent = Array.from({ length: XMPP_LIMITS.queuedStanzas + 1 }, () => say(edge, "x", 300));
    const last = await sent.at(-1);
    assert.ok(last);
    assert.equal(code(last), "queue-full");
    assert.ok((await Promise.all(sent.slice(0, -1))).every((each) => code(each) === "deadline-passed"));
  });

  it("a peer that never reads costs bounded memory, and its stanzas are refused by their deadline", async () => {
    const edge = await edgeWith("tcpDialback");
    await world.serve("fabrikam.example", async (peer) => {
      await accepting(peer);
      peer.pause();
    });
    assert.equal(code(await say(edge)), "sent by tcp-dialback");
    const body = "x".repeat(50_000);
    const started = Date.now();
    const sent = await Promise.all(Array.from({ length: 400 }, () => say(edge, body, 700)));
    const codes = new Set(sent.map(code));
    assert.ok(codes.has("peer-not-reading"), [...codes].join());
    assert.ok([...codes].every((each) => ["sent by tcp-dialback", "peer-not-reading", "queue-full", "deadline-passed"].includes(each)));
    assert.ok(Date.now() - started < 1500, "all are settled soon after the deadline");
  });
});
