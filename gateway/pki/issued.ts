/** The certificate an authority sent back: what it says, and whether it can serve. Every problem names its remedy. */
import { createPublicKey, type KeyObject, type X509Certificate } from "node:crypto";
import { keyText, publicKeyOf, shown } from "./certificate.ts";
import {
  basicConstraintsOf,
  type ChainCode,
  type ChainFailure,
  isSignedBy,
  issuerText,
  leafProblems,
  MINIMUM_RSA_BITS,
  nameOf,
  signatureProblem,
  verifyChain,
} from "./chain.ts";
import { DerError } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { type CertificateNames, certificateNames, provesDomain } from "./names.ts";
import { CertificateFormatError, readCertificates } from "./roots.ts";

export interface CertificateFacts {
  readonly names: CertificateNames;
  /** Common name of the issuer. */
  readonly issuer: string;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 as openssl prints it. */
  readonly fingerprint: string;
  /** `RSA 2048 bits` */
  readonly key: string;
  readonly selfSigned: boolean;
  /** Certificates in the PEM text. */
  readonly chainLength: number;
}

/** What the first certificate of a PEM text says. @throws CertificateFormatError */
export function certificateFacts(pem: string): CertificateFacts {
  const chain = readCertificates(pem, LIMITS.intermediates + 1);
  const [leaf] = chain;
  if (leaf === undefined) throw new CertificateFormatError(null, "empty; expected -----BEGIN CERTIFICATE-----");
  return factsOf(leaf, chain.length);
}

function factsOf(leaf: X509Certificate, chainLength: number): CertificateFacts {
  return {
    names: certificateNames(leaf),
    issuer: shown(issuerText(leaf)),
    serial: leaf.serialNumber,
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    fingerprint: leaf.fingerprint256,
    key: keyOr(leaf),
    selfSigned: leaf.subject === leaf.issuer && isSignedBy(leaf, leaf),
    chainLength,
  };
}

function keyOr(leaf: X509Certificate): string {
  try {
    return keyText(leaf.publicKey);
  } catch {
    return "a key of an unknown type";
  }
}

/** What to do about each problem. */
// biome-ignore format: a table
const REMEDIES = {
  "key-mismatch":                  "give the certificate that was issued for the current request; where there is none, take this one out, run up, and send the request that it writes",
  "name-missing":                  "ask the authority to issue it again with this subject alternative name; to get a request for a name that is new, put it into additionalNames first",
  "chain-order":                   "put the edge's own certificate first, then the one that issued it, and so on upwards",
  "chain-incomplete":              "append the authority's certificates, which it calls chain or bundle, after the edge's own",
  "leaf-is-authority":             "give the certificate that was issued to the edge, not the authority's own",
  "certificate-expired":           "ask the authority for a new certificate; the same request may be sent again",
  "certificate-malformed":         "give the certificate in PEM form (Base-64), its own certificate first, without a private key",
  "certificate-not-yet-valid":     "wait until it is valid, or check the clock of this computer",
  "certificate-self-signed":       "send the request to an authority that partners trust and give what it issues",
  "certificate-unknown-extension": "ask the authority to issue it again from the template WebServer, without this extension",
  "certificate-untrusted":         "use an authority that partners trust, and append its intermediate certificates",
  "certificate-weak":              "make a new key of 2048 bits or more (bitLength) and send the new request",
  "certificate-wrong-purpose":     "ask the authority to issue it again for server authentication (template WebServer)",
  "chain-too-long":                "leave out the certificates that are not part of the chain",
  "issuer-name-constraints":       "ask an authority that may issue for this name",
  "issuer-not-an-authority":       "append the certificate of the authority that really issued it",
  "issuer-path-length":            "tell the authority: its chain breaks its own rules",
} as const satisfies Record<ChainCode | "key-mismatch" | "name-missing" | "chain-order" | "chain-incomplete" | "leaf-is-authority", string>;

export type IssuedCode = keyof typeof REMEDIES;

export interface IssuedProblem {
  readonly code: IssuedCode;
  readonly text: string;
  readonly remedy: string;
}

export type IssuedVerdict =
  | { readonly ok: true; readonly certificate: CertificateFacts }
  | { readonly ok: false; readonly problems: readonly IssuedProblem[] };

export interface IssuedCheck {
  /** Own certificate first, then its issuers; the root may be left out. */
  readonly chainPem: string;
  /** The key the certificate must be for: PEM, private or public. */
  readonly keyPem: string;
  /** Domains it must prove, A-label form, by DNS-ID (a wildcard will do), SRV-ID or XmppAddr. */
  readonly requiredNames: readonly string[];
  readonly now: Date;
  /** Where given, the chain must lead to one of them; without, its last certificate is taken for trusted, and one alone is too few. */
  readonly roots?: readonly X509Certificate[] | undefined;
  /** Smallest RSA key in bits. Default 2048. */
  readonly minimumBits?: number | undefined;
}

/** Every problem at once. Never throws for what the PEM text holds; @throws for a key that is no PEM key. */
export function checkIssuedCertificate(check: IssuedCheck): IssuedVerdict {
  const key = createPublicKey(check.keyPem);
  try {
    const chain = readCertificates(check.chainPem, LIMITS.intermediates + 1);
    const [leaf] = chain;
    if (leaf === undefined) throw new CertificateFormatError(null, "no certificate in it");
    const own = chain.findIndex((certificate) => isFor(certificate, key));
    const problems =
      own > 0
        ? [problem("chain-order", `certificate ${own + 1} of ${chain.length} is the edge's own; it must stand first`)]
        : [...leafChecks(leaf, own === 0, check), ...chainChecks(leaf, chain, check)];
    return problems.length > 0 ? { ok: false, problems } : { ok: true, certificate: factsOf(leaf, chain.length) };
  } catch (error) {
    if (!(error instanceof DerError || error instanceof CertificateFormatError)) throw error;
    return { ok: false, problems: [problem("certificate-malformed", `the issued certificate cannot be read: ${error.message}`)] };
  }
}

/**
 * Bits of the RSA key that the certificate is for: known before the edge's own key is. Null where the first certificate is none of
 * an edge with such a key, or cannot be read; the check tells.
 */
export function issuedKeyBits(chainPem: string): number | null {
  try {
    const [leaf] = readCertificates(chainPem, LIMITS.intermediates + 1);
    if (leaf === undefined || basicConstraintsOf(leaf).isAuthority) return null;
    return publicKeyOf(leaf).asymmetricKeyDetails?.modulusLength ?? null;
  } catch (error) {
    if (!(error instanceof DerError || error instanceof CertificateFormatError)) throw error;
    return null;
  }
}

function leafChecks(leaf: X509Certificate, keyFits: boolean, check: IssuedCheck): IssuedProblem[] {
  const problems: IssuedProblem[] = [];
  if (!keyFits) problems.push(problem("key-mismatch", `${nameOf(leaf)} was issued for another key than the edge has`));
  if (basicConstraintsOf(leaf).isAuthority) problems.push(problem("leaf-is-authority", `${nameOf(leaf)} is an authority's certificate`));
  for (const name of check.requiredNames) {
    if (!provesDomain(leaf, name)) problems.push(problem("name-missing", `${nameOf(leaf)} does not hold the name ${name}`));
  }
  return [...problems, ...leafProblems(leaf, check.now, check.minimumBits ?? MINIMUM_RSA_BITS).map(fromChain)];
}

function chainChecks(leaf: X509Certificate, chain: readonly X509Certificate[], { now, roots }: IssuedCheck): IssuedProblem[] {
  const gap = chain.findIndex((certificate, index) => index > 0 && !isIssuedBy(chain[index - 1], certificate));
  if (gap > 0) return [orderProblem(chain, gap)];
  const weak = chain
    .filter((certificate) => certificate.subject !== certificate.issuer)
    .flatMap((certificate) => signatureProblem(certificate) ?? []);
  if (weak.length > 0) return weak.map(fromChain);
  if (roots === undefined && chain.length === 1 && !isIssuedBy(leaf, leaf)) return [aloneProblem(leaf)];
  const verdict = verifyChain({ leaf, intermediates: chain.slice(1), roots: roots ?? chain.slice(-1), now });
  if (verdict.ok || leafProblems(leaf, now).some(({ code }) => code === verdict.code)) return [];
  const incomplete = verdict.code === "certificate-untrusted" && chain.length === 1;
  return [incomplete ? problem("chain-incomplete", verdict.text) : fromChain(verdict)];
}

/** Peers that do not hold the issuer's certificate already cannot find it. */
const aloneProblem = (leaf: X509Certificate): IssuedProblem =>
  problem("chain-incomplete", `${nameOf(leaf)} stands alone, without the certificate of "${shown(issuerText(leaf))}", which issued it`);

/** Whether the certificates only stand in the wrong order, or one between them is missing. */
function orderProblem(chain: readonly X509Certificate[], gap: number): IssuedProblem {
  const before = chain[gap - 1];
  const place = chain.findIndex((certificate) => isIssuedBy(before, certificate) && certificate !== before);
  if (place >= 0) return problem("chain-order", `certificate ${gap} was issued by certificate ${place + 1}, which does not follow it`);
  return problem(
    "chain-incomplete",
    `certificate ${gap + 1} did not issue certificate ${gap}: ${nameOf(before)} was issued by "${before ? shown(issuerText(before)) : ""}"`,
  );
}

const isIssuedBy = (certificate: X509Certificate | undefined, issuer: X509Certificate): boolean =>
  certificate !== undefined && certificate.issuer === issuer.subject && isSignedBy(certificate, issuer);

function isFor(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.publicKey.equals(key);
  } catch {
    return false;
  }
}

const problem = (code: IssuedCode, text: string): IssuedProblem => ({ code, text, remedy: REMEDIES[code] });
const fromChain = ({ code, text }: ChainFailure): IssuedProblem => problem(code, text);
