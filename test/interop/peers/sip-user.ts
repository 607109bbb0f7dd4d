/** A SIP user behind the next hop: the gateway's own SIP layer from the other end, so that a test can decide every answer. */
import { randomBytes } from "node:crypto";
import { parseDocument } from "../../../gateway/config/parse.ts";
import { wallClock } from "../../../gateway/server/clock.ts";
import type { SipAnswer, SipSide, SipText } from "../../../gateway/server/ports.ts";
import { makeSipSide } from "../../../gateway/server/sip-side.ts";
import { connectTo } from "../../support/sip-peer.ts";

import type { Identity } from "../live-edge.ts";
import { Inbox } from "./inbox.ts";

export interface SipUserOptions {
  /** `juliet@contoso.example`. */
  readonly user: string;
  readonly fqdn: string;
  readonly address: string;
  readonly gateway: { readonly address: string; readonly fqdn: string };
  readonly identity: Identity;
  readonly authorityPem: string;
  /** Domains that speak through the gateway. */
  readonly remoteDomains: readonly string[];
}

export class SipUser {
  readonly #options: SipUserOptions;
  readonly #inbox = new Inbox<SipText>("the SIP user");
  #answer: SipAnswer = { status: 200, reason: "OK" };
  #side: SipSide | null = null;

  private constructor(options: SipUserOptions) {
    this.#options = options;
  }

  static async start(options: SipUserOptions): Promise<SipUser> {
    const user = new SipUser(options);
    const { fqdn, gateway, identity, authorityPem } = options;
    const document = parseDocument({
      accessEdgeFqdn: fqdn,
      sipDomains: [...options.remoteDomains],
      sip: { fqdn, nextHop: { fqdn: gateway.fqdn }, useSystemAuthorities: false, trustedAuthorities: [authorityPem] },
    });
    const state = { document, xmppIdentity: identity, sipIdentity: identity, dialbackSecret: randomBytes(16).toString("hex") };
    const resolver = { srv: async () => [], addresses: async () => [gateway.address] };
    const surroundings = { clock: wallClock, log: () => {}, bindAddress: options.address, resolver, random: randomBytes };
    const side = makeSipSide(state, surroundings, {
      onText: async (text) => {
        user.#inbox.add(text);
        return user.#answer;
      },
      onSession: async () => (user.#answer.status < 300 ? { status: 200, reason: "OK" } : user.#answer),
      onSessionOpened() {},
      onSessionEnded() {},
      onSubscribe: async () => ({ status: 489, reason: "Bad Event" }),
    });
    await side.start();
    user.#side = side;
    return user;
  }

  /** What every later session and text is answered with. */
  answerWith(status: number, reason: string): void {
    this.#answer = { status, reason };
  }

  async send(message: { readonly to: string; readonly body: string }): Promise<SipAnswer> {
    if (this.#side === null) throw new Error("the SIP user was not started");
    return this.#side.deliver({
      from: `sip:${this.#options.user}`,
      to: `sip:${message.to}`,
      body: message.body,
      contentType: "text/plain",
      chat: true,
      thread: null,
      subject: null,
      language: null,
    });
  }

  /** Hangs up, so that the next message to that contact opens a new session. */
  endSession(contact: string): void {
    this.#side?.endSession(`sip:${this.#options.user}`, `sip:${contact}`);
  }

  /** Adds a contact as a client does: SUBSCRIBE to presence. Resolves with the final answer. */
  async subscribe(contact: string, expires: number): Promise<SipAnswer> {
    const { gateway, identity, user, fqdn } = this.#options;
    const connection = await connectTo(gateway.address, 5061, identity);
    const tag = randomBytes(6).toString("hex");
    connection.send([
      `SUBSCRIBE sip:${contact} SIP/2.0`,
      `Via: SIP/2.0/TLS ${fqdn}:5061;branch=z9hG4bK${tag}`,
      "Max-Forwards: 70",
      `From: <sip:${user}>;tag=${tag};epid=01010101`,
      `To: <sip:${contact}>`,
      `Call-ID: ${tag}@${fqdn}`,
      "CSeq: 1 SUBSCRIBE",
      `Contact: <sip:${fqdn}:5061;transport=tls>`,
      "Event: presence",
      "Accept: application/pidf+xml",
      `Expires: ${expires}`,
    ]);
    const answer = await connection.response();
    connection.socket.end();
    return { status: answer.status, reason: answer.reason };
  }

  next(wants: (text: SipText) => boolean, milliseconds?: number): Promise<SipText> {
    return this.#inbox.next(wants, milliseconds);
  }

  async stop(): Promise<void> {
    await this.#side?.drain(1000);
  }
}
