/**
 * Work that is under way for each pair of addresses, bounded for one pair and in all. A task begins at once, so that those of a
 * pair begin in order; the order of what follows is kept by the side that does it, which also knows what one failure means for the rest.
 */

export const UNDER_WAY_LIMITS = {
  /** Tasks under way for one pair. */
  perPair: 64,
  /** Tasks under way in all. */
  total: 10_000,
} as const;

type Limits = { readonly perPair: number; readonly total: number };

export class UnderWay {
  readonly #limits: Limits;
  readonly #counts = new Map<string, number>();
  #total = 0;
  #idle: (() => void)[] = [];

  constructor(limits: Limits = UNDER_WAY_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#total;
  }

  /** Begins the task. False when there is no room; the task then never runs. A task handles its own errors. */
  begin(pair: string, task: () => Promise<void>): boolean {
    const count = this.#counts.get(pair) ?? 0;
    if (count >= this.#limits.perPair || this.#total >= this.#limits.total) return false;
    this.#counts.set(pair, count + 1);
    this.#total++;
    task()
      .catch(() => {})
      .finally(() => this.#done(pair));
    return true;
  }

  #done(pair: string): void {
    const left = (this.#counts.get(pair) ?? 1) - 1;
    if (left === 0) this.#counts.delete(pair);
    else this.#counts.set(pair, left);
    this.#total--;
    if (this.#total > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#total === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
