/** SIP users on SIPp behind a real Kamailio, and a partner's user, through the edge that `up` made. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { StackOutputs } from "../../cli/outputs.ts";
import { REFUSALS } from "../../gateway/access/refusals.ts";
import { parseDocument } from "../../gateway/config/parse.ts";
import { conditionOfStatus } from "../../gateway/interworking/errors.ts";
import { wallClock } from "../../gateway/server/clock.ts";
import { makeResolver } from "../../gateway/server/resolver.ts";
import { makeRouter } from "../../gateway/server/router.ts";
import { sipSide } from "../../gateway/server/sip-side.ts";
import { makeXmppSide } from "../../gateway/server/xmpp-side.ts";
import { openContacts } from "../../gateway/store/contacts.ts";
import { connectTo } from "../support/sip-peer.ts";
import { type GatewayStatus, type Identity, LiveEdge } from "./live-edge.ts";
import { Kamailio, kamailioMissing } from "./peers/kamailio.ts";
import { Sipp, type SippMessage, type SippOptions, sippMissing } from "./peers/sipp.ts";
import { bodyOf, errorOf, XmppPartner } from "./peers/xmpp-partner.ts";

const LYNC = "lync.contoso.example";
const GATEWAY = "xmppgw.contoso.example";
const PARTNER = "fabrikam.example";
/** A second name of the proxy, which takes the dialogs of its own user. */
const FRONT_END = "fe1.contoso.example";
/** A second proxy, the first next hop of the gateway that runs in this process; the one of `up` takes over from it. */
const SECOND = "edge2.contoso.example";
const NURSE = "nurse@contoso.example";
/** A SIP domain, and a gateway of that name, which runs in this process: see `impatient`. */
const OTHER = "impatient.example";
/** A partner whose server does not answer. */
const SILENT = "public.example";
/** Milliseconds that Kamailio waits for a user agent that says nothing. */
const PATIENCE = 3000;
const JULIET = "juliet@contoso.example";
const ROMEO = `romeo@${PARTNER}`;

describe("SIP users behind Kamailio and a partner's user, through the edge that up made", function () {
  this.timeout(120_000);
  const edge = new LiveEdge("127.92.1", ({ sip, development }) => {
    sip.peers = [FRONT_END];
    development.peers.push(FRONT_END, OTHER, SECOND);
  });
  const users = `${edge.net}.5`;
  const proxyHost = `${edge.net}.3`;
  const proxy = `${proxyHost}:5060`;
  const frontEnd = { fqdn: FRONT_END, address: `${edge.net}.4` };
  const nurseHost = `${edge.net}.7`;
  const secondHost = `${edge.net}.8`;
  const started: { stop(): Promise<unknown> }[] = [];
  let outputs: StackOutputs;
  let kamailio: Kamailio;
  let partner: XmppPartner;
  let atStart: GatewayStatus["counters"];
  let isUp = false;

  before(async function () {
    const why = kamailioMissing() ?? sippMissing();
    if (why !== null) {
      process.stdout.write(`  skipped: ${why}\n`);
      return this.skip();
    }
    isUp = true;
    await edge.up();
    await edge.stopDemo();
    atStart = (await edge.status()).counters;
    outputs = await edge.outputs();
    await edge.publish([
      { name: `xmpp.${SILENT}`, type: "A", data: `${edge.net}.6` },
      { name: FRONT_END, type: "A", data: frontEnd.address },
      { name: SECOND, type: "A", data: secondHost },
    ]);
    await edge.publishServer(OTHER, `${edge.net}.11`);
    kamailio = await Kamailio.start({
      address: proxyHost,
      identity: identityOf(LYNC),
      authorityPem: outputs.developmentAuthorityPem,
      gateways: [
        { fqdn: GATEWAY, address: edge.gatewayAddress },
        { fqdn: OTHER, address: `${edge.net}.11` },
      ],
      domains: ["contoso.example", OTHER],
      userAgent: `${users}:5060`,
      frontEnd: { ...frontEnd, identity: identityOf(FRONT_END), user: "nurse", userAgent: `${nurseHost}:5060` },
      patience: PATIENCE,
    });
    started.unshift(kamailio);
    partner = await XmppPartner.start({
      domain: PARTNER,
      address: `${edge.net}.2`,
      dnsServer: edge.dnsServer,
      identity: identityOf(PARTNER),
      authorityPem: outputs.developmentAuthorityPem,
      edgeDomains: ["contoso.example", OTHER],
    });
    started.unshift(partner);
  });

  after(async () => {
    for (const one of started) await one.stop();
    if (isUp) await edge.down();
    else rmSync(edge.dir, { recursive: true, force: true });
  });

  function identityOf(name: string): Identity {
    const found = outputs.developmentPeers[name];
    assert.ok(found, name);
    return found;
  }

  async function waiting(scenario: string, values: Readonly<Record<string, string | number>> = {}, more: Partial<SippOptions> = {}) {
    const sipp = await Sipp.start({ scenario, values, address: users, ...more });
    started.unshift(sipp);
    return sipp;
  }

  /** The error that the partner gets for a message of that id, and the milliseconds that it took from now on. */
  async function failureOf(id: string) {
    const begun = Date.now();
    const stanza = await partner.next((one) => one.attributes.get("id") === id);
    assert.equal(stanza.attributes.get("type"), "error");
    return { ...errorOf(stanza), after: Date.now() - begun };
  }

  const request = (method: string, to: string, status: number, body = "hello", transport: "udp" | "tcp" = "udp") =>
    Sipp.run({ scenario: "request", address: users, remote: proxy, transport, values: { method, from: JULIET, to, status, body } });

  /** Since `up`, which sends messages itself, the SIP side took so many and none failed; the partner was told of no error. */
  async function tookWithoutError(messages: number): Promise<void> {
    const since = ({ counters }: GatewayStatus, name: string) => (counters[name] ?? 0) - (atStart[name] ?? 0);
    const status = await edge.until((one) => since(one, "toSip") >= messages);
    assert.deepEqual([since(status, "toSip"), since(status, "failed"), since(status, "refused")], [messages, 0, 0]);
    assert.deepEqual(
      partner.unread((stanza) => stanza.attributes.get("type") === "error"),
      [],
    );
  }

  it("carries a partner's message into a session along Kamailio's Record-Route, and takes the user's BYE", async () => {
    const sipp = await waiting("session-answered", { body: "Wherefore art thou" });
    await partner.say({ from: `${ROMEO}/orchard`, to: JULIET, body: "Wherefore art thou?", id: "first", thread: "balcony-1" });
    const seen = await sipp.succeeded();
    const [invite, ack, message] = ["INVITE", "ACK", "MESSAGE"].map((method) => received(seen, new RegExp(`^${method} `)));
    assert.match(invite ?? "", /^INVITE sip:juliet@contoso\.example/);
    assert.match(invite ?? "", /^From: <sip:romeo@fabrikam\.example>/m);
    assert.match(invite ?? "", /^Contact: <sip:xmppgw\.contoso\.example:5061;transport=tls>$/m);
    for (const one of [invite, ack, message]) assert.equal(header(one, "Call-ID"), "balcony-1");
    // Both hops of Kamailio recorded themselves; inside the dialog it takes its own routes off and its Via on.
    assert.match(invite ?? "", new RegExp(`^Record-Route: <sip:${proxyHost};.*r2=on.*>$`, "m"));
    assert.match(invite ?? "", new RegExp(`^Record-Route: <sip:${proxyHost}:5061;transport=tls;.*r2=on.*>$`, "m"));
    assert.equal(message?.split("\n")[0], `MESSAGE sip:juliet@${users}:5060;transport=UDP SIP/2.0`);
    assert.doesNotMatch(message ?? "", /^Route:/m);
    assert.match(message ?? "", /^Content-Type: text\/plain;charset=UTF-8$/m);
    assert.match(message ?? "", /\n\nWherefore art thou\?$/);
    received(seen, /^SIP\/2\.0 200 .*\n(.*\n)*CSeq: 1 BYE/);
    await tookWithoutError(1);
  });

  it("was verified by Kamailio as the gateway, and verified Kamailio", async () => {
    await kamailio.said(new RegExp(`INVITE \\S+ ${GATEWAY} ${proxyHost}$`, "m"));
    const { connections } = await edge.status();
    // One that the gateway opened for its INVITE, one that Kamailio opened for the BYE.
    assert.equal(connections.sip.length, 2);
    for (const { peerFqdn } of connections.sip) assert.equal(peerFqdn, LYNC);
  });

  it("carries a user's session to the partner, and the partner's answer into that session", async () => {
    const values = { from: JULIET, to: ROMEO, body: "Good night, good night", answer: "Sleep dwell upon thine eyes" };
    const sipp = await Sipp.start({ scenario: "session-opened", values, address: users, remote: proxy });
    started.unshift(sipp);
    const stanza = await partner.next((one) => bodyOf(one) === values.body);
    assert.equal(stanza.attributes.get("from"), JULIET);
    assert.equal(stanza.attributes.get("to"), ROMEO);
    assert.equal(stanza.attributes.get("type"), "chat");
    await sipp.received(/^SIP\/2\.0 202 Accepted\n/);
    await partner.say({ from: `${ROMEO}/orchard`, to: JULIET, body: values.answer, id: "answer" });
    const seen = await sipp.succeeded();
    const answer = received(seen, /^MESSAGE /);
    assert.equal(header(answer, "Call-ID"), header(sent(seen, /^INVITE /), "Call-ID"));
    assert.equal(header(answer, "To"), header(sent(seen, /^INVITE /), "From"));
    assert.match(header(sent(seen, /^MESSAGE /), "Route") ?? "", new RegExp(proxyHost));
    await tookWithoutError(2);
  });

  for (const transport of ["udp", "tcp"] as const) {
    it(`answers 202 to a MESSAGE outside a session once it stands on the partner's stream (${transport})`, async () => {
      const body = `by pager over ${transport}`;
      const seen = await request("MESSAGE", ROMEO, 202, body, transport);
      const stanza = await partner.next((one) => bodyOf(one) === body);
      assert.equal(stanza.attributes.get("from"), JULIET);
      assert.match(received(seen, /^SIP\/2\.0 202 /), /^CSeq: 1 MESSAGE$/m);
    });
  }

  for (const [status, reason, condition] of [
    [486, "Busy Here", "recipient-unavailable"],
    [404, "Not Found", "item-not-found"],
    [603, "Decline", "recipient-unavailable"],
  ] as const) {
    it(`tells the partner ${condition} when the user answers the session with ${status}`, async () => {
      assert.equal(conditionOfStatus(status), condition);
      // A user of its own, so that no session of another test is there to be used.
      const sender = `mercutio-${status}@${PARTNER}/street`;
      const sipp = await waiting("session-refused", { status, reason });
      await partner.say({ from: sender, to: JULIET, body: "Are you there?", id: `refused-${status}` });
      const stanza = await partner.next((one) => one.attributes.get("id") === `refused-${status}`);
      assert.equal(stanza.attributes.get("type"), "error");
      assert.deepEqual([stanza.attributes.get("from"), stanza.attributes.get("to")], [JULIET, sender]);
      assert.deepEqual(errorOf(stanza), { condition, text: `${status} ${reason}` });
      await sipp.succeeded();
    });
  }

  it("hangs up where the user's answer to a message ends the session", async () => {
    const sipp = await waiting("session-left");
    await partner.say({ from: `peter@${PARTNER}/hall`, to: JULIET, body: "Madam?", id: "left" });
    const { condition, text } = await failureOf("left");
    assert.deepEqual({ condition, text }, { condition: "recipient-unavailable", text: "480 Temporarily Unavailable" });
    const seen = await sipp.succeeded();
    assert.equal(header(received(seen, /^BYE /), "Call-ID"), header(received(seen, /^INVITE /), "Call-ID"));
    sent(seen, /^SIP\/2\.0 200 OK\n(.*\n)*CSeq: 3 BYE/);
  });

  it("reaches a user agent that was started anew in a new session, with the next message of the same conversation", async () => {
    const conversation = { from: `${ROMEO}/orchard`, to: JULIET, thread: "balcony-2" };
    const first = await waiting("session-kept", { user: "juliet" });
    await partner.say({ ...conversation, body: "Lady, by yonder blessed moon", id: "kept" });
    await first.received(/^MESSAGE /);
    await edge.until(({ counters }) => (counters.toSip ?? 0) - (atStart.toSip ?? 0) >= 3);
    await first.kill();
    const second = await waiting("session-renewed", {}, { calls: 2 });
    const begun = Date.now();
    await partner.say({ ...conversation, body: "What shall I swear by?", id: "renewed-1" });
    await second.received(/\n\nWhat shall I swear by\?$/);
    assert.ok(Date.now() - begun < 2000, "the next message is not slow");
    await partner.say({ ...conversation, body: "If my heart's dear love", id: "renewed-2" });
    const seen = await second.succeeded();
    assert.equal(header(received(seen, /^MESSAGE (.*\n)+\nWhat/), "Call-ID"), "balcony-2");
    // SIPp says nothing to an INVITE under a Call-ID that it has just answered 481.
    const invite = received(seen, /^INVITE /);
    assert.notEqual(header(invite, "Call-ID"), "balcony-2");
    assert.equal(header(received(seen, /^MESSAGE (.*\n)+\nIf/), "Call-ID"), header(invite, "Call-ID"));
  });

  it("tells the partner of a user agent that is gone, and reaches the next one with the message after", async () => {
    const conversation = { from: `benvolio@${PARTNER}/street`, to: JULIET, thread: "street-1" };
    const first = await waiting("session-kept", { user: "juliet" });
    await partner.say({ ...conversation, body: "Good morrow", id: "there" });
    await first.received(/^MESSAGE /);
    await first.kill();
    await partner.say({ ...conversation, body: "Are you there?", id: "gone" });
    const { condition, text, after } = await failureOf("gone");
    assert.deepEqual({ condition, text }, { condition: "remote-server-timeout", text: "408 Request Timeout" });
    assert.ok(after < PATIENCE + 2000, `told after ${after} ms`);
    const second = await waiting("session-renewed", {}, { calls: 2 });
    const begun = Date.now();
    await partner.say({ ...conversation, body: "And now?", id: "next-1" });
    await second.received(/\n\nAnd now\?$/);
    assert.ok(Date.now() - begun < 2000, "the message after is not slow");
    await partner.say({ ...conversation, body: "Good", id: "next-2" });
    await second.received(/\n\nGood$/);
    await kamailio.said(/BYE street-1 /);
    await second.kill();
  });

  /** A user of the front end, in a session that lasts until the gateway ends it. */
  let nurse: Sipp;
  /** Where each request of that session came in: `method address`. */
  const cameIn = (callId: string): string[] =>
    [...kamailio.log.matchAll(new RegExp(`: (\\w+) ${callId} ${GATEWAY} (\\S+)$`, "gm"))].map(([, method, where]) => `${method} ${where}`);

  it("sends what belongs to a dialog to the listed front end that recorded its name, found by DNS", async () => {
    nurse = await waiting("session-kept", { user: "nurse" }, { address: nurseHost });
    await partner.say({ from: `${ROMEO}/orchard`, to: NURSE, body: "Commend me to thy lady", id: "front-end", thread: "nurse-1" });
    await nurse.received(/^MESSAGE (.*\n)+\nCommend me to thy lady$/);
    assert.match(
      header(received(nurse.messages(), /^INVITE /), "Record-Route") ?? "",
      /^<sip:fe1\.contoso\.example:5061;transport=tls;.*lr>$/,
    );
    await kamailio.said(/MESSAGE nurse-1 /);
    assert.deepEqual(cameIn("nurse-1"), [`INVITE ${proxyHost}`, `ACK ${frontEnd.address}`, `MESSAGE ${frontEnd.address}`]);
    const { connections } = await edge.status();
    assert.ok(connections.sip.some(({ peerFqdn }) => peerFqdn === FRONT_END));
  });

  it("goes on with an INVITE that is cancelled while its first message may be on its way, and takes the BYE for it", async () => {
    // While the partner's server accepts and says nothing, the message inside the INVITE is neither delivered nor refused.
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket.on("error", () => {}))).listen(5269, `${edge.net}.6`);
    const silence = () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    };
    started.unshift({ stop: async () => silence() });
    await once(server, "listening");
    const values = { from: JULIET, to: `someone@${SILENT}`, body64: Buffer.from("never mind").toString("base64") };
    const sipp = await waiting("session-cancelled", values, { remote: proxy });
    await kamailio.said(/answer 200 CANCEL /);
    assert.ok(
      !sipp.messages().some(({ direction, text }) => direction === "received" && /^SIP\/2\.0 [2-6](.*\n)*CSeq: 1 INVITE/.test(text)),
    );
    silence();
    const seen = await sipp.succeeded();
    assert.doesNotMatch(received(seen, /^SIP\/2\.0 200 .*\n(.*\n)*CSeq: 1 INVITE/), /ms-text-format/);
  });

  it("cancels an INVITE that rings for too long, and tells the partner why", async () => {
    const [wait, sender] = [1500, `${ROMEO}/orchard`];
    await impatient(wait);
    const sipp = await waiting("session-unanswered");
    const begun = Date.now();
    await partner.say({ from: sender, to: `juliet@${OTHER}`, body: "Wilt thou leave me so unsatisfied?", id: "unanswered" });
    const { condition, text } = await failureOf("unanswered");
    const took = Date.now() - begun;
    assert.ok(took >= wait && took < wait + 2000, `${took} ms`);
    assert.deepEqual({ condition, text }, { condition: "remote-server-timeout", text: "504 The session was not answered in time" });
    const seen = await sipp.succeeded();
    assert.equal(header(received(seen, /^CANCEL /), "Call-ID"), header(received(seen, /^INVITE /), "Call-ID"));
  });

  /**
   * A gateway like that of `up`, but for the wait for an INVITE's final answer, in milliseconds: that of `up` is a minute, which
   * is no setting. Its first next hop is the second proxy, which does not run yet.
   */
  async function impatient(invite: number): Promise<void> {
    const sip = {
      fqdn: OTHER,
      nextHop: { fqdn: SECOND },
      furtherNextHops: [{ fqdn: LYNC }],
      useSystemAuthorities: false,
      trustedAuthorities: [outputs.developmentAuthorityPem],
    };
    const xmpp = { useSystemAuthorities: false, trustedAuthorities: [outputs.developmentAuthorityPem] };
    const partners = [{ domain: PARTNER, partnerType: "federated" as const, saslNegotiation: "optional" as const }];
    const document = parseDocument({ accessEdgeFqdn: OTHER, sipDomains: [OTHER], partners, xmpp, sip });
    const identity = identityOf(OTHER);
    const state = { document, xmppIdentity: identity, sipIdentity: identity, dialbackSecret: randomBytes(32).toString("hex") };
    const resolver = makeResolver([`${edge.dnsServer.host}:${edge.dnsServer.port}`]);
    const surroundings = { clock: wallClock, log: () => {}, bindAddress: `${edge.net}.11`, resolver, random: randomBytes };
    const router = makeRouter(state, { ...surroundings, contacts: openContacts(":memory:") });
    const sides = [
      makeXmppSide(state, surroundings, router.xmppHandlers),
      sipSide(state, surroundings, router.sipHandlers, { limits: { invite, backOffMost: 1000 } }),
    ] as const;
    router.join(...sides);
    for (const side of sides) {
      await side.start();
      started.unshift({ stop: () => side.drain(1000) });
    }
  }

  it("sends by the first next hop once it answers OPTIONS, and by the other one when it is gone", async () => {
    const second = await Kamailio.start({
      address: secondHost,
      identity: identityOf(SECOND),
      authorityPem: outputs.developmentAuthorityPem,
      gateways: [{ fqdn: OTHER, address: `${edge.net}.11` }],
      domains: [OTHER],
      userAgent: `${users}:5060`,
    });
    started.unshift(second);
    await second.said(/OPTIONS /);
    const talk = async (thread: string): Promise<void> => {
      const sipp = await waiting("session-answered", { body: "Speak again" });
      await partner.say({ from: `${ROMEO}/${thread}`, to: `juliet@${OTHER}`, body: "Speak again", id: thread, thread });
      await sipp.succeeded();
    };
    await new Promise((resolve) => setTimeout(resolve, 100)); // the answer to OPTIONS
    await talk("over-second");
    await second.said(/^.*INVITE over-second /m);
    assert.doesNotMatch(kamailio.log, /over-second/);
    await second.stop();
    await talk("over-first");
    await kamailio.said(/INVITE over-first /);
  });

  it("refuses a MESSAGE to a domain that is no partner, with the policy's status and sentence", async () => {
    const refusal = REFUSALS["partner-not-listed"];
    const seen = await request("MESSAGE", "someone@stranger.example", refusal.status);
    const answer = received(seen, /^SIP\/2\.0 403 /);
    assert.equal(answer.split("\n")[0], `SIP/2.0 403 ${refusal.text}`);
    assert.equal(header(answer, "ms-diagnostics-public"), `0;reason="${refusal.text}"`);
  });

  it("refuses a sender who is no user of a SIP domain of the edge", async () => {
    const values = { method: "MESSAGE", from: "mallory@elsewhere.example", to: ROMEO, status: 403, body: "forged" };
    await Sipp.run({ scenario: "request", address: users, remote: proxy, values });
    assert.deepEqual(
      partner.unread((one) => bodyOf(one) === "forged"),
      [],
    );
  });

  it("answers a MESSAGE to a partner whose server does not answer with an error before the user's transaction ends", async () => {
    const begun = Date.now();
    const seen = await request("MESSAGE", `someone@${SILENT}`, 504);
    assert.ok(Date.now() - begun < 25_000);
    assert.match(received(seen, /^SIP\/2\.0 504 /), /^ms-diagnostics-public: 1046;reason="no server of public\.example could be reached/m);
  });

  it("takes a subscription to presence and notifies that it is pending", async () => {
    const seen = await Sipp.run({ scenario: "subscription", address: users, remote: proxy, values: { from: JULIET, to: ROMEO } });
    const accepted = received(seen, /^SIP\/2\.0 200 /);
    assert.equal(header(accepted, "Expires"), "600");
    const notify = received(seen, /^NOTIFY /);
    assert.match(header(notify, "Subscription-State") ?? "", /^pending;expires=\d+$/);
    assert.equal(header(notify, "Event"), "presence");
    assert.equal(header(notify, "From"), header(accepted, "To"));
    assert.equal(header(notify, "Call-ID"), header(accepted, "Call-ID"));
  });

  for (const [method, status] of [
    ["PUBLISH", 405],
    ["BREW", 501],
  ] as const) {
    it(`answers ${method} with ${status} and says what is allowed`, async () => {
      const seen = await request(method, ROMEO, status);
      assert.match(header(received(seen, new RegExp(`^SIP/2\\.0 ${status} `)), "Allow") ?? "", /\bINVITE\b.*\bMESSAGE\b/);
    });
  }

  for (const [who, name, code, text] of [
    ["whose certificate is for a host that is not listed", PARTNER, "peer-not-listed", /certificate is for fabrikam\.example/],
    ["that shows no certificate", null, "certificate-missing", /showed no certificate/],
  ] as const) {
    it(`disconnects a TLS client ${who}, and its status says so`, async () => {
      const { socket } = await connectTo(edge.gatewayAddress, 5061, name === null ? null : identityOf(name));
      if (!socket.closed) await once(socket, "close");
      const { attempts } = await edge.until((status) => status.attempts.sip.some((attempt) => attempt.code === code));
      assert.match(attempts.sip.find((attempt) => attempt.code === code)?.text ?? "", text);
    });
  }

  it("ends its sessions with BYE when it is stopped, over the front end too", async () => {
    process.kill(await edge.gatewayPid(), "SIGTERM");
    const seen = await nurse.succeeded();
    assert.match(received(seen, /^BYE /), /^From: <sip:romeo@fabrikam\.example>/m);
    await kamailio.said(/BYE nurse-1 /);
    assert.equal(cameIn("nurse-1").at(-1), `BYE ${frontEnd.address}`);
  });
});

function find(seen: readonly SippMessage[], direction: SippMessage["direction"], pattern: RegExp): string {
  const found = seen.find((message) => message.direction === direction && pattern.test(message.text));
  assert.ok(found, `SIPp ${direction} no ${pattern}; it saw:\n${seen.map(({ text }) => text.split("\n")[0]).join("\n")}`);
  return found.text;
}

const received = (seen: readonly SippMessage[], pattern: RegExp): string => find(seen, "received", pattern);
const sent = (seen: readonly SippMessage[], pattern: RegExp): string => find(seen, "sent", pattern);

/** The first value of a header. */
function header(message: string | undefined, name: string): string | undefined {
  const prefix = `${name.toLowerCase()}:`;
  const line = message?.split("\n").find((one) => one.toLowerCase().startsWith(prefix));
  return line?.slice(prefix.length).trim();
}
