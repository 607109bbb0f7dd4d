/**
 * XMPP error conditions and SIP statuses (RFC 7247 section 7, tables 2 and 3). Where SIP's own standards forbid what table 2
 * says, they count:
 * - 408 never answers a request that is not INVITE (RFC 4320 4.2): 504, which table 3 maps back.
 * - 401 and 407 need a challenge, and Lync would begin to authenticate: 403.
 * - 6xx ends the search at all of a user's devices: the 4xx of the same meaning.
 * - 301 and 302 carry the new address in Contact. A partner's new address is a JID that nobody here has agreed to: 410, 480.
 */
import type { StanzaErrorCondition } from "../xmpp/stanza-errors.ts";

interface Row {
  /** RFC 3261 21 final status. */
  readonly status: number;
  /** Where the error concerns a bare JID, that is, the user and not one device; default: the same. */
  readonly bare?: number;
  /** What table 2 says, where we answer otherwise. */
  readonly instead?: string;
}

// biome-ignore format: table 2, one condition a line
export const TO_SIP = {
  "bad-request":             { status: 400 },
  "conflict":                { status: 400 },
  "feature-not-implemented": { status: 405, bare: 501 },
  "forbidden":               { status: 403, instead: "603 for a bare JID" },
  "gone":                    { status: 410, instead: "301 with an address" },
  "internal-server-error":   { status: 500 },
  "item-not-found":          { status: 404, instead: "604 for a bare JID" },
  "jid-malformed":           { status: 400 },
  "not-acceptable":          { status: 406, instead: "606 for a bare JID" },
  "not-allowed":             { status: 403 },
  "not-authorized":          { status: 403, instead: "401" },
  "policy-violation":        { status: 403 },
  "recipient-unavailable":   { status: 480, instead: "600 for a bare JID" },
  "redirect":                { status: 480, instead: "302" },
  "registration-required":   { status: 403, instead: "407" },
  "remote-server-not-found": { status: 404, instead: "408 where it cannot be resolved" },
  "remote-server-timeout":   { status: 504, instead: "408" },
  "resource-constraint":     { status: 500 },
  "service-unavailable":     { status: 403 },
  "subscription-required":   { status: 400 },
  "undefined-condition":     { status: 400 },
  "unexpected-request":      { status: 400, instead: "491, which is for a session's changes" },
} as const satisfies Record<StanzaErrorCondition, Row>;

/** Status that answers a SIP request when the XMPP side said this. `bare`: whether the error came from a bare JID. */
export function statusOfCondition(condition: StanzaErrorCondition, bare = false): number {
  const row: Row = TO_SIP[condition];
  return bare ? (row.bare ?? row.status) : row.status;
}

// biome-ignore format: table 3, one condition a line
export const TO_XMPP = [
  ["redirect",                [300, 302, 305]],
  ["gone",                    [301, 410]],
  ["not-acceptable",          [380, 406, 415, 416, 421, 482, 483, 488, 505, 606]],
  ["bad-request",             [400, 402, 493]],
  ["not-authorized",          [401]],
  ["forbidden",               [403]],
  ["item-not-found",          [404, 481, 484, 485, 604]],
  ["feature-not-implemented", [405, 420, 439, 501]],
  ["registration-required",   [407]],
  ["remote-server-timeout",   [408, 504]],
  ["policy-violation",        [413, 414, 440, 489, 513]],
  ["resource-constraint",     [423]],
  ["recipient-unavailable",   [430, 480, 486, 487, 600, 603]],
  ["unexpected-request",      [491]],
  ["internal-server-error",   [500, 503]],
  ["remote-server-not-found", [502]],
] as const satisfies readonly (readonly [StanzaErrorCondition, readonly number[]])[];

const CONDITIONS: ReadonlyMap<number, StanzaErrorCondition> = new Map(
  TO_XMPP.flatMap(([condition, statuses]) => statuses.map((status) => [status, condition] as const)),
);

/** By the first digit, for statuses the table does not list (RFC 7247 section 7.2). */
const CLASSES: ReadonlyMap<number, StanzaErrorCondition> = new Map([
  [3, "redirect"],
  [4, "bad-request"],
  [5, "internal-server-error"],
  [6, "recipient-unavailable"],
]);

/** Condition that a sender on the XMPP side is told when a SIP request came to this end. Numbers that are no failure give undefined-condition. */
export const conditionOfStatus = (status: number): StanzaErrorCondition =>
  CONDITIONS.get(status) ?? CLASSES.get(Math.floor(status / 100)) ?? "undefined-condition";

/**
 * The `<text/>` beside it: the reason phrase (RFC 7247 section 7.2). With `gone` the RFC keeps it for a new address, so that
 * there is none.
 */
export const textOfStatus = (status: number, reason: string): string | undefined =>
  conditionOfStatus(status) === "gone" ? undefined : `${status} ${reason}`.trim();
