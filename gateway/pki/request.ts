/**
 * The certificate request: what Lync's certificate wizard asks for, as PKCS #10 (RFC 2986). With an RSA key the same
 * settings always give the same bytes, so that a request which has been sent does not change under the administrator.
 */
import { createPrivateKey, createPublicKey, type KeyObject, verify } from "node:crypto";
import {
  distinguishedName,
  extendedKeyUsage,
  extension,
  pemBlock,
  publicKeyInfo,
  SUBJECT_PARTS,
  type Subject,
  serverKeyUsage,
  signed,
} from "./build.ts";
import { keyText, nameParts, readExtensions } from "./certificate.ts";
import {
  bmpString,
  bytesOf,
  type Der,
  DerError,
  decode,
  encode,
  inSetOrder,
  integer,
  itemsOf,
  octetString,
  oid,
  oidOf,
  sequence,
  set,
  tagged,
  tagOf,
  textOfString,
} from "./der.ts";
import { LIMITS } from "./limits.ts";
import { type AlternativeNames, readAlternativeNames, subjectAltName } from "./names.ts";
import { OID } from "./oids.ts";
import {
  CertificateRequestError,
  type CertificateRequestSettings,
  DEFAULT_TEMPLATE,
  dnsNamesOf,
  keyProblems,
  requestProblems,
} from "./request-settings.ts";
import { CertificateFormatError } from "./roots.ts";

export {
  BIT_LENGTHS,
  type CertificateProblem,
  CertificateRequestError,
  type CertificateRequestSettings,
  DEFAULT_TEMPLATE,
  requestNames,
  requestProblems,
} from "./request-settings.ts";

// ---- writing ---------------------------------------------------------------------------------------------------

/**
 * The request as PEM, signed with the key. RSA and Ed25519 keys sign the same bytes the same way each time; ECDSA does not.
 * @throws CertificateRequestError with every problem of the settings, and for a key of another length than they say.
 */
export function buildCertificateRequest(settings: CertificateRequestSettings, privateKeyPem: string): string {
  const key = createPrivateKey(privateKeyPem);
  const problems = [...requestProblems(settings), ...keyProblems(settings, key)];
  if (problems.length > 0) throw new CertificateRequestError(problems);
  const body = sequence(
    integer(0),
    distinguishedName(settings.subject),
    publicKeyInfo(createPublicKey(key)),
    tagged(0, ...inSetOrder(attributes(settings, key))),
  );
  return pemBlock("CERTIFICATE REQUEST", signed(body, key));
}

function attributes(settings: CertificateRequestSettings, key: KeyObject): Der[] {
  const extensions = sequence(
    extension(OID.enrollCertType, false, bmpString(settings.templateName ?? DEFAULT_TEMPLATE)),
    serverKeyUsage(key),
    extendedKeyUsage(OID.serverAuth),
    subjectAltName({ dns: dnsNamesOf(settings), srv: settings.srvNames, xmppAddr: settings.xmppAddrs ?? [] }),
  );
  return [
    sequence(oid(OID.extensionRequest), set(extensions)),
    ...(settings.friendlyName
      ? [sequence(oid(OID.friendlyName), set(octetString(Buffer.from(`${settings.friendlyName}\0`, "utf16le"))))]
      : []),
  ];
}

// ---- reading ---------------------------------------------------------------------------------------------------

/** What a request says. */
export interface RequestContents {
  readonly subject: Partial<Subject>;
  readonly dnsNames: readonly string[];
  readonly srvNames: readonly string[];
  readonly xmppAddrs: readonly string[];
  readonly templateName: string | undefined;
  readonly friendlyName: string | undefined;
  /** `RSA 2048 bits` */
  readonly key: string;
  readonly publicKeyPem: string;
  /** Whether the request is signed with the key it names. */
  readonly signatureValid: boolean;
}

/** Reads a request back. @throws CertificateFormatError */
export function readRequest(pem: string): RequestContents {
  const match = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem.slice(0, LIMITS.certificateBytes * 2));
  if (!match?.[1]) throw new CertificateFormatError(null, "no certificate request; expected -----BEGIN CERTIFICATE REQUEST-----");
  try {
    return contentsOf(Buffer.from(match[1], "base64"));
  } catch (error) {
    if (error instanceof DerError) throw new CertificateFormatError(1, `does not hold a certificate request: ${error.message}`);
    throw error;
  }
}

function contentsOf(der: Buffer): RequestContents {
  const [body, algorithm, signature] = itemsOf(decode(der), "sequence");
  const [, subject, publicKey, ...rest] = itemsOf(body, "sequence");
  if (body === undefined || subject === undefined || publicKey === undefined) throw new DerError("expected a request's body");
  const key = readKey(publicKey);
  const found = readAttributes(rest.find((item) => tagOf(item) === 0));
  const names = namesOf(found.extensions.get(OID.subjectAltName)?.value);
  const template = found.extensions.get(OID.enrollCertType)?.value;
  return {
    subject: readSubject(subject),
    dnsNames: names.dns,
    srvNames: names.srv,
    xmppAddrs: names.xmppAddr,
    templateName: template ? (textOfString(decode(template)) ?? undefined) : undefined,
    friendlyName: found.friendlyName,
    key: keyText(key),
    publicKeyPem: key.export({ type: "spki", format: "pem" }).toString(),
    signatureValid: isSignatureValid(
      encode(body),
      oidOf(itemsOf(algorithm, "sequence")[0]),
      bytesOf(signature, "bitString").subarray(1),
      key,
    ),
  };
}

function readKey(value: Der): KeyObject {
  try {
    return createPublicKey({ key: encode(value), type: "spki", format: "der" });
  } catch {
    throw new DerError("expected a public key of a known type");
  }
}

function readAttributes(attributes: Der | undefined) {
  let extensions: ReturnType<typeof readExtensions> = new Map();
  let friendlyName: string | undefined;
  for (const attribute of attributes ? itemsOf(attributes) : []) {
    const [type, values] = itemsOf(attribute, "sequence");
    const [value] = itemsOf(values, "set");
    if (oidOf(type) === OID.extensionRequest) extensions = readExtensions(value);
    if (oidOf(type) === OID.friendlyName) friendlyName = bytesOf(value, "octetString").toString("utf16le").replace(/\0$/, "");
  }
  return { extensions, friendlyName };
}

const namesOf = (value: Buffer | undefined): AlternativeNames =>
  value ? readAlternativeNames(decode(value)) : { dns: [], srv: [], xmppAddr: [] };

function readSubject(name: Der): Partial<Subject> {
  const texts = new Map(nameParts(name));
  return Object.fromEntries(SUBJECT_PARTS.flatMap(([part]) => (texts.has(OID[part]) ? [[part, texts.get(OID[part])]] : [])));
}

function isSignatureValid(body: Buffer, algorithm: string, signature: Buffer, key: KeyObject): boolean {
  const digest =
    algorithm === OID.ed25519 ? null : algorithm === OID.sha256WithRsa || algorithm === OID.ecdsaWithSha256 ? "sha256" : undefined;
  return digest !== undefined && verify(digest, body, key, signature);
}

// ---- for people ------------------------------------------------------------------------------------------------

/** The wizard's "Request Summary", and a request in clear: one line for each setting and each name. */
export function requestSummary(request: CertificateRequestSettings | RequestContents): readonly string[] {
  const { subject } = request;
  const names = [
    ...("key" in request ? request.dnsNames : dnsNamesOf(request)).map((name) => `DNS ${name}`),
    ...request.srvNames.map((name) => `SRV ${name}`),
    ...(request.xmppAddrs ?? []).map((name) => `XMPP address ${name}`),
  ];
  const rows: (readonly [string, string | undefined])[] = [
    ["Certificate template", request.templateName ?? ("key" in request ? undefined : DEFAULT_TEMPLATE)],
    ["Friendly name", request.friendlyName],
    ["Key", "key" in request ? request.key : request.bitLength === undefined ? undefined : `RSA ${request.bitLength} bits`],
    ["Private key exportable", "key" in request ? undefined : request.exportableKey ? "yes" : "no"],
    ...SUBJECT_PARTS.map(([part, , label]) => [label, subject[part]] as const),
    ...names.map((name, index) => [index === 0 ? "Subject alternative names" : "", name] as const),
    ["Signature", "key" in request ? (request.signatureValid ? "made with this key" : "NOT made with this key") : undefined],
  ];
  return rows.filter(([, value]) => value).map(([label, value]) => `${label.padEnd(26)} ${value}`);
}
