/** One small predicate per word of the tables. What is offered and what is admitted is the same predicate. */
import { NS } from "../xmpp/namespaces.ts";
import type { HeaderKnown, InboundKnown, ManagementKnown, OutboundKnown } from "./known.ts";

export const NEGOTIATION_LIMITS = {
  /** SASL failures on one stream before it is closed; RFC 6120 6.4.5 asks for between 2 and 5 tries. */
  saslFailures: 3,
  /** Domain pairs on one inbound stream that are proven or being verified. */
  pairsOnStream: 100,
} as const;

type HasHeader = { readonly header: HeaderKnown | null };

const headerGuards = {
  namespaceWrong: ({ header }: HasHeader): boolean => header?.contentNamespace !== NS.server,
  versionUnsupported: ({ header }: HasHeader): boolean => header?.version === "unsupported",
  legacy: ({ header }: HasHeader): boolean => header?.version === "none",
};

type HasManagement = { readonly management: ManagementKnown };

const managementGuards = {
  managementOff: ({ management }: HasManagement): boolean => !management.enabled,
  managementOn: ({ management }: HasManagement): boolean => management.enabled,
  managementForbidden: ({ management }: HasManagement): boolean => !management.allowed,
  ackUnreadable: ({ management }: HasManagement): boolean => management.unreadable,
  ackTooHigh: ({ management }: HasManagement): boolean => management.tooHigh,
};

// biome-ignore format: one word, one line
export const INBOUND_GUARDS = {
  ...headerGuards,
  // the header
  addressesInvalid:      (k) => k.header === null || k.header.fromInvalid || k.header.toInvalid || k.header.to === null,
  fromChanged:           (k) => k.earlier !== null && k.earlier.from !== null && k.earlier.from !== k.header?.from,
  toChanged:             (k) => k.earlier !== null && k.earlier.to !== null && k.earlier.to !== k.header?.to,
  notServed:             (k) => !k.served,
  notListed:             (k) => !k.listed,
  noMethod:              (k) => k.methods.size === 0,
  limitReached:          (k) => k.limitReached,
  legacyWithoutPlain:    (k) => k.header?.version === "none" && !k.methods.has("tcp-dialback"),
  nothingOverTls:        (k) => !k.methods.has("sasl-over-tls") && !k.methods.has("tls-dialback"),
  nothingToOffer:        (k) => !externalOffered(k) && !dialbackOffered(k) && !k.authenticated,
  // what is offered, and therefore admitted
  starttlsOffered:       (k) => starttlsOffered(k),
  starttlsRequired:      (k) => k.header?.from !== null && !k.methods.has("tcp-dialback"),
  externalOffered:       (k) => externalOffered(k),
  dialbackOffered:       (k) => dialbackOffered(k),
  bytesFollow:           (k) => k.bytesFollow,
  // SASL
  mechanismNotOffered:   (k) => k.auth?.mechanism !== "EXTERNAL" || !externalOffered(k),
  authzidMalformed:      (k) => k.auth?.authzid === "malformed",
  authzidOther:          (k) => k.auth?.authzid !== "same",
  saslExhausted:         (k) => k.saslFailures >= NEGOTIATION_LIMITS.saslFailures,
  plain:                 (k) => !k.tls,
  // pairs
  pairAddressesInvalid:  (k) => !k.pair?.addressesValid,
  pairNotListed:         (k) => !k.pair?.listed,
  pairNotServed:         (k) => !k.pair?.served,
  pairNeedsTls:          (k) => !k.tls && !has(k, "tcp-dialback") && has(k, "tls-dialback"),
  pairForbidsTls:        (k) => k.tls && !has(k, "tls-dialback") && has(k, "tcp-dialback"),
  pairWithoutDialback:   (k) => !has(k, k.tls ? "tls-dialback" : "tcp-dialback"),
  pairsExhausted:        (k) => k.pairsOpen >= NEGOTIATION_LIMITS.pairsOnStream,
  verifyNeedsTls:        (k) => !k.tls && !has(k, "tcp-dialback"),
  nothingProven:         (k) => k.pairsProven === 0,
  partnerNotProven:      (k) => !k.pair?.partnerProven,
  pairNotProven:         (k) => !k.pair?.proven,
  othersProven:          (k) => k.pairsProven > 0,
  errorsUnknown:         (k) => k.header?.version !== "1.0",
  // streams both ways, stream management
  bidiOffered:           (k) => bidiOffered(k),
  managementOffered:     (k) => managementOffered(k),
  ...managementGuards,
} as const satisfies Record<string, (known: InboundKnown) => boolean>;

const has = (known: InboundKnown, method: "tls-dialback" | "tcp-dialback"): boolean => known.pair?.methods.has(method) ?? false;

function starttlsOffered(known: InboundKnown): boolean {
  return !known.tls && known.header?.version === "1.0" && (known.methods.has("sasl-over-tls") || known.methods.has("tls-dialback"));
}

/** XEP-0178 section 3: only where the certificate proves the stream's `from`. */
function externalOffered(known: InboundKnown): boolean {
  const named = known.header !== null && known.header.from !== null;
  return known.tls && !known.authenticated && named && known.certificate === "valid" && known.methods.has("sasl-over-tls");
}

/** Before the peer proves itself, and behind STARTTLS where that is offered (XEP-0288 section 2.1). */
function bidiOffered(known: InboundKnown): boolean {
  const { allowed, requested } = known.bidi;
  return allowed && !requested && !known.authenticated && !starttlsOffered(known) && (externalOffered(known) || dialbackOffered(known));
}

/** With dialback no features follow the proof, so it stands beside dialback already; it is admitted behind the proof (XEP-0198 section 3). */
function managementOffered(known: InboundKnown): boolean {
  return known.management.allowed && !starttlsOffered(known) && (known.authenticated || dialbackOffered(known));
}

function dialbackOffered(known: InboundKnown): boolean {
  return known.methods.has(known.tls ? "tls-dialback" : "tcp-dialback");
}

// biome-ignore format: one word, one line
export const OUTBOUND_GUARDS = {
  ...headerGuards,
  verifying:             (k) => k.purpose === "verify",
  // M without E and D: TLS is not supported with this partner
  tlsNotSupported:       (k) => !k.methods.has("sasl-over-tls") && !k.methods.has("tls-dialback"),
  tlsDemandedInVain:     (k) => k.features?.starttlsRequired === true && !k.methods.has("sasl-over-tls") && !k.methods.has("tls-dialback"),
  starttlsAdvertised:    (k) => k.features?.starttls === true,
  starttlsUnadvertised:  (k) => k.starttlsUnadvertised,
  plainAdmitted:         (k) => plainAdmitted(k),
  plainNotAdmitted:      (k) => !plainAdmitted(k),
  bytesFollow:           (k) => k.bytesFollow,
  certificateUseless:    (k) => k.certificate !== "valid" && !k.methods.has("tls-dialback"),
  externalUsable:        (k) => k.tls && k.certificate === "valid" && k.methods.has("sasl-over-tls") && k.features?.external === true && !k.externalSkipped,
  externalRefused:       (k) => k.externalRefused,
  dialbackAdmitted:      (k) => k.methods.has("tls-dialback"),
  dialbackUsable:        (k) => k.methods.has("tls-dialback") && dialbackAdvertised(k),
  dialbackUnadvertised:  (k) => !dialbackAdvertised(k),
  answerMatches:         (k) => k.answerMatches,
  authorityUnknown:      (k) => k.purpose === "verify" && k.hostUnknown,
  // streams both ways, stream management
  bidiUsable:            (k) => k.features?.bidi === true && k.bidi.allowed && !k.bidi.requested && k.purpose === "stanzas" && serverProven(k),
  oneWay:                (k) => !k.bidi.requested,
  stanzaUnaddressed:     (k) => !k.stanzaAddressed,
  stanzaOfOthers:        (k) => !k.stanzaOfPair,
  resumable:             (k) => k.resumable && k.features?.management === true && k.management.allowed,
  ...managementGuards,
} as const satisfies Record<string, (known: OutboundKnown) => boolean>;

/** What the reverse direction rests on: the server's certificate, or that dialback, which trusts DNS, is enough for this partner. */
const serverProven = (known: OutboundKnown): boolean =>
  known.certificate === "valid" || known.methods.has(known.tls ? "tls-dialback" : "tcp-dialback");

const plainAdmitted = (known: OutboundKnown): boolean => !known.tls && !known.plainForbidden && known.methods.has("tcp-dialback");

/** By stream feature, or by the namespace declaration of the header (XEP-0220 2.4). */
const dialbackAdvertised = (known: OutboundKnown): boolean => known.features?.dialback === true || known.header?.dialbackDeclared === true;
