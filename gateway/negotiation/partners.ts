/** Who is who in a document, by normalised domain: an additional domain has its partner's settings. */
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
  const entries = document.partners.map((partner) => ({ partner, methods: methodsOf(partner, document.gateway.negotiationMode) }));
  const byDomain = new Map(
    entries.flatMap((entry) => [entry.partner.domain, ...entry.partner.additionalDomains].map((name) => [name, entry])),
  );
  const served = new Set(document.sipDomains);
  return {
    partner: (domain) => byDomain.get(domain)?.partner ?? null,
    serves: (domain) => served.has(domain),
    methods: (domain) => byDomain.get(domain)?.methods ?? NO_METHODS,
    anyMethods: new Set(entries.flatMap((entry) => [...entry.methods])),
  };
}
