/**
 * RFC 3261's four transaction machines (section 17, with RFC 6026's correction) for a reliable transport, as rows. Nothing
 * here reads a clock: a timer is an effect, and its end comes back as an event. On a reliable transport nothing is
 * retransmitted, so timers A, E and G do not exist, and D, I, J and K are zero (17.1.1.2, 17.1.2.2, 17.2.1, 17.2.2).
 */

import { type Essentials, MAGIC_COOKIE } from "./essentials.ts";

export const MACHINES = ["inviteClient", "nonInviteClient", "inviteServer", "nonInviteServer"] as const;
export type Machine = (typeof MACHINES)[number];

export type TransactionState = "calling" | "trying" | "proceeding" | "accepted" | "completed" | "confirmed" | "terminated";

/** From the transport: a response by its class, the INVITE again, ACK, its failure. From the user: the answer. From a timer: its end. */
export type TransactionEvent = "request" | "again" | "ack" | "provisional" | "success" | "failure" | "transportError" | `timer${TimerName}`;

export type TimerName = "B" | "D" | "F" | "H" | "I" | "J" | "K" | "L" | "M";

/**
 * send: the request or response at hand goes to the transport. sendLast: the last response once more. sendAck: ACK for a
 * failure. tell: the response (or ACK) goes to the transaction's user. tellTimeout, tellTransportError: so does that.
 * start and stop: a timer.
 */
export type Effect =
  | "send"
  | "sendLast"
  | "sendAck"
  | "tell"
  | "tellTimeout"
  | "tellTransportError"
  | `start${TimerName}`
  | "stopB"
  | "stopF"
  | "stopH";

/**
 * Milliseconds, as multiples of T1 (default 500 ms) on a reliable transport: RFC 3261 table 4, RFC 6026 section 7. B runs again
 * after a CANCEL, so that an INVITE that nobody ends is over (RFC 3261 9.1).
 */
export const TIMERS = { B: 64, D: 0, F: 64, H: 64, I: 0, J: 0, K: 0, L: 64, M: 64 } as const satisfies Record<TimerName, number>;

export const T1_MILLISECONDS = 500;
/** Longest interval between retransmissions of a 2xx to INVITE (RFC 3261 13.3.1.4). */
export const T2_MILLISECONDS = 4000;

type Row = readonly [state: TransactionState, on: TransactionEvent, effects: readonly Effect[], next: TransactionState, cite: string];

/** The state in which each machine starts; `request` is its first event. */
export const INITIAL = {
  inviteClient: "calling",
  nonInviteClient: "trying",
  inviteServer: "proceeding",
  nonInviteServer: "trying",
} as const satisfies Record<Machine, TransactionState>;

// biome-ignore format: one row a line
export const ROWS = {
  inviteClient: [
    ["calling",    "request",        ["send", "startB"],               "calling",    "RFC 3261 17.1.1.2"],
    ["calling",    "provisional",    ["stopB", "tell"],                "proceeding", "RFC 3261 17.1.1.2"],
    ["calling",    "success",        ["stopB", "tell", "startM"],      "accepted",   "RFC 6026 8.4"     ],
    ["calling",    "failure",        ["stopB", "sendAck", "tell", "startD"], "completed", "RFC 3261 17.1.1.2"],
    ["calling",    "timerB",         ["tellTimeout"],                  "terminated", "RFC 3261 17.1.1.2"],
    ["calling",    "transportError", ["stopB", "tellTransportError"],  "terminated", "RFC 3261 17.1.4"  ],
    ["proceeding", "provisional",    ["tell"],                         "proceeding", "RFC 3261 17.1.1.2"],
    ["proceeding", "success",        ["tell", "startM"],               "accepted",   "RFC 6026 8.4"     ],
    ["proceeding", "failure",        ["sendAck", "tell", "startD"],    "completed",  "RFC 3261 17.1.1.2"],
    ["proceeding", "timerB",         ["tellTimeout"],                  "terminated", "RFC 3261 9.1"     ],
    ["proceeding", "transportError", ["tellTransportError"],           "terminated", "RFC 6026 8.4"     ],
    ["accepted",   "success",        ["tell"],                         "accepted",   "RFC 6026 7.2"     ],
    ["accepted",   "timerM",         [],                               "terminated", "RFC 6026 7.2"     ],
    ["completed",  "failure",        ["sendAck"],                      "completed",  "RFC 3261 17.1.1.2"],
    ["completed",  "timerD",         [],                               "terminated", "RFC 3261 17.1.1.2"],
    ["completed",  "transportError", ["tellTransportError"],           "terminated", "RFC 3261 17.1.1.2"],
  ],
  nonInviteClient: [
    ["trying",     "request",        ["send", "startF"],               "trying",     "RFC 3261 17.1.2.2"],
    ["trying",     "provisional",    ["tell"],                         "proceeding", "RFC 3261 17.1.2.2"],
    ["trying",     "success",        ["stopF", "tell", "startK"],      "completed",  "RFC 3261 17.1.2.2"],
    ["trying",     "failure",        ["stopF", "tell", "startK"],      "completed",  "RFC 3261 17.1.2.2"],
    ["trying",     "timerF",         ["tellTimeout"],                  "terminated", "RFC 3261 17.1.2.2"],
    ["trying",     "transportError", ["stopF", "tellTransportError"],  "terminated", "RFC 3261 17.1.4"  ],
    ["proceeding", "provisional",    ["tell"],                         "proceeding", "RFC 3261 17.1.2.2"],
    ["proceeding", "success",        ["stopF", "tell", "startK"],      "completed",  "RFC 3261 17.1.2.2"],
    ["proceeding", "failure",        ["stopF", "tell", "startK"],      "completed",  "RFC 3261 17.1.2.2"],
    ["proceeding", "timerF",         ["tellTimeout"],                  "terminated", "RFC 3261 17.1.2.2"],
    ["proceeding", "transportError", ["stopF", "tellTransportError"],  "terminated", "RFC 3261 17.1.4"  ],
    ["completed",  "timerK",         [],                               "terminated", "RFC 3261 17.1.2.2"],
  ],
  inviteServer: [
    ["proceeding", "request",        ["tell"],                         "proceeding", "RFC 3261 17.2.1"  ],
    ["proceeding", "again",          ["sendLast"],                     "proceeding", "RFC 3261 17.2.1"  ],
    ["proceeding", "provisional",    ["send"],                         "proceeding", "RFC 3261 17.2.1"  ],
    ["proceeding", "success",        ["send", "startL"],               "accepted",   "RFC 6026 8.7"     ],
    ["proceeding", "failure",        ["send", "startH"],               "completed",  "RFC 3261 17.2.1"  ],
    ["proceeding", "transportError", ["tellTransportError"],           "proceeding", "RFC 6026 8.8"     ],
    ["accepted",   "again",          [],                               "accepted",   "RFC 6026 7.1"     ],
    ["accepted",   "success",        ["send"],                         "accepted",   "RFC 6026 7.1"     ],
    ["accepted",   "ack",            ["tell"],                         "accepted",   "RFC 6026 7.1"     ],
    ["accepted",   "transportError", ["tellTransportError"],           "accepted",   "RFC 6026 8.8"     ],
    ["accepted",   "timerL",         [],                               "terminated", "RFC 6026 7.1"     ],
    ["completed",  "again",          ["sendLast"],                     "completed",  "RFC 3261 17.2.1"  ],
    ["completed",  "ack",            ["stopH", "startI"],              "confirmed",  "RFC 3261 17.2.1"  ],
    ["completed",  "timerH",         ["tellTimeout"],                  "terminated", "RFC 3261 17.2.1"  ],
    ["completed",  "transportError", ["tellTransportError"],           "completed",  "RFC 6026 8.8"     ],
    ["confirmed",  "ack",            [],                               "confirmed",  "RFC 3261 17.2.1"  ],
    ["confirmed",  "timerI",         [],                               "terminated", "RFC 3261 17.2.1"  ],
  ],
  nonInviteServer: [
    ["trying",     "request",        ["tell"],                         "trying",     "RFC 3261 17.2.2"  ],
    ["trying",     "again",          [],                               "trying",     "RFC 3261 17.2.2"  ],
    ["trying",     "provisional",    ["send"],                         "proceeding", "RFC 3261 17.2.2"  ],
    ["trying",     "success",        ["send", "startJ"],               "completed",  "RFC 3261 17.2.2"  ],
    ["trying",     "failure",        ["send", "startJ"],               "completed",  "RFC 3261 17.2.2"  ],
    ["proceeding", "again",          ["sendLast"],                     "proceeding", "RFC 3261 17.2.2"  ],
    ["proceeding", "provisional",    ["send"],                         "proceeding", "RFC 3261 17.2.2"  ],
    ["proceeding", "success",        ["send", "startJ"],               "completed",  "RFC 3261 17.2.2"  ],
    ["proceeding", "failure",        ["send", "startJ"],               "completed",  "RFC 3261 17.2.2"  ],
    ["proceeding", "transportError", ["tellTransportError"],           "terminated", "RFC 3261 17.2.4"  ],
    ["completed",  "again",          ["sendLast"],                     "completed",  "RFC 3261 17.2.2"  ],
    ["completed",  "timerJ",         [],                               "terminated", "RFC 3261 17.2.2"  ],
    ["completed",  "transportError", ["tellTransportError"],           "terminated", "RFC 3261 17.2.4"  ],
  ],
} as const satisfies Record<Machine, readonly Row[]>;

export interface Step {
  readonly effects: readonly Effect[];
  readonly next: TransactionState;
  readonly cite: string;
}

/** The row for an event; null where the figure has no arrow: such an event is ignored (a stray response, a late answer). */
export function step(machine: Machine, state: TransactionState, event: TransactionEvent): Step | null {
  const rows: readonly Row[] = ROWS[machine];
  const row = rows.find((candidate) => candidate[0] === state && candidate[1] === event);
  return row === undefined ? null : { effects: row[2], next: row[3], cite: row[4] };
}

/** The event that a response of that status is. */
export const responseEvent = (status: number): "provisional" | "success" | "failure" =>
  status < 200 ? "provisional" : status < 300 ? "success" : "failure";

/** Matches a response to its client transaction (RFC 3261 17.1.3). */
export const clientKey = (branch: string, method: string): string => `${method} ${branch}`;

/**
 * Matches a request to its server transaction (RFC 3261 17.2.3); ACK and CANCEL belong to their INVITE. A branch without the
 * cookie is that of an RFC 2543 element: there Call-ID, From tag, CSeq and the whole top Via count.
 */
export function serverKey({ via: [top], callId, fromTag, cseq }: Essentials, method: string): string {
  const belongsTo = method === "ACK" ? "INVITE" : method;
  const sentBy = `${top.host}:${top.port ?? ""}`;
  const branch = top.branch ?? "";
  if (branch.toLowerCase().startsWith(COOKIE)) return `${belongsTo} ${sentBy} ${branch}`;
  return `${belongsTo} ${sentBy} ${branch} ${callId} ${fromTag ?? ""} ${cseq.number}`;
}

const COOKIE = MAGIC_COOKIE.toLowerCase();
