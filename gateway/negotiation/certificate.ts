/** What a peer's certificate is worth for a domain: chain or pin, revocation and name, never the TLS library's own verdict. */
import type { X509Certificate } from "node:crypto";
import type { RevocationMode } from "../config/schema.ts";
import { keyDigest } from "../pki/certificate.ts";
import { leafProblem, verifyChain } from "../pki/chain.ts";
import type { Crl } from "../pki/crl.ts";
import { certificateNames, provableDomains, provesDomain } from "../pki/names.ts";
import { checkRevocation, type Unchecked } from "../pki/revocation.ts";
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
  /** Where revocation is soft: authorities that no usable list was there of. */
  readonly unchecked?: readonly Unchecked[];
}

/** Who vouches for a partner. */
export interface Anchors {
  /** Authorities; null where the pin takes their place. */
  readonly roots: readonly X509Certificate[] | null;
  /** SHA-256 of keys in hexadecimal, one of which the leaf must have; empty where any will do. */
  readonly pins: readonly string[];
}

export interface RevocationPolicy {
  readonly mode: RevocationMode;
  readonly crls: readonly Crl[];
}

export interface Trust extends Anchors {
  readonly revocation: RevocationPolicy;
  readonly now: Date;
}

/**
 * Judges a certificate for `domain` (RFC 6120 13.7.2, RFC 9525): the pinned key where there is one, the chain with the server
 * purpose in both directions, revocation, then the name. Without a domain to compare with, nothing is proven.
 */
export function judgeCertificate(shown: PeerCertificate | null, domain: string | null, trust: Trust): Judgement {
  if (shown === null) return { standing: "none", detail: "no certificate was shown" };
  if (domain === null) return { standing: "none", detail: "the stream does not say whose certificate to expect" };
  const problem = pinProblem(shown.leaf, trust.pins);
  if (problem !== null) return invalid(problem);
  const alone = trust.roots === null && trust.pins.length > 0;
  const vouched = alone ? judgeAlone(shown.leaf, trust.now) : judgeChain(shown, trust.roots ?? [], trust);
  if (vouched.standing !== "valid" || provesDomain(shown.leaf, domain)) return vouched;
  const names = provableDomains(certificateNames(shown.leaf));
  return invalid(`it is made out to ${names.slice(0, 5).join(", ") || "nobody"}, not to ${domain}`);
}

const invalid = (detail: string): Judgement => ({ standing: "invalid", detail });
const VALID: Judgement = { standing: "valid", detail: "" };

function pinProblem(leaf: X509Certificate, pins: readonly string[]): string | null {
  if (pins.length === 0) return null;
  const digest = keyDigest(leaf);
  if (digest === null) return "its key is of a type that is not known here, and the partner's keys are pinned";
  return pins.includes(digest) ? null : `its key is none of the partner's pinned keys; its SHA-256 is ${digest}`;
}

/** A pinned key vouches for itself; dates, strength and purpose of its certificate count all the same. */
function judgeAlone(leaf: X509Certificate, now: Date): Judgement {
  const problem = leafProblem(leaf, now);
  return problem === null ? VALID : invalid(problem.text);
}

function judgeChain({ leaf, intermediates }: PeerCertificate, roots: readonly X509Certificate[], { revocation, now }: Trust): Judgement {
  const verdict = verifyChain({ leaf, intermediates, roots, now });
  if (!verdict.ok) return invalid(verdict.text);
  if (revocation.mode === "off") return VALID;
  const { revoked, unchecked } = checkRevocation(verdict.chain, revocation.crls, now);
  if (revoked !== null) return invalid(revoked);
  const [missing] = unchecked;
  if (missing === undefined) return VALID;
  return revocation.mode === "hard" ? invalid(missingText(missing)) : { ...VALID, unchecked };
}

const missingText = ({ issuer, why }: Unchecked): string =>
  `no usable revocation list of ${issuer} (${why}): add its list to xmpp.crls, or set xmpp.revocation to soft`;

/** Names shown in lists of connections. */
export const SHOWN_NAMES = 20;

/** What the certificate claims, for the list of connections, whether it is trusted or not. `expires` in epoch milliseconds. */
export function certificateSummary(shown: PeerCertificate | null): { readonly names: readonly string[]; readonly expires: number } | null {
  if (shown === null) return null;
  const names = [...new Set(provableDomains(certificateNames(shown.leaf)))].slice(0, SHOWN_NAMES);
  return { names, expires: shown.leaf.validToDate.getTime() };
}
