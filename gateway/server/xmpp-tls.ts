/** TLS of the XMPP side: what is made anew at each reload, the upgrade of a plain socket, and what the peer showed. */
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import type { PeerCertificate } from "../negotiation/certificate.ts";
import { LIMITS as PKI_LIMITS } from "../pki/limits.ts";
import type { EdgeState } from "./ports.ts";
import { type Identities, makeIdentities } from "./xmpp-identities.ts";
import { type AnchorsOf, makeAnchors } from "./xmpp-trust.ts";

export interface TlsMaterial {
  /** Our certificates, served to partners and shown to them as client. */
  readonly own: Identities;
  /** Who vouches for a partner. */
  readonly anchorsOf: AnchorsOf;
}

/** @throws where certificate and key do not fit, or a trusted authority cannot be read */
export const makeTlsMaterial = (state: EdgeState): TlsMaterial => ({ own: makeIdentities(state), anchorsOf: makeAnchors(state.document) });

/** How TLS begins: direct TLS says by ALPN what is spoken inside it (XEP-0368 section 3), STARTTLS needs no such word. */
export type TlsStart = "starttls" | "direct";

const PROTOCOLS: Readonly<Record<TlsStart, { ALPNProtocols?: string[] }>> = { starttls: {}, direct: { ALPNProtocols: ["xmpp-server"] } };

/**
 * The server's part of a TLS handshake on an accepted socket. A client certificate is asked for and never refused here. With
 * direct TLS a client that offers protocols, and not ours among them, is refused; one that offers none is taken.
 */
export function acceptTls(socket: Socket, own: Identities, start: TlsStart): Promise<TLSSocket> {
  const options = { isServer: true, requestCert: true, rejectUnauthorized: false, ...served(own) };
  return settled(new TLSSocket(socket, { ...options, ...PROTOCOLS[start] }), "secure");
}

/** The client's part, with SNI for the partner's domain (RFC 6120 5.4.3.1, RFC 6066 3). */
export function connectTls(socket: Socket, context: SecureContext, servername: string, start: TlsStart): Promise<TLSSocket> {
  return settled(connect({ socket, secureContext: context, servername, rejectUnauthorized: false, ...PROTOCOLS[start] }), "secureConnect");
}

/** The certificate for the name that the client says it wants (RFC 6066 3), which is the domain (RFC 6120 13.7.2). */
const served = (own: Identities) => ({
  secureContext: own.contextOf(undefined),
  SNICallback: (name: string, done: (error: Error | null, context: SecureContext) => void): void => done(null, own.contextOf(name)),
});

function settled(secured: TLSSocket, done: "secure" | "secureConnect"): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      secured.destroy();
      reject(new Error(error ? handshakeProblem(error) : "the connection ended during the handshake"));
    };
    // The listener stays: an error after the handshake comes with `close`, which is what the stream acts on.
    secured.on("error", fail);
    // Node reports a server's handshake failure by this event only.
    secured.on("_tlsError" as "error", fail);
    secured.once("close", () => fail());
    secured.once(done, () => {
      secured.disableRenegotiation();
      resolve(secured);
    });
  });
}

/** The library's reason and code, without the places in its source that its message names. */
function handshakeProblem(error: Error & { readonly code?: string; readonly reason?: string }): string {
  return error.reason && error.code ? `${error.reason} (${error.code})` : error.message;
}

/** The certificate that the peer showed and those it sent along, in its order. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | null {
  const leaf = socket.getPeerX509Certificate();
  return leaf ? shared(leaf, intermediatesOf(leaf)) : null;
}

/** What streams show again and again is kept once, with all that was read out of it. The oldest is forgotten first. */
const SHARED_CERTIFICATES = 1000;
const certificates = new Map<string, PeerCertificate>();

function shared(leaf: X509Certificate, intermediates: readonly X509Certificate[]): PeerCertificate {
  const key = [leaf, ...intermediates].map(({ fingerprint256 }) => fingerprint256).join();
  const known = certificates.get(key);
  if (known) return known;
  const [oldest] = certificates.keys();
  if (certificates.size >= SHARED_CERTIFICATES && oldest !== undefined) certificates.delete(oldest);
  const made = { leaf, intermediates };
  certificates.set(key, made);
  return made;
}

function intermediatesOf(leaf: X509Certificate): readonly X509Certificate[] {
  const intermediates: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next && intermediates.length < PKI_LIMITS.intermediates; next = next.issuerCertificate) {
    intermediates.push(next);
  }
  return intermediates;
}

/** For logs and the connection list: `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
export const describeTls = (socket: TLSSocket): string => `${socket.getProtocol() ?? "TLS"} ${socket.getCipher()?.name ?? ""}`.trim();
