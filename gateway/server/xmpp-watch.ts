/** The times of one stream: establishment, signs of life, inactivity. One timer at a time. */
import type { Partner } from "../config/schema.ts";
import type { Pair } from "../negotiation/dialback.ts";
import type { Timer } from "./ports.ts";
import type { XmppContext } from "./xmpp-context.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

/** What is watched. */
export interface Watched {
  readonly lastHeard: number;
  readonly lastStanza: number;
  /** When we last wrote, and after how many seconds of our silence the peer may close (XEP-0478); null where it does not say. */
  readonly lastWritten: number;
  readonly peerIdleSeconds: number | null;
  /** Proven pairs; empty while the stream is being established. */
  pairs(): readonly Pair[];
  partners(): ReadonlySet<Partner>;
}

export interface WatchActs {
  /** Not established in time. */
  timedOut(seconds: number): void;
  /** Nothing was heard for long: ask for a sign of life. */
  probe(): void;
  /** Nothing was heard on any stream of the pair for keepAliveInterval. */
  lifeless(seconds: number): void;
  /** Nothing was written for so long that the peer may soon close. */
  quiet(): void;
  /** No stanza for streamInactivityTimeout. */
  inactive(seconds: number): void;
}

export class Watch {
  readonly #context: XmppContext;
  readonly #watched: Watched;
  readonly #acts: WatchActs;
  readonly #since: number;
  #timer: Timer | null = null;
  #probed = 0;
  #stopped = false;

  constructor(context: XmppContext, watched: Watched, acts: WatchActs) {
    this.#context = context;
    this.#watched = watched;
    this.#acts = acts;
    this.#since = context.surroundings.clock.now();
    this.check();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Looks at the times now, acts on what is due, and comes back when something may be. Also called when settings change. */
  check(): void {
    this.#timer?.cancel();
    if (this.#stopped) return;
    const next = this.#watched.pairs().length === 0 ? this.#establishing() : this.#living();
    if (next === null || this.#stopped) return;
    this.#timer = this.#context.surroundings.clock.after(Math.max(next, 1), () => this.check());
  }

  /** Milliseconds to the next look, or null where the stream was ended. */
  #establishing(): number | null {
    const seconds = this.#settings().streamEstablishmentTimeout;
    const left = this.#since + seconds * 1000 - this.#now();
    if (left > 0) return left;
    this.#acts.timedOut(seconds);
    return null;
  }

  #living(): number | null {
    const { streamInactivityTimeout, keepAliveInterval } = this.#settings();
    const idle = this.#watched.lastStanza + streamInactivityTimeout * 1000 - this.#now();
    if (idle <= 0) {
      this.#acts.inactive(streamInactivityTimeout);
      return null;
    }
    const silence = this.#silence();
    // Lync -EnableKeepAlive: one partner that must show life is enough for the stream to be watched.
    if (![...this.#watched.partners()].some(({ enableKeepAlive }) => enableKeepAlive)) return Math.min(idle, silence);
    const heard = this.#lastHeard();
    const left = heard + keepAliveInterval * 1000 - this.#now();
    if (left <= 0) {
      this.#acts.lifeless(keepAliveInterval);
      return null;
    }
    return Math.min(idle, silence, left, this.#probe(heard, left, keepAliveInterval));
  }

  /** White space in time for a peer that closes silent streams. Returns the milliseconds to the next. */
  #silence(): number {
    const { peerIdleSeconds, lastWritten } = this.#watched;
    if (peerIdleSeconds === null) return Number.POSITIVE_INFINITY;
    const most = peerIdleSeconds * 1000 * XMPP_LIMITS.idleShare;
    if (lastWritten + most <= this.#now()) this.#acts.quiet();
    return Math.max(1, this.#watched.lastWritten + most - this.#now());
  }

  /** Asks for a sign of life once in each silence, shortly before its end. Returns the milliseconds until then. */
  #probe(heard: number, left: number, interval: number): number {
    const early = left - Math.min(XMPP_LIMITS.pingGrace, interval * 500);
    if (early > 0) return early;
    if (this.#probed <= heard) {
      this.#probed = this.#now();
      this.#acts.probe();
    }
    return left;
  }

  /** On either stream of a pair. */
  #lastHeard(): number {
    return Math.max(this.#watched.lastHeard, ...this.#watched.pairs().map((pair) => this.#context.streams.lastHeard(pair)));
  }

  #now(): number {
    return this.#context.surroundings.clock.now();
  }

  #settings() {
    return this.#context.current().state.document.gateway;
  }
}
