/** XMPP addresses (RFC 7622): parsed once into parts that are prepared, so that equal addresses are equal texts. */
import { type Domain, normaliseDomain, toUnicodeDomain } from "./domain.ts";
import { opaqueString, usernameCaseMapped } from "./precis.ts";

declare const brand: unique symbol;

export type Localpart = string & { readonly [brand]: "localpart" };
export type Resourcepart = string & { readonly [brand]: "resourcepart" };

/** Only parseJid and jidOf make the parts. */
export interface Jid {
  readonly local: Localpart | null;
  /** A-labels in lower case. */
  readonly domain: Domain;
  readonly resource: Resourcepart | null;
}

export type JidPart = "localpart" | "domainpart" | "resourcepart";
export type JidErrorCode = "empty" | "too-long" | "not-allowed";

/** Why a text is no JID. A value, not thrown; tell it from a Jid with instanceof. */
export class JidError {
  readonly part: JidPart;
  readonly code: JidErrorCode;
  readonly text: string;
  constructor(part: JidPart, code: JidErrorCode, text: string) {
    this.part = part;
    this.code = code;
    this.text = text;
  }
}

export const LIMITS = {
  /** Bytes of each part in UTF-8 (RFC 7622 sections 3.2 to 3.4). */
  partBytes: 1023,
} as const;

/** Text -> Jid. Splits as RFC 7622 section 3.1 says: at the first slash, then at the first at sign before it. */
export function parseJid(text: string): Jid | JidError {
  const slash = text.indexOf("/");
  const bare = slash === -1 ? text : text.slice(0, slash);
  const at = bare.indexOf("@");
  return jidOf(at === -1 ? null : bare.slice(0, at), bare.slice(at + 1), slash === -1 ? null : text.slice(slash + 1));
}

/** Parts -> Jid; null is an absent part. The localpart is taken as it stands in a JID, that is, escaped. */
export function jidOf(local: string | null, domain: string, resource: string | null): Jid | JidError {
  const preparedLocal = local === null ? null : prepareLocalpart(local);
  if (preparedLocal instanceof JidError) return preparedLocal;
  const preparedDomain = prepareDomainpart(domain);
  if (preparedDomain instanceof JidError) return preparedDomain;
  const preparedResource = resource === null ? null : prepareResourcepart(resource);
  if (preparedResource instanceof JidError) return preparedResource;
  return { local: preparedLocal, domain: preparedDomain, resource: preparedResource };
}

/** Without resourcepart. */
export const bareJid = (jid: Jid): Jid => (jid.resource === null ? jid : { ...jid, resource: null });

export const jidToString = (jid: Jid): string =>
  `${jid.local === null ? "" : `${jid.local}@`}${jid.domain}${jid.resource === null ? "" : `/${jid.resource}`}`;

/** As it stands in a stanza: the domain in U-labels (RFC 7622 3.2.1). */
export const jidOnWire = (jid: Jid): string => jidToString({ ...jid, domain: toUnicodeDomain(jid.domain) as Jid["domain"] });

function prepareLocalpart(text: string): Localpart | JidError {
  const refused = sizeError("localpart", text);
  if (refused) return refused;
  const prepared = usernameCaseMapped(text);
  //= RFC 7622 3.3.1
  if (prepared === null || /["&'/:<>@]/.test(prepared)) {
    return new JidError(
      "localpart",
      "not-allowed",
      `localpart ${show(text)} has a character that UsernameCaseMapped or RFC 7622 section 3.3.1 excludes`,
    );
  }
  //= XEP-0106 3.2
  if (prepared.startsWith("\\20") || prepared.endsWith("\\20")) {
    return new JidError("localpart", "not-allowed", `localpart ${show(text)} begins or ends with \\20, an escaped space`);
  }
  return sizeError("localpart", prepared) ?? (prepared as Localpart);
}

function prepareDomainpart(text: string): Domain | JidError {
  const refused = sizeError("domainpart", text);
  if (refused) return refused;
  return (
    normaliseDomain(text) ?? new JidError("domainpart", "not-allowed", `domainpart ${show(text)} is no domain name of two labels or more`)
  );
}

function prepareResourcepart(text: string): Resourcepart | JidError {
  const refused = sizeError("resourcepart", text);
  if (refused) return refused;
  const prepared = opaqueString(text);
  if (prepared === null)
    return new JidError("resourcepart", "not-allowed", `resourcepart ${show(text)} has a character that OpaqueString excludes`);
  return sizeError("resourcepart", prepared) ?? (prepared as Resourcepart);
}

function sizeError(part: JidPart, text: string): JidError | null {
  if (text === "") return new JidError(part, "empty", `${part} is empty; expected at least one character`);
  const bytes = Buffer.byteLength(text);
  return bytes > LIMITS.partBytes
    ? new JidError(part, "too-long", `${part} takes ${bytes} bytes; at most ${LIMITS.partBytes} are allowed`)
    : null;
}

const show = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
