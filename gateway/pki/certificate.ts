/** A certificate's own fields, read from its DER beside what node:crypto tells. */
import { createHash, type KeyObject, type X509Certificate } from "node:crypto";
import { bytesOf, type Der, DerError, decode, isType, itemsOf, oidOf, tagOf, textOfString } from "./der.ts";
import { LIMITS } from "./limits.ts";
import { OID } from "./oids.ts";

export interface Extension {
  readonly critical: boolean;
  /** DER of the value inside the OCTET STRING. */
  readonly value: Buffer;
}

/** TBSCertificate (RFC 5280 4.1), as far as it is needed here. */
interface Fields {
  readonly serial: Buffer;
  readonly signatureAlgorithm: string;
  readonly issuer: Der;
  readonly subject: Der;
  readonly extensions: ReadonlyMap<string, Extension>;
}

/** Parsing is repeated for roots and long-lived peers; the certificate object itself never changes. */
const parsed = new WeakMap<X509Certificate, Fields | DerError>();

function fieldsOf(certificate: X509Certificate): Fields {
  let fields = parsed.get(certificate);
  if (fields === undefined) {
    fields = tryReadFields(certificate.raw);
    parsed.set(certificate, fields);
  }
  if (fields instanceof DerError) throw fields;
  return fields;
}

function tryReadFields(raw: Buffer): Fields | DerError {
  try {
    return readFields(raw);
  } catch (error) {
    if (error instanceof DerError) return error;
    throw error;
  }
}

function readFields(raw: Buffer): Fields {
  if (raw.length > LIMITS.certificateBytes) throw new DerError(`${raw.length} bytes, at most ${LIMITS.certificateBytes}`);
  const [body, algorithm] = itemsOf(decode(raw), "sequence");
  const items = itemsOf(body, "sequence");
  const first = items[0] && tagOf(items[0]) === 0 ? 1 : 0; // the version stands before all else where it is not 1
  const [serial, , issuer, , subject] = items.slice(first);
  if (!isType(issuer, "sequence") || !isType(subject, "sequence")) throw new DerError("expected an issuer and a subject");
  const block = items.slice(first + 6).find((item) => tagOf(item) === 3);
  return {
    serial: bytesOf(serial, "integer"),
    signatureAlgorithm: oidOf(itemsOf(algorithm, "sequence")[0]),
    issuer,
    subject,
    extensions: block ? readExtensions(itemsOf(block)[0]) : new Map(),
  };
}

/** Reads Extensions; one that stands twice is an error (RFC 5280 4.2). @throws DerError */
export function readExtensions(value: Der | undefined): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>();
  for (const item of itemsOf(value, "sequence")) {
    const parts = itemsOf(item, "sequence");
    const id = oidOf(parts[0]);
    if (found.has(id)) throw new DerError(`extension ${id} stands twice`);
    const critical = parts.length === 3 && bytesOf(parts[1], "boolean")[0] !== 0;
    found.set(id, { critical, value: bytesOf(parts.at(-1), "octetString") });
  }
  return found;
}

/** Extensions by object identifier. @throws DerError */
export const extensionsOf = (certificate: X509Certificate): ReadonlyMap<string, Extension> => fieldsOf(certificate).extensions;

/** Object identifier of the algorithm the certificate is signed with. @throws DerError */
export const signatureAlgorithmOf = (certificate: X509Certificate): string => fieldsOf(certificate).signatureAlgorithm;

/** The serial number's bytes, as `serialText` compares them. @throws DerError */
export const serialOf = (certificate: X509Certificate): Buffer => fieldsOf(certificate).serial;

/** A serial number as hexadecimal digits without leading zeros: one text for one number. */
export const serialText = (bytes: Buffer): string => bytes.toString("hex").replace(/^(00)+(?=..)/, "");

/** The subject's distinguished name. @throws DerError */
export const subjectOf = (certificate: X509Certificate): Der => fieldsOf(certificate).subject;

/** @throws DerError for a key of a type that node:crypto does not know. */
export function publicKeyOf(certificate: X509Certificate): KeyObject {
  try {
    return certificate.publicKey;
  } catch {
    throw new DerError("its key is of a type that is not known here");
  }
}

/** SHA-256 of the SubjectPublicKeyInfo in hexadecimal, as `openssl x509 -pubkey` and a digest of its DER give it; null for an unknown key. */
export function keyDigest(certificate: X509Certificate): string | null {
  try {
    return createHash("sha256")
      .update(certificate.publicKey.export({ type: "spki", format: "der" }))
      .digest("hex");
  } catch {
    return null;
  }
}

/** A key in words: `RSA 2048 bits`, `EC prime256v1`. */
export function keyText(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const type = (key.asymmetricKeyType ?? "unknown").toUpperCase();
  if (modulusLength !== undefined) return `${type} ${modulusLength} bits`;
  return namedCurve === undefined ? type : `${type} ${namedCurve}`;
}

/** The parts of a distinguished name in their order: object identifier and text ("" where the text cannot be read). @throws DerError */
export function nameParts(name: Der): readonly (readonly [string, string])[] {
  return itemsOf(name, "sequence").flatMap((group) =>
    itemsOf(group, "set").map((pair) => {
      const [type, value] = itemsOf(pair, "sequence");
      return [oidOf(type), textOfString(value) ?? ""] as const;
    }),
  );
}

/** One line for each part of a distinguished name, case and spaces evened out (RFC 5280 7.1); "" where there is none. @throws DerError */
export const comparableName = (name: Der | undefined): string =>
  name === undefined
    ? ""
    : nameParts(name)
        .map(([type, text]) => `${type}=${text.toLowerCase().trim().replace(/\s+/g, " ")}`)
        .join("\n");

/** The last common name, for people to read; null where there is none or it cannot be read. */
export function commonNameOf(certificate: X509Certificate): string | null {
  try {
    return nameParts(subjectOf(certificate)).findLast(([type]) => type === OID.commonName)?.[1] ?? null;
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

/** Text from a certificate made fit for a log line or a message: control characters replaced, shortened. */
export function shown(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "?");
  return clean.length > 100 ? `${clean.slice(0, 97)}...` : clean;
}

export const day = (date: Date): string => date.toISOString().slice(0, 10);
