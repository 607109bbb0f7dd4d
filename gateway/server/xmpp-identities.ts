/** Our certificates towards partners: made ready for TLS anew at each reload, and chosen by the domain that is meant. */
import { constants, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { provesDomain } from "../pki/names.ts";
import type { EdgeState, Identity } from "./ports.ts";

/**
 * What is spoken with partners, best first, and why. Every suite has forward secrecy and authenticated encryption, as RFC 9325
 * 4.2 recommends and RFC 7590 asks of XMPP; RSA key exchange, CBC, RC4, 3DES, finite-field DHE and SHA-1 are thereby gone.
 */
// biome-ignore format: one suite, one line
export const TLS_SUITES = [
  ["TLS_AES_256_GCM_SHA384",        "TLS 1.3: hardware AES, the longer key"],
  ["TLS_CHACHA20_POLY1305_SHA256",  "TLS 1.3: fast where a processor has no AES"],
  ["TLS_AES_128_GCM_SHA256",        "TLS 1.3: mandatory to implement (RFC 8446 9.1)"],
  ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS 1.2 with an EC certificate (RFC 9325 4.2)"],
  ["ECDHE-RSA-AES256-GCM-SHA384",   "TLS 1.2 with an RSA certificate (RFC 9325 4.2)"],
  ["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS 1.2 where a processor has no AES (RFC 7905)"],
  ["ECDHE-RSA-CHACHA20-POLY1305",   "TLS 1.2 where a processor has no AES (RFC 7905)"],
  ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS 1.2 with an EC certificate (RFC 9325 4.2)"],
  ["ECDHE-RSA-AES128-GCM-SHA256",   "TLS 1.2 with an RSA certificate: what every partner of the last ten years has"],
] as const;

/** RFC 8996 ends TLS 1.0 and 1.1; RFC 9325 3.1.1 keeps 1.2 for partners without 1.3. */
export const TLS_RANGE = { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const;

/** Our certificates by domain. */
export interface Identities {
  /** The one for a domain of ours; the default one for any other name and for none. */
  contextOf(domain: string | undefined): SecureContext;
}

/**
 * @returns the further identities for those SIP domains that they prove, the first of them where several do, and the default one
 * for everything else.
 * @throws where a certificate and its key do not fit, or cannot be used for TLS
 */
export function makeIdentities({ document, xmppIdentity, furtherIdentities = [] }: EdgeState): Identities {
  const standard = makeContext(xmppIdentity);
  const further = furtherIdentities.map((identity) => ({
    leaf: new X509Certificate(identity.certificateChain),
    context: makeContext(identity),
  }));
  const byDomain = new Map(
    document.sipDomains.flatMap((domain) => {
      const found = further.find(({ leaf }) => provesDomain(leaf, domain));
      return found ? [[domain, found.context] as const] : [];
    }),
  );
  // A name is compared as DNS compares it; a client may send a final dot, which RFC 6066 3 forbids.
  return { contextOf: (domain) => byDomain.get(domain?.toLowerCase() ?? "") ?? standard };
}

function makeContext({ certificateChain, privateKey }: Identity): SecureContext {
  return createSecureContext({
    cert: certificateChain,
    key: privateKey,
    // An empty list: chains are judged after the handshake with the server purpose, never by the library's verdict.
    ca: [],
    ...TLS_RANGE,
    ciphers: TLS_SUITES.map(([name]) => name).join(":"),
    honorCipherOrder: true,
    // Every stream proves its peer with a full handshake: a resumed session would not carry the chain.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: "xmpp-edge",
  });
}
