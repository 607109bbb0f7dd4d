import assert from "node:assert/strict";
import { issue } from "../../test/support/certificates.ts";
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
  SDP,
  type SipBench,
  sipDocument,
  startSide,
  text,
  toTag,
} from "../../test/support/sip-world.ts";
import type { EdgeDocument } from "../config/schema.ts";
import type { Resolver, SipAnswer } from "./ports.ts";
import type { SipLimits } from "./sip-limits.ts";

const SECOND = `127.88.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;
const secondIdentity = issue(authority, { dnsNames: ["edge2.contoso.example"] });
const ADDRESSES: Readonly<Record<string, string[]>> = {
  "lync.contoso.example": [LYNC],
  "edge2.contoso.example": [SECOND],
};
const addresses = async (name: string): Promise<string[]> => ADDRESSES[name] ?? [];
const TWO = { furtherNextHops: [{ fqdn: "edge2.contoso.example", port: 5061 }] };
const PAGER = { messageMode: "pager" as const, ...TWO };
const soon = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("several next hops", () => {
  let bench: SipBench;
  const peers: Peer[] = [];
  const opened: PeerConnection[] = [];

  afterEach(async () => {
    bench.clock.speed = 20;
    for (const { socket } of opened.splice(0)) socket.destroy();
    await bench.side.drain(20);
    for (const peer of peers.splice(0)) peer.close();
  });

  async function start(sip: Partial<EdgeDocument["sip"]>, limits: Partial<SipLimits> = {}, dns: Partial<Resolver> = {}) {
    bench = await startSide(sipDocument(sip), { limits }, { addresses, ...dns });
    return bench;
  }
  async function listening(identity = lyncIdentity, host = LYNC, port = 5061): Promise<Peer> {
    const peer = await listen(identity, host, port);
    peers.push(peer);
    return peer;
  }
  const second = (): Promise<Peer> => listening(secondIdentity, SECOND);
  const health = (): string[] => bench.side.nextHops().map((hop) => hop.health);
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await soon(5);
  }
  /** Nothing comes on any connection that is opened within that time. */
  async function isSilent(peer: Peer, milliseconds = 60): Promise<void> {
    assert.equal(await Promise.race([peer.accepted(), soon(milliseconds)]), undefined);
  }

  describe("take a request", () => {
    it("that the first cannot be reached for, and the first is passed over from then on", async () => {
      const { side, logs } = await start(PAGER);
      const edge2 = await second();
      const delivered = side.deliver(text());
      const connection = await edge2.accepted();
      connection.answer(await connection.request("MESSAGE"), 202);
      assert.equal((await delivered).status, 202);
      assert.deepEqual(health(), ["down", "up"]);
      assert.equal(side.nextHops()[0]?.because?.code, "connect-failed");
      assert.ok(logs.includes("sip-hop-down"));
      const again = side.deliver(text());
      connection.answer(await connection.request("MESSAGE"), 202);
      assert.equal((await again).status, 202);
      assert.equal(side.attempts().length, 1);
    });

    it("that the first answers with 503, as the same request with a branch of its own", async () => {
      const { side } = await start(PAGER);
      const [lync, edge2] = [await listening(), await second()];
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const first = await one.request("MESSAGE");
      one.answer(first, 503);
      const other = await edge2.accepted();
      const then = await other.request("MESSAGE");
      other.answer(then, 200);
      assert.equal((await delivered).status, 200);
      for (const name of ["from", "to", "call-id", "cseq"]) assert.equal(headerValue(then, name), headerValue(first, name));
      assert.equal(then.body.toString(), first.body.toString());
      assert.notEqual(headerValue(then, "via"), headerValue(first, "via"));
      assert.deepEqual(health(), ["down", "up"]);
    });

    it("that opens a session, which then stays with the hop that took it", async () => {
      const { side } = await start(TWO);
      const [lync, edge2] = [await listening(), await second()];
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const first = await one.request("INVITE");
      one.answer(first, 503);
      const other = await edge2.accepted();
      const invite = await other.request("INVITE");
      assert.equal(headerValue(invite, "from"), headerValue(first, "from"));
      other.answer(invite, 200, [CONTACT, "Content-Type: application/sdp"], OFFER);
      await other.request("ACK");
      other.answer(await other.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
      one.send(lines("OPTIONS"));
      await one.response();
      const next = side.deliver(text());
      other.answer(await other.request("MESSAGE"), 200);
      assert.equal((await next).status, 200);
    });

    it("but none that the first refuses for another reason, or answers with 503 inside a session", async () => {
      const { side } = await start(TWO);
      const [lync, edge2] = [await listening(), await second()];
      const refused = side.deliver(text());
      const one = await lync.accepted();
      one.answer(await one.request("INVITE"), 500);
      assert.equal((await refused).status, 500);
      const delivered = side.deliver(text());
      one.answer(await one.request("INVITE"), 200, [CONTACT, "Content-Type: application/sdp"], OFFER);
      one.answer(await one.request("MESSAGE"), 503);
      assert.equal((await delivered).status, 503);
      await isSilent(edge2);
    });

    for (const [what, sip, method] of [
      ["a MESSAGE", PAGER, "MESSAGE"],
      ["an INVITE", TWO, "INVITE"],
    ] as const) {
      it(`but never ${what} that was written, though the connection is lost`, async () => {
        const { side } = await start(sip);
        const [lync, edge2] = [await listening(), await second()];
        const delivered = side.deliver(text());
        const one = await lync.accepted();
        await one.request(method);
        one.socket.destroy();
        assert.deepEqual(await delivered, { status: 504, reason: "The connection to the next hop was lost" });
        await isSilent(edge2);
      });

      it(`but never ${what} that was written, though nobody answers`, async () => {
        const { side, clock } = await start(sip);
        const [lync, edge2] = [await listening(), await second()];
        clock.speed = 300;
        const delivered = side.deliver(text());
        const one = await lync.accepted();
        await one.request(method);
        assert.deepEqual(await delivered, { status: 504, reason: "No answer from the next hop" });
        await isSilent(edge2);
      });
    }

    it("but not after the time of a failover", async () => {
      const { side } = await start(PAGER, { failover: 50 });
      const [lync, edge2] = [await listening(), await second()];
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const message = await one.request("MESSAGE");
      await soon(100);
      one.answer(message, 503);
      assert.equal((await delivered).status, 503);
      await isSilent(edge2);
    });

    it("even where all of them failed before, as the last hope", async () => {
      const { side } = await start(PAGER);
      const [lync, edge2] = [await listening(), await second()];
      const refused = side.deliver(text());
      const one = await lync.accepted();
      one.answer(await one.request("MESSAGE"), 503);
      const other = await edge2.accepted();
      other.answer(await other.request("MESSAGE"), 503);
      assert.equal((await refused).status, 503);
      assert.deepEqual(health(), ["down", "down"]);
      const delivered = side.deliver(text());
      one.answer(await one.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
      assert.deepEqual(health(), ["up", "down"]);
    });
  });

  it("prove each its own name", async () => {
    const { side } = await start(PAGER);
    const [, edge2] = [await listening(secondIdentity, LYNC), await second()];
    const delivered = side.deliver(text());
    const connection = await edge2.accepted();
    connection.answer(await connection.request("MESSAGE"), 200);
    assert.equal((await delivered).status, 200);
    assert.equal(side.attempts()[0]?.code, "certificate-name-mismatch");
  });

  it("are two ways although one certificate shows both names", async () => {
    const both = issue(authority, { dnsNames: ["lync.contoso.example", "edge2.contoso.example"] });
    const { side } = await start(PAGER);
    const [lync, edge2] = [await listening(both, LYNC), await listening(both, SECOND)];
    const delivered = side.deliver(text());
    const one = await lync.accepted();
    one.answer(await one.request("MESSAGE"), 503);
    const other = await edge2.accepted();
    other.answer(await other.request("MESSAGE"), 200);
    assert.equal((await delivered).status, 200);
    const next = side.deliver(text());
    other.answer(await other.request("MESSAGE"), 200);
    assert.equal((await next).status, 200);
    assert.deepEqual(
      side.connections().map(({ peerFqdn }) => peerFqdn),
      ["lync.contoso.example", "edge2.contoso.example"],
    );
  });

  it("may connect, each of them, and a further one speaks in a session that it opened", async () => {
    const { side } = await start(TWO);
    const edge2 = await connectTo(EDGE, 5061, secondIdentity);
    opened.push(edge2);
    edge2.send(lines("INVITE", SDP, { callId: "from-second" }), OFFER);
    const ok = await edge2.response();
    edge2.send(lines("ACK", [], { callId: "from-second", to: toTag(ok) }));
    const delivered = side.deliver(text());
    edge2.answer(await edge2.request("MESSAGE"), 200);
    assert.equal((await delivered).status, 200);
  });

  describe("are asked how they are", () => {
    it("by OPTIONS while they are connected, and any answer but 503 says that they are well", async () => {
      const { clock } = await start(TWO);
      const lync = await connectTo(EDGE, 5061, lyncIdentity);
      opened.push(lync);
      await until(() => bench.side.connections().length === 1);
      clock.speed = 300;
      bench.side.reload({ ...bench.state, document: sipDocument({ nextHop: { fqdn: "other.example" }, peers: ["lync.contoso.example"] }) });
      bench.side.reload(bench.state);
      const begun = clock.now();
      const options = await lync.request("OPTIONS");
      assert.ok(clock.now() - begun >= 22_500);
      assert.equal(options.uri, "sip:lync.contoso.example;transport=tls");
      lync.answer(options, 404);
      await until(() => health()[0] === "up");
      lync.answer(await lync.request("OPTIONS"), 503);
      await until(() => health()[0] === "down");
    });

    it("once they failed, until they answer; then they are the first again", async () => {
      const { side, clock, logs } = await start(PAGER);
      const edge2 = await second();
      const delivered = side.deliver(text());
      const other = await edge2.accepted();
      other.answer(await other.request("MESSAGE"), 200);
      await delivered;
      const lync = await listening();
      const begun = clock.now();
      const one = await lync.accepted();
      assert.ok(clock.now() - begun < 1500);
      one.answer(await one.request("OPTIONS"), 200);
      await until(() => logs.includes("sip-hop-up"));
      const again = side.deliver(text());
      one.answer(await one.request("MESSAGE"), 200);
      assert.equal((await again).status, 200);
    });

    it("less and less often, up to a limit", async () => {
      const { side, clock } = await start(PAGER, { backOffFirst: 1000, backOffMost: 4000 });
      clock.speed = 50;
      assert.equal((await side.deliver(text())).status, 504);
      await until(() => side.attempts().filter(({ peer }) => peer === "lync.contoso.example").length >= 6);
      const times = side.attempts().flatMap(({ at, peer }) => (peer === "lync.contoso.example" ? [at] : []));
      const waits = times
        .reverse()
        .slice(1)
        .map((at, index) => at - (times[index] ?? 0));
      for (const [index, least] of [750, 1500, 3000, 3000, 3000].entries()) assert.ok((waits[index] ?? 0) >= least, waits.join());
    });

    it("not before the time that a 503 names", async () => {
      const { side, clock } = await start(PAGER);
      const [lync, edge2] = [await listening(), await second()];
      clock.speed = 100;
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const message = await one.request("MESSAGE");
      const begun = clock.now();
      one.answer(message, 503, ["Retry-After: 40 (busy)"]);
      const other = await edge2.accepted();
      other.answer(await other.request("MESSAGE"), 200);
      await delivered;
      one.answer(await one.request("OPTIONS"), 200);
      assert.ok(clock.now() - begun >= 40_000);
      await until(() => health()[0] === "up");
    });

    it("but no later than the longest Retry-After that is obeyed", async () => {
      const { side, clock } = await start(PAGER, { retryAfterMost: 2000 });
      const lync = await listening();
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const message = await one.request("MESSAGE");
      clock.speed = 20;
      const begun = clock.now();
      one.answer(message, 503, ["Retry-After: 999999999"]);
      await delivered;
      await one.request("OPTIONS");
      const waited = clock.now() - begun;
      assert.ok(waited >= 2000 && waited < 20_000, String(waited));
    });

    it("and are passed over where they say nothing", async () => {
      const { side, clock } = await start(PAGER);
      const [lync, edge2] = [await listening(), await second()];
      clock.speed = 200;
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      one.answer(await one.request("MESSAGE"), 200);
      await delivered;
      await one.request("OPTIONS");
      await until(() => health()[0] === "down");
      assert.equal(side.nextHops()[0]?.because?.code, "no-answer");
      const next = side.deliver(text());
      const other = await edge2.accepted();
      other.answer(await other.request("MESSAGE"), 200);
      assert.equal((await next).status, 200);
    });
  });

  describe("are found", () => {
    const ONE = { messageMode: "pager" as const };
    const target = (name: string, port: number, priority = 1) => ({ name, port, priority, weight: 0 });

    it("by NAPTR and SRV where the document names no port, whatever the name of the machine is", async () => {
      const asked: string[] = [];
      const { side } = await start(
        ONE,
        {},
        {
          naptr: async (name) => {
            asked.push(`NAPTR ${name}`);
            const rest = { order: 1, preference: 1, flags: "s", regexp: "" };
            return [{ ...rest, service: "SIPS+D2T", replacement: "_sips._tcp.pool.example" }];
          },
          srv: async (name) => {
            asked.push(`SRV ${name}`);
            return [target("edge2.contoso.example", 5062, 2), target("lync.contoso.example", 5063)];
          },
        },
      );
      const peer = await listening(lyncIdentity, SECOND, 5062);
      const delivered = side.deliver(text());
      const connection = await peer.accepted();
      connection.answer(await connection.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
      assert.deepEqual(asked, ["NAPTR lync.contoso.example", "SRV _sips._tcp.pool.example"]);
      assert.deepEqual(side.attempts(), []);
    });

    it("by their addresses alone where it names one", async () => {
      const never = (): never => assert.fail("nothing but addresses is asked for");
      const { side } = await start({ ...ONE, nextHop: { fqdn: "lync.contoso.example", port: 5064 } }, {}, { naptr: never, srv: never });
      const peer = await listening(lyncIdentity, LYNC, 5064);
      const delivered = side.deliver(text());
      const connection = await peer.accepted();
      connection.answer(await connection.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
      assert.equal(side.nextHops()[0]?.port, 5064);
    });

    it("not where SRV says that there is none", async () => {
      const { side } = await start(ONE, {}, { srv: async () => [target(".", 0)] });
      assert.match((await side.deliver(text())).reason, /SRV says that there is no SIP over TLS/);
    });

    it("although NAPTR and SRV cannot be had", async () => {
      const { side } = await start(
        ONE,
        {},
        {
          naptr: () => Promise.reject(new Error("SERVFAIL")),
          srv: () => Promise.reject(new Error("SERVFAIL")),
        },
      );
      const peer = await listening();
      const delivered = side.deliver(text());
      const connection = await peer.accepted();
      connection.answer(await connection.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
    });

    it("at the next address where the first one proves another name; no more addresses than the limit", async () => {
      const many = async (): Promise<string[]> => [SECOND, LYNC, "127.88.0.3"];
      const { side } = await start(ONE, { addresses: 2 }, { addresses: many });
      const [impostor, lync] = [await second(), await listening()];
      const delivered = side.deliver(text());
      const connection = await lync.accepted();
      connection.answer(await connection.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
      lync.close();
      impostor.close();
      await connection.closed();
      await until(() => side.connections().length === 0);
      const { reason } = await side.deliver(text());
      assert.equal(reason.match(/ECONNREFUSED/g)?.length, 2);
    });
  });

  describe("when the side drains", () => {
    it("an INVITE that rings is cancelled, and its sender is told", async () => {
      const { side } = await start(TWO);
      const lync = await listening();
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const invite = await one.request("INVITE");
      one.answer(invite, 180);
      one.send(lines("OPTIONS"));
      await one.response(); // so that the 180 was read
      const drained = side.drain(5000);
      const cancel = await one.request("CANCEL");
      assert.equal(headerValue(cancel, "via"), headerValue(invite, "via"));
      one.answer(cancel, 200);
      one.answer(invite, 487);
      await one.request("ACK");
      assert.deepEqual(await delivered, { status: 503, reason: "The gateway is stopping" });
      await drained;
      await one.closed();
    });

    it("an INVITE that is answered meanwhile is ended by BYE", async () => {
      const { side } = await start(TWO);
      const lync = await listening();
      const delivered = side.deliver(text());
      const one = await lync.accepted();
      const invite = await one.request("INVITE");
      const drained = side.drain(5000);
      assert.equal((await delivered).status, 503);
      one.answer(invite, 200, [CONTACT, "Content-Type: application/sdp"], OFFER);
      await one.request("ACK");
      one.answer(await one.request("BYE"), 200);
      await drained;
    });

    it("answers under way are waited for, the handlers' and the peer's", async () => {
      const { side, world } = await start(PAGER);
      const { promise, resolve } = Promise.withResolvers<SipAnswer>();
      world.answers.onText = promise;
      const lync = await connectTo(EDGE, 5061, lyncIdentity);
      opened.push(lync);
      lync.send(lines("MESSAGE", PLAIN), "x");
      await until(() => world.texts.length === 1);
      const delivered = side.deliver(text());
      const message = await lync.request("MESSAGE");
      const drained = side.drain(5000);
      await soon(20);
      resolve({ status: 202, reason: "" });
      assert.equal((await lync.response()).status, 202);
      lync.answer(message, 200);
      assert.equal((await delivered).status, 200);
      await drained;
      await lync.closed();
    });

    it("but not for longer than it may take", async () => {
      const { side, world } = await start(TWO);
      world.answers.onText = new Promise(() => {});
      const lync = await connectTo(EDGE, 5061, lyncIdentity);
      opened.push(lync);
      lync.send(lines("MESSAGE", PLAIN), "x");
      await until(() => world.texts.length === 1);
      const begun = Date.now();
      await side.drain(50);
      assert.ok(Date.now() - begun < 1000);
      assert.equal((await lync.response()).status, 503);
    });
  });
});
