/**
 * The set M of design tables: which of the three methods a partner's settings leave. Everything that negotiation offers,
 * accepts, attempts and refuses follows from M alone; the rows themselves are in config/matrix.ts.
 */
import { type Method, matrixRow, type NegotiationMode, type NegotiationSettings } from "../config/matrix.ts";

/** M: a subset of { SASL over TLS, dialback over TLS, dialback over TCP }. */
export type Methods = ReadonlySet<Method>;

export const NO_METHODS: Methods = new Set();

/** M of a partner's settings in the given mode. Empty where the row is not valid. */
export function methodsOf(settings: NegotiationSettings, mode: NegotiationMode): Methods {
  return new Set(matrixRow(settings, mode).methods);
}

const LETTERS = { "sasl-over-tls": "E", "tls-dialback": "D", "tcp-dialback": "P" } as const satisfies Record<Method, string>;

/** M as the tables print it: `E D P`, `D`, or `none`. */
export function columnOf(methods: Methods): string {
  const letters = (Object.keys(LETTERS) as Method[]).filter((method) => methods.has(method)).map((method) => LETTERS[method]);
  return letters.length > 0 ? letters.join(" ") : "none";
}

/** Whether TLS has any use with such a partner: E or D in M. */
export const overTls = (methods: Methods): boolean => methods.has("sasl-over-tls") || methods.has("tls-dialback");
