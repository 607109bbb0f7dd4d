/** Makes what is signed: names, extensions, certificates. Signing is deterministic for RSA and Ed25519, not for ECDSA. */
import { createHash, type KeyObject, sign } from "node:crypto";
import {
  bitString,
  boolean,
  type Der,
  decode,
  encode,
  integer,
  namedBits,
  nothing,
  octetString,
  oid,
  printableString,
  sequence,
  set,
  tagged,
  taggedBytes,
  time,
  utf8String,
} from "./der.ts";
import { OID } from "./oids.ts";

/** Who a certificate is about, in the words of the Lync certificate wizard. */
export interface Subject {
  readonly commonName: string;
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  /** Two letters, ISO 3166. */
  readonly country?: string | undefined;
  readonly state?: string | undefined;
  readonly locality?: string | undefined;
}

/** The parts of a name from the widest to the narrowest, and the longest each may be (RFC 5280 appendix A.1). */
// biome-ignore format: a table
export const SUBJECT_PARTS = [
  // part                  longest  what the wizard calls it
  ["country",              2,       "Country/Region"      ],
  ["state",                128,     "State/Province"      ],
  ["locality",             128,     "City/Locality"       ],
  ["organization",         64,      "Organization"        ],
  ["organizationalUnit",   64,      "Organizational unit" ],
  ["commonName",           64,      "Subject name"        ],
] as const satisfies readonly (readonly [keyof Subject, number, string])[];

/** An empty common name gives an empty name, which RFC 5280 4.1.2.6 allows beside a critical subjectAltName. */
export function distinguishedName(subject: Subject): Der {
  const parts = SUBJECT_PARTS.flatMap(([part]) => {
    const text = subject[part];
    if (text === undefined || text === "") return [];
    return [set(sequence(oid(OID[part]), part === "country" ? printableString(text.toUpperCase()) : utf8String(text)))];
  });
  return sequence(...parts);
}

export const extension = (id: string, critical: boolean, value: Der): Der =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(encode(value)));

/** The bits of keyUsage (RFC 5280 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0, keyEncipherment: 2, keyAgreement: 4, keyCertSign: 5, cRLSign: 6 } as const;
export type KeyUsage = keyof typeof KEY_USAGE;

export const keyUsage = (...uses: readonly KeyUsage[]): Der => extension(OID.keyUsage, true, namedBits(uses.map((use) => KEY_USAGE[use])));
export const extendedKeyUsage = (...purposes: readonly string[]): Der =>
  extension(OID.extendedKeyUsage, false, sequence(...purposes.map(oid)));

/** What a TLS server's key is used for: an RSA key also decrypts in the older key exchange. */
export const serverKeyUsage = (key: KeyObject): Der =>
  key.asymmetricKeyType === "rsa" ? keyUsage("digitalSignature", "keyEncipherment") : keyUsage("digitalSignature");

/** `pathLength`: how many intermediates may follow; undefined sets no bound. */
export const basicConstraints = (isAuthority: boolean, pathLength?: number): Der =>
  extension(
    OID.basicConstraints,
    true,
    isAuthority ? sequence(boolean(true), ...(pathLength === undefined ? [] : [integer(pathLength)])) : sequence(),
  );

/** SHA-1 of the subject public key, as RFC 5280 4.2.1.2 (1) has it: an index, not a protection. */
export const keyIdentifier = (publicKey: KeyObject): Buffer =>
  createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();

export const subjectKeyIdentifier = (publicKey: KeyObject): Der =>
  extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(publicKey)));
export const authorityKeyIdentifier = (publicKey: KeyObject): Der =>
  extension(OID.authorityKeyIdentifier, false, sequence(taggedBytes(0, keyIdentifier(publicKey))));

export const publicKeyInfo = (publicKey: KeyObject): Der => decode(publicKey.export({ type: "spki", format: "der" }));

/** Signature algorithms we sign with, by node:crypto's key type. */
const SIGNATURES: ReadonlyMap<string, { readonly algorithm: () => Der; readonly digest: string | null }> = new Map([
  ["rsa", { algorithm: () => sequence(oid(OID.sha256WithRsa), nothing()), digest: "sha256" }],
  ["ec", { algorithm: () => sequence(oid(OID.ecdsaWithSha256)), digest: "sha256" }],
  ["ed25519", { algorithm: () => sequence(oid(OID.ed25519)), digest: null }],
]);

/** The signature algorithm of a key. @throws RangeError for a key type without one here. */
export function signatureAlgorithm(key: KeyObject): Der {
  return signatureOf(key).algorithm();
}

/** `SEQUENCE { value, algorithm, signature }`, the frame that certificates and requests share. */
export function signed(value: Der, privateKey: KeyObject): Buffer {
  const { algorithm, digest } = signatureOf(privateKey);
  return encode(sequence(value, algorithm(), bitString(sign(digest, encode(value), privateKey))));
}

function signatureOf(key: KeyObject) {
  const found = SIGNATURES.get(key.asymmetricKeyType ?? "");
  if (found) return found;
  throw new RangeError(
    `a key of type ${key.asymmetricKeyType ?? "unknown"} cannot sign here; expected ${[...SIGNATURES.keys()].join(", ")}`,
  );
}

export interface CertificateContents {
  readonly subject: Der;
  readonly issuer: Der;
  readonly publicKey: KeyObject;
  /** Positive, at most 20 bytes (RFC 5280 4.1.2.2). */
  readonly serial: bigint;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Der[];
}

/** A version 3 certificate, signed with the issuer's key. */
export function signCertificate(contents: CertificateContents, issuerKey: KeyObject): string {
  const certificate = sequence(
    tagged(0, integer(2)),
    integer(contents.serial),
    signatureAlgorithm(issuerKey),
    contents.issuer,
    sequence(time(contents.notBefore), time(contents.notAfter)),
    contents.subject,
    publicKeyInfo(contents.publicKey),
    ...(contents.extensions.length > 0 ? [tagged(3, sequence(...contents.extensions))] : []),
  );
  return pemBlock("CERTIFICATE", signed(certificate, issuerKey));
}

/** PEM as RFC 7468 writes it: lines of 64, a newline at the end. */
export function pemBlock(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
