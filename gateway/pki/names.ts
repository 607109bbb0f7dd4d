/**
 * Names in a certificate: written into subjectAltName, read from it, and compared with a domain.
 * Read from the DER, never from a printed form: printed names can be forged with commas and NUL (CVE-2021-44532).
 */
import type { X509Certificate } from "node:crypto";
import { domainToASCII, domainToUnicode } from "node:url";
import { extension } from "./build.ts";
import { commonNameOf, extensionsOf } from "./certificate.ts";
import {
  bytesOf,
  type Der,
  DerError,
  decode,
  ia5String,
  itemsOf,
  oid,
  oidOf,
  sequence,
  tagged,
  taggedBytes,
  tagOf,
  textOfString,
  utf8String,
} from "./der.ts";
import { LIMITS } from "./limits.ts";
import { OID } from "./oids.ts";

/** Names by kind, in the order they stand. */
export interface AlternativeNames {
  /** DNS-ID (RFC 6125 1.8), lower case; may hold a wildcard. */
  readonly dns: readonly string[];
  /** SRV-ID (RFC 4985), lower case: `_xmpp-server.contoso.com`. */
  readonly srv: readonly string[];
  /** XmppAddr (RFC 6120 13.7.1.4): a domain, possibly with U-labels. */
  readonly xmppAddr: readonly string[];
}

export interface CertificateNames extends AlternativeNames {
  /** For people to read; proves nothing. */
  readonly commonName: string | null;
  /** Why the alternative names could not be read; the lists are empty then. */
  readonly damaged: string | null;
}

const NO_NAMES: AlternativeNames = { dns: [], srv: [], xmppAddr: [] };

/** GeneralName (RFC 5280 4.2.1.6): the context tags we know. */
export const GENERAL_NAME = { otherName: 0, dNSName: 2, directoryName: 4 } as const;

/** Service of the SRV-ID that names an XMPP server towards servers. */
const SRV_PREFIX = "_xmpp-server.";

/** The SRV-ID that proves a domain for XMPP between servers. */
export const srvNameOf = (domain: string): string => `${SRV_PREFIX}${domain}`;

/** A host or domain name in lower-case A-label form, two labels or more (RFC 1035 2.3.4, RFC 5890 2.3.2.1). */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(text) && !/(^|\.)\d+$/.test(text);
}

/** The names a certificate carries. Never throws: what cannot be read is told in `damaged`. */
export function certificateNames(certificate: X509Certificate): CertificateNames {
  const commonName = commonNameOf(certificate);
  try {
    const found = extensionsOf(certificate).get(OID.subjectAltName);
    return { ...(found ? readAlternativeNames(decode(found.value)) : NO_NAMES), commonName, damaged: null };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return { ...NO_NAMES, commonName, damaged: `its alternative names cannot be read: ${error.message}` };
  }
}

/** Reads GeneralNames. A single name that no domain could have is left out. @throws DerError */
export function readAlternativeNames(value: Der): AlternativeNames {
  const names = itemsOf(value, "sequence");
  if (names.length > LIMITS.names) throw new DerError(`${names.length} names, at most ${LIMITS.names}`);
  const found = { dns: [] as string[], srv: [] as string[], xmppAddr: [] as string[] };
  for (const name of names) {
    if (tagOf(name) === GENERAL_NAME.dNSName) keep(found.dns, bytesOf(name).toString("latin1").toLowerCase(), isDnsId);
    if (tagOf(name) === GENERAL_NAME.otherName) readOtherName(name, found);
  }
  return found;
}

function readOtherName(name: Der, found: { srv: string[]; xmppAddr: string[] }): void {
  const [type, wrapped] = itemsOf(name);
  const kind = oidOf(type);
  if (kind !== OID.srvName && kind !== OID.xmppAddr) return;
  const text = textOfString(itemsOf(wrapped)[0]);
  if (kind === OID.srvName) keep(found.srv, text?.toLowerCase(), isSrvId);
  else keep(found.xmppAddr, text, (address) => isDomain(asciiDomain(address)));
}

function keep(list: string[], text: string | null | undefined, isName: (text: string) => boolean): void {
  if (typeof text === "string" && isName(text)) list.push(text);
}

const isDnsId = (text: string): boolean => isDomain(text.startsWith("*.") ? text.slice(2) : text);
const isSrvId = (text: string): boolean => /^_[a-z0-9-]+\./.test(text) && isDomain(text.slice(text.indexOf(".") + 1));

/** A-label form of a JID's domain, "" where it has none. What the conversion changes by more than case is refused: it would guess. */
function asciiDomain(text: string): string {
  const ascii = domainToASCII(text);
  const lower = text.toLowerCase();
  return lower === ascii || lower === domainToUnicode(ascii) ? ascii : "";
}

/**
 * Whether the certificate is for that domain as an XMPP server (RFC 6120 13.7.1.2, RFC 6125 6.4): by DNS-ID, SRV-ID or
 * XmppAddr. The common name is ignored (RFC 9525 2). `domain` in lower-case A-label form.
 */
export function provesDomain(certificate: X509Certificate, domain: string): boolean {
  if (!isDomain(domain)) return false;
  const names = certificateNames(certificate);
  return (
    names.dns.some((name) => dnsIdMatches(name, domain)) ||
    names.srv.includes(srvNameOf(domain)) ||
    names.xmppAddr.some((address) => asciiDomain(address) === domain)
  );
}

/** Every domain that the names could prove to anybody here, wildcards as they stand. */
export const provableDomains = (names: AlternativeNames): readonly string[] => [
  ...names.dns,
  ...names.srv.map((name) => name.slice(name.indexOf(".") + 1)),
  ...names.xmppAddr.map(asciiDomain),
];

/** Whether the certificate is for that host: by DNS-ID alone, as SIP (RFC 5922 7.1) and TLS clients have it. */
export const provesHost = (certificate: X509Certificate, host: string): boolean =>
  isDomain(host) && certificateNames(certificate).dns.some((name) => dnsIdMatches(name, host));

/** A wildcard is the whole left-most label and stands for exactly one label (RFC 6125 6.4.3); isDnsId let none pass below a top-level domain. */
const dnsIdMatches = (presented: string, domain: string): boolean =>
  presented.startsWith("*.") ? domain.slice(domain.indexOf(".")) === presented.slice(1) : presented === domain;

/** The subjectAltName extension; critical where the subject is empty (RFC 5280 4.1.2.6). */
export function subjectAltName(names: Partial<AlternativeNames>, critical = false): Der {
  return extension(OID.subjectAltName, critical, sequence(...generalNames(names)));
}

/** GeneralName values: DNS names, then SRV names, then XMPP addresses. */
export function generalNames(names: Partial<AlternativeNames>): readonly Der[] {
  return [
    ...(names.dns ?? []).map((name) => taggedBytes(GENERAL_NAME.dNSName, Buffer.from(name, "latin1"))),
    ...(names.srv ?? []).map((name) => otherName(OID.srvName, ia5String(name))),
    ...(names.xmppAddr ?? []).map((name) => otherName(OID.xmppAddr, utf8String(name))),
  ];
}

const otherName = (type: string, value: Der): Der => tagged(GENERAL_NAME.otherName, oid(type), tagged(0, value));
