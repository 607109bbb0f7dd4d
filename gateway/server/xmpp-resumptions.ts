/** What is left of lost inbound streams, kept for a while so that their peers can go on where they stopped (XEP-0198 section 5). */
import type { Pair } from "../negotiation/dialback.ts";
import type { Surroundings, Timer } from "./ports.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { Resumption } from "./xmpp-management.ts";

/** A stream that stands, as the one who comes to resume it sees it. */
export interface Resumable {
  /** Ends, because its peer came back on another connection, and hands over what it holds. */
  surrender(): Resumption | null;
}

interface Standing {
  readonly pairs: readonly Pair[];
  readonly stream: Resumable;
}

interface Lost {
  readonly pairs: readonly Pair[];
  readonly left: Resumption;
  readonly timer: Timer;
}

export class Resumptions {
  readonly #surroundings: Surroundings;
  /** Both by the name that the peer was given; the oldest first. */
  readonly #standing = new Map<string, Standing>();
  readonly #lost = new Map<string, Lost>();
  /** Called with what nobody came for. */
  readonly #expired: (left: Resumption) => void;

  constructor(surroundings: Surroundings, expired: (left: Resumption) => void) {
    this.#surroundings = surroundings;
    this.#expired = expired;
  }

  get size(): number {
    return this.#standing.size + this.#lost.size;
  }

  /** A stream that may be resumed stands. */
  stands(id: string, pairs: readonly Pair[], stream: Resumable): void {
    this.#standing.set(id, { pairs, stream });
  }

  /** It is lost; this is what it held. */
  lost(left: Resumption, pairs: readonly Pair[]): void {
    this.#standing.delete(left.previd);
    const [oldest] = this.#lost.keys();
    if (this.#lost.size >= XMPP_LIMITS.resumptions && oldest !== undefined) this.#expire(oldest);
    const timer = this.#surroundings.clock.after(XMPP_LIMITS.resumption, () => this.#expire(left.previd));
    this.#lost.set(left.previd, { pairs, left, timer });
  }

  /** It ended for good. */
  ended(id: string): void {
    this.#standing.delete(id);
    this.#lost.get(id)?.timer.cancel();
    this.#lost.delete(id);
  }

  /** What a stream of that name held, for a peer that has proven one of its pairs; once. */
  claim(id: string, pairs: readonly Pair[]): Resumption | null {
    const standing = this.#standing.get(id);
    const lost = this.#lost.get(id);
    const own = standing?.pairs ?? lost?.pairs ?? [];
    if (!own.some((one) => pairs.some(({ local, partner }) => local === one.local && partner === one.partner))) return null;
    this.ended(id);
    return standing?.stream.surrender() ?? lost?.left ?? null;
  }

  /** Nobody may come back any more. */
  clear(): void {
    this.#standing.clear();
    for (const id of [...this.#lost.keys()]) this.#expire(id);
  }

  #expire(id: string): void {
    const left = this.#lost.get(id)?.left;
    this.ended(id);
    if (left) this.#expired(left);
  }
}
