/** A federated partner's server: the gateway's own XMPP layer from the other end, so that a test sees every stanza. */

import { randomBytes } from "node:crypto";
import { parseDocument } from "../../../gateway/config/parse.ts";
import { wallClock } from "../../../gateway/server/clock.ts";
import type { Sent, XmppSide } from "../../../gateway/server/ports.ts";
import { makeResolver } from "../../../gateway/server/resolver.ts";
import { makeXmppSide } from "../../../gateway/server/xmpp-side.ts";
import { childOf, element, textOf, type XmlElement } from "../../../gateway/xmpp/element.ts";
import { NS } from "../../../gateway/xmpp/namespaces.ts";
import type { Identity } from "../live-edge.ts";
import { Inbox } from "./inbox.ts";

/** Milliseconds for a stanza to stand on a stream. */
const SENDING = 10_000;

export interface XmppPartnerOptions {
  readonly domain: string;
  readonly address: string;
  readonly dnsServer: { readonly host: string; readonly port: number };
  readonly identity: Identity;
  readonly authorityPem: string;
  /** Domains of the edge it federates with. */
  readonly edgeDomains: readonly string[];
}

export interface PartnerMessage {
  readonly from: string;
  readonly to: string;
  readonly body: string;
  readonly id: string;
  readonly thread?: string;
}

export class XmppPartner {
  readonly #side: XmppSide;
  readonly #inbox: Inbox<XmlElement>;

  private constructor(side: XmppSide, inbox: Inbox<XmlElement>) {
    this.#side = side;
    this.#inbox = inbox;
  }

  static async start({ domain, address, dnsServer, identity, authorityPem, edgeDomains }: XmppPartnerOptions): Promise<XmppPartner> {
    const document = parseDocument({
      accessEdgeFqdn: domain,
      sipDomains: [domain],
      partners: edgeDomains.map((edge) => ({ domain: edge, partnerType: "federated" as const, saslNegotiation: "optional" as const })),
      xmpp: { useSystemAuthorities: false, trustedAuthorities: [authorityPem] },
      sip: { fqdn: domain, nextHop: { fqdn: domain } },
    });
    const state = { document, xmppIdentity: identity, sipIdentity: identity, dialbackSecret: randomBytes(32).toString("hex") };
    const resolver = makeResolver([`${dnsServer.host}:${dnsServer.port}`]);
    const inbox = new Inbox<XmlElement>(`the partner ${domain}`, describe);
    const side = makeXmppSide(
      state,
      { clock: wallClock, log: () => {}, bindAddress: address, resolver, random: randomBytes },
      { onStanza: (stanza) => inbox.add(stanza) },
    );
    await side.start();
    return new XmppPartner(side, inbox);
  }

  send(stanza: XmlElement): Promise<Sent> {
    return this.#side.send(stanza, Date.now() + SENDING);
  }

  /** One chat message, which must stand on the stream. @throws Error with the reason why it does not */
  async say({ body, thread, ...attributes }: PartnerMessage): Promise<void> {
    const children = [element(NS.server, "body", {}, body), ...(thread === undefined ? [] : [element(NS.server, "thread", {}, thread)])];
    const sent = await this.send(element(NS.server, "message", { ...attributes, type: "chat" }, ...children));
    if (!sent.sent) throw new Error(`${sent.because.code}: ${sent.because.text}`);
  }

  next(wants: (stanza: XmlElement) => boolean, milliseconds?: number): Promise<XmlElement> {
    return this.#inbox.next(wants, milliseconds);
  }

  unread(wants: (stanza: XmlElement) => boolean): readonly XmlElement[] {
    return this.#inbox.unread(wants);
  }

  stop(): Promise<void> {
    return this.#side.drain(1000);
  }
}

/** The text of a message's body; null where it has none. */
export function bodyOf(stanza: XmlElement): string | null {
  const body = childOf(stanza, NS.server, "body");
  return body ? textOf(body) : null;
}

/** Condition and text of an error stanza. */
export function errorOf(stanza: XmlElement): { readonly condition: string; readonly text: string } {
  const error = childOf(stanza, NS.server, "error");
  const children = error?.children.filter((child) => typeof child !== "string") ?? [];
  const text = children.find(({ name }) => name === "text");
  return { condition: children.find(({ name }) => name !== "text")?.name ?? "", text: text ? textOf(text) : "" };
}

const describe = (stanza: XmlElement): string =>
  JSON.stringify({ name: stanza.name, ...Object.fromEntries(stanza.attributes), body: bodyOf(stanza), error: errorOf(stanza) });
