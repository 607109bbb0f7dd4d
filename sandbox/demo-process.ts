/**
 * The demo peers as a process of their own: an XMPP partner and a SIP peer that stands where a Lync pool would. Both use the
 * gateway's own layers from the other end, so they prove that the edge is joined up, not that foreign servers accept it; the
 * tests with Prosody, Kamailio and SIPp do that.
 *
 * Arguments: the path of a DemoSettings file. Control is HTTP on a Unix socket: POST /to-sip and /to-xmpp send one text and
 * answer when it has arrived at the other end.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { parseDocument } from "../gateway/config/parse.ts";
import type { EdgeDocumentInput } from "../gateway/config/schema.ts";
import { wallClock as clock } from "../gateway/server/clock.ts";
import type { EdgeState, Identity, SipHandlers, Surroundings } from "../gateway/server/ports.ts";
import { makeResolver } from "../gateway/server/resolver.ts";
import { makeSipSide } from "../gateway/server/sip-side.ts";
import { makeXmppSide } from "../gateway/server/xmpp-side.ts";
import { childOf, element, textOf, type XmlElement } from "../gateway/xmpp/element.ts";
import type { Delivery, DemoSettings } from "./demo.ts";

/** Milliseconds from sending to arrival at the other end before the test counts as failed. */
const ARRIVAL = 28_000;
/** Longest request to the control socket, bytes. */
const CONTROL_BYTES = 65_536;

const settings = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as DemoSettings;

/** Texts on their way: the marker inside the body -> who waits for it. */
const expected = new Map<string, (arrived: number) => void>();

function arrived(body: string): void {
  const marker = /\[([0-9a-f]{16})\]/.exec(body)?.[1];
  if (marker) expected.get(marker)?.(performance.now());
}

function surroundings(bindAddress: string): Surroundings {
  const log = (what: string, facts?: Readonly<Record<string, unknown>>) =>
    process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), bindAddress, what, ...facts })}\n`);
  return { clock, log, bindAddress, resolver: makeResolver(settings.dnsServers), random: (bytes) => randomBytes(bytes) };
}

/** A document seen from the other end: the served domain is the partner's, the partner is the edge's. */
function stateOf(input: EdgeDocumentInput, xmppIdentity: Identity, sipIdentity: Identity): EdgeState {
  return { document: parseDocument(input), xmppIdentity, sipIdentity, dialbackSecret: randomBytes(32).toString("hex") };
}

const authorities = { useSystemAuthorities: false, trustedAuthorities: [settings.authorityPem] };
const { partner, sipPeer, edge } = settings;

const partnerState = stateOf(
  {
    accessEdgeFqdn: partner.domain,
    sipDomains: [partner.domain],
    partners: edge.sipDomains.map((domain) => ({
      domain,
      partnerType: "federated" as const,
      saslNegotiation: "optional" as const,
    })),
    xmpp: authorities,
    sip: { fqdn: partner.domain, nextHop: { fqdn: partner.domain } },
  },
  partner.identity,
  partner.identity,
);

const peerState = stateOf(
  {
    accessEdgeFqdn: sipPeer.fqdn,
    // A peer takes requests from the domains that stand behind the gateway.
    sipDomains: settings.remoteDomains,
    sip: { fqdn: sipPeer.fqdn, nextHop: { fqdn: edge.sipFqdn }, ...authorities },
  },
  sipPeer.identity,
  sipPeer.identity,
);

const sipHandlers: SipHandlers = {
  async onText(text) {
    arrived(text.body);
    return { status: 200, reason: "OK" };
  },
  onSession: async () => ({ status: 200, reason: "OK" }),
  onSessionOpened() {},
  onSessionEnded() {},
  onSubscribe: async () => ({ status: 489, reason: "Bad Event" }),
};

const xmpp = makeXmppSide(partnerState, surroundings(partner.address), {
  onStanza(stanza) {
    const body = childOf(stanza, "jabber:server", "body");
    if (stanza.name === "message" && stanza.attributes.get("type") === "error") bounced(stanza);
    else if (stanza.name === "message" && body) arrived(textOf(body));
  },
});
const sip = makeSipSide(peerState, surroundings(sipPeer.address), sipHandlers);

/** Ids of stanzas sent -> who waits for a bounce. */
const bounces = new Map<string, (why: string) => void>();

function bounced(stanza: XmlElement): void {
  const error = childOf(stanza, "jabber:server", "error");
  const condition = error?.children.find((child): child is XmlElement => typeof child !== "string");
  const text = error?.children.find((child): child is XmlElement => typeof child !== "string" && child.name === "text");
  bounces.get(stanza.attributes.get("id") ?? "")?.(`${condition?.name ?? "error"}: ${text ? textOf(text) : ""}`);
}

async function deliver(send: (marker: string) => Promise<string | null>): Promise<Delivery> {
  const marker = randomBytes(8).toString("hex");
  const begun = performance.now();
  const { promise: arrival, resolve } = Promise.withResolvers<number | null>();
  expected.set(marker, resolve);
  const limit = clock.after(ARRIVAL, () => resolve(null));
  try {
    const refusal = await Promise.race([send(marker), arrival.then(() => null)]);
    if (refusal !== null) return { ok: false, error: refusal };
    const at = await arrival;
    return at === null ? { ok: false, error: `nothing arrived within ${ARRIVAL / 1000} s` } : { ok: true, latencyMs: at - begun };
  } finally {
    limit.cancel();
    expected.delete(marker);
  }
}

const toSip = (): Promise<Delivery> =>
  deliver(async (marker) => {
    const id = marker;
    const bounce = new Promise<string>((resolve) => bounces.set(id, resolve));
    const stanza = element(
      "jabber:server",
      "message",
      { from: `${partner.user}@${partner.domain}/demo`, to: `${sipPeer.user}@${edge.sipDomains[0]}`, type: "chat", id },
      element("jabber:server", "body", {}, `Hello from XMPP [${marker}]`),
    );
    const sent = await xmpp.send(stanza, clock.now() + ARRIVAL);
    try {
      if (!sent.sent) return `${sent.because.code}: ${sent.because.text}`;
      return await bounce;
    } finally {
      bounces.delete(id);
    }
  });

const toXmpp = (): Promise<Delivery> =>
  deliver(async (marker) => {
    const answer = await sip.deliver({
      from: `sip:${sipPeer.user}@${edge.sipDomains[0]}`,
      to: `sip:${partner.user}@${partner.domain}`,
      body: `Hello from SIP [${marker}]`,
      contentType: "text/plain",
      chat: true,
      thread: null,
      subject: null,
      language: null,
    });
    return answer.status < 300 ? null : `${answer.status} ${answer.reason}`;
  });

const ROUTES: Readonly<Record<string, () => Promise<Delivery>>> = { "/to-sip": toSip, "/to-xmpp": toXmpp };

const control = createServer((request, response) => {
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > CONTROL_BYTES) request.destroy();
  });
  request.on("end", () => {
    const route = ROUTES[request.url ?? ""];
    if (!route) {
      response.writeHead(404).end();
      return;
    }
    route().then(
      (delivery) => response.end(JSON.stringify(delivery)),
      (error: unknown) => response.end(JSON.stringify({ ok: false, error: String(error) } satisfies Delivery)),
    );
  });
});

async function main(): Promise<void> {
  await Promise.all([xmpp.start(), sip.start()]);
  rmSync(settings.socket, { force: true });
  control.listen(settings.socket);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
  control.close();
  control.closeAllConnections();
  await Promise.allSettled([xmpp.drain(2000), sip.drain(2000)]);
  rmSync(settings.socket, { force: true });
}

main().catch((error: unknown) => {
  process.stderr.write(`demo peers: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
