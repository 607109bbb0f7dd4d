/** What the features of the other side offer. */
import { childElements, childOf, textOf, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { FeaturesKnown } from "./known.ts";

export function readFeatures(features: XmlElement): FeaturesKnown {
  const starttls = childOf(features, NS.tls, "starttls");
  const mechanisms = childOf(features, NS.sasl, "mechanisms");
  return {
    starttls: starttls !== undefined,
    starttlsRequired: starttls !== undefined && childOf(starttls, NS.tls, "required") !== undefined,
    external: mechanisms !== undefined && childElements(mechanisms).some((mechanism) => textOf(mechanism).trim() === "EXTERNAL"),
    dialback: childOf(features, NS.dialbackFeature, "dialback") !== undefined,
    bidi: childOf(features, NS.bidiFeature, "bidi") !== undefined,
    management: childOf(features, NS.sm, "sm") !== undefined,
  };
}
