/** Which partner owns a domain, and which domains are ours: looked up once for each stanza, so built once for each document. */
import type { EdgeDocument, Partner } from "../config/schema.ts";

export interface PartnerIndex {
  /** The partner that owns the domain, as primary or additional one; null for everybody else. Normalised domains only. */
  partnerOf(domain: string): Partner | null;
  /** Whether the domain is one of the SIP domains. */
  serves(domain: string): boolean;
}

/** Domains are compared as the document's parser has normalised them; a child domain is not its parent (-AdditionalDomains lists those). */
export function partnerIndex(document: Pick<EdgeDocument, "partners" | "sipDomains">): PartnerIndex {
  const owners = new Map(
    document.partners.flatMap((partner) => [partner.domain, ...partner.additionalDomains].map((name) => [name as string, partner])),
  );
  const served = new Set<string>(document.sipDomains);
  return { partnerOf: (domain) => owners.get(domain) ?? null, serves: (domain) => served.has(domain) };
}
