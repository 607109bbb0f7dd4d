/** Work in order for each pair of addresses, bounded for one pair and in all. */

export const QUEUE_LIMITS = {
  /** Tasks that may wait or run for one pair. */
  perPair: 64,
  /** Tasks that may wait or run in all. */
  total: 10_000,
} as const;

type Limits = { readonly perPair: number; readonly total: number };

export class PairQueues {
  readonly #limits: Limits;
  readonly #tails = new Map<string, { tail: Promise<void>; length: number }>();
  #total = 0;
  #idle: (() => void)[] = [];

  constructor(limits: Limits = QUEUE_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#total;
  }

  /** Runs the task after those of the same pair. False when there is no room; the task then never runs. A task handles its own errors. */
  add(pair: string, task: () => Promise<void>): boolean {
    const queue = this.#tails.get(pair) ?? { tail: Promise.resolve(), length: 0 };
    if (queue.length >= this.#limits.perPair || this.#total >= this.#limits.total) return false;
    queue.length++;
    this.#total++;
    queue.tail = queue.tail
      .then(task)
      .catch(() => {})
      .finally(() => this.#done(pair, queue));
    this.#tails.set(pair, queue);
    return true;
  }

  #done(pair: string, queue: { length: number }): void {
    queue.length--;
    this.#total--;
    if (queue.length === 0) this.#tails.delete(pair);
    if (this.#total > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing waits or runs. */
  idle(): Promise<void> {
    return this.#total === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
