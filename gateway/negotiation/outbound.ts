/** The initiating side as rows: to prove one pair and send its stanzas, or to ask its authoritative server about a key. */
import type { FailureCode } from "./failures.ts";
import { OUTBOUND_GUARDS } from "./guards.ts";
import type { OutboundKnown } from "./known.ts";
import { makeMachine, type Table, type TransitionRow } from "./step.ts";

// biome-ignore format: states in the order they are passed
export const OUTBOUND_STATES = [
  "awaitHeader", "awaitFeatures", "choosePlain", "awaitProceed", "awaitHandshake", "awaitSecureHeader", "awaitSecureFeatures", "chooseSecure", "awaitSaslOutcome",
  "awaitAuthenticatedHeader", "awaitAuthenticatedFeatures", "awaitVerdict", "awaitVerification",
  "proven", "awaitResumption", "ready", "closed",
] as const;
export type OutboundState = (typeof OUTBOUND_STATES)[number];

/** `verdict*` are db:result answers (step 4), `verification*` db:verify answers (step 3); `ended` is a lost connection. */
// biome-ignore format: from the wire, then from the driver
export const OUTBOUND_EVENTS = [
  "header", "features", "proceed", "tlsFailure", "success", "saslFailure", "saslOther", "verdictValid", "verdictInvalid", "verdictError",
  "verificationValid", "verificationInvalid", "verificationError", "stanza", "clientStanza", "unknown",
  "dialbackRequest", "smEnabled", "smResumed", "smFailed", "smRequest", "smAck",
  "secured", "handshakeFailed", "next", "streamError", "readerError", "close", "ended", "timeout", "revoked",
] as const;
export type OutboundEvent = (typeof OUTBOUND_EVENTS)[number];

const GROUPS = {
  live: OUTBOUND_STATES.filter((state) => state !== "closed"),
  secure: ["awaitSecureHeader", "awaitAuthenticatedHeader"],
  header: ["awaitHeader", "awaitSecureHeader", "awaitAuthenticatedHeader"],
  established: ["awaitResumption", "ready"],
} as const satisfies Record<string, readonly OutboundState[]>;

/** `fail:CODE` ends the attempt, `retryWithoutExternal` asks for one new connection that skips EXTERNAL and never goes plain. */
// biome-ignore format: kinds of action, one line each
export type OutboundAction =
  | `fail:${FailureCode}`
  | "wait" | "choose" | "starttls" | "startTlsUnadvertised" | "secure" | "restart" | "sendKey" | "sendVerify" | "authExternal"
  | "proveExternal" | "proveDialback" | "retryWithoutExternal" | "sendKeyAfterRefusal"
  | "requestBidi" | "route" | "refuseDialback"
  | "resume" | "resumed" | "begin" | "managementOn" | "managementRefused" | "acknowledge" | "takeAck"
  | "reportValid" | "reportInvalid" | "reportError" | "close";

type Row = TransitionRow<OutboundState, keyof typeof GROUPS, OutboundEvent, keyof typeof OUTBOUND_GUARDS, OutboundAction>;

// biome-ignore format: a transition is a line
export const OUTBOUND_ROWS = [
  // state                       on                     when                    do                                then                          because
  ["header",                     "header",              "namespaceWrong",       "fail:namespace-wrong",           "closed",                     "RFC 6120 4.8.3"],
  ["header",                     "header",              "versionUnsupported",   "fail:version-unsupported",       "closed",                     "RFC 6120 4.9.3.25"],
  ["secure",                     "header",              "legacy",               "fail:version-unsupported",       "closed",                     "RFC 6120 5.4.3.3"],
  ["awaitHeader",                "header",              "legacy",               "choose",                         "choosePlain",                "RFC 6120 4.7.5"],
  ["awaitHeader",                "header",              "else",                 "wait",                           "awaitFeatures",              "RFC 6120 4.3.2"],
  ["awaitSecureHeader",          "header",              "else",                 "wait",                           "awaitSecureFeatures",        "RFC 6120 5.4.3.3"],
  ["awaitAuthenticatedHeader",   "header",              "else",                 "wait",                           "awaitAuthenticatedFeatures", "RFC 6120 6.4.6"],

  ["awaitFeatures",              "features",            "tlsDemandedInVain",    "fail:tls-demanded-by-peer",      "closed",                     "RFC 6120 5.3.1"],
  ["awaitFeatures",              "features",            "tlsNotSupported",      "choose",                         "choosePlain",                "XEP-0220 2.1.1"],
  ["awaitFeatures",              "features",            "starttlsAdvertised",   "starttls",                       "awaitProceed",               "RFC 6120 5.4.2.1"],
  ["awaitFeatures",              "features",            "plainAdmitted",        "choose",                         "choosePlain",                "XEP-0220 2.1.1"],
  ["awaitFeatures",              "features",            "else",                 "startTlsUnadvertised",           "awaitProceed",               "RFC 7590 3.1"],
  ["choosePlain",                "next",                "plainNotAdmitted",     "fail:starttls-not-offered",      "closed",                     "RFC 7590 3.1"],
  ["choosePlain",                "next",                "verifying",            "sendVerify",                     "awaitVerification",          "XEP-0220 2.1.2"],
  ["choosePlain",                "next",                "dialbackUnadvertised", "fail:dialback-not-offered",      "closed",                     "XEP-0220 2.4"],
  ["choosePlain",                "next",                "bidiUsable",           "requestBidi",                    "same",                       "XEP-0288 2.1"],
  ["choosePlain",                "next",                "else",                 "sendKey",                        "awaitVerdict",               "XEP-0220 2.1.1"],

  ["awaitProceed",               "proceed",             "bytesFollow",          "fail:bytes-before-restart",      "closed",                     "RFC 6120 5.3.3"],
  ["awaitProceed",               "proceed",             "else",                 "secure",                         "awaitHandshake",             "RFC 6120 5.4.2.3"],
  ["awaitProceed",               "tlsFailure",          "starttlsUnadvertised", "fail:starttls-not-offered",      "closed",                     "RFC 6120 5.4.2.2"],
  ["awaitProceed",               "tlsFailure",          "else",                 "fail:starttls-refused",          "closed",                     "RFC 6120 5.4.2.2"],
  ["awaitProceed",               "streamError",         "starttlsUnadvertised", "fail:starttls-not-offered",      "closed",                     "RFC 7590 3.1"],
  ["awaitProceed",               "close",               "starttlsUnadvertised", "fail:starttls-not-offered",      "closed",                     "RFC 7590 3.1"],
  ["awaitProceed",               "ended",               "starttlsUnadvertised", "fail:starttls-not-offered",      "closed",                     "RFC 7590 3.1"],
  ["awaitHandshake",             "secured",             "verifying",            "restart",                        "awaitSecureHeader",          "XEP-0220 2.1.2"],
  ["awaitHandshake",             "secured",             "certificateUseless",   "fail:server-certificate-invalid", "closed",                    "RFC 6120 13.7.2"],
  ["awaitHandshake",             "secured",             "else",                 "restart",                        "awaitSecureHeader",          "RFC 6120 5.4.3.3"],
  ["awaitHandshake",             "handshakeFailed",     "else",                 "fail:tls-handshake-failed",      "closed",                     "RFC 6120 5.4.3.2"],

  ["awaitSecureFeatures",        "features",            "verifying",            "sendVerify",                     "awaitVerification",          "XEP-0220 2.1.2"],
  ["awaitSecureFeatures",        "features",            "else",                 "choose",                         "chooseSecure",               "RFC 6120 4.3.2"],
  ["chooseSecure",               "next",                "bidiUsable",           "requestBidi",                    "same",                       "XEP-0288 2.1"],
  ["chooseSecure",               "next",                "externalUsable",       "authExternal",                   "awaitSaslOutcome",           "XEP-0178 3"],
  ["chooseSecure",               "next",                "dialbackUsable",       "sendKey",                        "awaitVerdict",               "XEP-0220 2.1.1"],
  ["chooseSecure",               "next",                "dialbackAdmitted",     "fail:dialback-not-offered",      "closed",                     "XEP-0220 2.4"],
  ["chooseSecure",               "next",                "else",                 "fail:external-not-offered",      "closed",                     "XEP-0178 3"],
  ["awaitSaslOutcome",           "success",             "bytesFollow",          "fail:bytes-before-restart",      "closed",                     "RFC 6120 6.4.6"],
  ["awaitSaslOutcome",           "success",             "else",                 "restart",                        "awaitAuthenticatedHeader",   "RFC 6120 6.4.6"],
  ["awaitSaslOutcome",           "saslFailure",         "dialbackUsable",       "sendKeyAfterRefusal",            "awaitVerdict",               "XEP-0178 3"],
  ["awaitSaslOutcome",           "saslFailure",         "else",                 "fail:external-refused",          "closed",                     "RFC 6120 6.4.5"],
  ["awaitSaslOutcome",           "streamError",         "dialbackAdmitted",     "retryWithoutExternal",           "closed",                     "XEP-0178 3"],
  ["awaitSaslOutcome",           "streamError",         "else",                 "fail:external-refused",          "closed",                     "RFC 6120 6.4.5"],
  ["awaitSaslOutcome",           "close",               "dialbackAdmitted",     "retryWithoutExternal",           "closed",                     "XEP-0178 3"],
  ["awaitSaslOutcome",           "close",               "else",                 "fail:external-refused",          "closed",                     "RFC 6120 6.4.5"],
  ["awaitSaslOutcome",           "ended",               "dialbackAdmitted",     "retryWithoutExternal",           "closed",                     "XEP-0178 3"],
  ["awaitSaslOutcome",           "ended",               "else",                 "fail:external-refused",          "closed",                     "RFC 6120 6.4.5"],
  ["awaitAuthenticatedFeatures", "features",            "else",                 "proveExternal",                  "proven",                     "RFC 6120 6.4.6"],

  ["awaitVerdict",               "streamError",         "externalRefused",      "retryWithoutExternal",           "closed",                     "XEP-0178 3"],
  ["awaitVerdict",               "close",               "externalRefused",      "retryWithoutExternal",           "closed",                     "XEP-0178 3"],
  ["awaitVerdict",               "ended",               "externalRefused",      "retryWithoutExternal",           "closed",                     "XEP-0178 3"],
  ["awaitVerdict",               "verdictValid",        "answerMatches",        "proveDialback",                  "proven",                     "XEP-0220 2.1.1"],
  ["awaitVerdict",               "verdictInvalid",      "answerMatches",        "fail:dialback-invalid",          "closed",                     "XEP-0220 2.1.1"],
  ["awaitVerdict",               "verdictError",        "answerMatches",        "fail:dialback-error",            "closed",                     "XEP-0220 2.1.1"],
  ["awaitVerification",          "verificationValid",   "answerMatches",        "reportValid",                    "closed",                     "XEP-0220 2.1.2"],
  ["awaitVerification",          "verificationInvalid", "answerMatches",        "reportInvalid",                  "closed",                     "XEP-0220 2.1.2"],
  ["awaitVerification",          "verificationError",   "answerMatches",        "reportError",                    "closed",                     "XEP-0220 2.1.2"],
  ["live",                       "verdictValid",        "else",                 "fail:unsolicited-dialback",      "closed",                     "XEP-0220 3.1"],
  ["live",                       "verdictInvalid",      "else",                 "fail:unsolicited-dialback",      "closed",                     "XEP-0220 3.1"],
  ["live",                       "verdictError",        "else",                 "fail:unsolicited-dialback",      "closed",                     "XEP-0220 3.1"],
  ["live",                       "verificationValid",   "else",                 "fail:unsolicited-dialback",      "closed",                     "XEP-0220 3.1"],
  ["live",                       "verificationInvalid", "else",                 "fail:unsolicited-dialback",      "closed",                     "XEP-0220 3.1"],
  ["live",                       "verificationError",   "else",                 "fail:unsolicited-dialback",      "closed",                     "XEP-0220 3.1"],

  ["proven",                     "next",                "resumable",            "resume",                         "awaitResumption",            "XEP-0198 5"],
  ["proven",                     "next",                "else",                 "begin",                          "ready",                      "XEP-0198 3"],
  ["awaitResumption",            "smResumed",           "ackUnreadable",        "fail:ack-unreadable",            "closed",                     "XEP-0198 5"],
  ["awaitResumption",            "smResumed",           "ackTooHigh",           "fail:ack-too-high",              "closed",                     "XEP-0198 5"],
  ["awaitResumption",            "smResumed",           "else",                 "resumed",                        "ready",                      "XEP-0198 5"],
  ["awaitResumption",            "smFailed",            "else",                 "begin",                          "ready",                      "XEP-0198 5"],
  ["ready",                      "smEnabled",           "managementOff",        "fail:unsupported-element",       "closed",                     "XEP-0198 3"],
  ["ready",                      "smEnabled",           "else",                 "managementOn",                   "same",                       "XEP-0198 3"],
  ["ready",                      "smFailed",            "managementOff",        "fail:unsupported-element",       "closed",                     "XEP-0198 3"],
  ["ready",                      "smFailed",            "else",                 "managementRefused",              "same",                       "XEP-0198 3"],
  ["ready",                      "smRequest",           "managementOff",        "fail:unsupported-element",       "closed",                     "XEP-0198 4"],
  ["ready",                      "smRequest",           "else",                 "acknowledge",                    "same",                       "XEP-0198 4"],
  ["ready",                      "smAck",               "managementOff",        "fail:unsupported-element",       "closed",                     "XEP-0198 4"],
  ["ready",                      "smAck",               "ackUnreadable",        "fail:ack-unreadable",            "closed",                     "XEP-0198 4"],
  ["ready",                      "smAck",               "ackTooHigh",           "fail:ack-too-high",              "closed",                     "XEP-0198 4"],
  ["ready",                      "smAck",               "else",                 "takeAck",                        "same",                       "XEP-0198 4"],

  ["established",                "stanza",              "oneWay",               "fail:stanza-on-one-way-stream",  "closed",                     "RFC 6120 4.1"],
  ["established",                "stanza",              "stanzaUnaddressed",    "fail:addresses-invalid",         "closed",                     "RFC 6120 8.1.1.2"],
  ["established",                "stanza",              "stanzaOfOthers",       "fail:from-not-proven",           "closed",                     "XEP-0288 2.2"],
  ["established",                "stanza",              "else",                 "route",                          "same",                       "XEP-0288 2.2"],
  ["live",                       "stanza",              "else",                 "fail:stanza-on-one-way-stream",  "closed",                     "RFC 6120 4.1"],
  ["established",                "dialbackRequest",     "oneWay",               "fail:unsupported-element",       "closed",                     "XEP-0220 2.1.1"],
  ["established",                "dialbackRequest",     "else",                 "refuseDialback",                 "same",                       "XEP-0288 2.2"],
  ["live",                       "dialbackRequest",     "else",                 "fail:unsupported-element",       "closed",                     "XEP-0220 2.1.1"],
  ["live",                       "clientStanza",        "else",                 "fail:namespace-wrong",           "closed",                     "RFC 6120 4.9.3.10"],
  ["live",                       "unknown",             "else",                 "fail:unsupported-element",       "closed",                     "RFC 6120 4.9.3.24"],
  ["ready",                      "close",               "else",                 "close",                          "closed",                     "RFC 6120 4.4"],
  ["live",                       "close",               "else",                 "fail:stream-closed",             "closed",                     "RFC 6120 4.4"],
  ["live",                       "ended",               "else",                 "fail:stream-closed",             "closed",                     "RFC 6120 4.6.1"],
  ["live",                       "streamError",         "authorityUnknown",     "fail:authority-not-found",       "closed",                     "XEP-0220 2.5"],
  ["live",                       "streamError",         "else",                 "fail:peer-error",                "closed",                     "RFC 6120 4.9.1.1"],
  ["live",                       "readerError",         "else",                 "fail:xml-refused",               "closed",                     "RFC 6120 11.1"],
  ["live",                       "timeout",             "else",                 "fail:establishment-timeout",     "closed",                     "RFC 6120 4.9.3.4"],
  ["live",                       "revoked",             "else",                 "fail:no-longer-admitted",        "closed",                     "RFC 6120 4.9.3.14"],
] as const satisfies readonly Row[];

export const OUTBOUND = {
  states: OUTBOUND_STATES,
  events: OUTBOUND_EVENTS,
  groups: GROUPS,
  guards: OUTBOUND_GUARDS,
  rows: OUTBOUND_ROWS,
} as Table<OutboundState, keyof typeof GROUPS, OutboundEvent, keyof typeof OUTBOUND_GUARDS, OutboundAction, OutboundKnown>;

export const stepOutbound = makeMachine(OUTBOUND);
