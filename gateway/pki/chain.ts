/**
 * Verifies a certificate chain (RFC 5280 6.1) for both directions with the server purpose: public authorities issue no
 * certificates for clients any more, so a server that connects shows the one it serves with. A library's verdict for the
 * client purpose would refuse those, and overlooking that verdict would admit impostors, which get the same one.
 * Certificate policies are not checked; revocation is checked apart, by crl.ts.
 */
import type { X509Certificate } from "node:crypto";
import { KEY_USAGE, type KeyUsage } from "./build.ts";
import { day, extensionsOf, publicKeyOf, shown, signatureAlgorithmOf } from "./certificate.ts";
import { bitsOf, DerError, decode, isType, itemsOf, numberOf, oidOf } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { nameConstraintsProblem } from "./name-constraints.ts";
import { certificateNames } from "./names.ts";
import { OID } from "./oids.ts";

/** What may be wrong with a chain. */
export const CHAIN_CODES = [
  "certificate-expired",
  "certificate-malformed",
  "certificate-not-yet-valid",
  "certificate-self-signed",
  "certificate-unknown-extension",
  "certificate-untrusted",
  "certificate-weak",
  "certificate-wrong-purpose",
  "chain-too-long",
  "issuer-name-constraints",
  "issuer-not-an-authority",
  "issuer-path-length",
] as const;
export type ChainCode = (typeof CHAIN_CODES)[number];

export interface ChainFailure {
  readonly ok: false;
  readonly code: ChainCode;
  /** One sentence for the administrator of either side. */
  readonly text: string;
}

/** `chain`: from the leaf to the trusted certificate that ends it. */
export type ChainVerdict = { readonly ok: true; readonly chain: readonly X509Certificate[] } | ChainFailure;

export interface ChainRequest {
  readonly leaf: X509Certificate;
  /** What the peer sent beside the leaf, in any order. */
  readonly intermediates: readonly X509Certificate[];
  /** Trusted certificates. One that is the leaf itself is trusted as it stands. */
  readonly roots: readonly X509Certificate[];
  readonly now: Date;
}

/** Smallest RSA key, in bits (CA/Browser Forum Baseline Requirements 6.1.5). */
export const MINIMUM_RSA_BITS = 2048;

const WEAK_SIGNATURES: ReadonlySet<string> = new Set([OID.md5WithRsa, OID.sha1WithRsa, OID.ecdsaWithSha1]);

/** Critical extensions that are understood. Policies are accepted unread: every policy is acceptable here (RFC 5280 6.1.1 (c)). */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.certificatePolicies,
  OID.extendedKeyUsage,
  OID.inhibitAnyPolicy,
  OID.keyUsage,
  OID.nameConstraints,
  OID.policyConstraints,
  OID.policyMappings,
  OID.subjectAltName,
]);

/** Searches for a chain from the leaf to a root and says why there is none. Never throws for what a peer sent. */
export function verifyChain(request: ChainRequest): ChainVerdict {
  const problem = leafProblem(request.leaf, request.now);
  if (problem) return problem;
  const search = { ...request, intermediates: request.intermediates.slice(0, LIMITS.intermediates), checks: LIMITS.signatureChecks };
  return extend([request.leaf], search);
}

/** The first of leafProblems, or null. Never throws for what a peer sent. */
export const leafProblem = (leaf: X509Certificate, now: Date): ChainFailure | null =>
  guarded(leaf, () => leafProblems(leaf, now)[0] ?? null);

/** What is wrong with an end-entity certificate by itself: dates, strength, purpose, extensions. @throws DerError */
export function leafProblems(leaf: X509Certificate, now: Date, minimumBits: number = MINIMUM_RSA_BITS): readonly ChainFailure[] {
  const { damaged } = certificateNames(leaf);
  return [
    damaged === null ? null : failure("certificate-malformed", `${nameOf(leaf)}: ${damaged}`),
    datesProblem(leaf, now),
    strengthProblem(leaf, minimumBits),
    purposeProblem(leaf),
    useProblem(leaf),
    extensionProblem(leaf),
  ].filter((problem) => problem !== null);
}

/** `checks`: signatures that may still be checked, so that a peer's pile of look-alikes costs no more than a bounded time. */
interface Search extends ChainRequest {
  checks: number;
}

/** Depth first over all issuers that fit, roots before intermediates, so that a cross-signed authority's other path is found. */
function extend(path: readonly X509Certificate[], search: Search): ChainVerdict {
  const tip = path.at(-1) as X509Certificate;
  if (search.roots.some((root) => root.fingerprint256 === tip.fingerprint256)) return { ok: true, chain: path };
  let best: ChainFailure | null = null;
  for (const issuer of issuersOf(tip, path, search)) {
    const verdict = tryIssuer(issuer, path, search);
    if (verdict.ok) return verdict;
    best = moreTelling(best, verdict);
  }
  return best ?? noIssuer(tip, path, search);
}

function tryIssuer(issuer: X509Certificate, path: readonly X509Certificate[], search: Search): ChainVerdict {
  const tip = path.at(-1) as X509Certificate;
  if (path.length >= LIMITS.chainLength) {
    return failure("chain-too-long", `the chain of ${nameOf(path[0])} is longer than ${LIMITS.chainLength} certificates`);
  }
  if (search.checks-- <= 0) {
    return failure(
      "chain-too-long",
      `more than ${LIMITS.signatureChecks} signatures would have to be checked for the chain of ${nameOf(path[0])}`,
    );
  }
  if (!isSignedBy(tip, issuer)) {
    return failure(
      "certificate-untrusted",
      `${nameOf(tip)} names ${nameOf(issuer)} as its issuer, but is not signed with that authority's key`,
    );
  }
  return guarded(issuer, () => issuerProblem(issuer, path, search.now)) ?? extend([...path, issuer], search);
}

function issuersOf(tip: X509Certificate, path: readonly X509Certificate[], search: Search): X509Certificate[] {
  const used = new Set(path.map((certificate) => certificate.fingerprint256));
  return [...search.roots, ...search.intermediates].filter((issuer) => issuer.subject === tip.issuer && !used.has(issuer.fingerprint256));
}

/** Whether that key made the certificate's signature; a key that cannot be read has made none. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(publicKeyOf(issuer));
  } catch {
    return false;
  }
}

/** A failure of a chain that holds together says more than a chain that does not. */
function moreTelling(one: ChainFailure | null, other: ChainFailure): ChainFailure {
  return one === null || (one.code === "certificate-untrusted" && other.code !== "certificate-untrusted") ? other : one;
}

function noIssuer(tip: X509Certificate, path: readonly X509Certificate[], search: Search): ChainFailure {
  if (tip.subject === tip.issuer) {
    return path.length === 1
      ? failure("certificate-self-signed", `${nameOf(tip)} is self-signed and not itself among the trusted certificates`)
      : failure("certificate-untrusted", `the chain ends at ${nameOf(tip)}, which is not among the trusted authorities`);
  }
  const sent =
    search.intermediates.length === 0
      ? "no intermediate certificate was sent with it"
      : `nor among the ${search.intermediates.length} certificates sent with it`;
  return failure(
    "certificate-untrusted",
    `${nameOf(tip)} was issued by ${issuerNameOf(tip)}, which is not among the trusted authorities; ${sent}`,
  );
}

// ---- one certificate -------------------------------------------------------------------------------------------

function issuerProblem(issuer: X509Certificate, path: readonly X509Certificate[], now: Date): ChainFailure | null {
  return (
    datesProblem(issuer, now) ??
    authorityProblem(issuer, path) ??
    signatureProblem(path.at(-1) as X509Certificate) ??
    strengthProblem(issuer) ??
    purposeProblem(issuer) ??
    extensionProblem(issuer) ??
    constraintProblem(issuer, path)
  );
}

function datesProblem(certificate: X509Certificate, now: Date): ChainFailure | null {
  const { validFromDate: from, validToDate: until } = certificate;
  // Written so that a date that cannot be read is refused.
  if (!(from <= now)) return failure("certificate-not-yet-valid", `${nameOf(certificate)} is not valid before ${dayOr(from)}`);
  if (!(now <= until)) return failure("certificate-expired", `${nameOf(certificate)} expired on ${dayOr(until)}`);
  return null;
}

/** RFC 5280 6.1.4 (k) to (n): an issuer is an authority, may sign certificates, and its path length is kept. */
function authorityProblem(issuer: X509Certificate, path: readonly X509Certificate[]): ChainFailure | null {
  const { isAuthority, pathLength } = basicConstraintsOf(issuer);
  const signee = nameOf(path.at(-1));
  if (!isAuthority) return failure("issuer-not-an-authority", `${nameOf(issuer)} has signed ${signee}, but is not a certificate authority`);
  if (!mayBeUsedFor(issuer, ["keyCertSign"])) {
    return failure(
      "issuer-not-an-authority",
      `${nameOf(issuer)} has signed ${signee}, but its key usage does not allow it to sign certificates`,
    );
  }
  const between = path.slice(1).filter((certificate) => certificate.subject !== certificate.issuer).length;
  if (pathLength === null || between <= pathLength) return null;
  return failure("issuer-path-length", `${nameOf(issuer)} allows ${pathLength} authorities below it; the chain has ${between}`);
}

export function basicConstraintsOf(certificate: X509Certificate): { readonly isAuthority: boolean; readonly pathLength: number | null } {
  const found = extensionsOf(certificate).get(OID.basicConstraints);
  if (found === undefined) return { isAuthority: false, pathLength: null };
  const items = itemsOf(decode(found.value), "sequence");
  const [flag] = items;
  const isAuthority = isType(flag, "boolean") && flag.value !== "\0";
  const length = items.find((item) => isType(item, "integer"));
  return { isAuthority, pathLength: length ? numberOf(length) : null };
}

/** RFC 5280 4.2.1.12, nested as OpenSSL and Windows do it: a purpose that an authority lacks, it cannot give. */
function purposeProblem(certificate: X509Certificate): ChainFailure | null {
  const found = extensionsOf(certificate).get(OID.extendedKeyUsage);
  if (found === undefined) return null;
  const purposes = itemsOf(decode(found.value), "sequence").map(oidOf);
  if (purposes.includes(OID.serverAuth) || purposes.includes(OID.anyExtendedKeyUsage)) return null;
  const only = purposes.length === 1 && purposes[0] === OID.clientAuth ? "clients only" : "other purposes only";
  return failure("certificate-wrong-purpose", `${nameOf(certificate)} is for ${only}; expected the extended key usage serverAuth`);
}

/** RFC 5280 4.2.1.3: in TLS the key signs or, in older key exchanges, decrypts or agrees. */
function useProblem(leaf: X509Certificate): ChainFailure | null {
  if (mayBeUsedFor(leaf, ["digitalSignature", "keyEncipherment", "keyAgreement"])) return null;
  return failure("certificate-wrong-purpose", `the key usage of ${nameOf(leaf)} does not allow TLS; expected digitalSignature`);
}

export function mayBeUsedFor(certificate: X509Certificate, uses: readonly KeyUsage[]): boolean {
  const found = extensionsOf(certificate).get(OID.keyUsage);
  if (found === undefined) return true;
  const bits = bitsOf(decode(found.value));
  return uses.some((use) => bits.has(KEY_USAGE[use]));
}

function extensionProblem(certificate: X509Certificate): ChainFailure | null {
  const unknown = [...extensionsOf(certificate)].find(([id, { critical }]) => critical && !UNDERSTOOD.has(id));
  if (unknown === undefined) return null;
  return failure(
    "certificate-unknown-extension",
    `${nameOf(certificate)} has the critical extension ${unknown[0]}, which is not understood here`,
  );
}

/** Key strength; keys other than RSA come in fixed sizes that are all strong enough. */
function strengthProblem(certificate: X509Certificate, minimumBits: number = MINIMUM_RSA_BITS): ChainFailure | null {
  const bits = publicKeyOf(certificate).asymmetricKeyDetails?.modulusLength;
  if (bits === undefined || bits >= minimumBits) return null;
  return failure("certificate-weak", `${nameOf(certificate)} has an RSA key of ${bits} bits; expected ${minimumBits} or more`);
}

export function signatureProblem(certificate: X509Certificate): ChainFailure | null {
  if (!WEAK_SIGNATURES.has(signatureAlgorithmOf(certificate))) return null;
  return failure("certificate-weak", `${nameOf(certificate)} is signed with MD5 or SHA-1; expected SHA-256 or better`);
}

function constraintProblem(issuer: X509Certificate, path: readonly X509Certificate[]): ChainFailure | null {
  const problem = nameConstraintsProblem(issuer, path);
  return problem === null ? null : failure("issuer-name-constraints", `${nameOf(issuer)} is limited to certain names: ${problem}`);
}

// ---- words -----------------------------------------------------------------------------------------------------

const failure = (code: ChainCode, text: string): ChainFailure => ({ ok: false, code, text });

/** A certificate that cannot be read is a failure like any other. */
function guarded(certificate: X509Certificate, check: () => ChainFailure | null): ChainFailure | null {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return failure("certificate-malformed", `${nameOf(certificate)} cannot be read: ${error.message}`);
  }
}

export function nameOf(certificate: X509Certificate | undefined): string {
  if (certificate === undefined) return "the certificate";
  const { commonName, dns, srv, xmppAddr } = certificateNames(certificate);
  const name = commonName || (dns[0] ?? xmppAddr[0] ?? srv[0]);
  return name ? `the certificate of "${shown(name)}"` : `the certificate with serial number ${shown(certificate.serialNumber)}`;
}

const issuerNameOf = (certificate: X509Certificate): string => `"${shown(issuerText(certificate))}"`;

/** The issuer's common name or, where it has none, all of its name. */
export const issuerText = (certificate: X509Certificate): string =>
  /^CN=(.*)$/m.exec(certificate.issuer)?.[1] ?? (certificate.issuer || "an issuer without a name").replaceAll("\n", ", ");

const dayOr = (date: Date): string => (Number.isNaN(date.getTime()) ? "a date that cannot be read" : day(date));
