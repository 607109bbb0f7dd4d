/** What a peer's certificate is worth for a domain: chain and name, never the TLS library's own verdict. */
import type { X509Certificate } from "node:crypto";
import { verifyChain } from "../pki/chain.ts";
import { certificateNames, provableDomains, provesDomain } from "../pki/names.ts";
import type { CertificateStanding } from "./proof.ts";

/** What a peer showed in the handshake. */
export interface PeerCertificate {
  readonly leaf: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
}

export interface Judgement {
  readonly standing: CertificateStanding;
  /** Why it is not valid, for people; empty where it is. */
  readonly detail: string;
}

/**
 * Judges a certificate for `domain` (RFC 6120 13.7.2, RFC 9525): the chain with the server purpose in both directions, then
 * the name. Without a domain to compare with, nothing is proven.
 */
export function judgeCertificate(
  shown: PeerCertificate | null,
  domain: string | null,
  trust: { readonly roots: readonly X509Certificate[]; readonly now: Date },
): Judgement {
  if (shown === null) return { standing: "none", detail: "no certificate was shown" };
  if (domain === null) return { standing: "none", detail: "the stream does not say whose certificate to expect" };
  const verdict = verifyChain({ leaf: shown.leaf, intermediates: shown.intermediates, roots: trust.roots, now: trust.now });
  if (!verdict.ok) return { standing: "invalid", detail: verdict.text };
  if (provesDomain(shown.leaf, domain)) return { standing: "valid", detail: "" };
  const names = provableDomains(certificateNames(shown.leaf));
  return { standing: "invalid", detail: `it is made out to ${names.slice(0, 5).join(", ") || "nobody"}, not to ${domain}` };
}
