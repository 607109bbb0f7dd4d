/** What can be wrong with a SIP message, as values: what, where, and the clause that it breaks. */

/** Every fault with the status it is answered with (a request) and its clause. A response with a fault is discarded (RFC 3261 18.1.2). */
// biome-ignore format: one row a line
export const FAULTS = {
  "start-line-malformed":    { status: 400, clause: "RFC 3261 7.1, 7.2" },
  "version-not-supported":   { status: 505, clause: "RFC 3261 21.5.6" },
  "status-out-of-range":     { status: 400, clause: "RFC 3261 7.2" },
  "line-end-malformed":      { status: 400, clause: "RFC 3261 7" },
  "header-malformed":        { status: 400, clause: "RFC 3261 7.3.1" },
  "header-missing":          { status: 400, clause: "RFC 3261 8.1.1" },
  "header-repeated":         { status: 400, clause: "RFC 3261 7.3.1" },
  "number-out-of-range":     { status: 400, clause: "RFC 3261 8.1.1.5, 20.22" },
  "uri-malformed":           { status: 400, clause: "RFC 3261 19.1.1" },
  "content-length-malformed":{ status: 400, clause: "RFC 3261 20.14" },
  "content-length-missing":  { status: 400, clause: "RFC 3261 18.3" },
  "body-truncated":          { status: 400, clause: "RFC 3261 18.3" },
  "head-too-large":          { status: 400, clause: "RFC 3261 21.4.1" },
  "body-too-large":          { status: 413, clause: "RFC 3261 21.4.11" },
  "body-malformed":          { status: 400, clause: "RFC 3261 7.4" },
} as const satisfies Record<string, { status: number; clause: string }>;

export type FaultCode = keyof typeof FAULTS;

export interface Fault {
  readonly code: FaultCode;
  /** The header's name, or `request line`, `status line`, `body`. */
  readonly where: string;
  /** What stood there and what was allowed. */
  readonly what: string;
  readonly status: number;
  readonly clause: string;
}

/** A value, or why there is none. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const failed = (fault: Fault): { readonly ok: false; readonly fault: Fault } => ({ ok: false, fault });

export const fault = (code: FaultCode, where: string, what: string): Fault => ({ code, where, what, ...FAULTS[code] });

/** A fault as a failed outcome. */
export const fail = (code: FaultCode, where: string, what: string): { readonly ok: false; readonly fault: Fault } =>
  failed(fault(code, where, what));

/** A piece of a message for people to read: printable ASCII, shortened. */
export function quoted(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, "?");
  return JSON.stringify(clean.length > 60 ? `${clean.slice(0, 57)}...` : clean);
}
