/** Certificates for tests: authorities, intermediates and leafs of any shape, made in about a millisecond each. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import {
  authorityKeyIdentifier,
  basicConstraints,
  distinguishedName,
  extendedKeyUsage,
  type KeyUsage,
  keyUsage,
  serverKeyUsage,
  signCertificate,
  subjectKeyIdentifier,
} from "../../gateway/pki/build.ts";
import { subjectOf } from "../../gateway/pki/certificate.ts";
import type { Der } from "../../gateway/pki/der.ts";
import { subjectAltName } from "../../gateway/pki/names.ts";
import { OID } from "../../gateway/pki/oids.ts";

export interface Authority {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** What a leaf of this authority must carry: its own certificate and those above it, without the root. Empty for a root. */
  readonly chainPem: string;
}

interface Dates {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface AuthorityOptions extends Dates {
  readonly name?: string;
  readonly pathLength?: number;
  /** Default keyCertSign and cRLSign. */
  readonly uses?: readonly KeyUsage[];
  readonly extensions?: readonly Der[];
  /** To sign one key twice, as cross-signing does. */
  readonly privateKeyPem?: string;
}

export type Purpose = "serverAuth" | "clientAuth" | "any";

export interface IssueOptions extends Dates {
  readonly dnsNames?: readonly string[];
  readonly srvNames?: readonly string[];
  readonly xmppAddrs?: readonly string[];
  /** Default: the first name. */
  readonly commonName?: string;
  /** Default serverAuth and clientAuth; null leaves the extension out. */
  readonly extendedKeyUsage?: readonly Purpose[] | null;
  readonly isAuthority?: boolean;
  readonly pathLength?: number;
  /** Signed with its own key: the authority is not used. */
  readonly selfSigned?: boolean;
  /** Default ec: P-256. One RSA key per size is made and kept for all tests of a process. */
  readonly key?: "ec" | "rsa2048" | "rsa1024";
  readonly privateKeyPem?: string;
  /** Only the public key is known, as to an authority that got a request. */
  readonly publicKeyPem?: string;
  readonly extensions?: readonly Der[];
}

export interface Issued {
  /** Leaf first, then intermediates. */
  readonly certificateChain: string;
  /** Of another key where publicKeyPem was given. */
  readonly privateKey: string;
}

/** Validity of everything that names no dates. */
export const DEFAULT_DATES = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2045-01-01T00:00:00Z") } as const;

const PURPOSES = { serverAuth: OID.serverAuth, clientAuth: OID.clientAuth, any: OID.anyExtendedKeyUsage } as const;

/** A self-signed root. */
export function makeAuthority(options: AuthorityOptions = {}): Authority {
  const key = options.privateKeyPem ? createPrivateKey(options.privateKeyPem) : newKey("ec");
  const name = distinguishedName({ commonName: options.name ?? "Test Root" });
  return { ...signAuthority(name, name, key, key, options), chainPem: "" };
}

/** An authority below another one. */
export function makeIntermediate(parent: Authority, options: AuthorityOptions = {}): Authority {
  const key = options.privateKeyPem ? createPrivateKey(options.privateKeyPem) : newKey("ec");
  const name = distinguishedName({ commonName: options.name ?? "Test Intermediate" });
  const issuer = subjectOf(new X509Certificate(parent.certificatePem));
  const made = signAuthority(name, issuer, key, createPrivateKey(parent.privateKeyPem), options);
  return { ...made, chainPem: made.certificatePem + parent.chainPem };
}

function signAuthority(subject: Der, issuer: Der, key: KeyObject, issuerKey: KeyObject, options: AuthorityOptions) {
  const publicKey = createPublicKey(key);
  const extensions = [
    basicConstraints(true, options.pathLength),
    keyUsage(...(options.uses ?? (["keyCertSign", "cRLSign"] as const))),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(createPublicKey(issuerKey)),
    ...(options.extensions ?? []),
  ];
  const contents = { ...DEFAULT_DATES, ...dates(options), subject, issuer, publicKey, serial: nextSerial(), extensions };
  return { certificatePem: signCertificate(contents, issuerKey), privateKeyPem: pemOf(key) };
}

/** A leaf, by default for TLS in both directions. */
export function issue(authority: Authority, options: IssueOptions = {}): Issued {
  const key = options.privateKeyPem ? createPrivateKey(options.privateKeyPem) : newKey(options.key ?? "ec");
  const publicKey = createPublicKey(options.publicKeyPem ?? key);
  const issuerKey = options.selfSigned ? key : createPrivateKey(authority.privateKeyPem);
  const names = { dns: options.dnsNames ?? [], srv: options.srvNames ?? [], xmppAddr: options.xmppAddrs ?? [] };
  const anyName = [...names.dns, ...names.srv, ...names.xmppAddr][0];
  const subject = distinguishedName({ commonName: options.commonName ?? anyName ?? "" });
  const purposes = options.extendedKeyUsage === undefined ? (["serverAuth", "clientAuth"] as const) : options.extendedKeyUsage;
  const extensions = [
    basicConstraints(options.isAuthority ?? false, options.pathLength),
    options.isAuthority ? keyUsage("digitalSignature", "keyCertSign") : serverKeyUsage(publicKey),
    subjectKeyIdentifier(publicKey),
    authorityKeyIdentifier(createPublicKey(issuerKey)),
    ...(purposes === null ? [] : [extendedKeyUsage(...purposes.map((purpose) => PURPOSES[purpose]))]),
    ...(anyName === undefined ? [] : [subjectAltName(names)]),
    ...(options.extensions ?? []),
  ];
  const issuer = options.selfSigned ? subject : subjectOf(new X509Certificate(authority.certificatePem));
  const contents = { ...DEFAULT_DATES, ...dates(options), subject, issuer, publicKey, serial: nextSerial(), extensions };
  const leaf = signCertificate(contents, issuerKey);
  return { certificateChain: leaf + (options.selfSigned ? "" : authority.chainPem), privateKey: pemOf(key) };
}

const dates = ({ notBefore, notAfter }: Dates): Dates => ({ ...(notBefore ? { notBefore } : {}), ...(notAfter ? { notAfter } : {}) });

let serial = 0n;
const nextSerial = (): bigint => ++serial;

const rsaKeys = new Map<number, KeyObject>();

function newKey(kind: "ec" | "rsa2048" | "rsa1024"): KeyObject {
  if (kind === "ec") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const bits = kind === "rsa2048" ? 2048 : 1024;
  const key = rsaKeys.get(bits) ?? generateKeyPairSync("rsa", { modulusLength: bits }).privateKey;
  rsaKeys.set(bits, key);
  return key;
}

const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
