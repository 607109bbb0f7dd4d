/** Stanzas of a server-to-server stream: what they are, what they say, and the answers every XMPP entity owes. */
import { toUnicodeDomain } from "./domain.ts";
import { childElements, childOf, element, textOf, type XmlElement } from "./element.ts";
import { NS } from "./namespaces.ts";

export const STANZA_NAMES = ["message", "presence", "iq"] as const;
export type StanzaName = (typeof STANZA_NAMES)[number];

/** Whether the element is a stanza of RFC 6120 section 8 in the server namespace. */
export const isStanza = (candidate: XmlElement): candidate is XmlElement & { readonly name: StanzaName } =>
  candidate.namespace === NS.server && STANZA_NAMES.some((name) => name === candidate.name);

// ---- messages (RFC 6121 section 5.2) -----------------------------------------------------------------------------

export const MESSAGE_TYPES = ["chat", "error", "groupchat", "headline", "normal"] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** The type of a message; absent and unknown ones are `normal` (RFC 6121 5.2.2). */
export const messageType = (message: XmlElement): MessageType =>
  MESSAGE_TYPES.find((type) => type === message.attributes.get("type")) ?? "normal";

/** The first `<body/>`; null where there is none. */
export const messageBody = (message: XmlElement): string | null => textIn(message, "body");
export const messageSubject = (message: XmlElement): string | null => textIn(message, "subject");
export const messageThread = (message: XmlElement): string | null => textIn(message, "thread");

/** Language of a stanza's text (RFC 6120 8.1.5), as BCP 47 tag; null where it says none. */
export const stanzaLang = (stanza: XmlElement): string | null => stanza.attributes.get("xml:lang") ?? null;

function textIn(stanza: XmlElement, name: string): string | null {
  const child = childOf(stanza, stanza.namespace, name);
  return child === undefined ? null : textOf(child);
}

// ---- requests and answers (RFC 6120 section 8.2.3) ---------------------------------------------------------------

/** The one child of a request; undefined where it is no `get` or `set`, or has another number of children. */
export function requestPayload(iq: XmlElement): XmlElement | undefined {
  const type = iq.attributes.get("type");
  if (iq.name !== "iq" || (type !== "get" && type !== "set")) return undefined;
  const [payload, ...others] = childElements(iq);
  return others.length === 0 ? payload : undefined;
}

/** The `result` of a request, from its recipient to its sender. */
export function iqResult(request: XmlElement, payload?: XmlElement): XmlElement {
  const { attributes } = request;
  const swapped = { from: attributes.get("to"), to: attributes.get("from"), id: attributes.get("id"), type: "result" };
  return element(request.namespace, "iq", swapped, payload);
}

const isGet = (iq: XmlElement, namespace: string, name: string): boolean => {
  const payload = requestPayload(iq);
  return iq.attributes.get("type") === "get" && payload?.namespace === namespace && payload.name === name;
};

/** XEP-0199 section 4. */
export const isPing = (iq: XmlElement): boolean => isGet(iq, NS.ping, "ping");

/** `<iq type='get'><ping/></iq>` between two domains (XEP-0199 section 4.4). Whatever comes back, even an error, is a sign of life. */
export const pingRequest = (from: string, to: string, id: string): XmlElement =>
  element(NS.server, "iq", { from: toUnicodeDomain(from), to: toUnicodeDomain(to), id, type: "get" }, element(NS.ping, "ping"));

export const pingResult = (request: XmlElement): XmlElement => iqResult(request);

export const isDiscoInfo = (iq: XmlElement): boolean => isGet(iq, NS.discoInfo, "query");
export const isDiscoItems = (iq: XmlElement): boolean => isGet(iq, NS.discoItems, "query");

/** What the gateway is (XEP-0030 section 3.1; registry of service discovery identities: a gateway to SIP/SIMPLE). */
export const GATEWAY_IDENTITY = { category: "gateway", type: "simple" } as const;

/** What disco#info says of a domain of ours (XEP-0030 section 3.1). */
export const GATEWAY_FEATURES: readonly string[] = [NS.caps, NS.discoInfo, NS.discoItems, NS.ping];

/** Answer to disco#info: the gateway's identity and its features; disco#info itself is always one (XEP-0030 section 3.1). */
export function discoInfoResult(request: XmlElement, features: readonly string[], name?: string): XmlElement {
  const all = [...new Set([NS.discoInfo, ...features])].toSorted();
  const query = element(
    NS.discoInfo,
    "query",
    { node: requestPayload(request)?.attributes.get("node") },
    element(NS.discoInfo, "identity", { ...GATEWAY_IDENTITY, name }),
    ...all.map((feature) => element(NS.discoInfo, "feature", { var: feature })),
  );
  return iqResult(request, query);
}

/** Answer to disco#items: nothing (XEP-0030 section 4.1). */
export const discoItemsResult = (request: XmlElement): XmlElement => iqResult(request, element(NS.discoItems, "query"));
