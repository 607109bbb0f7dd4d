/** What the stream features offer, by the very predicates that admit it later (guards.ts). */

import { capsElement } from "../xmpp/caps.ts";
import { element, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { INBOUND_GUARDS } from "./guards.ts";
import type { InboundKnown } from "./known.ts";
import { limitsElement, type StreamLimits } from "./stream-limits.ts";

interface Offer {
  readonly name: "starttls" | "external" | "dialback" | "bidi" | "management" | "limits" | "caps";
  readonly when: (known: InboundKnown) => boolean;
  readonly feature: (known: InboundKnown, limits: StreamLimits) => XmlElement;
}

// biome-ignore format: one feature, one line
const OFFERS = [
  { name: "starttls", when: INBOUND_GUARDS.starttlsOffered, feature: (k) => element(NS.tls, "starttls", {}, INBOUND_GUARDS.starttlsRequired(k) ? element(NS.tls, "required") : undefined) },
  { name: "external", when: INBOUND_GUARDS.externalOffered, feature: () => element(NS.sasl, "mechanisms", {}, element(NS.sasl, "mechanism", {}, "EXTERNAL")) },
  // Errors are always advertised with it (XEP-0220 2.4.2).
  { name: "dialback", when: INBOUND_GUARDS.dialbackOffered, feature: () => element(NS.dialbackFeature, "dialback", {}, element(NS.dialbackFeature, "errors")) },
  { name: "bidi", when: INBOUND_GUARDS.bidiOffered, feature: () => element(NS.bidiFeature, "bidi") },
  { name: "management", when: INBOUND_GUARDS.managementOffered, feature: () => element(NS.sm, "sm") },
  { name: "limits", when: (k) => !INBOUND_GUARDS.starttlsOffered(k), feature: (_, limits) => limitsElement(limits) },
  { name: "caps", when: (k) => !INBOUND_GUARDS.starttlsOffered(k), feature: () => capsElement() },
] as const satisfies readonly Offer[];

export type OfferName = (typeof OFFERS)[number]["name"];

/** The names of what is offered, in the order of the features. */
export const offered = (known: InboundKnown): readonly OfferName[] => OFFERS.filter(({ when }) => when(known)).map(({ name }) => name);

/** `<stream:features/>` for what is known now (RFC 6120 4.3.2). */
export function features(known: InboundKnown, limits: StreamLimits): XmlElement {
  return element(NS.streams, "features", {}, ...OFFERS.filter(({ when }) => when(known)).map(({ feature }) => feature(known, limits)));
}
