/** A TCP connection to whichever of a server's addresses answers first; a silent one holds up the next only for a moment (RFC 8305). */
import { connect, isIPv6, type Socket } from "node:net";
import type { Clock, Timer } from "./ports.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

export interface Dialled {
  readonly socket: Socket;
  readonly address: string;
}

export interface DialOptions {
  readonly port: number;
  readonly clock: Clock;
  /** An address that could not be reached, and why. */
  readonly problem: (address: string, why: string) => void;
  /** Begins a connection; the real one where absent. */
  readonly open?: (host: string, port: number) => Socket;
}

/** The two families by turns, each in the order given (RFC 8305 section 4). */
export function byTurns(addresses: readonly string[]): string[] {
  const [first, second] = [addresses.filter(sameFamily(addresses[0])), addresses.filter((address) => !sameFamily(addresses[0])(address))];
  const longest = Math.max(first.length, second.length);
  return Array.from({ length: longest }, (_, index) => [first[index], second[index]]).flatMap((pair) =>
    pair.filter((one) => one !== undefined),
  );
}

const sameFamily =
  (one = "") =>
  (other: string): boolean =>
    isIPv6(one) === isIPv6(other);

export class Dial {
  /** The first connection that stands, or null where none can be had. */
  readonly answer: Promise<Dialled | null>;
  readonly #options: DialOptions;
  /** Addresses not used up: one that was reached or failed is taken out, one that was merely slower stays for later. */
  readonly #left: Set<string>;
  readonly #waiting: string[];
  readonly #pending = new Map<string, () => void>();
  #turn: Timer | null = null;
  #over = false;
  #settle: (dialled: Dialled | null) => void = () => {};

  /** @param left addresses in the order to try; what is used up is removed from it */
  constructor(left: Set<string>, options: DialOptions) {
    this.#options = options;
    this.#left = left;
    this.#waiting = [...left];
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#next();
  }

  /** Gives up. */
  abort(): void {
    this.#finish(null);
  }

  #next(): void {
    if (this.#over) return;
    this.#turn?.cancel();
    const address = this.#waiting.shift();
    if (address !== undefined) this.#try(address);
    else if (this.#pending.size === 0) this.#finish(null);
  }

  #try(address: string): void {
    const { port, clock, problem, open = (host, to) => connect({ host, port: to }) } = this.#options;
    const socket = open(address, port);
    const fail = (why: string): void => {
      if (!this.#pending.has(address)) return;
      this.#drop(address);
      this.#left.delete(address);
      problem(address, why);
      this.#next();
    };
    const timer = clock.after(XMPP_LIMITS.connect, () => fail("no answer"));
    this.#pending.set(address, () => {
      timer.cancel();
      socket.destroy();
    });
    // The listener stays: until the connection's user has one of its own, an error must find somebody.
    socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once("connect", () => {
      timer.cancel();
      this.#pending.delete(address);
      this.#left.delete(address);
      this.#finish({ socket, address });
    });
    this.#turn = this.#waiting.length > 0 ? clock.after(XMPP_LIMITS.nextAddress, () => this.#next()) : null;
  }

  #drop(address: string): void {
    this.#pending.get(address)?.();
    this.#pending.delete(address);
  }

  #finish(dialled: Dialled | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#turn?.cancel();
    for (const address of [...this.#pending.keys()]) this.#drop(address);
    this.#settle(dialled);
  }
}
