/** Who is who in a document, by normalised domain: an additional domain has its partner's settings. */
import { partnerIndex } from "../access/partners.ts";
import type { EdgeDocument, Partner } from "../config/schema.ts";
import { type Methods, methodsOf, NO_METHODS } from "./methods.ts";

export interface Directory {
  /** The partner that owns this domain (primary or additional), or null. */
  partner(domain: string): Partner | null;
  /** Whether this is a SIP domain of ours. */
  serves(domain: string): boolean;
  /** M of the partner that owns the domain; empty for an unlisted one. */
  methods(domain: string): Methods;
  /** The union of every partner's M: what a stream that does not say whom it comes from may still be used for. */
  readonly anyMethods: Methods;
}

/** @param document with normalised domains, as the parser leaves them. */
export function makeDirectory(document: EdgeDocument): Directory {
  const index = partnerIndex(document);
  const methods = new Map(document.partners.map((partner) => [partner, methodsOf(partner, document.gateway.negotiationMode)]));
  const methodsFor = (domain: string): Methods => {
    const partner = index.partnerOf(domain);
    return (partner && methods.get(partner)) ?? NO_METHODS;
  };
  return {
    partner: index.partnerOf,
    serves: index.serves,
    methods: methodsFor,
    anyMethods: new Set([...methods.values()].flatMap((some) => [...some])),
  };
}
