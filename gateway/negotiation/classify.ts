/** First-level element -> event of the machines. What is not in the table is `unknown`, and refused as such. */
import type { XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { isStanza } from "../xmpp/stanzas.ts";
import { readStreamError } from "../xmpp/stream-errors.ts";
import { readDialback } from "./dialback.ts";
import type { InboundEvent } from "./inbound.ts";
import type { OutboundEvent } from "./outbound.ts";

/** By namespace and local name; where a `type` decides, by that too. */
const INBOUND: ReadonlyMap<string, InboundEvent> = new Map([
  [`${NS.tls} starttls`, "starttls"],
  [`${NS.sasl} auth`, "auth"],
  [`${NS.sasl} response`, "saslOther"],
  [`${NS.sasl} abort`, "saslOther"],
  [`${NS.dialback} result`, "dialbackKey"],
  [`${NS.dialback} verify`, "verifyRequest"],
  [`${NS.bidi} bidi`, "bidi"],
  [`${NS.sm} enable`, "smEnable"],
  [`${NS.sm} resume`, "smResume"],
  [`${NS.sm} r`, "smRequest"],
  [`${NS.sm} a`, "smAck"],
  [`${NS.streams} error`, "streamError"],
]);

const OUTBOUND: ReadonlyMap<string, OutboundEvent> = new Map([
  [`${NS.streams} features`, "features"],
  [`${NS.streams} error`, "streamError"],
  [`${NS.tls} proceed`, "proceed"],
  [`${NS.tls} failure`, "tlsFailure"],
  [`${NS.sasl} success`, "success"],
  [`${NS.sasl} failure`, "saslFailure"],
  [`${NS.sasl} challenge`, "saslOther"],
  [`${NS.dialback} result valid`, "verdictValid"],
  [`${NS.dialback} result invalid`, "verdictInvalid"],
  [`${NS.dialback} result error`, "verdictError"],
  [`${NS.dialback} verify valid`, "verificationValid"],
  [`${NS.dialback} verify invalid`, "verificationInvalid"],
  [`${NS.dialback} verify error`, "verificationError"],
  [`${NS.dialback} result `, "dialbackRequest"],
  [`${NS.dialback} verify `, "dialbackRequest"],
  [`${NS.sm} enabled`, "smEnabled"],
  [`${NS.sm} resumed`, "smResumed"],
  [`${NS.sm} failed`, "smFailed"],
  [`${NS.sm} r`, "smRequest"],
  [`${NS.sm} a`, "smAck"],
]);

export function inboundEvent(element: XmlElement): InboundEvent {
  // Answers never belong on an inbound stream (XEP-0220 2.2, 3.1).
  if (element.namespace === NS.dialback && element.attributes.has("type")) return "dialbackAnswer";
  return stanzaEvent(element) ?? INBOUND.get(`${element.namespace} ${element.name}`) ?? "unknown";
}

export function outboundEvent(element: XmlElement): OutboundEvent {
  const type = element.namespace === NS.dialback ? ` ${element.attributes.get("type") ?? ""}` : "";
  return stanzaEvent(element) ?? OUTBOUND.get(`${element.namespace} ${element.name}${type}`) ?? "unknown";
}

/** What an element is, for the sentence of a failure; never its content. */
export function describeElement(found: XmlElement): string {
  const error = readStreamError(found);
  if (error) return withText(error.condition, error.text);
  const dialback = readDialback(found);
  if (dialback?.error) return withText(dialback.error, dialback.errorText);
  if (dialback) return `db:${dialback.name} ${dialback.type ?? "without type"}`;
  if (found.namespace !== NS.server) return `<${found.name} xmlns='${found.namespace}'/>`;
  const [from, to] = ["from", "to"].map((name) => found.attributes.get(name) ?? "nobody");
  return `${found.name} from ${from} to ${to}`;
}

const withText = (condition: string, text: string): string => (text ? `${condition} (${text})` : condition);

function stanzaEvent(element: XmlElement): "stanza" | "clientStanza" | undefined {
  if (isStanza(element)) return "stanza";
  return isStanza({ ...element, namespace: NS.server }) && element.namespace === NS.client ? "clientStanza" : undefined;
}
