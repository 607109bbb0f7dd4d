import assert from "node:assert/strict";
import { type Issued, issue, makeAuthority } from "../../test/support/certificates.ts";
import { connectTo, headerValue, listen, type Peer, type PeerConnection } from "../../test/support/sip-peer.ts";
import {
  ALICE,
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
import type { EdgeDocument } from "../config/schema.ts";
import type { SipRequest } from "../sip/message.ts";
import type { SipAnswer } from "./ports.ts";
import type { SipSideOptions } from "./sip-side.ts";

describe("the SIP side", () => {
  let peer: Peer | null = null;
  let bench: SipBench;
  const opened: PeerConnection[] = [];

  afterEach(async () => {
    bench.clock.speed = 20;
    for (const { socket, malformed } of opened.splice(0)) {
      socket.destroy();
      assert.deepEqual(malformed, []);
    }
    await bench.side.drain(20);
    peer?.close();
    peer = null;
  });

  async function start(sip: Partial<EdgeDocument["sip"]> = {}, options: SipSideOptions = {}): Promise<SipBench> {
    bench = await startSide(sipDocument(sip), options);
    return bench;
  }

  async function asLync(identity: Issued | null = lyncIdentity): Promise<PeerConnection> {
    const connection = await connectTo(EDGE, 5061, identity);
    opened.push(connection);
    return connection;
  }

  describe("admits", () => {
    it("a listed peer with a certificate for servers only, without SNI, over TLS 1.2", async () => {
      const { side } = await start();
      const lync = await asLync();
      lync.send(lines("OPTIONS"));
      assert.equal((await lync.response()).status, 200);
      assert.deepEqual(
        side.connections().map(({ direction, peerFqdn }) => ({ direction, peerFqdn })),
        [{ direction: "in", peerFqdn: "lync.contoso.example" }],
      );
    });

    const refused = async (identity: Issued | null, code: string): Promise<void> => {
      const { side } = await start();
      const stranger = await asLync(identity);
      await stranger.closed();
      assert.equal(side.attempts()[0]?.code, code);
      assert.equal(side.attempts()[0]?.step, "certificate");
      assert.deepEqual(side.connections(), []);
    };

    it("no peer whose name is not listed, and records it", () =>
      refused(issue(authority, { dnsNames: ["evil.example"] }), "peer-not-listed"));
    it("no peer with a wildcard for the listed name", () =>
      refused(issue(authority, { dnsNames: ["*.contoso.example"] }), "peer-not-listed"));
    it("no peer without a certificate", () => refused(null, "certificate-missing"));
    it("no peer whose chain nobody trusts", () =>
      refused(issue(makeAuthority(), { dnsNames: ["lync.contoso.example"] }), "certificate-untrusted"));
    it("a common name where there are no alternative names", async () => {
      await start();
      const lync = await asLync(issue(authority, { commonName: "lync.contoso.example" }));
      lync.send(lines("OPTIONS"));
      assert.equal((await lync.response()).status, 200);
    });
    it("no common name where there are alternative names", () =>
      refused(issue(authority, { commonName: "lync.contoso.example", dnsNames: ["other.example"] }), "peer-not-listed"));

    it("no TLS below the minimum", async () => {
      const { side } = await start({ minimumTlsVersion: "TLSv1.3" });
      const old = await asLync();
      await old.closed();
      assert.equal(side.attempts()[0]?.code, "tls-handshake-failed");
    });

    it("after a reload only whom the new document lists", async () => {
      const { side, state } = await start({ peers: ["edge2.contoso.example"] });
      const second = await asLync(issue(authority, { dnsNames: ["edge2.contoso.example"] }));
      const first = await asLync();
      first.send(lines("OPTIONS"));
      second.send(lines("OPTIONS"));
      await Promise.all([first.response(), second.response()]);
      side.reload({ ...state, document: sipDocument() });
      await second.closed();
      assert.deepEqual(
        side.connections().map(({ peerFqdn }) => peerFqdn),
        ["lync.contoso.example"],
      );
    });
  });

  describe("takes a MESSAGE", () => {
    it("and answers with what the handler says", async () => {
      const { world } = await start();
      const lync = await asLync();
      lync.send(lines("MESSAGE", [...PLAIN, "Subject: Grüße"], { callId: "thread-1@lync" }), "Guten Tag, ä€");
      const response = await lync.response();
      assert.equal(response.status, 202);
      assert.match(headerValue(response, "to"), /;tag=/);
      assert.match(headerValue(response, "via"), /;ms-received-cid=1A00;received=127\./);
      assert.deepEqual(world.texts, [
        {
          from: ALICE,
          to: ROMEO,
          body: "Guten Tag, ä€",
          contentType: "text/plain",
          chat: false,
          thread: "thread-1@lync",
          subject: "Grüße",
          language: null,
        },
      ]);
    });

    it("and passes a refusal with its reason in ms-diagnostics-public", async () => {
      const { world } = await start();
      world.answers.onText = { status: 404, reason: 'No "such" partner' };
      const lync = await asLync();
      lync.send(lines("MESSAGE", PLAIN), "hi");
      const response = await lync.response();
      assert.equal(response.status, 404);
      assert.equal(response.reason, 'No "such" partner');
      assert.equal(headerValue(response, "ms-diagnostics-public"), "1003;reason=\"No 'such' partner\"");
    });

    it("takes the plain text out of multipart/alternative", async () => {
      const { world } = await start();
      const lync = await asLync();
      const body =
        "--b\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--b--\r\n";
      lync.send(lines("MESSAGE", ['Content-Type: multipart/alternative;boundary="b"']), body);
      assert.equal((await lync.response()).status, 202);
      assert.equal(world.texts[0]?.body, "plain");
      assert.equal(world.texts[0]?.contentType, "text/plain");
    });

    type Refused = readonly [string, number, readonly string[], string | Buffer, string | null, Partial<Record<"uri" | "from", string>>];
    const refusals: readonly Refused[] = [
      ["of a type that nobody reads", 415, ["Content-Type: application/x-ms-ink"], "x", "accept", {}],
      ["that is not UTF-8", 400, PLAIN, Buffer.from([0xc3, 0x28]), null, {}],
      ["that is too large, and keeps the connection", 413, PLAIN, "x".repeat(70_000), null, {}],
      ["from a domain that the peer may not speak for", 403, PLAIN, "x", null, { from: "sip:eve@fabrikam.example" }],
      ["to a scheme that is not SIP", 416, PLAIN, "x", null, { uri: "tel:+123" }],
      ["that requires an unknown extension", 420, [...PLAIN, "Require: nothing, more"], "x", "unsupported", {}],
    ];
    for (const [name, status, extra, body, header, changes] of refusals) {
      it(`refuses one ${name}`, async () => {
        const { world } = await start();
        const lync = await asLync();
        lync.send(lines("MESSAGE", extra, changes), body);
        const response = await lync.response();
        assert.equal(response.status, status);
        if (header !== null) headerValue(response, header);
        headerValue(response, "ms-diagnostics-public");
        assert.deepEqual(world.texts, []);
        lync.send(lines("OPTIONS"));
        assert.equal((await lync.response()).status, 200);
      });
    }

    it("refuses one that came before by another way", async () => {
      const { world } = await start();
      const { promise, resolve } = Promise.withResolvers<SipAnswer>();
      world.answers.onText = promise;
      const lync = await asLync();
      lync.send(lines("MESSAGE", PLAIN, { callId: "same" }), "x");
      lync.send(lines("MESSAGE", PLAIN, { callId: "same" }), "x");
      assert.equal((await lync.response()).status, 482);
      resolve({ status: 200, reason: "" });
      assert.equal((await lync.response()).status, 200);
      assert.equal(world.texts.length, 1);
    });

    it("refuses one that has been here before", async () => {
      await start();
      const lync = await asLync();
      const via =
        "Via: SIP/2.0/TLS lync.contoso.example;branch=z9hG4bKloop1\r\nVia: SIP/2.0/TLS xmppgw.contoso.example;branch=z9hG4bKloop2";
      lync.send(lines("MESSAGE", PLAIN, { via }), "x");
      assert.equal((await lync.response()).status, 482);
    });

    it("refuses one with no hops left, but answers OPTIONS", async () => {
      await start();
      const lync = await asLync();
      const noHops = (all: string[]): string[] => all.map((line) => (line.startsWith("Max-Forwards") ? "Max-Forwards: 0" : line));
      lync.send(noHops(lines("MESSAGE", PLAIN)), "x");
      assert.equal((await lync.response()).status, 483);
      lync.send(noHops(lines("OPTIONS")));
      assert.equal((await lync.response()).status, 200);
    });

    it("answers 504 when the handler is late", async () => {
      const { world, clock } = await start();
      world.answers.onText = new Promise(() => {});
      const lync = await asLync();
      clock.speed = 200;
      lync.send(lines("MESSAGE", PLAIN), "x");
      assert.equal((await lync.response()).status, 504);
    });

    it("answers 500 when the handler fails", async () => {
      const { world, logs } = await start();
      const lync = await asLync();
      world.onText = () => Promise.reject(new Error("broken"));
      lync.send(lines("MESSAGE", PLAIN), "x");
      assert.equal((await lync.response()).status, 500);
      assert.ok(logs.includes("sip-handler-failed"));
    });
  });

  describe("answers by the standard", () => {
    const methods: readonly [string, number][] = [
      ["INFO", 405],
      ["NOTIFY", 481],
      ["PUBLISH", 405],
      ["REFER", 405],
      ["REGISTER", 405],
      ["SERVICE", 501],
      ["BYE", 481],
      ["CANCEL", 481],
    ];
    for (const [method, status] of methods) {
      it(`${method} outside a dialog with ${status}`, async () => {
        await start();
        const lync = await asLync();
        lync.send(lines(method));
        const response = await lync.response();
        assert.equal(response.status, status);
        if (status === 405 || status === 501) assert.match(headerValue(response, "allow"), /MESSAGE/);
      });
    }

    it("OPTIONS with what it takes, and Lync's keep-alive", async () => {
      await start();
      const lync = await asLync();
      lync.send(lines("OPTIONS", ["ms-keep-alive: UAC;hop-hop=yes"], { from: "sip:lync.contoso.example" }));
      const response = await lync.response();
      assert.equal(response.status, 200);
      assert.match(headerValue(response, "allow"), /INVITE.*MESSAGE.*SUBSCRIBE/);
      assert.match(headerValue(response, "ms-keep-alive"), /^UAS;.*hop-hop=yes.*timeout=300/);
    });

    it("a malformed request with 400 that names the header, and stays", async () => {
      const { side } = await start();
      const lync = await asLync();
      lync.send(lines("MESSAGE", [...PLAIN, "Contact: <sip:a@b"]), "x");
      const response = await lync.response();
      assert.equal(response.status, 400);
      assert.match(response.reason, /^Contact: /);
      assert.equal(side.attempts()[0]?.code, "header-malformed");
      lync.send(lines("OPTIONS"));
      assert.equal((await lync.response()).status, 200);
    });

    it("lost framing by closing that connection and no other", async () => {
      await start();
      const [one, other] = [await asLync(), await asLync()];
      one.socket.write(`${lines("MESSAGE").join("\r\n")}\r\nContent-Length: -1\r\n\r\n`);
      assert.equal((await one.response()).status, 400);
      await one.closed();
      other.send(lines("OPTIONS"));
      assert.equal((await other.response()).status, 200);
    });

    it("a message that does not end by closing the connection", async () => {
      const { side, clock } = await start();
      const lync = await asLync();
      lync.send(lines("OPTIONS"));
      await lync.response();
      clock.speed = 300;
      lync.socket.write("MESSAGE sip:x@fabrikam.example SIP/2.0\r\n");
      await lync.closed();
      assert.equal(side.attempts()[0]?.code, "message-too-slow");
    });

    it("a double CRLF with a single one", async () => {
      await start();
      const lync = await asLync();
      lync.socket.write("\r\n\r\n");
      lync.send(lines("OPTIONS"));
      await lync.response();
      assert.equal(lync.crlfs, 1);
    });

    it("more requests at once than the limit with 503", async () => {
      const { world } = await start({}, { limits: { serverTransactions: 2 } });
      world.answers.onText = new Promise(() => {});
      const lync = await asLync();
      for (let count = 0; count < 3; count++) lync.send(lines("MESSAGE", PLAIN), "x");
      assert.equal((await lync.response()).status, 503);
    });
  });

  describe("takes an IM session that our user opens", () => {
    const ROUTES = [
      "Record-Route: <sip:fe1.contoso.example:5061;transport=tls;ms-fe=x;opaque=state:F:Ci.R1;lr;ms-route-sig=aB+/=>;tag=77,<sip:edge.contoso.example;lr>",
      "Record-Route: <sip:pool.contoso.example;lr>",
    ];

    async function openSession(lync: PeerConnection, callId: string, extra: readonly string[] = []) {
      lync.send(lines("INVITE", [...ROUTES, ...SDP, ...extra], { callId }), OFFER);
      const ok = await lync.response();
      assert.equal(ok.status, 200);
      lync.send(lines("ACK", [], { callId, to: toTag(ok) }));
      return ok;
    }

    it("with texts both ways and BYE", async () => {
      const { side, world } = await start();
      const lync = await asLync();
      const ok = await openSession(lync, "im1");
      assert.match(ok.body.toString(), /^m=message 5060 sip null\r\na=accept-types:text\/plain/m);
      assert.equal(headerValue(ok, "contact"), "<sip:xmppgw.contoso.example:5061;transport=tls>");
      assert.equal(
        ok.headers
          .filter(({ key }) => key === "record-route")
          .map(({ value }) => `Record-Route: ${value}`)
          .join("\n"),
        ROUTES.join("\n"),
      );

      const uri = "sip:xmppgw.contoso.example:5061;transport=tls";
      lync.send(lines("MESSAGE", PLAIN, { callId: "im1", to: toTag(ok), cseq: "2", uri }), "But soft!");
      assert.equal((await lync.response()).status, 202);
      assert.deepEqual(
        [world.texts[0]?.from, world.texts[0]?.to, world.texts[0]?.body, world.texts[0]?.thread],
        [ALICE, ROMEO, "But soft!", "im1"],
      );

      const delivered = side.deliver(text());
      const message = await lync.request("MESSAGE");
      assert.equal(message.uri, "sip:alice@contoso.example;opaque=user:epid:abc;gruu");
      assert.equal(headerValue(message, "from"), `<${ROMEO}>${toTag(ok)}`);
      assert.equal(headerValue(message, "to"), `"Alice" <${ALICE}>;epid=0123456789;tag=a1`);
      assert.equal(headerValue(message, "call-id"), "im1");
      assert.deepEqual(
        message.headers.filter(({ key }) => key === "route").map(({ value }) => value),
        [
          "<sip:fe1.contoso.example:5061;transport=tls;ms-fe=x;opaque=state:F:Ci.R1;lr;ms-route-sig=aB+/=>;tag=77",
          "<sip:edge.contoso.example;lr>",
          "<sip:pool.contoso.example;lr>",
        ],
      );
      assert.equal(message.body.toString(), "Wherefore? ä");
      lync.answer(message, 200);
      assert.equal((await delivered).status, 200);

      lync.send(lines("INFO", ["Content-Type: application/xml"], { callId: "im1", to: toTag(ok), cseq: "3", uri }), "<KeyboardActivity/>");
      assert.equal((await lync.response()).status, 405);
      lync.send(lines("BYE", [], { callId: "im1", to: toTag(ok), cseq: "4", uri }));
      assert.equal((await lync.response()).status, 200);
      assert.deepEqual(world.told, [`session ${ALICE} ${ROMEO}`, `opened ${ALICE} ${ROMEO}`, `ended ${ALICE} ${ROMEO}`]);
      lync.send(lines("MESSAGE", PLAIN, { callId: "im1", to: toTag(ok), cseq: "5", uri }), "too late");
      assert.equal((await lync.response()).status, 481);
    });

    it("sends to the partner's latest resource, and refuses a CSeq that does not rise", async () => {
      const { side, world } = await start();
      const lync = await asLync();
      const ok = await openSession(lync, "im2");
      const delivered = side.deliver(text());
      lync.answer(await lync.request("MESSAGE"), 200);
      await delivered;
      lync.send(lines("MESSAGE", PLAIN, { callId: "im2", to: toTag(ok), cseq: "2" }), "x");
      await lync.response();
      assert.equal(world.texts[0]?.to, `${ROMEO};gr=balcony`);
      lync.send(lines("MESSAGE", PLAIN, { callId: "im2", to: toTag(ok), cseq: "2" }), "x");
      assert.equal((await lync.response()).status, 500);
    });

    const EMBEDDED = [
      `ms-text-format: text/plain; charset=UTF-8;msgr=WAAtAE0A;ms-body=${Buffer.from("first ä").toString("base64")}`,
      "Supported: ms-delayed-accept, ms-embedded-first-message",
    ];

    it("delivers the message inside the INVITE once and says so", async () => {
      const { world } = await start();
      const lync = await asLync();
      const ok = await openSession(lync, "im3", EMBEDDED);
      assert.equal(headerValue(ok, "supported"), "ms-text-format");
      assert.deepEqual(
        world.texts.map(({ body, thread }) => [body, thread]),
        [["first ä", "im3"]],
      );
      assert.deepEqual(world.told.slice(0, 2), [`session ${ALICE} ${ROMEO}`, `opened ${ALICE} ${ROMEO}`]);
    });

    it("does not say so when it was not delivered, so that the sender repeats it", async () => {
      const { world } = await start();
      world.answers.onText = { status: 480, reason: "" };
      const lync = await asLync();
      const ok = await openSession(lync, "im4", EMBEDDED);
      assert.equal(
        ok.headers.some(({ key }) => key === "supported"),
        false,
      );
    });

    it("leaves the message to the sender where it is not announced", async () => {
      const { world } = await start();
      const lync = await asLync();
      await openSession(lync, "im5", EMBEDDED.slice(0, 1));
      assert.deepEqual(world.texts, []);
    });

    it("refuses other media with 488 and what is no description with 415 or 400", async () => {
      await start();
      const lync = await asLync();
      lync.send(lines("INVITE", SDP), OFFER.replace("m=message 5060 sip null", "m=audio 5060 RTP/AVP 0"));
      assert.equal((await lync.response()).status, 488);
      lync.send(lines("INVITE", [CONTACT, "Content-Type: application/xml"]), "<x/>");
      assert.equal((await lync.response()).status, 415);
      lync.send(lines("INVITE", SDP), "nothing");
      assert.equal((await lync.response()).status, 400);
      lync.send(lines("INVITE", [...SDP, "Accept: text/unknown"]), OFFER);
      assert.equal((await lync.response()).status, 406);
    });

    it("passes the refusal of the session", async () => {
      const { world } = await start();
      world.answers.onSession = { status: 403, reason: "Not a contact" };
      const lync = await asLync();
      lync.send(lines("INVITE", SDP), OFFER);
      const response = await lync.response();
      assert.equal(response.status, 403);
      assert.equal(headerValue(response, "ms-diagnostics-public"), '0;reason="Not a contact"');
    });

    it("ends an INVITE that is cancelled with 487", async () => {
      const { world } = await start();
      world.answers.onSession = new Promise(() => {});
      const lync = await asLync();
      const invite = lines("INVITE", SDP, { callId: "im6" });
      lync.send(invite, OFFER);
      lync.send([`CANCEL ${ROMEO} SIP/2.0`, ...invite.slice(1, 6), "CSeq: 1 CANCEL"]);
      const statuses = [(await lync.response()).status, (await lync.response()).status];
      assert.deepEqual(statuses.sort(), [200, 487]);
    });

    it("goes on with an INVITE whose first message may be on its way when it is cancelled", async () => {
      const { world } = await start();
      const { promise, resolve } = Promise.withResolvers<SipAnswer>();
      world.answers.onText = promise;
      const lync = await asLync();
      const invite = lines("INVITE", [...SDP, ...EMBEDDED], { callId: "im10" });
      lync.send(invite, OFFER);
      lync.send([`CANCEL ${ROMEO} SIP/2.0`, ...invite.slice(1, 6), "CSeq: 1 CANCEL"]);
      assert.equal(headerValue(await lync.response(), "cseq"), "1 CANCEL");
      resolve({ status: 202, reason: "" });
      const ok = await lync.response();
      assert.equal(headerValue(ok, "supported"), "ms-text-format");
      lync.send(lines("ACK", [], { callId: "im10", to: toTag(ok) }));
      lync.send(lines("BYE", [], { callId: "im10", to: toTag(ok), cseq: "2" }));
      assert.equal((await lync.response()).status, 200);
    });

    it("repeats the 200 until its ACK, and ends the session with BYE when that does not come", async () => {
      const { clock, world } = await start();
      const lync = await asLync();
      clock.speed = 200;
      lync.send(lines("INVITE", SDP, { callId: "im7" }), OFFER);
      await lync.response();
      lync.answer(await lync.request("BYE"), 200);
      assert.ok(lync.unread().filter((line) => line === "200").length >= 2);
      assert.equal(world.told.at(-1), `ended ${ALICE} ${ROMEO}`);
    });

    it("ends a silent session after sessionIdleTimeout", async () => {
      const { clock } = await start({ sessionIdleTimeout: 30 });
      const lync = await asLync();
      clock.speed = 200;
      await openSession(lync, "im8");
      lync.answer(await lync.request("BYE"), 200);
    });

    it("opens one of its own where the newest proved dead, unless an older one gave a sign of life since", async () => {
      const { side } = await start();
      const lync = await asLync();
      const older = await openSession(lync, "older");
      await openSession(lync, "newer");
      const lost = side.deliver(text());
      const inNewest = await lync.request("MESSAGE");
      assert.equal(headerValue(inNewest, "call-id"), "newer");
      lync.answer(inNewest, 408);
      assert.equal((await lost).status, 408);
      lync.answer(await lync.request("BYE"), 481);
      const opening = side.deliver(text());
      lync.answer(await lync.request("INVITE"), 486);
      assert.equal((await opening).status, 486);
      lync.send(lines("MESSAGE", PLAIN, { callId: "older", to: toTag(older), cseq: "2" }), "still here");
      await lync.response();
      const delivered = side.deliver(text());
      const inOlder = await lync.request("MESSAGE");
      assert.equal(headerValue(inOlder, "call-id"), "older");
      lync.answer(inOlder, 200);
      assert.equal((await delivered).status, 200);
    });

    it("does not invite under the Call-ID of one that is over, whatever the partner's thread is", async () => {
      const { side } = await start();
      const lync = await asLync();
      const ok = await openSession(lync, "theirs");
      lync.send(lines("BYE", [], { callId: "theirs", to: toTag(ok), cseq: "2" }));
      await lync.response();
      const delivered = side.deliver(text({ thread: "theirs" }));
      const invite = await lync.request("INVITE");
      assert.notEqual(headerValue(invite, "call-id"), "theirs");
      lync.answer(invite, 486);
      await delivered;
    });

    it("takes the same media again, and ends by endSession whichever way round", async () => {
      const { side } = await start();
      const lync = await asLync();
      const ok = await openSession(lync, "im9");
      lync.send(
        lines("INVITE", ["Contact: <sip:alice@new.contoso.example>", "Content-Type: application/sdp"], {
          callId: "im9",
          to: toTag(ok),
          cseq: "2",
        }),
        OFFER,
      );
      assert.equal((await lync.response()).status, 200);
      lync.send(lines("ACK", [], { callId: "im9", to: toTag(ok), cseq: "2" }));
      side.endSession(ALICE, ROMEO);
      const bye = await lync.request("BYE");
      assert.equal(bye.uri, "sip:alice@new.contoso.example");
      lync.answer(bye, 200);
    });
  });

  describe("delivers a text", () => {
    const accept = (lync: PeerConnection, invite: SipRequest, tag = "peer"): void =>
      lync.answer(
        invite,
        200,
        [CONTACT, "Record-Route: <sip:a.contoso.example;lr>,<sip:b.contoso.example;lr>", "Content-Type: application/sdp"],
        OFFER,
        tag,
      );

    it("as one MESSAGE in pager mode, over a connection of its own with mutual TLS", async () => {
      const { side } = await start({ messageMode: "pager" });
      peer = await listen(lyncIdentity, LYNC, 5061);
      const delivered = side.deliver(text({ thread: "a-thread", subject: "Grüße", language: "de" }));
      const lync = await peer.accepted();
      const message = await lync.request("MESSAGE");
      assert.equal(lync.socket.getPeerCertificate().subject.CN, "xmppgw.contoso.example");
      assert.equal(message.uri, ALICE);
      assert.match(headerValue(message, "via"), /^SIP\/2\.0\/TLS xmppgw\.contoso\.example:5061;branch=z9hG4bK/);
      assert.equal(headerValue(message, "call-id"), "a-thread");
      assert.equal(Buffer.from(headerValue(message, "subject"), "latin1").toString(), "Grüße");
      assert.equal(headerValue(message, "content-language"), "de");
      assert.equal(headerValue(message, "content-type"), "text/plain;charset=UTF-8");
      assert.equal(
        message.headers.some(({ key }) => key === "contact"),
        false,
      );
      lync.answer(message, 202);
      assert.deepEqual(await delivered, { status: 202, reason: "Because" });
    });

    it("over the connection that the peer opened", async () => {
      const { side } = await start({ messageMode: "pager" });
      const lync = await asLync();
      lync.send(lines("OPTIONS"));
      await lync.response();
      const delivered = side.deliver(text());
      lync.answer(await lync.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
      assert.equal(side.connections().length, 1);
    });

    it("in a session that it opens; those that wait are sent in order", async () => {
      const { side, world } = await start();
      peer = await listen(lyncIdentity, LYNC, 5061);
      const answers = ["one", "two", "three"].map((body) => side.deliver(text({ body, thread: "not valid as Call-ID" })));
      const lync = await peer.accepted();
      const invite = await lync.request("INVITE");
      assert.match(invite.body.toString(), /^m=message 5060 sip null\r$/m);
      assert.match(invite.body.toString(), /^c=IN IP4 127\./m);
      assert.match(headerValue(invite, "call-id"), /^[0-9a-f]{32}@xmppgw\.contoso\.example$/);
      lync.answer(invite, 183);
      accept(lync, invite);
      const ack = await lync.request("ACK");
      assert.equal(headerValue(ack, "cseq"), "1 ACK");
      assert.deepEqual(
        ack.headers.filter(({ key }) => key === "route").map(({ value }) => value),
        ["<sip:b.contoso.example;lr>", "<sip:a.contoso.example;lr>"],
      );
      const seen: string[] = [];
      for (const cseq of [2, 3, 4]) {
        const message = await lync.request("MESSAGE");
        assert.equal(headerValue(message, "cseq"), `${cseq} MESSAGE`);
        seen.push(message.body.toString());
        lync.answer(message, 200);
      }
      assert.deepEqual(seen, ["one", "two", "three"]);
      assert.deepEqual(
        (await Promise.all(answers)).map(({ status }) => status),
        [200, 200, 200],
      );
      // The user's answer in this session is a text like any other; the session is not one that the user opened.
      const from = headerValue(invite, "from");
      lync.send(
        [
          "MESSAGE sip:xmppgw.contoso.example:5061;transport=tls SIP/2.0",
          "Via: SIP/2.0/TLS lync.contoso.example;branch=z9hG4bKback",
          `From: <${ALICE}>;tag=peer`,
          `To: ${from}`,
          `Call-ID: ${headerValue(invite, "call-id")}`,
          "CSeq: 1 MESSAGE",
          ...PLAIN,
        ],
        "hello",
      );
      await lync.response();
      assert.equal(world.texts[0]?.to, `${ROMEO};gr=balcony`);
      assert.deepEqual(world.told, []);
    });

    it("and tells the refusal of the INVITE to all that wait, acknowledging it", async () => {
      const { side } = await start();
      peer = await listen(lyncIdentity, LYNC, 5061);
      const answers = [side.deliver(text()), side.deliver(text())];
      const lync = await peer.accepted();
      lync.answer(await lync.request("INVITE"), 480);
      assert.deepEqual(
        (await Promise.all(answers)).map(({ status }) => status),
        [480, 480],
      );
      assert.equal(headerValue(await lync.request("ACK"), "to"), `<${ALICE}>;tag=peer`);
    });

    /** A session that a first text of ours has opened. */
    async function inSession() {
      const { side } = await start();
      peer = await listen(lyncIdentity, LYNC, 5061);
      const first = side.deliver(text());
      const lync = await peer.accepted();
      accept(lync, await lync.request("INVITE"));
      lync.answer(await lync.request("MESSAGE"), 200);
      await first;
      return { side, lync };
    }

    for (const status of [481, 480, 404, 604]) {
      it(`in a new session where the old one answers ${status}`, async () => {
        const { side, lync } = await inSession();
        const second = side.deliver(text());
        lync.answer(await lync.request("MESSAGE"), status);
        if (status !== 481) lync.answer(await lync.request("BYE"), 481);
        accept(lync, await lync.request("INVITE"), "other");
        lync.answer(await lync.request("MESSAGE"), 200);
        assert.equal((await second).status, 200);
      });
    }

    it("under a Call-ID that no session had before, and keeps the partner's thread", async () => {
      const { side, world } = await start();
      peer = await listen(lyncIdentity, LYNC, 5061);
      const threaded = text({ thread: "conversation-1" });
      const first = side.deliver(threaded);
      const lync = await peer.accepted();
      const invite = await lync.request("INVITE");
      assert.equal(headerValue(invite, "call-id"), "conversation-1");
      accept(lync, invite);
      lync.answer(await lync.request("MESSAGE"), 200);
      await first;
      const second = side.deliver(threaded);
      lync.answer(await lync.request("MESSAGE"), 481);
      const again = await lync.request("INVITE");
      const callId = headerValue(again, "call-id");
      assert.match(callId, /^[0-9a-f]{32}@xmppgw\.contoso\.example$/);
      accept(lync, again, "other");
      lync.answer(await lync.request("MESSAGE"), 200);
      await second;
      const tag = /;tag=.*/.exec(headerValue(again, "from"))?.[0] ?? "";
      const fromPeer = lines("MESSAGE", PLAIN, { callId, to: tag }).map((line) => line.replace(";tag=a1", ";tag=other"));
      lync.send(fromPeer, "back");
      assert.equal((await lync.response()).status, 202);
      assert.equal(world.texts[0]?.thread, "conversation-1");
    });

    it("once only where the old session does not say whether it took the text", async () => {
      const { side, lync } = await inSession();
      const second = side.deliver(text());
      lync.answer(await lync.request("MESSAGE"), 408);
      assert.equal((await second).status, 408);
      lync.answer(await lync.request("BYE"), 481);
      const third = side.deliver(text());
      accept(lync, await lync.request("INVITE"), "other");
      lync.answer(await lync.request("MESSAGE"), 200);
      assert.equal((await third).status, 200);
    });

    it("and ends what other forks answered", async () => {
      const { side } = await start();
      peer = await listen(lyncIdentity, LYNC, 5061);
      const delivered = side.deliver(text());
      const lync = await peer.accepted();
      const invite = await lync.request("INVITE");
      accept(lync, invite, "first");
      accept(lync, invite, "second");
      const bye = await lync.request("BYE");
      assert.match(headerValue(bye, "to"), /tag=second$/);
      lync.answer(bye, 200);
      lync.answer(await lync.request("MESSAGE"), 200);
      assert.equal((await delivered).status, 200);
    });

    it("and cancels an INVITE that nobody answers", async () => {
      const { side, clock } = await start();
      peer = await listen(lyncIdentity, LYNC, 5061);
      const first = side.deliver(text());
      const lync = await peer.accepted();
      const unanswered = await lync.request("INVITE");
      lync.answer(unanswered, 480);
      await first;
      clock.speed = 300;
      const delivered = side.deliver(text());
      const invite = await lync.request("INVITE");
      lync.answer(invite, 180);
      const cancel = await lync.request("CANCEL");
      assert.equal(headerValue(cancel, "via"), headerValue(invite, "via"));
      lync.answer(cancel, 200);
      lync.answer(invite, 487);
      assert.equal((await delivered).status, 504);
    });

    it("and answers 504 where nothing answers within Timer F", async () => {
      const { side, clock } = await start({ messageMode: "pager" });
      const lync = await asLync();
      lync.send(lines("OPTIONS"));
      await lync.response();
      clock.speed = 300;
      const delivered = await side.deliver(text());
      assert.deepEqual(delivered, { status: 504, reason: "No answer from the next hop" });
      await lync.request("MESSAGE");
    });

    it("and answers 504 at once where the connection is lost", async () => {
      const { side } = await start({ messageMode: "pager" });
      const lync = await asLync();
      lync.send(lines("OPTIONS"));
      await lync.response();
      const delivered = side.deliver(text());
      await lync.request("MESSAGE");
      lync.socket.destroy();
      assert.deepEqual(await delivered, { status: 504, reason: "The connection to the next hop was lost" });
    });

    it("and answers 504 where nobody listens, waiting before the next attempt", async () => {
      const { side } = await start();
      const answers = await Promise.all([side.deliver(text()), side.deliver(text({ to: "sip:bob@contoso.example" }))]);
      for (const { status, reason } of answers) {
        assert.equal(status, 504);
        assert.match(reason, /^Next hop unreachable: lync\.contoso\.example:5061: .*ECONNREFUSED/);
      }
      assert.equal((await side.deliver(text())).status, 504);
      assert.equal(side.attempts().length, 1);
    });

    it("never to a next hop that shows another name", async () => {
      const { side } = await start();
      peer = await listen(issue(authority, { dnsNames: ["evil.example"] }), LYNC, 5061);
      assert.match((await side.deliver(text())).reason, /evil\.example; expected one of lync\.contoso\.example/);
      assert.equal(side.attempts()[0]?.code, "peer-not-listed");
    });

    it("only between SIP addresses, and no more at once than the limit", async () => {
      const { side } = await start({}, { limits: { queuedPerPair: 1 } });
      peer = await listen(lyncIdentity, LYNC, 5061);
      assert.equal((await side.deliver(text({ to: "alice" }))).status, 400);
      assert.equal((await side.deliver(text({ body: "x".repeat(70_000) }))).status, 413);
      const waiting = side.deliver(text());
      assert.equal((await side.deliver(text())).status, 503);
      const lync = await peer.accepted();
      lync.answer(await lync.request("INVITE"), 486);
      assert.equal((await waiting).status, 486);
    });
  });

  describe("keeps a presence subscription", () => {
    const EVENT = ["Event: presence", CONTACT, "Accept: application/msrtc-event-categories+xml, application/pidf+xml"];

    it("pending, refreshed, and ended by the subscriber", async () => {
      const { world } = await start();
      const lync = await asLync();
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: 7200"], { callId: "sub1" }));
      const ok = await lync.response();
      assert.equal(ok.status, 200);
      assert.equal(headerValue(ok, "expires"), "3600");
      const first = await lync.request("NOTIFY");
      assert.equal(headerValue(first, "subscription-state"), "pending;expires=3600");
      assert.equal(headerValue(first, "event"), "presence");
      assert.equal(first.body.length, 0);
      lync.answer(first, 200);
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: 600"], { callId: "sub1", to: toTag(ok), cseq: "2" }));
      assert.equal(headerValue(await lync.response(), "expires"), "600");
      lync.answer(await lync.request("NOTIFY"), 200);
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: 0"], { callId: "sub1", to: toTag(ok), cseq: "3" }));
      assert.equal((await lync.response()).status, 200);
      assert.equal(headerValue(await lync.request("NOTIFY"), "subscription-state"), "terminated;reason=timeout");
      assert.deepEqual(
        world.told.map((line) => line.split(" ").at(-1)),
        ["3600", "600", "0"],
      );
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: 60"], { callId: "sub1", to: toTag(ok), cseq: "4" }));
      assert.equal((await lync.response()).status, 481);
    });

    it("as a fetch when it expires at once", async () => {
      await start();
      const lync = await asLync();
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: 0"]));
      assert.equal(headerValue(await lync.response(), "expires"), "0");
      assert.equal(headerValue(await lync.request("NOTIFY"), "subscription-state"), "terminated;reason=timeout");
    });

    it("until it expires", async () => {
      const { clock } = await start();
      const lync = await asLync();
      clock.speed = 100;
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: 10"]));
      lync.answer(await lync.request("NOTIFY"), 200);
      assert.equal(headerValue(await lync.request("NOTIFY"), "subscription-state"), "terminated;reason=timeout");
    });

    it("until the subscriber does not know it any more", async () => {
      await start();
      const lync = await asLync();
      lync.send(lines("SUBSCRIBE", EVENT, { callId: "sub2" }));
      const ok = await lync.response();
      lync.answer(await lync.request("NOTIFY"), 481);
      lync.send(lines("SUBSCRIBE", EVENT, { callId: "sub2", to: toTag(ok), cseq: "2" }));
      assert.equal((await lync.response()).status, 481);
    });

    it("only for presence, with a type that we have, when the handler agrees", async () => {
      const { world } = await start();
      const lync = await asLync();
      lync.send(lines("SUBSCRIBE", ["Event: dialog", CONTACT]));
      assert.equal(headerValue(await lync.response(), "allow-events"), "presence");
      lync.send(lines("SUBSCRIBE", ["Event: presence", CONTACT, "Accept: text/xml"]));
      assert.equal((await lync.response()).status, 406);
      lync.send(lines("SUBSCRIBE", [...EVENT, "Expires: soon"]));
      assert.equal((await lync.response()).status, 400);
      world.answers.onSubscribe = { status: 404, reason: "" };
      lync.send(lines("SUBSCRIBE", EVENT));
      assert.equal((await lync.response()).status, 404);
    });
  });

  it("ends its sessions and connections when it drains, and takes nothing new", async () => {
    const { side, world } = await start();
    const lync = await asLync();
    lync.send(lines("INVITE", SDP, { callId: "drain" }), OFFER);
    const ok = await lync.response();
    lync.send(lines("ACK", [], { callId: "drain", to: toTag(ok) }));
    lync.send(lines("OPTIONS"));
    await lync.response();
    const drained = side.drain(5000);
    const bye = await lync.request("BYE");
    lync.send(lines("MESSAGE", PLAIN), "x");
    assert.equal((await lync.response()).status, 503);
    assert.equal((await side.deliver(text())).status, 503);
    lync.answer(bye, 200);
    await drained;
    await lync.closed();
    assert.equal(world.told.at(-1), `ended ${ALICE} ${ROMEO}`);
    assert.deepEqual(side.connections(), []);
  });

  it("pings a silent connection that it opened, and gives it up once a peer that answered does not", async () => {
    const { side, clock } = await start({ messageMode: "pager" });
    peer = await listen(lyncIdentity, LYNC, 5061);
    const first = side.deliver(text());
    const lync = await peer.accepted();
    clock.speed = 500;
    lync.answer(await lync.request("MESSAGE"), 200);
    await first;
    const pinged = async (count: number): Promise<void> => {
      while (lync.crlfs < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await pinged(2);
    lync.socket.write("\r\n");
    await lync.closed();
    assert.equal(lync.crlfs, 4);
    assert.equal(side.attempts()[0]?.code, "no-pong");
  });
});
