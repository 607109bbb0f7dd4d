/** Certificate revocation lists for tests, of any shape. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { extension, pemBlock, signatureAlgorithm, signed } from "../../gateway/pki/build.ts";
import { serialOf, subjectOf } from "../../gateway/pki/certificate.ts";
import { type Der, decode, integer, sequence, tagged, taggedBytes, time } from "../../gateway/pki/der.ts";
import { OID } from "../../gateway/pki/oids.ts";
import type { Authority } from "./certificates.ts";

export interface CrlOptions {
  /** PEM of the certificates, or chains that begin with them. */
  readonly revoked?: readonly string[];
  /** Default one week from 2026-06-01. */
  readonly thisUpdate?: Date;
  /** null leaves it out. */
  readonly nextUpdate?: Date | null;
  /** CRLReason of every entry; null, the default, leaves it out. */
  readonly reason?: number | null;
  readonly entryExtensions?: readonly Der[];
  readonly extensions?: readonly Der[];
  /** Default 1: version 2. null leaves it out. */
  readonly version?: number | null;
  /** Whose key signs; default the authority's own. */
  readonly signer?: Authority;
}

/** The list in DER. */
export function makeCrl(authority: Authority, options: CrlOptions = {}): Buffer {
  const { revoked = [], thisUpdate = new Date("2026-06-01T00:00:00Z"), reason = null, version = 1 } = options;
  const nextUpdate = options.nextUpdate === undefined ? new Date(thisUpdate.getTime() + 7 * 86_400_000) : options.nextUpdate;
  const key = createPrivateKey((options.signer ?? authority).privateKeyPem);
  const entryExtensions = [
    ...(reason === null ? [] : [extension(OID.reasonCode, false, decode(Buffer.of(0x0a, 1, reason)))]),
    ...(options.entryExtensions ?? []),
  ];
  const entries = revoked.map((pem) =>
    sequence(serialNumber(pem), time(thisUpdate), ...(entryExtensions.length > 0 ? [sequence(...entryExtensions)] : [])),
  );
  const body = sequence(
    ...(version === null ? [] : [integer(version)]),
    signatureAlgorithm(key),
    subjectOf(new X509Certificate(authority.certificatePem)),
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(options.extensions ? [tagged(0, sequence(...options.extensions))] : []),
  );
  return signed(body, key);
}

/** The list as PEM. */
export const makeCrlPem = (authority: Authority, options: CrlOptions = {}): string => pemBlock("X509 CRL", makeCrl(authority, options));

const serialNumber = (pem: string): Der => integer(BigInt(`0x${serialOf(new X509Certificate(pem)).toString("hex")}`));

/** An issuingDistributionPoint extension of these fields. */
export const issuingPoint = (...fields: readonly Der[]): Der => extension(OID.issuingDistributionPoint, true, sequence(...fields));

/** `[tag] TRUE`, as issuingDistributionPoint has its flags. */
export const flag = (tag: number): Der => taggedBytes(tag, Buffer.of(0xff));

/** DistributionPointName with these URIs, as a certificate and a list hold it. */
export const pointName = (...uris: readonly string[]): Der =>
  tagged(0, tagged(0, ...uris.map((uri) => taggedBytes(6, Buffer.from(uri, "latin1")))));

/** A certificate's cRLDistributionPoints extension. */
export const distributionPoints = (...uris: readonly string[]): Der =>
  extension(OID.crlDistributionPoints, false, sequence(sequence(pointName(...uris))));
