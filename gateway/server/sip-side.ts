/** The SIP side: put together here, driven by its parts. */
import { DIALECTS, type DialectName } from "../sip/dialect.ts";
import type { EdgeState, MakeSipSide, SipAnswer, SipHandlers, SipSide, SipText, Surroundings } from "./ports.ts";
import { Client } from "./sip-client.ts";
import { Attempts, makeNames, type SipContext, stopping, Waits } from "./sip-context.ts";
import { makeCore } from "./sip-core.ts";
import { callIdFor, fromOf } from "./sip-invite.ts";
import { Lanes } from "./sip-lanes.ts";
import { SIP_LIMITS, type SipLimits } from "./sip-limits.ts";
import { Sessions } from "./sip-sessions.ts";
import { Subscriptions } from "./sip-subscriptions.ts";
import { messageParts, type OutgoingText, readOutgoing } from "./sip-texts.ts";
import { type Core, Transactions } from "./sip-transactions.ts";
import { Transport } from "./sip-transport.ts";

export interface SipSideOptions {
  readonly dialect?: DialectName;
  readonly limits?: Partial<SipLimits>;
}

/** A side as the ports have it, in Lync's dialect and with the limits of SIP_LIMITS. */
export const makeSipSide: MakeSipSide = (state, surroundings, handlers) => sipSide(state, surroundings, handlers);

/** The same with another dialect or other limits. @throws CertificateFormatError where a trusted authority cannot be read */
export function sipSide(state: EdgeState, surroundings: Surroundings, handlers: SipHandlers, options: SipSideOptions = {}): SipSide {
  return new Side(state, surroundings, handlers, options);
}

class Side implements SipSide {
  #state: EdgeState;
  #draining = false;
  readonly #deliveries = new Set<Promise<SipAnswer>>();
  readonly #context: SipContext;
  readonly #transport: Transport;
  readonly #transactions: Transactions;
  readonly #client: Client;
  readonly #sessions: Sessions;
  /** Single messages; those of a pair one after the other (RFC 3428 section 8). */
  readonly #pages: Lanes;
  readonly #subscriptions: Subscriptions;

  constructor(state: EdgeState, surroundings: Surroundings, handlers: SipHandlers, options: SipSideOptions) {
    this.#state = state;
    const limits = { ...SIP_LIMITS, ...options.limits };
    const context: SipContext = {
      surroundings,
      handlers,
      limits,
      dialect: DIALECTS[options.dialect ?? "lync"],
      waits: new Waits(),
      attempts: new Attempts(surroundings, limits.attempts),
      names: makeNames(surroundings, () => this.#state.document.sip.fqdn),
      isDraining: () => this.#draining,
      state: () => this.#state,
    };
    this.#context = context;
    this.#transport = new Transport(context, {
      onMessage: (received, connection) => this.#transactions.onMessage(received, connection),
      onClosed: (connection) => this.#transactions.onClosed(connection),
    });
    // Transactions tell the core, and the core's parts send by transactions: the core is reached through this one step.
    const core: Core = {
      onRequest: (transaction) => made.onRequest(transaction),
      onAck: (received) => made.onAck(received),
    };
    this.#transactions = new Transactions(context, core, (connection) => this.#transport.replacementFor(connection));
    this.#client = new Client(context, this.#transport, this.#transactions);
    this.#sessions = new Sessions(context, this.#client);
    this.#pages = new Lanes(context, async (outgoing) => ({ answer: await this.#page(outgoing), all: false }));
    this.#subscriptions = new Subscriptions(context, this.#client);
    const made = makeCore({
      context,
      sessions: this.#sessions,
      subscriptions: this.#subscriptions,
      cancel: (transaction) => this.#transactions.cancel(transaction),
      isMerged: (transaction) => this.#transactions.isMerged(transaction),
      isDraining: () => this.#draining,
    });
  }

  async start(): Promise<void> {
    await this.#transport.start();
    this.#client.hops.start();
  }

  reload(state: EdgeState): void {
    this.#state = state;
    this.#transport.reload();
    this.#client.hops.reload();
  }

  async deliver(text: SipText): Promise<SipAnswer> {
    const delivery = this.#deliver(text);
    this.#deliveries.add(delivery);
    try {
      return await delivery;
    } finally {
      this.#deliveries.delete(delivery);
    }
  }

  async #deliver(text: SipText): Promise<SipAnswer> {
    if (this.#draining) return stopping();
    const outgoing = readOutgoing(text, this.#context.limits.bodyBytes);
    if ("status" in outgoing) return outgoing;
    return this.#state.document.sip.messageMode === "session"
      ? this.#sessions.deliver(outgoing)
      : this.#pages.add(`${outgoing.local} ${outgoing.remote}`, outgoing);
  }

  endSession(from: string, to: string): void {
    this.#sessions.endPair(from, to);
  }

  connections() {
    return this.#transport.connections();
  }

  nextHops() {
    return this.#client.hops.describe();
  }

  attempts() {
    return this.#context.attempts.list();
  }

  async drain(milliseconds: number): Promise<void> {
    this.#draining = true;
    this.#transport.stopListening();
    await this.#finish(milliseconds);
    await this.#refuseRest();
    this.#client.hops.stop();
    this.#sessions.stop();
    this.#subscriptions.endAll();
    this.#transport.end();
    this.#transactions.stop();
  }

  /** Until what is under way is answered, either way, and so is every CANCEL and BYE; at most that long. */
  async #finish(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#context.surroundings.clock.after(milliseconds, resolve);
    await Promise.race([this.#finishAll(), promise]);
    timer.cancel();
  }

  /** What no handler answered in time is answered here; the answers go out before the connections end. */
  async #refuseRest(): Promise<void> {
    this.#context.waits.stopAll();
    await new Promise<void>((resolve) => this.#context.surroundings.clock.after(0, resolve));
  }

  /** A session that a handler let be made meanwhile ends too. */
  async #finishAll(): Promise<void> {
    await Promise.all([this.#sessions.drain(), this.#context.waits.idle(), Promise.allSettled(this.#deliveries)]);
    await this.#sessions.endAll();
  }

  /** One MESSAGE outside any session (RFC 3428). Over TLS its size is not bound to 1300 bytes (section 8). */
  async #page(outgoing: OutgoingText): Promise<SipAnswer> {
    const { text } = outgoing;
    if (this.#draining) return stopping();
    const { answer } = await this.#client.askOutside({
      ...this.#client.own(),
      method: "MESSAGE",
      uri: text.to,
      from: fromOf(this.#context, outgoing),
      to: `<${text.to}>`,
      callId: callIdFor(this.#context, text.thread),
      cseq: 1,
      ...messageParts(text),
    });
    return answer;
  }
}
