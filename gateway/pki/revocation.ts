/** Asks certificate revocation lists about the certificates of a chain (RFC 5280 6.3). */
import type { X509Certificate } from "node:crypto";
import { commonNameOf, comparableName, day, serialOf, serialText, shown, subjectOf } from "./certificate.ts";
import { basicConstraintsOf, mayBeUsedFor, nameOf } from "./chain.ts";
import { type Crl, distributionPointsOf, isKnownSignature, isListSignedBy, type Revoked, type Scope } from "./crl.ts";
import { DerError } from "./der.ts";

/** CRLReason (RFC 5280 5.3.1), by number. */
const REASONS = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  "unused",
  "removeFromCRL",
  "privilegeWithdrawn",
  "aACompromise",
] as const;

/** A link of the chain about which no list could be asked. */
export interface Unchecked {
  /** The authority whose list is missing, in words. */
  readonly issuer: string;
  readonly why: string;
}

export interface RevocationVerdict {
  /** A sentence where a certificate of the chain is revoked. */
  readonly revoked: string | null;
  readonly unchecked: readonly Unchecked[];
}

/**
 * Asks the lists about a chain that holds, leaf first, trusted certificate last; that one is trusted as it stands and not asked
 * about. A certificate that a list names stays revoked when the list is out of date; that it is not named counts only while
 * the list is in date.
 */
export function checkRevocation(chain: readonly X509Certificate[], crls: readonly Crl[], now: Date): RevocationVerdict {
  const unchecked: Unchecked[] = [];
  for (const [index, issuer] of chain.slice(1).entries()) {
    const certificate = chain[index] as X509Certificate;
    const answer = askAbout(certificate, issuer, crls, now);
    if ("revoked" in answer) return { revoked: answer.revoked, unchecked };
    if (answer.why !== null) unchecked.push({ issuer: authorityText(issuer), why: answer.why });
  }
  return { revoked: null, unchecked };
}

type Answer = { readonly revoked: string } | { readonly why: string | null };

/** Never throws: the certificate's own words about lists were not needed for its chain and may be broken. */
function askAbout(certificate: X509Certificate, issuer: X509Certificate, crls: readonly Crl[], now: Date): Answer {
  try {
    return askEach(certificate, issuer, crls, now);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { why: `${nameOf(certificate)} cannot be read: ${error.message}` };
  }
}

function askEach(certificate: X509Certificate, issuer: X509Certificate, crls: readonly Crl[], now: Date): Answer {
  const name = comparableName(subjectOf(issuer));
  const serial = serialText(serialOf(certificate));
  let why = "there is none";
  let checked = false;
  for (const crl of crls.filter((one) => one.issuer === name)) {
    const forged = signatureProblem(crl, issuer);
    // A serial number is the authority's once and for all, whatever else the list covers.
    const entry = forged === null ? crl.revoked.get(serial) : undefined;
    if (entry) return { revoked: revokedText(certificate, issuer, entry) };
    const problem = forged ?? scopeProblem(crl, certificate) ?? dateProblem(crl, now);
    if (problem === null) checked = true;
    else why = problem;
  }
  return { why: checked ? null : why };
}

/** RFC 5280 6.3.3 (f) and (g). */
function signatureProblem(crl: Crl, issuer: X509Certificate): string | null {
  if (!mayBeUsedFor(issuer, ["cRLSign"])) return "the key usage of the authority does not allow it to sign lists";
  if (!isKnownSignature(crl)) return `the one there is was signed with the algorithm ${shown(crl.algorithm)}; expected SHA-256 or better`;
  return isListSignedBy(crl, issuer) ? null : "the one with its name is not signed with its key";
}

/** RFC 5280 6.3.3 (b) (2). */
function scopeProblem(crl: Crl, certificate: X509Certificate): string | null {
  return covers(crl.scope, certificate) ? null : "the one there is speaks of other certificates of this authority";
}

function dateProblem({ thisUpdate, nextUpdate }: Crl, now: Date): string | null {
  if (now < thisUpdate) return `the one there is counts from ${day(thisUpdate)} only`;
  return now <= nextUpdate ? null : `the one there is was to be replaced by ${day(nextUpdate)}`;
}

function covers({ only, points }: Scope, certificate: X509Certificate): boolean {
  if (only !== null && (only === "authorities") !== basicConstraintsOf(certificate).isAuthority) return false;
  if (points === null) return true;
  const own = distributionPointsOf(certificate);
  return points.some((point) => own.includes(point));
}

function revokedText(certificate: X509Certificate, issuer: X509Certificate, { at, reason }: Revoked): string {
  const because = reason === null ? "" : ` (${REASONS[reason] ?? `reason ${reason}`})`;
  return `${nameOf(certificate)} was revoked on ${day(at)}${because}, says the list of ${authorityText(issuer)}`;
}

const authorityText = (authority: X509Certificate): string =>
  `"${shown(commonNameOf(authority) ?? authority.subject.replaceAll("\n", ", "))}"`;
