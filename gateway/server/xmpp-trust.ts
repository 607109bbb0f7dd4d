/** Who vouches for partners: the document's authorities, or a partner's own, read once for each state. */
import type { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import type { EdgeDocument, Partner } from "../config/schema.ts";
import type { Anchors } from "../negotiation/certificate.ts";
import { readRoots } from "../pki/roots.ts";

/** What vouches for a partner; for an unlisted one (null), what vouches for partners in general. */
export type AnchorsOf = (partner: Partner | null) => Anchors;

let systemRoots: readonly X509Certificate[] | null = null;

/** @throws CertificateFormatError where a trusted authority cannot be read */
export function makeAnchors({ xmpp, partners }: EdgeDocument): AnchorsOf {
  if (xmpp.useSystemAuthorities) systemRoots ??= readRoots(rootCertificates);
  const common: Anchors = {
    roots: [...(xmpp.useSystemAuthorities ? (systemRoots ?? []) : []), ...readRoots(xmpp.trustedAuthorities)],
    pins: [],
  };
  const own = new Map(partners.filter(hasOwn).map((partner) => [partner, ownAnchors(partner)]));
  return (partner) => (partner && own.get(partner)) ?? common;
}

const hasOwn = ({ trustedAuthorities, pinnedKeys }: Partner): boolean => trustedAuthorities.length > 0 || pinnedKeys.length > 0;

/** A pin alone takes the place of authorities; beside authorities of the partner's own, both must hold (decision 0014). */
const ownAnchors = ({ trustedAuthorities, pinnedKeys }: Partner): Anchors => ({
  roots: trustedAuthorities.length > 0 ? readRoots(trustedAuthorities) : null,
  pins: pinnedKeys,
});
