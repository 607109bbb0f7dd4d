/** What an endpoint checks before it looks at a request's meaning (RFC 3261 8.2), in order, as rows. */
import type { HeaderPair } from "./compose.ts";
import type { Dialect } from "./dialect.ts";
import { MAGIC_COOKIE } from "./essentials.ts";
import { tokensOf } from "./grammar.ts";
import { headersOf } from "./message.ts";
import type { ReceivedRequest } from "./parse.ts";
import { reasonOf } from "./reasons.ts";
import { ACCEPTED_TYPES } from "./text.ts";
import { isSipUri, type Uri } from "./uri.ts";

/** Whether we take a method, and whether only inside a dialog. Methods that are not here are unknown: 501. */
// biome-ignore format: one row a line
export const METHODS = {
  ACK:       "taken",
  BYE:       "taken",
  CANCEL:    "taken",
  INVITE:    "taken",
  MESSAGE:   "taken",
  OPTIONS:   "taken",
  SUBSCRIBE: "taken",
  INFO:      "refused",
  NOTIFY:    "refused",
  PRACK:     "refused",
  PUBLISH:   "refused",
  REFER:     "refused",
  REGISTER:  "refused",
  UPDATE:    "refused",
} as const satisfies Record<string, "taken" | "refused">;

export const ALLOW = Object.entries(METHODS)
  .flatMap(([method, verdict]) => (verdict === "taken" ? [method] : []))
  .join(", ");

const KNOWN_METHODS: ReadonlyMap<string, "taken" | "refused"> = new Map(Object.entries(METHODS));

export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly HeaderPair[];
}

export const refusal = (status: number, reason: string = reasonOf(status), headers: readonly HeaderPair[] = []): Refusal => ({
  status,
  reason,
  headers,
});

/** Who we are and whom the peer may speak for. */
export interface Role {
  /** Our own name in Via. */
  readonly fqdn: string;
  /** Domains whose users stand behind the peer. */
  readonly sipDomains: readonly string[];
  readonly dialect: Dialect;
}

type Check = (received: ReceivedRequest, role: Role) => Refusal | null;

const refuseIf =
  (when: (received: ReceivedRequest, role: Role) => boolean, status: number, reason?: string, headers: readonly HeaderPair[] = []): Check =>
  (received, role) =>
    when(received, role) ? refusal(status, reason, headers) : null;

const COOKIE = MAGIC_COOKIE.toLowerCase();

const methodOf = ({ message }: ReceivedRequest): string => message.method;

/** In this order; the first that speaks is the answer. */
// biome-ignore format: one row a line
const CHECKS: readonly (readonly [check: Check, cite: string])[] = [
  [refuseIf((r) => !KNOWN_METHODS.has(methodOf(r)), 501, undefined, [["Allow", ALLOW]]),                    "RFC 3261 21.5.2"],
  [refuseIf((r) => r.essentials.cseq.method !== methodOf(r), 400, "CSeq names another method"),             "RFC 3261 8.1.1.5"],
  [refuseIf((r) => r.essentials.via[0].branch?.toLowerCase() === COOKIE, 400, "Via: branch is the cookie alone"), "RFC 4475 3.2.1"],
  [refuseIf((r) => KNOWN_METHODS.get(methodOf(r)) === "refused" && !isStrayNotify(r), 405, undefined, [["Allow", ALLOW]]), "RFC 3261 8.2.1"],
  [refuseIf((r) => !isSipUri(r.requestUri), 416),                                                           "RFC 3261 8.2.2.1"],
  [refuseIf((r) => r.essentials.maxForwards === 0 && methodOf(r) !== "OPTIONS", 483),                       "RFC 3261 16.3"],
  [refuseIf((r, role) => r.essentials.via.some((via) => via.host === role.fqdn), 482),                      "RFC 3261 16.3, 21.4.20"],
  [(received) => unsupported(received),                                                                     "RFC 3261 8.2.2.3"],
  [refuseIf(isStrayNotify, 481, "Subscription does not exist"),                                             "RFC 6665 4.1.3"],
  [refuseIf((r, role) => !BY_PEER.has(methodOf(r)) && !speaksFor(r.essentials.from.uri, role), 403, "From is no user of a SIP domain of this edge"), "RFC 3261 21.4.4"],
];

/** The answer to a request that an endpoint refuses whatever it means; null where it may be looked at. Never asked about ACK. */
export function judge(received: ReceivedRequest, role: Role): Refusal | null {
  for (const [check] of CHECKS) {
    const verdict = check(received, role);
    if (verdict !== null) return verdict;
  }
  return null;
}

/** We subscribe to nothing, so that every NOTIFY is one that we did not ask for. */
function isStrayNotify(received: ReceivedRequest): boolean {
  return methodOf(received) === "NOTIFY";
}

/** No extension is supported that a peer could require; CANCEL is exempt (RFC 3261 8.2.2.3). */
function unsupported(received: ReceivedRequest): Refusal | null {
  if (methodOf(received) === "CANCEL") return null;
  const required = headersOf(received.message, "require");
  return tokensOf(required).length === 0 ? null : refusal(420, undefined, [["Unsupported", required.join(", ")]]);
}

/** Methods that a peer may use in its own name: OPTIONS as a sign of life, and CANCEL, which goes from hop to hop. */
const BY_PEER: ReadonlySet<string> = new Set(["OPTIONS", "CANCEL"]);

const speaksFor = (uri: Uri, role: Role): boolean => isSipUri(uri) && uri.user !== null && role.sipDomains.includes(uri.host);

/** Whether an Accept header, where there is one, takes that type. */
export function accepts(received: ReceivedRequest, type: string): boolean {
  const values = headersOf(received.message, "accept");
  if (values.length === 0) return true;
  const [main] = type.split("/");
  return tokensOf(values).some((one) => one === type || one === `${main}/*` || one === "*/*");
}

/** 415 names what would be taken (RFC 3261 21.4.13). */
export const unsupportedType = (reason: string, types: readonly string[] = ACCEPTED_TYPES): Refusal =>
  refusal(415, reason, [["Accept", types.join(", ")]]);
