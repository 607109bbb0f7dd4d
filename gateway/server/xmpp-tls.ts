/** TLS of the XMPP side: contexts made anew at each reload, the upgrade of a plain socket, and what the peer showed. */
import { constants, type X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { connect, createSecureContext, rootCertificates, type SecureContext, TLSSocket } from "node:tls";
import type { PeerCertificate } from "../negotiation/certificate.ts";
import { LIMITS as PKI_LIMITS } from "../pki/limits.ts";
import { readRoots } from "../pki/roots.ts";
import type { EdgeState } from "./ports.ts";

export interface TlsMaterial {
  /** Our certificate, served to partners and shown to them as client. */
  readonly context: SecureContext;
  /** Authorities trusted to vouch for partners. */
  readonly roots: readonly X509Certificate[];
}

let systemRoots: readonly X509Certificate[] | null = null;

/** @throws where certificate and key do not fit, or a trusted authority cannot be read */
export function makeTlsMaterial({ document, xmppIdentity }: EdgeState): TlsMaterial {
  const { useSystemAuthorities, trustedAuthorities } = document.xmpp;
  if (useSystemAuthorities) systemRoots ??= readRoots(rootCertificates);
  return {
    context: makeContext(xmppIdentity),
    roots: [...(useSystemAuthorities ? (systemRoots ?? []) : []), ...readRoots(trustedAuthorities)],
  };
}

function makeContext({ certificateChain, privateKey }: EdgeState["xmppIdentity"]): SecureContext {
  return createSecureContext({
    cert: certificateChain,
    key: privateKey,
    // An empty list: chains are judged after the handshake with the server purpose, never by the library's verdict.
    ca: [],
    minVersion: "TLSv1.2",
    // Every stream proves its peer with a full handshake: a resumed session would not carry the chain.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: "xmpp-edge",
  });
}

/** The server's part of a TLS handshake on an accepted socket. A client certificate is asked for and never refused here. */
export function acceptTls(socket: Socket, context: SecureContext): Promise<TLSSocket> {
  const secured = new TLSSocket(socket, { isServer: true, secureContext: context, requestCert: true, rejectUnauthorized: false });
  return settled(secured, "secure");
}

/** The client's part, with SNI for the partner's domain (RFC 6120 5.4.3.1, RFC 6066 3). */
export function connectTls(socket: Socket, context: SecureContext, servername: string): Promise<TLSSocket> {
  return settled(connect({ socket, secureContext: context, servername, rejectUnauthorized: false }), "secureConnect");
}

function settled(secured: TLSSocket, done: "secure" | "secureConnect"): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      secured.destroy();
      reject(error ?? new Error("the connection ended during the handshake"));
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

/** The certificate that the peer showed and those it sent along, in its order. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | null {
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return null;
  const intermediates: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next && intermediates.length < PKI_LIMITS.intermediates; next = next.issuerCertificate) {
    intermediates.push(next);
  }
  return { leaf, intermediates };
}

/** For logs and the connection list: `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
export const describeTls = (socket: TLSSocket): string => `${socket.getProtocol() ?? "TLS"} ${socket.getCipher()?.name ?? ""}`.trim();
