import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { type Issued, issue } from "../../test/support/certificates.ts";
import { connectTo, headerValue, listen, type Peer, type PeerConnection } from "../../test/support/sip-peer.ts";
import {
  authority,
  CONTACT,
  EDGE,
  LYNC,
  lines,
  lyncIdentity,
  OFFER,
  PLAIN,
  ROMEO,
  SDP,
  type SipBench,
  sipDocument,
  startSide,
  text,
  toTag,
} from "../../test/support/sip-world.ts";
import type { SipAnswer } from "./ports.ts";
import { SIP_LIMITS, type SipLimits } from "./sip-limits.ts";

it("the SIP side has limits that are all above zero", () => assert.ok(Object.values(SIP_LIMITS).every((limit) => limit > 0)));

describe("the SIP side bounds", () => {
  let bench: SipBench;
  let peer: Peer | null = null;
  const opened: PeerConnection[] = [];

  afterEach(async () => {
    bench.clock.speed = 20;
    for (const { socket } of opened.splice(0)) socket.destroy();
    await bench.side.drain(20);
    peer?.close();
    peer = null;
  });

  async function start(limits: Partial<SipLimits>, messageMode: "session" | "pager" = "session"): Promise<SipBench> {
    bench = await startSide(sipDocument({ messageMode }), { limits });
    return bench;
  }
  async function asLync(): Promise<PeerConnection> {
    const connection = await connectTo(EDGE, 5061, lyncIdentity);
    opened.push(connection);
    return connection;
  }
  const lastCode = (): string | undefined => bench.side.attempts()[0]?.code;

  it("the time of a connection attempt", async () => {
    const silent = createServer(() => {}).listen(5061, LYNC);
    await once(silent, "listening");
    const { side } = await start({ connect: 50 }, "pager");
    assert.match((await side.deliver(text())).reason, /no connection within 0\.05 s/);
    assert.equal(lastCode(), "connect-timeout");
    silent.close();
  });

  it("the time of a handshake", async () => {
    await start({ handshake: 30 });
    const socket = connect(5061, EDGE);
    await once(socket, "close");
    assert.equal(lastCode(), "tls-handshake-failed");
  });

  it("the time that an accepted connection may be silent", async () => {
    const { logs } = await start({ idle: 30 });
    await (await asLync()).closed();
    assert.ok(logs.includes("sip-disconnected"));
  });

  it("what waits for the peer to read", async () => {
    await start({ writeBuffer: 100 });
    const lync = await asLync();
    lync.send(lines("OPTIONS"));
    await lync.closed();
    assert.equal(lastCode(), "write-buffer-full");
  });

  it("the number of connections", async () => {
    const { side } = await start({ connections: 1 });
    const first = await asLync();
    first.send(lines("OPTIONS"));
    await first.response();
    await (await asLync()).closed();
    assert.equal(side.connections().length, 1);
  });

  it("the requests that wait for an answer of the next hop", async () => {
    const { side } = await start({ clientTransactions: 1 }, "pager");
    const lync = await asLync();
    lync.send(lines("OPTIONS"));
    await lync.response();
    const first = side.deliver(text());
    assert.equal((await side.deliver(text({ to: "sip:bob@contoso.example" }))).status, 503);
    lync.answer(await lync.request("MESSAGE"), 200);
    assert.equal((await first).status, 200);
  });

  it("the single messages of a pair to one at a time", async () => {
    const { side } = await start({ queuedPerPair: 2 }, "pager");
    const lync = await asLync();
    lync.send(lines("OPTIONS"));
    await lync.response();
    const [first, second, third] = ["one", "two", "three"].map((body) => side.deliver(text({ body })));
    assert.equal((await third)?.status, 503);
    const request = await lync.request("MESSAGE");
    assert.equal(request.body.toString(), "one");
    lync.answer(request, 404);
    assert.equal((await first)?.status, 404);
    const next = await lync.request("MESSAGE");
    assert.equal(next.body.toString(), "two");
    lync.answer(next, 200);
    assert.equal((await second)?.status, 200);
  });

  it("the time and the number of texts that wait for a session", async () => {
    const { side } = await start({ delivery: 500, queued: 2 });
    peer = await listen(lyncIdentity, LYNC, 5061);
    const waiting = [side.deliver(text()), side.deliver(text())];
    assert.equal((await side.deliver(text({ to: "sip:bob@contoso.example" }))).status, 503);
    const lync = await peer.accepted();
    const invite = await lync.request("INVITE");
    await new Promise((resolve) => setTimeout(resolve, 700)); // longer than the second text may wait
    lync.answer(invite, 200, SDP, OFFER);
    lync.answer(await lync.request("MESSAGE"), 200);
    assert.deepEqual(
      (await Promise.all(waiting)).map(({ status }) => status),
      [200, 504],
    );
  });

  it("the sessions, of all and of one pair", async () => {
    const { side } = await start({ sessions: 2, sessionsPerPair: 1 });
    const lync = await asLync();
    const open = async (callId: string): Promise<number> => {
      lync.send(lines("INVITE", SDP, { callId }), OFFER);
      const response = await lync.response();
      if (response.status === 200) lync.send(lines("ACK", [], { callId, to: toTag(response) }));
      return response.status;
    };
    assert.equal(await open("one"), 200);
    assert.equal(await open("two"), 200);
    const bye = await lync.request("BYE");
    assert.equal(headerValue(bye, "call-id"), "one");
    assert.equal(await open("three"), 503);
    assert.equal((await side.deliver(text({ to: "sip:bob@contoso.example" }))).status, 503);
    lync.answer(bye, 200);
  });

  it("the Call-IDs that no INVITE takes again", async () => {
    const { side } = await start({ callIds: 1 });
    peer = await listen(lyncIdentity, LYNC, 5061);
    let lync: PeerConnection | null = null;
    const callIdFor = async (thread: string): Promise<string> => {
      const delivered = side.deliver(text({ thread }));
      lync ??= (await peer?.accepted()) ?? null;
      assert.ok(lync);
      const invite = await lync.request("INVITE");
      lync.answer(invite, 486);
      await delivered;
      return headerValue(invite, "call-id");
    };
    assert.equal(await callIdFor("one"), "one");
    assert.notEqual(await callIdFor("one"), "one"); // which is remembered in its place
    assert.equal(await callIdFor("one"), "one");
  });

  it("the subscriptions", async () => {
    await start({ subscriptions: 1 });
    const lync = await asLync();
    lync.send(lines("SUBSCRIBE", ["Event: presence", CONTACT]));
    assert.equal((await lync.response()).status, 200);
    lync.send(lines("SUBSCRIBE", ["Event: presence", CONTACT]));
    assert.equal((await lync.response()).status, 503);
  });

  it("the attempts that are remembered, newest first", async () => {
    const { side } = await start({ attempts: 1 });
    const lync = await asLync();
    for (const line of ["Contact: <", "Max-Forwards: x"]) {
      lync.send(lines("MESSAGE", [line]));
      await lync.response();
    }
    assert.deepEqual(
      side.attempts().map(({ text: what }) => what.split(":")[0]),
      ["Max-Forwards"],
    );
  });
});

describe("the SIP side, besides,", () => {
  let bench: SipBench;
  const opened: PeerConnection[] = [];
  const asLync = async (identity: Issued = lyncIdentity): Promise<PeerConnection> => {
    const connection = await connectTo(EDGE, 5061, identity);
    opened.push(connection);
    return connection;
  };
  afterEach(async () => {
    for (const { socket } of opened.splice(0)) socket.destroy();
    await bench.side.drain(20);
  });

  it("answers by another connection to the same peer where the first one is gone", async () => {
    bench = await startSide(sipDocument());
    const { promise, resolve } = Promise.withResolvers<SipAnswer>();
    bench.world.answers.onText = promise;
    const [first, second] = [await asLync(), await asLync()];
    first.send(lines("MESSAGE", PLAIN), "x");
    second.send(lines("OPTIONS"));
    await second.response();
    first.socket.destroy();
    await first.closed();
    while (bench.side.connections().length > 1) await new Promise((again) => setTimeout(again, 5));
    resolve({ status: 200, reason: "" });
    assert.equal(headerValue(await second.response(), "cseq"), "1 MESSAGE");
  });

  it("shows a new certificate to new peers after a reload and keeps the old connections", async () => {
    bench = await startSide(sipDocument());
    const old = await asLync();
    const sipIdentity = issue(authority, { dnsNames: ["xmppgw.contoso.example"], commonName: "renewed" });
    bench.side.reload({ ...bench.state, sipIdentity });
    const fresh = await asLync();
    assert.equal(fresh.socket.getPeerCertificate().subject.CN, "renewed");
    old.send(lines("OPTIONS"));
    assert.equal((await old.response()).status, 200);
  });

  it("speaks to a plain element without Lync's headers and with the sender's instance", async () => {
    bench = await startSide(sipDocument({ messageMode: "pager" }), { dialect: "rfc" });
    const peer = await asLync();
    peer.send(lines("REFER"));
    assert.ok(!(await peer.response()).headers.some(({ key }) => key.startsWith("ms-")));
    const delivered = bench.side.deliver(text());
    const message = await peer.request("MESSAGE");
    assert.match(headerValue(message, "from"), new RegExp(`^<${ROMEO};gr=balcony>;tag=`));
    peer.answer(message, 200);
    assert.equal((await delivered).status, 200);
  });
});
