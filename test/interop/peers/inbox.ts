/** What a peer of a test has seen and nobody has asked for yet. */

interface Wait<Seen> {
  readonly wants: (seen: Seen) => boolean;
  readonly take: (seen: Seen) => void;
}

export class Inbox<Seen> {
  readonly #owner: string;
  readonly #describe: (seen: Seen) => string;
  readonly #unread: Seen[] = [];
  readonly #waiting: Wait<Seen>[] = [];

  /** @param owner who sees, for the message of a failure */
  constructor(owner: string, describe: (seen: Seen) => string = JSON.stringify) {
    this.#owner = owner;
    this.#describe = describe;
  }

  add(seen: Seen): void {
    const index = this.#waiting.findIndex(({ wants }) => wants(seen));
    if (index < 0) this.#unread.push(seen);
    else this.#waiting.splice(index, 1)[0]?.take(seen);
  }

  /** Takes the next thing that is as wanted. @throws Error after that many milliseconds, with what was seen instead */
  async next(wants: (seen: Seen) => boolean, milliseconds = 15_000): Promise<Seen> {
    const index = this.#unread.findIndex(wants);
    const found = index < 0 ? undefined : this.#unread.splice(index, 1)[0];
    if (found !== undefined) return found;
    const { promise, resolve, reject } = Promise.withResolvers<Seen>();
    const waiting: Wait<Seen> = { wants, take: resolve };
    const limit = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      reject(new Error(`${this.#owner} did not see it within ${milliseconds} ms; unread: ${this.#unread.map(this.#describe).join("\n")}`));
    }, milliseconds);
    this.#waiting.push(waiting);
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
    }
  }

  /** What nobody has asked for, without taking it. */
  unread(wants: (seen: Seen) => boolean): readonly Seen[] {
    return this.#unread.filter(wants);
  }
}
