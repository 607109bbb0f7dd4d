/** How long a pair waits before it tries again: doubling, with chance added, from one failure to the next. Knows no clock. */
import { FAILURES, type NegotiationFailure } from "../negotiation/failures.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

export class Backoff {
  #failures = 0;
  #notBefore = 0;
  #last: NegotiationFailure | null = null;

  /** An attempt failed. What this edge itself refused costs the partner nothing, may change any moment, and is not counted. */
  failed(because: NegotiationFailure, now: number, random: number): void {
    const [family] = FAILURES[because.code];
    if (family === "ours" || family === "refused") return;
    this.#last = because;
    this.#notBefore = now + waitAfter(++this.#failures, random);
  }

  /** A stream came up, or something changed that may let the next attempt succeed. */
  reset(): void {
    this.#failures = 0;
    this.#notBefore = 0;
    this.#last = null;
  }

  /** Whether the last attempt failed. */
  get active(): boolean {
    return this.#last !== null;
  }

  /** Milliseconds until an attempt may start; 0 where one may start now. */
  left(now: number): number {
    return Math.max(0, this.#notBefore - now);
  }

  /** What a stanza is told that cannot wait for the next attempt; null where it can. `deadline` in epoch milliseconds. */
  refusal(now: number, deadline: number): NegotiationFailure | null {
    const left = this.left(now);
    if (this.#last === null || left === 0) return null;
    if (left <= XMPP_LIMITS.backoffPatience && this.#notBefore < deadline) return null;
    return { ...this.#last, text: `${this.#last.text}; the next attempt is in ${Math.ceil(left / 1000)} seconds` };
  }
}

/**
 * Milliseconds to wait after so many failures in a row: never less than backoffShortest, doubling up to backoffLongest, and
 * at most backoffJitter of that more.
 * @param random a number in [0, 1)
 */
export function waitAfter(failures: number, random: number): number {
  const { backoffShortest, backoffLongest, backoffJitter } = XMPP_LIMITS;
  const wait = Math.min(backoffLongest, backoffShortest * 2 ** Math.min(failures - 1, 31));
  return Math.round(wait * (1 + backoffJitter * random));
}
