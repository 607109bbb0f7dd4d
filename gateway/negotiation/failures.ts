/**
 * Why a stream or a pair was refused or failed: one row for each code, with the sentence an administrator reads, the stream
 * error the peer gets (null: the stream is closed with its closing tag only) and the stanza error condition, which is also
 * the condition of a dialback error (XEP-0220 section 2.5).
 *
 * Families: `incompatible` no method in common · `misbehaved` the peer broke the protocol · `refused` our policy ·
 * `unreachable` DNS, connection, time · `ours` our own limits and stops.
 */
import type { StanzaErrorCondition } from "../xmpp/stanza-errors.ts";
import type { StreamErrorCondition } from "../xmpp/stream-errors.ts";

export type Family = "incompatible" | "misbehaved" | "refused" | "unreachable" | "ours";

/** What a sentence may speak of. Absent facts are shown as "unknown". */
export interface Facts {
  readonly peer?: string | null | undefined;
  readonly local?: string | null | undefined;
  readonly detail?: string | undefined;
}

/** XEP-0220 2.5 lists one condition that RFC 6120 has for streams only. */
export type Condition = StanzaErrorCondition | "remote-connection-failed";

type Row = readonly [family: Family, stream: StreamErrorCondition | null, stanza: Condition, text: string];

// biome-ignore format: one code, one line
export const FAILURES = {
  // code                              family          stream error                 stanza condition           sentence
  "partner-not-listed":               ["refused",      "policy-violation",          "policy-violation",        "{peer} is not a federated partner of this edge"],
  "host-not-served":                  ["refused",      "host-unknown",              "item-not-found",          "{local} is not a domain of this edge"],
  "no-method":                        ["refused",      "policy-violation",          "policy-violation",        "the negotiation settings for {peer} leave no method to prove it"],
  "tls-required":                     ["refused",      "policy-violation",          "policy-violation",        "the policy for {peer} demands TLS before dialback"],
  "tls-not-allowed":                  ["refused",      "policy-violation",          "policy-violation",        "the policy for {peer} admits dialback over plain TCP only, not TLS"],
  "dialback-not-allowed":             ["refused",      "policy-violation",          "policy-violation",        "the policy for {peer} does not admit dialback on this stream"],
  "certificate-not-proven":           ["refused",      "not-authorized",            "not-authorized",          "the certificate does not prove {peer}, and the policy for it admits nothing else: {detail}"],
  "no-longer-admitted":               ["refused",      "policy-violation",          "policy-violation",        "the policy of this edge changed: {peer} is no longer admitted on this stream ({detail})"],
  "partner-limit":                    ["refused",      "policy-violation",          "resource-constraint",     "{peer} has as many streams as its connection limit allows ({detail})"],
  "address-limit":                    ["refused",      "policy-violation",          "resource-constraint",     "too many streams from this address are not authenticated yet ({detail})"],
  "edge-full":                        ["ours",         "resource-constraint",       "resource-constraint",     "this edge has as many streams as its connection limit allows ({detail})"],
  "addresses-invalid":                ["misbehaved",   "improper-addressing",       "jid-malformed",           "'from' or 'to' is missing or not an XMPP address: {detail}"],
  "from-changed":                     ["misbehaved",   "invalid-from",              "not-authorized",          "'from' of the stream changed after the restart: {detail}"],
  "to-changed":                       ["misbehaved",   "host-unknown",              "not-authorized",          "'to' of the stream changed after the restart: {detail}"],
  "namespace-wrong":                  ["misbehaved",   "invalid-namespace",         "bad-request",             "the content namespace is {detail}; expected jabber:server"],
  "version-unsupported":              ["misbehaved",   "unsupported-version",       "bad-request",             "stream version {detail}; expected 1.0"],
  "stanza-before-authentication":     ["misbehaved",   "not-authorized",            "not-authorized",          "a stanza came before {peer} was proven"],
  "from-not-proven":                  ["misbehaved",   "invalid-from",              "not-authorized",          "a stanza came from {peer}, which is not proven on this stream"],
  "pair-not-proven":                  ["misbehaved",   "not-authorized",            "not-authorized",          "a stanza came from {peer} to {local}, a pair that is not proven on this stream"],
  "stanza-on-one-way-stream":         ["misbehaved",   "not-authorized",            "not-authorized",          "{peer} sent a stanza on a stream that carries stanzas to it only"],
  "unsupported-element":              ["misbehaved",   "unsupported-stanza-type",   "feature-not-implemented", "element not known here: {detail}"],
  "out-of-order":                     ["misbehaved",   "not-authorized",            "bad-request",             "{detail}"],
  "unsolicited-dialback":             ["misbehaved",   "not-authorized",            "not-authorized",          "a dialback answer came that belongs to no request on this stream: {detail}"],
  "ack-unreadable":                   ["misbehaved",   "bad-format",                "bad-request",             "{peer} acknowledged stanzas with a number that cannot be read"],
  "ack-too-high":                     ["misbehaved",   "undefined-condition",       "bad-request",             "{peer} acknowledged more stanzas than it was sent: {detail}"],
  "not-acknowledged":                 ["unreachable",  null,                        "remote-server-timeout",   "the stream with {peer} was lost before it acknowledged the stanza, which may or may not have arrived: {detail}"],
  "resumed-elsewhere":                ["ours",         "conflict",                  "remote-server-timeout",   "{peer} resumed the stream on another connection"],
  "stanza-too-big":                   ["incompatible", null,                        "policy-violation",        "{peer} takes stanzas of at most {detail}"],
  "bytes-before-restart":             ["misbehaved",   "policy-violation",          "bad-request",             "clear text followed {detail} where the stream must start anew"],
  "xml-refused":                      ["misbehaved",   "not-well-formed",           "bad-request",             "{detail}"],
  "too-many-failures":                ["misbehaved",   "policy-violation",          "not-authorized",          "SASL failed too often on this stream"],
  "too-many-pairs":                   ["refused",      "policy-violation",          "resource-constraint",     "too many domain pairs on one stream ({detail})"],
  "dialback-key-invalid":             ["misbehaved",   null,                        "forbidden",               "the authoritative server of {peer} says that the dialback key is not its own"],
  "key-not-ours":                     ["misbehaved",   null,                        "forbidden",               "{peer} asked about a dialback key that this edge has not made: somebody poses as {local}, or the nodes do not share the dialback secret"],
  "mechanism-refused":                ["misbehaved",   null,                        "not-authorized",          "SASL failed with {detail}"],
  "tls-handshake-failed":             ["incompatible", null,                        "remote-server-not-found", "the TLS handshake with {peer} failed: {detail}"],
  "starttls-not-offered":             ["incompatible", null,                        "remote-server-not-found", "{peer} does not offer TLS, and the policy for it demands TLS"],
  "starttls-refused":                 ["incompatible", null,                        "remote-server-not-found", "{peer} offered TLS and then refused it"],
  "tls-demanded-by-peer":             ["incompatible", null,                        "remote-server-not-found", "{peer} demands TLS, and the policy for it has TLS not supported"],
  "server-certificate-invalid":       ["incompatible", null,                        "remote-server-not-found", "the certificate that {peer} shows does not prove it: {detail}"],
  "external-not-offered":             ["incompatible", null,                        "remote-server-not-found", "{peer} offers no SASL EXTERNAL: it probably does not trust the certificate of this edge"],
  "external-refused":                 ["incompatible", null,                        "remote-server-not-found", "{peer} offered SASL EXTERNAL and then refused it: {detail}"],
  "dialback-not-offered":             ["incompatible", null,                        "remote-server-not-found", "{peer} offers no dialback, {detail}"],
  "dialback-invalid":                 ["incompatible", null,                        "internal-server-error",   "{peer} says that our dialback key is invalid: its DNS may lead to another server than this edge, or the nodes do not share the dialback secret"],
  "dialback-error":                   ["incompatible", null,                        "remote-server-timeout",   "{peer} could not verify us by dialback: {detail}"],
  "authority-not-found":              ["unreachable",  null,                        "remote-server-not-found", "the authoritative server of {peer} does not know it: {detail}"],
  "authority-refused":                ["unreachable",  null,                        "remote-server-not-found", "the authoritative server of {peer} refused to verify it: {detail}"],
  "authority-unreachable":            ["unreachable",  null,                        "remote-connection-failed", "no connection to the authoritative server of {peer}: {detail}"],
  "authority-timeout":                ["unreachable",  null,                        "remote-server-timeout",   "the authoritative server of {peer} gave no answer: {detail}"],
  "dns-failed":                       ["unreachable",  null,                        "remote-server-not-found", "DNS gave no answer for {peer}: {detail}"],
  "no-service":                       ["unreachable",  null,                        "remote-server-not-found", "{peer} says in DNS that it offers no XMPP federation (SRV target \".\")"],
  "no-address":                       ["unreachable",  null,                        "remote-server-not-found", "DNS knows no server for {peer}: {detail}"],
  "connect-failed":                   ["unreachable",  null,                        "remote-server-timeout",   "no server of {peer} could be reached: {detail}"],
  "establishment-timeout":            ["unreachable",  "connection-timeout",        "remote-server-timeout",   "the stream with {peer} was not established in time ({detail})"],
  "stream-closed":                    ["unreachable",  null,                        "remote-server-timeout",   "{peer} closed the stream: {detail}"],
  "peer-error":                       ["unreachable",  null,                        "remote-server-timeout",   "{peer} ended the stream with {detail}"],
  "no-life":                          ["unreachable",  "connection-timeout",        "remote-server-timeout",   "{peer} showed no life for {detail}"],
  "peer-not-reading":                 ["unreachable",  null,                        "remote-server-timeout",   "{peer} does not read what is sent to it: {detail}"],
  "inactive":                         ["ours",         null,                        "remote-server-timeout",   "the stream with {peer} carried no stanza for {detail}"],
  "queue-full":                       ["ours",         null,                        "resource-constraint",     "too much is already waiting for {peer} ({detail})"],
  "deadline-passed":                  ["unreachable",  null,                        "remote-server-timeout",   "no stream to {peer} was ready in time: {detail}"],
  "edge-stopping":                    ["ours",         null,                        "service-unavailable",     "this edge is stopping"],
  "stanza-unusable":                  ["ours",         null,                        "jid-malformed",           "the stanza cannot be sent: {detail}"],
} as const satisfies Record<string, Row>;

export type FailureCode = keyof typeof FAILURES;

/** A reason with a stable code, its sentence, and what it is to an XMPP sender (RFC 6120 8.3.3). */
export interface NegotiationFailure {
  readonly code: FailureCode;
  readonly text: string;
  readonly condition: Condition;
  /** What the sentence speaks of besides the two domains. */
  readonly detail?: string;
}

/** Characters of one fact in a sentence: peers choose some of them, and what they choose is kept. */
const FACT_LENGTH = 400;

const cut = (fact: string): string => (fact.length > FACT_LENGTH ? `${fact.slice(0, FACT_LENGTH)}...` : fact);

/** The failure of a code, its sentence filled in. */
export function failure(code: FailureCode, facts: Facts = {}): NegotiationFailure {
  const [, , condition, text] = FAILURES[code];
  const filled = text.replace(/\{(peer|local|detail)\}/g, (_, name: keyof Facts) => cut(facts[name] || "unknown"));
  return { code, condition, text: filled, ...(facts.detail ? { detail: cut(facts.detail) } : {}) };
}

/** The stream error that tells the peer, or null where a closing tag is all it gets. */
export const streamErrorOf = (code: FailureCode): StreamErrorCondition | null => FAILURES[code][1];
