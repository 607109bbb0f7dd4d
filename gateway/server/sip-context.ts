/** What all parts of the SIP side share: the state in force, limits, dialect, names that nobody guesses, the record of failures. */
import type { HeaderPair } from "../sip/compose.ts";
import { type Dialect, diagnostics } from "../sip/dialect.ts";
import { MAGIC_COOKIE } from "../sip/essentials.ts";
import { AttemptRing } from "./attempts.ts";
import type { EdgeState, SipAnswer, SipHandlers, Surroundings } from "./ports.ts";
import type { SipLimits } from "./sip-limits.ts";

export interface SipContext {
  readonly surroundings: Surroundings;
  readonly handlers: SipHandlers;
  readonly limits: SipLimits;
  readonly dialect: Dialect;
  readonly attempts: Attempts;
  readonly names: Names;
  /** Ends the waits for handlers that have not answered yet. */
  readonly waits: Waits;
  /** Whether the side takes nothing new any more. */
  readonly isDraining: () => boolean;
  /** The state in force now; never kept. */
  readonly state: () => EdgeState;
}

/** Handlers that have not answered yet, as what ends the wait for each. */
export class Waits {
  readonly #stops = new Set<() => void>();
  readonly #idle: (() => void)[] = [];

  add(stop: () => void): void {
    this.#stops.add(stop);
  }

  delete(stop: () => void): void {
    this.#stops.delete(stop);
    if (this.#stops.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Settles when none is left. */
  idle(): Promise<void> {
    return this.#stops.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  stopAll(): void {
    for (const stop of [...this.#stops]) stop();
  }
}

/** Branches, tags and Call-IDs: random, so that nobody can guess a dialog (RFC 3261 8.1.1.4, 19.3). */
export interface Names {
  branch(): string;
  tag(): string;
  callId(): string;
}

export function makeNames({ random }: Surroundings, fqdn: () => string): Names {
  return {
    branch: () => `${MAGIC_COOKIE}${random(12).toString("hex")}`,
    tag: () => random(8).toString("hex"),
    callId: () => `${random(16).toString("hex")}@${fqdn()}`,
  };
}

/** Who we are in Via and Contact. */
export function ownName(context: SipContext): { fqdn: string; port: number } {
  const { sip, listen } = context.state().document;
  return { fqdn: sip.fqdn, port: listen.sipPort };
}

/** Where the peer sends requests inside our dialogs. */
export function contactOf(context: SipContext): HeaderPair {
  const { fqdn, port } = ownName(context);
  return ["Contact", `<sip:${fqdn}:${port};transport=tls>`];
}

/** The reason of a refusal in the dialect's header. */
export const explain = (context: SipContext, status: number, reason: string): readonly HeaderPair[] =>
  diagnostics(context.dialect, status, reason);

export const isSuccess = ({ status }: { readonly status: number }): boolean => status >= 200 && status < 300;

/** What deliver() answers where no peer did. 504: no answer or no connection. 503: no room here. 400: no such address. */
export const madeHere = (status: 400 | 403 | 500 | 503 | 504, reason: string): SipAnswer => ({ status, reason });

export const stopping = (): SipAnswer => madeHere(503, "The gateway is stopping");

/** The answer of a handler, in time and of a final status; a handler that fails is logged and answered 500. */
export async function handled(context: SipContext, what: string, ask: () => Promise<SipAnswer>): Promise<SipAnswer> {
  const { clock, log } = context.surroundings;
  const late = Promise.withResolvers<SipAnswer>();
  const timer = clock.after(context.limits.handler, () => late.resolve(madeHere(504, "No answer in time")));
  const stop = (): void => late.resolve(stopping());
  context.waits.add(stop);
  try {
    const answer = await Promise.race([ask(), late.promise]);
    return answer.status >= 200 && answer.status <= 699 ? answer : madeHere(500, "No final answer");
  } catch (error) {
    log("sip-handler-failed", { handler: what, why: error instanceof Error ? error.message : String(error) });
    return madeHere(500, "Internal error");
  } finally {
    timer.cancel();
    context.waits.delete(stop);
  }
}

/** Tells a handler something that needs no answer. */
export function notify(context: SipContext, what: string, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    context.surroundings.log("sip-handler-failed", { handler: what, why: error instanceof Error ? error.message : String(error) });
  }
}

/** Failed and refused attempts, newest first. */
export class Attempts extends AttemptRing {
  constructor(surroundings: Surroundings, most: number) {
    super(surroundings, most, (log, record) => log("sip-attempt-failed", { ...record }));
  }
}
