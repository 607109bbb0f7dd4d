/**
 * The only place where a PeerProof is made. A stanza is routed, or written, only on a stream that holds one for its pair;
 * each maker checks the whole claim again, whatever the machine that called it believed.
 */
import type { Method } from "../config/matrix.ts";
import type { Methods } from "./methods.ts";

declare const made: unique symbol;

/** How a partner's domain was proven, to which domain of ours. Cannot be written as a literal. */
export interface PeerProof {
  readonly by: Method;
  /** A-label form, lower case. */
  readonly partnerDomain: string;
  readonly localDomain: string;
  readonly [made]: true;
}

/** What a certificate says about the partner's domain: none shown, chain or name does not hold, both hold. */
export type CertificateStanding = "none" | "invalid" | "valid";

interface Claim {
  readonly partnerDomain: string;
  readonly localDomain: string;
  readonly methods: Methods;
  readonly tls: boolean;
}

/** SASL EXTERNAL succeeded and the partner's certificate proves its domain (XEP-0178 section 3, RFC 6120 13.7). */
export function proveByExternal(
  claim: Claim & { readonly certificate: CertificateStanding; readonly succeeded: boolean },
): PeerProof | null {
  if (!claim.succeeded || !claim.tls || claim.certificate !== "valid" || !claim.methods.has("sasl-over-tls")) return null;
  return makeProof("sasl-over-tls", claim);
}

/** One dialback request and the answer that is said to belong to it. */
export interface DialbackAnswer {
  readonly type: string | undefined;
  readonly from: string | null;
  readonly to: string | null;
  readonly id: string | null;
}

/**
 * A dialback answer `valid` that belongs to our own request on the stream where it came (XEP-0220 section 3.1; the
 * unsolicited ones are CVE-2012-3525, -4669 to -4672). The stream's TLS decides which of the two dialback methods it is.
 * @param claim.expected the answer that the request calls for; `id` null where the element carries none (db:result)
 */
export function proveByDialback(claim: Claim & { readonly expected: DialbackAnswer; readonly answer: DialbackAnswer }): PeerProof | null {
  const by: Method = claim.tls ? "tls-dialback" : "tcp-dialback";
  if (claim.answer.type !== "valid" || !answers(claim.expected, claim.answer) || !claim.methods.has(by)) return null;
  return makeProof(by, claim);
}

/**
 * The reverse direction of a stream that we opened and on which we were proven (XEP-0288): the partner is who its server
 * certificate says, or, where dialback is enough for it, who DNS led us to.
 */
export function proveByServer(claim: Claim & { readonly certificate: CertificateStanding; readonly forward: PeerProof }): PeerProof | null {
  const { forward, methods, tls, certificate } = claim;
  if (forward.partnerDomain !== claim.partnerDomain || forward.localDomain !== claim.localDomain) return null;
  if (tls && certificate === "valid" && methods.has("sasl-over-tls")) return makeProof("sasl-over-tls", claim);
  const by: Method = tls ? "tls-dialback" : "tcp-dialback";
  return methods.has(by) ? makeProof(by, claim) : null;
}

/** Whether the answer has the request's from, to and id. */
export const answers = (expected: DialbackAnswer, answer: DialbackAnswer): boolean =>
  expected.from !== null && answer.from === expected.from && answer.to === expected.to && answer.id === expected.id;

const makeProof = (by: Method, { partnerDomain, localDomain }: Claim): PeerProof => ({ by, partnerDomain, localDomain }) as PeerProof;

/** Whether a proof still holds under the partner's present methods. */
export const stillAdmits = (proof: Pick<PeerProof, "by">, methods: Methods): boolean => methods.has(proof.by);
