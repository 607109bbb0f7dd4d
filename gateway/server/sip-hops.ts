/** The next hops of the document and their health: which are tried, in which order, and when OPTIONS asks one how it is. */
import type { SipHop, Timer } from "./ports.ts";
import type { SipContext } from "./sip-context.ts";
import type { Hop } from "./sip-transport.ts";

/** Why a hop cannot take requests. */
export interface HopFailure {
  readonly code: string;
  readonly text: string;
  /** Milliseconds that the hop itself asked for (Retry-After). */
  readonly retryAfter?: number;
}

export interface HopUser {
  readonly isConnected: (hop: Hop) => boolean;
  /** Asks the hop how it is and tells what it found by works() or fails(). Never rejects. */
  readonly probe: (hop: Hop) => Promise<void>;
}

interface Known {
  health: SipHop["health"];
  since: number;
  because: HopFailure | null;
  /** Milliseconds that the last wait of an unhealthy hop had. */
  wait: number;
  /** The hop asked not to be tried before. */
  notBefore: number;
  timer: Timer | null;
  probing: boolean;
}

export class Hops {
  readonly #context: SipContext;
  readonly #user: HopUser;
  readonly #known = new Map<string, Known>();
  #running = false;

  constructor(context: SipContext, user: HopUser) {
    this.#context = context;
    this.#user = user;
  }

  /** All of the document, in its order. */
  all(): readonly Hop[] {
    const { nextHop, furtherNextHops } = this.#context.state().document.sip;
    return [nextHop, ...furtherNextHops];
  }

  /** Those to try, in order: all that are not known to be unhealthy; where there is none, all, for a request may find one well. */
  usable(): readonly Hop[] {
    const all = this.all();
    const well = all.filter(({ fqdn }) => this.#known.get(fqdn)?.health !== "down");
    return well.length > 0 ? well : all;
  }

  start(): void {
    this.#running = true;
    this.reload();
  }

  /** What is known of hops that stay is kept. */
  reload(): void {
    const listed = new Set(this.all().map(({ fqdn }) => fqdn));
    for (const [fqdn, known] of this.#known) {
      if (listed.has(fqdn)) continue;
      known.timer?.cancel();
      this.#known.delete(fqdn);
    }
    for (const { fqdn } of this.all()) {
      if (this.#known.has(fqdn)) continue;
      const known: Known = {
        health: "unknown",
        since: this.#context.surroundings.clock.now(),
        because: null,
        wait: 0,
        notBefore: 0,
        timer: null,
        probing: false,
      };
      this.#known.set(fqdn, known);
      this.#schedule(fqdn, known);
    }
  }

  stop(): void {
    this.#running = false;
    for (const { timer } of this.#known.values()) timer?.cancel();
  }

  /** The hop answered, and not by 503. What it said before about when to come back still counts. */
  works(fqdn: string): void {
    const known = this.#known.get(fqdn);
    const { clock, log } = this.#context.surroundings;
    if (known === undefined || known.health === "up" || clock.now() < known.notBefore) return;
    if (known.health === "down") log("sip-hop-up", { peer: fqdn, after: clock.now() - known.since });
    Object.assign(known, { health: "up", since: clock.now(), because: null, wait: 0 } satisfies Partial<Known>);
    this.#schedule(fqdn, known);
  }

  /** The hop could not be reached, said nothing to OPTIONS, or answered 503. */
  fails(fqdn: string, because: HopFailure): void {
    const known = this.#known.get(fqdn);
    if (known === undefined) return;
    const { clock, log } = this.#context.surroundings;
    const { retryAfterMost } = this.#context.limits;
    known.because = because;
    known.notBefore = Math.max(known.notBefore, clock.now() + Math.min(because.retryAfter ?? 0, retryAfterMost));
    if (known.health === "down") return;
    Object.assign(known, { health: "down", since: clock.now(), wait: 0 } satisfies Partial<Known>);
    log("sip-hop-down", { peer: fqdn, code: because.code, why: because.text });
    this.#schedule(fqdn, known);
  }

  /** A request was not answered, which may be its user's fault: the hop is asked at once. */
  suspect(fqdn: string): void {
    const known = this.#known.get(fqdn);
    if (known !== undefined && known.health !== "down") void this.#look(fqdn, known);
  }

  describe(): readonly SipHop[] {
    return this.all().map(({ fqdn, port }) => {
      const { health, since, because } = this.#known.get(fqdn) ?? { health: "unknown", since: 0, because: null };
      return { fqdn, port: port ?? null, health, since, because: because === null ? null : { code: because.code, text: because.text } };
    });
  }

  #schedule(fqdn: string, known: Known): void {
    known.timer?.cancel();
    if (!this.#running) return;
    known.timer = this.#context.surroundings.clock.after(this.#waitOf(known), () => void this.#look(fqdn, known));
  }

  /** Up to a quarter less by chance, so that several gateways do not ask at the same moment; never before Retry-After ends. */
  #waitOf(known: Known): number {
    const { limits, surroundings } = this.#context;
    if (known.health === "down") known.wait = known.wait === 0 ? limits.backOffFirst : Math.min(known.wait * 2, limits.backOffMost);
    const wait = known.health === "down" ? known.wait : limits.health;
    const jitter = ((surroundings.random(1)[0] ?? 0) / 255) * (wait / 4);
    return Math.max(wait - jitter, known.notBefore - surroundings.clock.now());
  }

  /** A hop that nobody needed yet, or whose connection has ended, is left alone until somebody needs it. */
  async #look(fqdn: string, known: Known): Promise<void> {
    const hop = this.all().find((one) => one.fqdn === fqdn);
    if (hop === undefined || known.probing || !this.#running) return;
    known.probing = true;
    if (known.health === "down" || this.#user.isConnected(hop)) await this.#user.probe(hop);
    known.probing = false;
    if (this.#known.get(fqdn) === known) this.#schedule(fqdn, known);
  }
}
