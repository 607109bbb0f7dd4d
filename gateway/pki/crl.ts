/**
 * Certificate revocation lists (RFC 5280 5), read and their signatures checked; revocation.ts asks them. A list that cannot be
 * understood whole is refused whole: what it says in a part that is not understood may turn the rest into its opposite
 * (RFC 5280 5.2, 5.3). Delta lists, indirect lists and lists for some reasons only are not supported.
 */
import { type KeyObject, verify, type X509Certificate } from "node:crypto";
import { comparableName, extensionsOf, nameParts, publicKeyOf, readExtensions, serialText, shown } from "./certificate.ts";
import {
  bytesOf,
  type Der,
  DerError,
  decode,
  encode,
  itemsOf,
  numberOf,
  oid,
  oidOf,
  type Span,
  spanOf,
  spansIn,
  TAG,
  tagOf,
  timeOf,
} from "./der.ts";
import { LIMITS } from "./limits.ts";
import { OID } from "./oids.ts";

/** A list that cannot be used, in words that follow "the list". */
export class CrlFormatError extends Error {
  override readonly name = "CrlFormatError";
  readonly code = "crl-unusable";
}

/** One list. Its signature is not checked yet: that needs the issuer's certificate. */
export interface Crl {
  /** The issuer's name as `comparableName` writes it. */
  readonly issuer: string;
  /** The issuer's common name, or its whole name, fit for a log line. */
  readonly issuerText: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** By `serialText`. */
  readonly revoked: ReadonlyMap<string, Revoked>;
  /** Which certificates of the issuer it speaks of (RFC 5280 5.2.5). */
  readonly scope: Scope;
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly algorithm: string;
}

export interface Revoked {
  readonly at: Date;
  /** CRLReason (RFC 5280 5.3.1); null where the list gives none. */
  readonly reason: number | null;
}

export interface Scope {
  /** "leaves": every certificate that is no authority's. */
  readonly only: "leaves" | "authorities" | null;
  /** URIs, one of which the certificate must name as its distribution point; null: every certificate. */
  readonly points: readonly string[] | null;
}

/** Signatures that are checked. SHA-1 is not among them: a list that can be forged revokes, or fails to, at the forger's will. */
// biome-ignore format: a table
const SIGNATURES: ReadonlyMap<string, { readonly digest: string | null; readonly key: string }> = new Map([
  [OID.sha256WithRsa,   { digest: "sha256", key: "rsa"     }],
  [OID.sha384WithRsa,   { digest: "sha384", key: "rsa"     }],
  [OID.sha512WithRsa,   { digest: "sha512", key: "rsa"     }],
  [OID.ecdsaWithSha256, { digest: "sha256", key: "ec"      }],
  [OID.ecdsaWithSha384, { digest: "sha384", key: "ec"      }],
  [OID.ecdsaWithSha512, { digest: "sha512", key: "ec"      }],
  [OID.ed25519,         { digest: null,     key: "ed25519" }],
]);

// ---- reading -----------------------------------------------------------------------------------------------------

/** A list from DER or from its PEM block `X509 CRL`. @throws CrlFormatError */
export function readCrl(bytes: Buffer): Crl {
  try {
    return readList(/^\s*-----BEGIN /.test(bytes.subarray(0, 100).toString("latin1")) ? fromPem(bytes.toString("latin1")) : bytes);
  } catch (error) {
    if (error instanceof DerError) throw new CrlFormatError(`cannot be read: ${error.message}`);
    throw error;
  }
}

function fromPem(text: string): Buffer {
  const found = /^\s*-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----\s*$/.exec(text);
  if (found === null) throw new CrlFormatError("is not one PEM block; expected -----BEGIN X509 CRL-----");
  return Buffer.from((found[1] ?? "").replace(/\s+/g, ""), "base64");
}

function readList(bytes: Buffer): Crl {
  if (bytes.length > LIMITS.crlBytes) throw new CrlFormatError(`has ${bytes.length} bytes; expected at most ${LIMITS.crlBytes}`);
  const [body, algorithm, signature, ...rest] = within(spanOf(bytes));
  if (body === undefined || algorithm === undefined || rest.length > 0) throw new DerError("expected a list, an algorithm and a signature");
  const fields = readBody(body);
  if (!fields.algorithm.equals(algorithm.bytes)) throw new CrlFormatError("names two signature algorithms that differ");
  return {
    ...fields,
    signed: body.bytes,
    signature: wholeBits(signature),
    algorithm: oidOf(itemsOf(decode(algorithm.bytes), "sequence")[0]),
  };
}

function readBody(body: Span) {
  const parts = [...within(body)];
  const version = parts[0]?.tag === TAG.integer ? parts.shift() : undefined;
  if (version && numberOf(decode(version.bytes)) !== 1)
    throw new CrlFormatError("is of a version that is not known here; expected version 2");
  const [algorithm, issuer, thisUpdate, ...after] = parts;
  const nextUpdate = isTime(after[0]) ? after.shift() : undefined;
  const entries = after[0]?.tag === TAG.sequence ? after.shift() : undefined;
  const block = after.shift();
  if (algorithm?.tag !== TAG.sequence || issuer?.tag !== TAG.sequence || after.length > 0 || (block && block.tag !== CONTEXT_0))
    throw new DerError("expected an algorithm, an issuer, times, entries and extensions");
  if (nextUpdate === undefined)
    throw new CrlFormatError("does not say when the next one comes, so that it could be kept from us unnoticed");
  return {
    algorithm: algorithm.bytes,
    ...readIssuer(issuer),
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: timeOf(nextUpdate),
    revoked: readEntries(entries),
    scope: readScope(block),
  };
}

function readIssuer({ bytes }: Span) {
  const name = decode(bytes);
  const parts = nameParts(name);
  const text = parts.findLast(([type]) => type === OID.commonName)?.[1] || parts.map(([, part]) => part).join(", ");
  return { issuer: comparableName(name), issuerText: shown(text) };
}

const CONTEXT_0 = 0xa0;

const isTime = (span: Span | undefined): boolean => span?.tag === TAG.utcTime || span?.tag === TAG.generalizedTime;

/** The few values of a SEQUENCE. @throws DerError */
function within(span: Span | undefined): Span[] {
  if (span?.tag !== TAG.sequence) throw new DerError("expected a sequence");
  const found: Span[] = [];
  for (const part of spansIn(span.content))
    if (found.push(part) > MOST_PARTS) throw new DerError("more values than a sequence here may have");
  return found;
}

/** Values in any sequence but the list of entries: a bomb of tiny ones costs nothing. */
const MOST_PARTS = 16;

function wholeBits(span: Span | undefined): Buffer {
  if (span?.tag !== TAG.bitString || span.content[0] !== 0) throw new DerError("expected a signature");
  return span.content.subarray(1);
}

function readEntries(list: Span | undefined): Crl["revoked"] {
  const found = new Map<string, Revoked>();
  for (const entry of list ? spansIn(list.content) : []) {
    if (found.size >= LIMITS.crlEntries) throw new CrlFormatError(`has more than ${LIMITS.crlEntries} entries`);
    const [serial, at, extensions, ...rest] = within(entry);
    if (serial?.tag !== TAG.integer || rest.length > 0) throw new DerError("expected a serial number and a date in each entry");
    found.set(serialText(serial.content), { at: timeOf(at), reason: extensions ? readReason(extensions) : null });
  }
  return found;
}

/** Object identifiers of entry extensions, as their bytes stand: a long list has many. */
const REASON_CODE = encode(oid(OID.reasonCode)).subarray(2);
const CERTIFICATE_ISSUER = encode(oid(OID.certificateIssuer)).subarray(2);
const INVALIDITY_DATE = encode(oid(OID.invalidityDate)).subarray(2);

function readReason(extensions: Span): number | null {
  let reason: number | null = null;
  for (const extension of within(extensions)) {
    const [id, ...rest] = within(extension);
    const value = rest.at(-1);
    if (id?.tag !== TAG.oid || value?.tag !== TAG.octetString) throw new DerError("expected an extension");
    if (id.content.equals(REASON_CODE)) reason = spanOf(value.content).content[0] ?? null;
    else if (id.content.equals(CERTIFICATE_ISSUER))
      throw new CrlFormatError("is indirect: it speaks for other authorities, which is not supported");
    else if (!id.content.equals(INVALIDITY_DATE) && rest.length === 2 && rest[0]?.content[0] !== 0)
      throw new CrlFormatError("has an entry with a critical extension that is not understood here");
  }
  return reason;
}

/** The extensions of the list: those that are critical and unknown make it useless (RFC 5280 5.2). */
function readScope(block: Span | undefined): Scope {
  const extensions = block ? readExtensions(itemsOf(decode(block.bytes))[0]) : new Map<string, never>();
  if (extensions.has(OID.deltaCrlIndicator))
    throw new CrlFormatError("is a delta: only the changes since another list, which is not supported");
  const unknown = [...extensions].find(([id, { critical }]) => critical && id !== OID.issuingDistributionPoint);
  if (unknown) throw new CrlFormatError(`has the critical extension ${unknown[0]}, which is not understood here`);
  const point = extensions.get(OID.issuingDistributionPoint);
  return point ? readIssuingPoint(itemsOf(decode(point.value), "sequence")) : { only: null, points: null };
}

/** Fields of IssuingDistributionPoint by tag, and what a list with them is not usable for. */
// biome-ignore format: a table
const UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [3, "is for some reasons only, which is not supported"],
  [4, "is indirect: it speaks for other authorities, which is not supported"],
  [5, "is for attribute certificates only"],
]);

function readIssuingPoint(fields: readonly Der[]): Scope {
  const unsupported = fields.find((field) => UNSUPPORTED.has(tagOf(field) ?? -1) && !(tagOf(field) !== 3 && isFalse(field)));
  if (unsupported) throw new CrlFormatError(UNSUPPORTED.get(tagOf(unsupported) ?? -1));
  const has = (tag: number): boolean => fields.some((field) => tagOf(field) === tag && !isFalse(field));
  if (has(1) && has(2)) throw new CrlFormatError("is for no certificate: neither for authorities nor for others");
  const name = fields.find((field) => tagOf(field) === 0);
  const points = name ? urisOf(name) : null;
  if (points?.length === 0) throw new CrlFormatError("names its distribution point otherwise than by URI, which is not supported");
  return { only: has(1) ? "leaves" : has(2) ? "authorities" : null, points };
}

const isFalse = (field: Der): boolean => typeof field.value === "string" && field.value === "\0";

/** URIs of a DistributionPointName's fullName (RFC 5280 4.2.1.13). */
function urisOf(name: Der): readonly string[] {
  const [choice] = itemsOf(name);
  if (choice === undefined || tagOf(choice) !== 0) return [];
  const names = itemsOf(choice).slice(0, LIMITS.distributionPoints);
  return names.flatMap((one) => (tagOf(one) === URI ? [bytesOf(one).toString("latin1")] : []));
}

/** uniformResourceIdentifier in GeneralName (RFC 5280 4.2.1.6). */
const URI = 6;

/** Where a certificate says that its issuer publishes lists. @throws DerError */
export function distributionPointsOf(certificate: X509Certificate): readonly string[] {
  const found = extensionsOf(certificate).get(OID.crlDistributionPoints);
  const points = found ? itemsOf(decode(found.value), "sequence").slice(0, LIMITS.distributionPoints) : [];
  return points.flatMap((point) => {
    const fields = itemsOf(point, "sequence");
    const name = fields.find((field) => tagOf(field) === 0);
    // One for some reasons, or of another issuer, answers only in part.
    return name && fields.length === 1 ? urisOf(name) : [];
  });
}

// ---- signature ---------------------------------------------------------------------------------------------------

/** A list is asked about again and again; neither it nor a certificate ever changes. */
const verified = new WeakMap<Crl, Map<string, boolean>>();

/** Whether that authority's key made the list's signature. @throws DerError for a key that cannot be read */
export function isListSignedBy(crl: Crl, issuer: X509Certificate): boolean {
  const known = verified.get(crl) ?? new Map<string, boolean>();
  verified.set(crl, known);
  const before = known.get(issuer.fingerprint256);
  if (before !== undefined) return before;
  const holds = signatureHolds(crl, publicKeyOf(issuer));
  known.set(issuer.fingerprint256, holds);
  return holds;
}

function signatureHolds({ algorithm, signed, signature }: Crl, key: KeyObject): boolean {
  const how = SIGNATURES.get(algorithm);
  if (how === undefined || key.asymmetricKeyType !== how.key) return false;
  try {
    return verify(how.digest, signed, key, signature);
  } catch {
    return false;
  }
}

/** Whether the algorithm is one whose signatures are checked here. */
export const isKnownSignature = ({ algorithm }: Crl): boolean => SIGNATURES.has(algorithm);
