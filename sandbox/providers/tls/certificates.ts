/** What certificates and requests of the tls provider are made of, from its inputs. */
import { createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { isIP, SocketAddress } from "node:net";
import { basicConstraints, extendedKeyUsage, extension, signCertificate, subjectKeyIdentifier } from "../../../gateway/pki/build.ts";
import { type Der, ia5String, namedBits, oid, printableString, sequence, set, taggedBytes, utf8String } from "../../../gateway/pki/der.ts";
import { OID } from "../../../gateway/pki/oids.ts";
import type { Change } from "../diff.ts";
import type { Failure, Field, Fields } from "../fields.ts";
import { type Computed, ProviderError } from "../resource.ts";
import { isList, type Properties, type Value } from "../wire.ts";
import { readKey } from "./keys.ts";

const text: Field = { type: "string" };

/** Subject input -> attribute, from the widest to the narrowest as Go's crypto/x509/pkix writes them. */
const SUBJECT = [
  ["country", OID.country],
  ["organization", OID.organization],
  ["organizationalUnit", OID.organizationalUnit],
  ["locality", OID.locality],
  ["province", OID.state],
  ["streetAddresses", "2.5.4.9"],
  ["postalCode", "2.5.4.17"],
  ["commonName", OID.commonName],
  ["serialNumber", "2.5.4.5"],
  ["emailAddress", "1.2.840.113549.1.9.1"],
] as const;

/** The names that a request and a self-signed certificate share. Every one is fixed once signed. */
export const NAMES: Fields = {
  subject: {
    type: "object",
    replace: true,
    fields: Object.fromEntries(SUBJECT.map(([name]) => [name, name === "streetAddresses" ? ({ type: "array", of: text } as const) : text])),
  },
  dnsNames: { type: "array", of: { ...text, pattern: /^[\x21-\x7e]+$/, expected: "a DNS name in ASCII" }, replace: true },
  ipAddresses: { type: "array", of: text, replace: true },
  uris: { type: "array", of: { ...text, pattern: /^[a-z][a-z0-9+.-]*:/i, expected: "a URI" }, replace: true },
};

/** A private key, kept in the state or not (`Wo`, write-only, told apart by its version). */
export const keyFields = (name: string): Fields => ({
  [name]: { type: "string", replace: true },
  [`${name}Wo`]: { type: "string" },
  [`${name}WoVersion`]: { type: "number", integer: true, replace: true },
});

export const VALIDITY: Fields = {
  validityPeriodHours: { type: "number", integer: true, min: 0, max: 876_000, required: true, replace: true },
  earlyRenewalHours: { type: "number", integer: true, min: 0, default: 0 },
  isCaCertificate: { type: "boolean", default: false, replace: true },
  maxPathLength: { type: "number", integer: true, min: 0, max: 255, replace: true },
  setSubjectKeyId: { type: "boolean", default: false, replace: true },
};

/** The provider's words for uses: a bit of keyUsage (RFC 5280 4.2.1.3) or an identifier of extKeyUsage (4.2.1.12). */
// biome-ignore format: a table
const USES = {
  digital_signature: 0, content_commitment: 1, key_encipherment: 2, data_encipherment: 3, key_agreement: 4,
  cert_signing: 5, crl_signing: 6, encipher_only: 7, decipher_only: 8,
  any_extended: OID.anyExtendedKeyUsage, server_auth: OID.serverAuth, client_auth: OID.clientAuth,
  code_signing: "1.3.6.1.5.5.7.3.3", email_protection: "1.3.6.1.5.5.7.3.4", ipsec_end_system: "1.3.6.1.5.5.7.3.5",
  ipsec_tunnel: "1.3.6.1.5.5.7.3.6", ipsec_user: "1.3.6.1.5.5.7.3.7", timestamping: "1.3.6.1.5.5.7.3.8", ocsp_signing: "1.3.6.1.5.5.7.3.9",
  microsoft_server_gated_crypto: "1.3.6.1.4.1.311.10.3.3", netscape_server_gated_crypto: "2.16.840.1.113730.4.1",
  microsoft_commercial_code_signing: "1.3.6.1.4.1.311.2.1.22", microsoft_kernel_code_signing: "1.3.6.1.4.1.311.61.1.1",
} as const satisfies Record<string, number | string>;

export const USES_FIELD: Field = {
  type: "array",
  of: { type: "string", oneOf: Object.keys(USES) },
  required: true,
  replace: true,
};

const strings = (value: Value | undefined): readonly string[] => (isList(value ?? null) ? (value as readonly string[]) : []);

export function subjectName(subject: Value | undefined): Der {
  const given = (subject ?? {}) as Properties;
  const attributes = SUBJECT.flatMap(([name, id]) => {
    const values = name === "streetAddresses" ? strings(given[name]) : [given[name]];
    return values
      .filter((value): value is string => typeof value === "string" && value !== "")
      .map((value) => set(sequence(oid(id), name === "emailAddress" ? ia5String(value) : directoryString(value))));
  });
  return sequence(...attributes);
}

/** PrintableString where its alphabet suffices (X.680 41.4), else UTF8String. */
const directoryString = (value: string): Der => (/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? printableString(value) : utf8String(value));

/** subjectAltName, or nothing where there are no names. */
export function alternativeNames(inputs: Properties): readonly Der[] {
  const names = [
    ...strings(inputs.dnsNames).map((name) => taggedBytes(2, Buffer.from(name, "latin1"))),
    ...strings(inputs.uris).map((uri) => taggedBytes(6, Buffer.from(uri, "latin1"))),
    ...strings(inputs.ipAddresses).map((address) => taggedBytes(7, addressBytes(address))),
  ];
  return names.length === 0 ? [] : [extension(OID.subjectAltName, false, sequence(...names))];
}

/** The 4 or 16 bytes of an address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
  const full = new SocketAddress({ address, family: "ipv6" }).address;
  const [head = "", tail = ""] = full.split("::");
  const groups = (part: string) => part.split(":").filter(Boolean);
  const missing = full.includes("::") ? 8 - groups(head).length - groups(tail).length : 0;
  const all = [...groups(head), ...Array<string>(missing).fill("0"), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}

export function checkAddresses(inputs: Properties): readonly Failure[] {
  return strings(inputs.ipAddresses).flatMap((address, index) =>
    typeof address !== "string" || isIP(address) !== 0
      ? []
      : [{ property: `ipAddresses[${index}]`, reason: `is ${JSON.stringify(address)}; expected an IPv4 or IPv6 address` }],
  );
}

/** Exactly one of a key and its write-only twin. */
export function checkKeyGiven(inputs: Properties, name: string): readonly Failure[] {
  const given = [name, `${name}Wo`].filter((input) => (inputs[input] ?? null) !== null);
  return given.length === 1
    ? []
    : [{ property: name, reason: `or ${name}Wo is required, and only one of them; given: ${given.join(" and ") || "none"}` }];
}

export const givenKey = (inputs: Properties, name: string): KeyObject => readKey(String(inputs[name] ?? inputs[`${name}Wo`]), name);

function useExtensions(uses: readonly string[]): readonly Der[] {
  const known = uses.map((use) => USES[use as keyof typeof USES]);
  const bits = known.filter((use) => typeof use === "number");
  const purposes = known.filter((use) => typeof use === "string");
  return [
    ...(bits.length > 0 ? [extension(OID.keyUsage, true, namedBits(bits))] : []),
    ...(purposes.length > 0 ? [extendedKeyUsage(...purposes)] : []),
  ];
}

export const authorityKeyId = (identifier: Buffer): Der =>
  extension(OID.authorityKeyIdentifier, false, sequence(taggedBytes(0, identifier)));

export interface Issue {
  readonly inputs: Properties;
  readonly subject: Der;
  readonly issuer: Der;
  readonly publicKey: KeyObject;
  /** subjectAltName and authorityKeyIdentifier. */
  readonly extensions: readonly Der[];
  readonly issuerKey: KeyObject;
}

/** Signs a certificate of `validityPeriodHours` from now; the identifier is its serial number in decimal. */
export function issue({ inputs, subject, issuer, publicKey, extensions, issuerKey }: Issue) {
  const isAuthority = inputs.isCaCertificate === true;
  const pathLength = typeof inputs.maxPathLength === "number" ? inputs.maxPathLength : undefined;
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + Number(inputs.validityPeriodHours) * 3_600_000);
  const serial = BigInt(`0x${randomBytes(16).toString("hex")}`);
  const all = [
    ...useExtensions(strings(inputs.allowedUses)),
    basicConstraints(isAuthority, pathLength),
    ...(isAuthority || inputs.setSubjectKeyId === true ? [subjectKeyIdentifier(publicKey)] : []),
    ...extensions,
  ];
  const certPem = signCertificate({ subject, issuer, publicKey, serial, notBefore, notAfter, extensions: all }, issuerKey);
  const seconds = (date: Date) => date.toISOString().replace(".000", "");
  return { id: serial.toString(), certPem, validityStartTime: seconds(notBefore), validityEndTime: seconds(notAfter) };
}

/** True from `earlyRenewalHours` before the end of validity on. */
export function isReadyForRenewal(validityEndTime: Value | undefined, earlyRenewalHours: Value | undefined): boolean {
  return Date.parse(String(validityEndTime)) - Number(earlyRenewalHours ?? 0) * 3_600_000 <= Date.now();
}

/** A certificate whose time has come is made anew. */
export function renewalDue(outputs: Properties, news: Properties): readonly Change[] {
  const due = isReadyForRenewal(outputs.validityEndTime, news.earlyRenewalHours);
  return due ? [{ path: "readyForRenewal", kind: "update", replace: true, input: false }] : [];
}

/** Outputs of a certificate that an update of `earlyRenewalHours` may touch: only whether it is due. */
export function renewed(outputs: Properties, inputs: Properties, kept: readonly string[]): Computed {
  const values = kept.map((name) => [name, outputs[name] ?? null] as const);
  return { ...Object.fromEntries(values), readyForRenewal: isReadyForRenewal(outputs.validityEndTime, inputs.earlyRenewalHours) };
}

export const publicKeyOf = (key: KeyObject): KeyObject => createPublicKey(key);

export function refuseUpdate(what: string): never {
  throw new ProviderError(`${what} cannot be changed in place`);
}
