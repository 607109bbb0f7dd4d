/** Attempts that failed or were refused, newest first, as many as their limit allows; each is logged when it is remembered. */
import type { AttemptRecord, Surroundings } from "./ports.ts";

export class AttemptRing {
  readonly #surroundings: Surroundings;
  readonly #most: number;
  readonly #write: (log: Surroundings["log"], record: AttemptRecord) => void;
  #ring: AttemptRecord[] = [];

  /** @param log writes one record; each side has an event of its own */
  constructor(surroundings: Surroundings, most: number, log: (log: Surroundings["log"], record: AttemptRecord) => void) {
    this.#surroundings = surroundings;
    this.#most = most;
    this.#write = log;
  }

  add(attempt: Omit<AttemptRecord, "at">): void {
    const record = { at: this.#surroundings.clock.now(), ...attempt };
    this.#ring = [record, ...this.#ring.slice(0, this.#most - 1)];
    this.#write(this.#surroundings.log, record);
  }

  list(): readonly AttemptRecord[] {
    return this.#ring;
  }
}
