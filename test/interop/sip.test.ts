/** SIP users on SIPp behind a real Kamailio, and a partner's user, through the edge that `up` made. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { REFUSALS } from "../../gateway/access/refusals.ts";
import { conditionOfStatus } from "../../gateway/interworking/errors.ts";
import { connectTo } from "../support/sip-peer.ts";
import { type GatewayStatus, type Identity, LiveEdge } from "./live-edge.ts";
import { Kamailio, kamailioMissing } from "./peers/kamailio.ts";
import { Sipp, type SippMessage, sippMissing } from "./peers/sipp.ts";
import { bodyOf, errorOf, XmppPartner } from "./peers/xmpp-partner.ts";

const LYNC = "lync.contoso.example";
const GATEWAY = "xmppgw.contoso.example";
const PARTNER = "fabrikam.example";
/** A partner whose server does not answer. */
const SILENT = "public.example";
const JULIET = "juliet@contoso.example";
const ROMEO = `romeo@${PARTNER}`;

describe("SIP users behind Kamailio and a partner's user, through the edge that up made", function () {
  this.timeout(120_000);
  const edge = new LiveEdge("127.92.1");
  const users = `${edge.net}.5`;
  const proxyHost = `${edge.net}.3`;
  const proxy = `${proxyHost}:5060`;
  const started: { stop(): Promise<void> }[] = [];
  let identities: Readonly<Record<string, Identity>>;
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
    const outputs = await edge.outputs();
    identities = outputs.developmentPeers;
    await edge.publish([{ name: `xmpp.${SILENT}`, type: "A", data: `${edge.net}.6` }]);
    kamailio = await Kamailio.start({
      address: proxyHost,
      identity: identityOf(LYNC),
      authorityPem: outputs.developmentAuthorityPem,
      gateway: { fqdn: GATEWAY, address: edge.gatewayAddress },
      domain: "contoso.example",
      userAgent: `${users}:5060`,
    });
    started.unshift(kamailio);
    partner = await XmppPartner.start({
      domain: PARTNER,
      address: `${edge.net}.2`,
      dnsServer: edge.dnsServer,
      identity: identityOf(PARTNER),
      authorityPem: outputs.developmentAuthorityPem,
      edgeDomains: ["contoso.example"],
    });
    started.unshift(partner);
  });

  after(async () => {
    for (const one of started) await one.stop();
    if (isUp) await edge.down();
    else rmSync(edge.dir, { recursive: true, force: true });
  });

  function identityOf(name: string): Identity {
    const found = identities[name];
    assert.ok(found, name);
    return found;
  }

  async function waiting(scenario: string, values: Readonly<Record<string, string | number>>): Promise<Sipp> {
    const sipp = await Sipp.start({ scenario, values, address: users });
    started.unshift(sipp);
    return sipp;
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
    assert.match(kamailio.log, /INVITE xmppgw\.contoso\.example$/m);
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
