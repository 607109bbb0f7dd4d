/**
 * The receiving side as rows. The stream has one state, each domain pair on it another: a stream is never "authenticated"
 * because one key arrived, and a stanza is routed only where its own pair is proven.
 */
import type { FailureCode } from "./failures.ts";
import { INBOUND_GUARDS } from "./guards.ts";
import type { InboundKnown } from "./known.ts";
import { makeMachine, type Table, type TransitionRow } from "./step.ts";

// biome-ignore format: states in the order they are passed
export const INBOUND_STATES = [
  "awaitHeader", "awaitChoice", "awaitHandshake", "awaitSecureHeader", "awaitSecureChoice", "saslFailed", "awaitAuthenticatedHeader",
  "authenticated", "closed",
] as const;
export type InboundState = (typeof INBOUND_STATES)[number];

// biome-ignore format: from the wire, then from the driver
export const INBOUND_EVENTS = [
  "header", "starttls", "auth", "saslOther", "dialbackKey", "verifyRequest", "dialbackAnswer", "stanza", "clientStanza", "unknown",
  "bidi", "smEnable", "smResume", "smRequest", "smAck",
  "secured", "handshakeFailed", "next", "streamError", "readerError", "close", "timeout", "revoked",
] as const;
export type InboundEvent = (typeof INBOUND_EVENTS)[number];

const GROUPS = {
  live: INBOUND_STATES.filter((state) => state !== "closed"),
  header: ["awaitHeader", "awaitSecureHeader", "awaitAuthenticatedHeader"],
  open: ["awaitChoice", "awaitSecureChoice", "authenticated"],
} as const satisfies Record<string, readonly InboundState[]>;

/** `fail:CODE` ends the stream with the stream error of the failure table; `sasl:CONDITION` sends a SASL failure. */
// biome-ignore format: kinds of action, one line each
export type InboundAction =
  | `fail:${FailureCode}`
  | "sasl:encryption-required" | "sasl:invalid-mechanism" | "sasl:invalid-authzid" | "sasl:incorrect-encoding" | "sasl:aborted"
  | `verifyError:${FailureCode}`
  | "smFailed:unexpected-request" | "smFailed:feature-not-implemented"
  | "enableBidi" | "enableManagement" | "resume" | "acknowledge" | "takeAck"
  | "offer" | "proceed" | "refuseTls" | "restart" | "acceptExternal" | "proveExternal" | "judgePair" | "answerVerify" | "route" | "stay" | "close"
  | "closeAfterSasl";

type Row = TransitionRow<InboundState, keyof typeof GROUPS, InboundEvent, keyof typeof INBOUND_GUARDS, InboundAction>;

// biome-ignore format: a transition is a line
export const INBOUND_ROWS = [
  // state                     on                 when                    do                                    then                        because
  ["header",                   "header",          "namespaceWrong",       "fail:namespace-wrong",               "closed",                   "RFC 6120 4.8.3"],
  ["header",                   "header",          "versionUnsupported",   "fail:version-unsupported",           "closed",                   "RFC 6120 4.9.3.25"],
  ["header",                   "header",          "fromChanged",          "fail:from-changed",                  "closed",                   "RFC 6120 4.9.3.9"],
  ["header",                   "header",          "toChanged",            "fail:to-changed",                    "closed",                   "RFC 6120 4.9.3.6"],
  ["header",                   "header",          "addressesInvalid",     "fail:addresses-invalid",             "closed",                   "RFC 6120 4.9.3.7"],
  ["header",                   "header",          "notServed",            "fail:host-not-served",               "closed",                   "RFC 6120 4.9.3.6"],
  ["header",                   "header",          "notListed",            "fail:partner-not-listed",            "closed",                   "RFC 6120 4.9.3.14"],
  ["header",                   "header",          "noMethod",             "fail:no-method",                     "closed",                   "RFC 6120 4.9.3.14"],
  ["awaitHeader",              "header",          "limitReached",         "fail:address-limit",                 "closed",                   "RFC 6120 4.9.3.14"],
  ["awaitHeader",              "header",          "legacyWithoutPlain",   "fail:tls-required",                  "closed",                   "RFC 6120 4.7.5"],
  ["awaitHeader",              "header",          "else",                 "offer",                              "awaitChoice",              "RFC 6120 4.3.2"],
  ["awaitSecureHeader",        "header",          "legacy",               "fail:version-unsupported",           "closed",                   "RFC 6120 5.4.3.3"],
  ["awaitSecureHeader",        "header",          "nothingOverTls",       "fail:tls-not-allowed",               "closed",                   "RFC 6120 4.9.3.14"],
  ["awaitSecureHeader",        "header",          "nothingToOffer",       "fail:certificate-not-proven",        "closed",                   "XEP-0178 3"],
  ["awaitSecureHeader",        "header",          "else",                 "offer",                              "awaitSecureChoice",        "RFC 6120 5.4.3.3"],
  ["awaitAuthenticatedHeader", "header",          "limitReached",         "fail:partner-limit",                 "closed",                   "RFC 6120 4.9.3.14"],
  ["awaitAuthenticatedHeader", "header",          "else",                 "proveExternal",                      "authenticated",            "RFC 6120 6.4.6"],

  ["awaitChoice",              "starttls",        "bytesFollow",          "fail:bytes-before-restart",          "closed",                   "RFC 6120 5.3.3"],
  ["awaitChoice",              "starttls",        "starttlsOffered",      "proceed",                            "awaitHandshake",           "RFC 6120 5.4.2.3"],
  ["awaitChoice",              "starttls",        "else",                 "refuseTls",                          "closed",                   "RFC 6120 5.4.2.2"],
  ["awaitHandshake",           "secured",         "else",                 "restart",                            "awaitSecureHeader",        "RFC 6120 5.4.3.3"],
  ["awaitHandshake",           "handshakeFailed", "else",                 "fail:tls-handshake-failed",          "closed",                   "RFC 6120 5.4.3.2"],

  ["awaitChoice",              "auth",            "else",                 "sasl:encryption-required",           "saslFailed",               "RFC 6120 6.5.4"],
  ["awaitSecureChoice",        "auth",            "bytesFollow",          "fail:bytes-before-restart",          "closed",                   "RFC 6120 6.4.6"],
  ["awaitSecureChoice",        "auth",            "mechanismNotOffered",  "sasl:invalid-mechanism",             "saslFailed",               "RFC 6120 6.5.7"],
  ["awaitSecureChoice",        "auth",            "authzidMalformed",     "sasl:incorrect-encoding",            "saslFailed",               "RFC 6120 6.5.5"],
  ["awaitSecureChoice",        "auth",            "authzidOther",         "sasl:invalid-authzid",               "saslFailed",               "RFC 6120 6.5.6"],
  ["awaitSecureChoice",        "auth",            "else",                 "acceptExternal",                     "awaitAuthenticatedHeader", "XEP-0178 3"],
  ["awaitSecureChoice",        "saslOther",       "else",                 "sasl:aborted",                       "saslFailed",               "RFC 6120 6.5.1"],
  ["saslFailed",               "next",            "saslExhausted",        "fail:too-many-failures",             "closed",                   "RFC 6120 6.4.5"],
  ["saslFailed",               "next",            "plain",                "stay",                               "awaitChoice",              "RFC 6120 6.4.5"],
  ["saslFailed",               "next",            "dialbackOffered",      "stay",                               "awaitSecureChoice",        "XEP-0178 3"],
  ["saslFailed",               "next",            "else",                 "closeAfterSasl",                     "closed",                   "XEP-0178 3"],

  ["open",                     "dialbackKey",     "pairAddressesInvalid", "fail:addresses-invalid",             "closed",                   "RFC 6120 4.9.3.7"],
  ["open",                     "dialbackKey",     "else",                 "judgePair",                          "same",                     "XEP-0220 2.2.1"],
  ["open",                     "verifyRequest",   "pairAddressesInvalid", "fail:addresses-invalid",             "closed",                   "RFC 6120 4.9.3.7"],
  ["open",                     "verifyRequest",   "pairNotServed",        "verifyError:host-not-served",        "same",                     "XEP-0220 2.2.2"],
  ["open",                     "verifyRequest",   "pairNotListed",        "verifyError:partner-not-listed",     "same",                     "XEP-0220 2.5"],
  ["open",                     "verifyRequest",   "verifyNeedsTls",       "verifyError:tls-required",           "same",                     "XEP-0220 2.5"],
  ["open",                     "verifyRequest",   "else",                 "answerVerify",                       "same",                     "XEP-0220 2.2.2"],
  ["live",                     "dialbackAnswer",  "else",                 "fail:unsolicited-dialback",          "closed",                   "XEP-0220 3.1"],

  ["open",                     "stanza",          "nothingProven",        "fail:stanza-before-authentication",  "closed",                   "RFC 6120 4.9.3.12"],
  ["open",                     "stanza",          "pairAddressesInvalid", "fail:addresses-invalid",             "closed",                   "RFC 6120 8.1.1.2"],
  ["open",                     "stanza",          "partnerNotProven",     "fail:from-not-proven",               "closed",                   "RFC 6120 8.1.2.2"],
  ["open",                     "stanza",          "pairNotServed",        "fail:host-not-served",               "closed",                   "RFC 6120 4.9.3.6"],
  ["open",                     "stanza",          "pairNotProven",        "fail:pair-not-proven",               "closed",                   "XEP-0220 2.2.1"],
  ["open",                     "stanza",          "else",                 "route",                              "same",                     "RFC 6120 10.1"],
  ["live",                     "clientStanza",    "else",                 "fail:namespace-wrong",               "closed",                   "RFC 6120 4.9.3.10"],

  ["awaitChoice",              "bidi",            "bidiOffered",          "enableBidi",                         "same",                     "XEP-0288 2.1"],
  ["awaitChoice",              "bidi",            "else",                 "fail:unsupported-element",           "closed",                   "XEP-0288 2.1"],
  ["awaitSecureChoice",        "bidi",            "bidiOffered",          "enableBidi",                         "same",                     "XEP-0288 2.1"],
  ["awaitSecureChoice",        "bidi",            "else",                 "fail:unsupported-element",           "closed",                   "XEP-0288 2.1"],
  ["authenticated",            "bidi",            "else",                 "fail:unsupported-element",           "closed",                   "XEP-0288 2.1"],

  ["open",                     "smEnable",        "nothingProven",        "smFailed:unexpected-request",        "same",                     "XEP-0198 3"],
  ["open",                     "smEnable",        "managementForbidden",  "smFailed:feature-not-implemented",   "same",                     "XEP-0198 3"],
  ["open",                     "smEnable",        "managementOn",         "smFailed:unexpected-request",        "same",                     "XEP-0198 3"],
  ["open",                     "smEnable",        "else",                 "enableManagement",                   "same",                     "XEP-0198 3"],
  ["open",                     "smResume",        "nothingProven",        "smFailed:unexpected-request",        "same",                     "XEP-0198 5"],
  ["open",                     "smResume",        "managementForbidden",  "smFailed:feature-not-implemented",   "same",                     "XEP-0198 5"],
  ["open",                     "smResume",        "managementOn",         "smFailed:unexpected-request",        "same",                     "XEP-0198 5"],
  ["open",                     "smResume",        "else",                 "resume",                             "same",                     "XEP-0198 5"],
  ["open",                     "smRequest",       "managementOff",        "fail:unsupported-element",           "closed",                   "XEP-0198 4"],
  ["open",                     "smRequest",       "else",                 "acknowledge",                        "same",                     "XEP-0198 4"],
  ["open",                     "smAck",           "managementOff",        "fail:unsupported-element",           "closed",                   "XEP-0198 4"],
  ["open",                     "smAck",           "ackUnreadable",        "fail:ack-unreadable",                "closed",                   "XEP-0198 4"],
  ["open",                     "smAck",           "ackTooHigh",           "fail:ack-too-high",                  "closed",                   "XEP-0198 4"],
  ["open",                     "smAck",           "else",                 "takeAck",                            "same",                     "XEP-0198 4"],

  ["open",                     "unknown",         "else",                 "fail:unsupported-element",           "closed",                   "RFC 6120 4.9.3.24"],
  ["live",                     "streamError",     "else",                 "fail:peer-error",                    "closed",                   "RFC 6120 4.9.1.1"],
  ["live",                     "readerError",     "else",                 "fail:xml-refused",                   "closed",                   "RFC 6120 11.1"],
  ["live",                     "close",           "else",                 "close",                              "closed",                   "RFC 6120 4.4"],
  ["live",                     "timeout",         "else",                 "fail:establishment-timeout",         "closed",                   "RFC 6120 4.9.3.4"],
  ["live",                     "revoked",         "else",                 "fail:no-longer-admitted",            "closed",                   "RFC 6120 4.9.3.14"],
] as const satisfies readonly Row[];

export const INBOUND = {
  states: INBOUND_STATES,
  events: INBOUND_EVENTS,
  groups: GROUPS,
  guards: INBOUND_GUARDS,
  rows: INBOUND_ROWS,
} as Table<InboundState, keyof typeof GROUPS, InboundEvent, keyof typeof INBOUND_GUARDS, InboundAction, InboundKnown>;

export const stepInbound = makeMachine(INBOUND);

// ---- one domain pair on the stream, dialback steps 1 and 4 ------------------------------------------------------

export const PAIR_STATES = ["unknown", "verifying", "proven"] as const;
export type PairState = (typeof PAIR_STATES)[number];

/** Step 1 arrived; step 3 said valid or invalid; step 3 never came or was an error. */
export const PAIR_EVENTS = ["key", "keyValid", "keyInvalid", "verifyFailed"] as const;
export type PairEvent = (typeof PAIR_EVENTS)[number];

/** `refuse:CODE` answers type='error' (XEP-0220 2.5) or, to a peer that does not know those, ends the stream. */
// biome-ignore format: short words
export type PairAction =
  | `refuse:${FailureCode}`
  | "askAuthority" | "provePair" | "sayValid" | "sayInvalidAndClose" | "sayVerifyFailed" | "failDuplicate";

type PairRow = TransitionRow<PairState, never, PairEvent, keyof typeof INBOUND_GUARDS, PairAction>;

// biome-ignore format: a transition is a line
export const PAIR_ROWS = [
  // state       on              when                   do                               then         because
  ["unknown",    "key",          "pairNotServed",       "refuse:host-not-served",        "unknown",   "XEP-0220 2.2.1"],
  ["unknown",    "key",          "pairNotListed",       "refuse:partner-not-listed",     "unknown",   "XEP-0220 2.2.1"],
  ["unknown",    "key",          "pairNeedsTls",        "refuse:tls-required",           "unknown",   "XEP-0220 2.5"],
  ["unknown",    "key",          "pairForbidsTls",      "refuse:tls-not-allowed",        "unknown",   "XEP-0220 2.5"],
  ["unknown",    "key",          "pairWithoutDialback", "refuse:dialback-not-allowed",   "unknown",   "XEP-0220 2.5"],
  ["unknown",    "key",          "limitReached",        "refuse:partner-limit",          "unknown",   "XEP-0220 2.5"],
  ["unknown",    "key",          "pairsExhausted",      "refuse:too-many-pairs",         "unknown",   "XEP-0220 2.5"],
  ["unknown",    "key",          "else",                "askAuthority",                  "verifying", "XEP-0220 2.1.2"],
  ["verifying",  "key",          "else",                "failDuplicate",                 "verifying", "XEP-0220 2.1.1"],
  ["proven",     "key",          "else",                "sayValid",                      "proven",    "XEP-0220 2.2.1"],
  ["verifying",  "keyValid",     "pairNotListed",       "refuse:partner-not-listed",     "unknown",   "XEP-0220 2.5"],
  ["verifying",  "keyValid",     "pairNotServed",       "refuse:host-not-served",        "unknown",   "XEP-0220 2.5"],
  ["verifying",  "keyValid",     "pairWithoutDialback", "refuse:dialback-not-allowed",   "unknown",   "XEP-0220 2.5"],
  ["verifying",  "keyValid",     "else",                "provePair",                     "proven",    "XEP-0220 2.2.1"],
  ["verifying",  "keyInvalid",   "othersProven",        "refuse:dialback-key-invalid",   "unknown",   "XEP-0220 2.1.2"],
  ["verifying",  "keyInvalid",   "else",                "sayInvalidAndClose",            "unknown",   "XEP-0220 2.2.1"],
  ["verifying",  "verifyFailed", "else",                "sayVerifyFailed",               "unknown",   "XEP-0220 2.5"],
] as const satisfies readonly PairRow[];

export const PAIR = {
  states: PAIR_STATES,
  events: PAIR_EVENTS,
  groups: {},
  guards: INBOUND_GUARDS,
  rows: PAIR_ROWS,
} as Table<PairState, never, PairEvent, keyof typeof INBOUND_GUARDS, PairAction, InboundKnown>;

export const stepPair = makeMachine(PAIR);
