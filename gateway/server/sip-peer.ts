/** Whether a SIP peer may talk to us: its chain, then its name in our list. TLS contexts of the SIP leg. */
import { constants, type X509Certificate } from "node:crypto";
import { rootCertificates, type SecureContextOptions } from "node:tls";
import type { EdgeDocument } from "../config/schema.ts";
import { extensionsOf } from "../pki/certificate.ts";
import { verifyChain } from "../pki/chain.ts";
import { certificateNames } from "../pki/names.ts";
import { OID } from "../pki/oids.ts";
import { readRoots } from "../pki/roots.ts";
import type { EdgeState } from "./ports.ts";

/** What the peer showed in its handshake. */
export interface ShownCertificate {
  readonly leaf: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
}

/** A peer that was verified. */
export interface SipPeer {
  /** The name it is known by: the next hop's where its certificate shows that, else the first listed. */
  readonly fqdn: string;
  /** Every listed name that its certificate shows. */
  readonly names: ReadonlySet<string>;
}

export type PeerVerdict =
  | { readonly ok: true; readonly peer: SipPeer }
  | { readonly ok: false; readonly code: string; readonly text: string };

export interface Trust {
  /** FQDNs that may be a peer, next hops first. */
  readonly allowed: readonly string[];
  readonly roots: readonly X509Certificate[];
}

/** @throws CertificateFormatError where a trusted authority of the document cannot be read */
export function trustOf({ sip }: EdgeDocument): Trust {
  const roots = [...(sip.useSystemAuthorities ? readRoots(rootCertificates) : []), ...readRoots(sip.trustedAuthorities)];
  return { allowed: [...new Set([sip.nextHop.fqdn, ...sip.furtherNextHops.map(({ fqdn }) => fqdn), ...sip.peers])], roots };
}

/** Chain first, so that the name in a certificate that nobody vouches for means nothing. */
export function judgePeer(shown: ShownCertificate | null, trust: Trust, now: Date): PeerVerdict {
  if (shown === null) return { ok: false, code: "certificate-missing", text: "the peer showed no certificate; mutual TLS needs one" };
  const chain = verifyChain({ ...shown, roots: trust.roots, now });
  if (!chain.ok) return { ok: false, code: chain.code, text: chain.text };
  const names = namesOf(shown.leaf);
  const listed = trust.allowed.filter((name) => names.includes(name));
  const [first] = listed;
  if (first !== undefined) return { ok: true, peer: { fqdn: first, names: new Set(listed) } };
  return {
    ok: false,
    code: "peer-not-listed",
    text: `the certificate is for ${names.join(", ") || "no host"}; expected one of ${trust.allowed.join(", ")}`,
  };
}

/**
 * DNS-IDs without wildcards (RFC 5922 7.2 forbids them). COMPAT(lync): the common name counts where the certificate has no
 * alternative names at all, as Lync's own rule is.
 */
function namesOf(leaf: X509Certificate): readonly string[] {
  const { dns, commonName } = certificateNames(leaf);
  if (extensionsOf(leaf).has(OID.subjectAltName)) return dns.filter((name) => !name.startsWith("*."));
  return commonName === null ? [] : [commonName.toLowerCase()];
}

/** Served and shown to peers: our SIP certificate, without SNI as with it. */
export function tlsOptions({ document, sipIdentity }: EdgeState): SecureContextOptions {
  return {
    cert: sipIdentity.certificateChain,
    key: sipIdentity.privateKey,
    // No list of acceptable authorities goes to the peer, and the library judges no chain: judgePeer does.
    ca: [],
    minVersion: document.sip.minimumTlsVersion,
    // A resumed session would not carry the chain.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: "xmpp-edge-sip",
  };
}
