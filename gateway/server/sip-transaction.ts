/** One transaction: walks the rows of its machine, performs their effects, holds the timers. */
import { type Answer, follow, respond } from "../sip/compose.ts";
import { headerOf, type SipRequest, type SipResponse } from "../sip/message.ts";
import type { ReceivedRequest, ReceivedResponse } from "../sip/parse.ts";
import {
  type Effect,
  INITIAL,
  type Machine,
  responseEvent,
  step,
  TIMERS,
  type TimerName,
  type TransactionEvent,
  type TransactionState,
} from "../sip/transactions.ts";
import type { Timer } from "./ports.ts";
import type { Connection } from "./sip-connection.ts";
import type { Transactions } from "./sip-transactions.ts";

export type ClientFailure = "timeout" | "transport" | "unsent";

/** Told what came of a request of ours. */
export interface ClientUser {
  /** Every provisional and final response; a 2xx to INVITE may come several times. */
  onResponse(received: ReceivedResponse): void;
  /** Timer B or F ended, or the connection did. `unsent`: not a byte of the request was written. Nothing follows. */
  onFailed(why: ClientFailure): void;
}

/** What both kinds share: state, the walk through the rows, timers. */
abstract class Transaction {
  protected readonly all: Transactions;
  readonly #machine: Machine;
  #state: TransactionState;
  readonly #timers = new Map<TimerName, Timer>();
  readonly #events: TransactionEvent[] = [];
  #walking = false;

  constructor(all: Transactions, machine: Machine) {
    this.all = all;
    this.#machine = machine;
    this.#state = INITIAL[machine];
  }

  get state(): TransactionState {
    return this.#state;
  }

  /** Events that come while another one is handled wait for its end. */
  happen(event: TransactionEvent): void {
    this.#events.push(event);
    if (this.#walking) return;
    this.#walking = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#walk(next);
    } finally {
      this.#walking = false;
    }
  }

  abandon(): void {
    this.#state = "terminated";
    this.#terminate();
  }

  #walk(event: TransactionEvent): void {
    const row = step(this.#machine, this.#state, event);
    if (row === null) return;
    this.#state = row.next;
    for (const effect of row.effects) this.#perform(effect);
    if (this.#state === "terminated") this.#terminate();
  }

  #perform(effect: Effect): void {
    if (effect.startsWith("start")) this.arm(effect.slice(5) as TimerName);
    else if (effect.startsWith("stop")) this.#stop(effect.slice(4) as TimerName);
    else this.perform(effect);
  }

  protected arm(name: TimerName): void {
    const wait = TIMERS[name] * this.all.context.limits.t1;
    if (wait === 0) this.happen(`timer${name}`);
    else
      this.#timers.set(
        name,
        this.all.context.surroundings.clock.after(wait, () => this.happen(`timer${name}`)),
      );
  }

  #stop(name: TimerName): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  #terminate(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.terminated();
  }

  protected abstract perform(effect: Effect): void;
  protected abstract terminated(): void;
}

interface ClientParts {
  readonly key: string;
  readonly request: SipRequest;
  readonly branch: string;
  readonly connection: Connection;
  readonly user: ClientUser;
}

export class ClientTransaction extends Transaction {
  readonly connection: Connection;
  readonly #parts: ClientParts;
  #response: ReceivedResponse | null = null;
  #cancelled: "no" | "wanted" | "sent" = "no";
  #written = false;

  constructor(all: Transactions, parts: ClientParts) {
    super(all, parts.request.method === "INVITE" ? "inviteClient" : "nonInviteClient");
    this.connection = parts.connection;
    this.#parts = parts;
  }

  onResponse(received: ReceivedResponse): void {
    this.#response = received;
    this.happen(responseEvent(received.message.status));
    if (this.#cancelled === "wanted") this.cancel();
  }

  /** Ends an INVITE that has no final answer; waits for a provisional one where there is none yet (RFC 3261 9.1). */
  cancel(): void {
    if (this.state === "calling") this.#cancelled = "wanted";
    if (this.state !== "proceeding" || this.#cancelled === "sent") return;
    this.#cancelled = "sent";
    const { request, branch, connection } = this.#parts;
    this.all.send(follow(request, "CANCEL", null), branch, connection, { onResponse() {}, onFailed() {} });
    this.arm("B");
  }

  protected perform(effect: Effect): void {
    const { request, connection, user } = this.#parts;
    if (effect === "send") this.#send(request);
    else if (effect === "sendAck") connection.send(follow(request, "ACK", this.#responseTo()));
    else if (effect === "tell" && this.#response !== null) user.onResponse(this.#response);
    else if (effect === "tellTimeout") user.onFailed("timeout");
    else if (effect === "tellTransportError") user.onFailed(this.#written ? "transport" : "unsent");
  }

  #send(request: SipRequest): void {
    this.#written = this.connection.send(request);
    if (!this.#written) this.happen("transportError");
  }

  #responseTo(): string | null {
    return this.#response === null ? null : (headerOf(this.#response.message, "to") ?? null);
  }

  protected terminated(): void {
    this.all.forgetClient(this.#parts.key);
  }
}

interface ServerParts {
  readonly key: string;
  readonly received: ReceivedRequest;
  readonly connection: Connection;
}

export class ServerTransaction extends Transaction {
  readonly key: string;
  readonly received: ReceivedRequest;
  readonly connection: Connection;
  /** The tag that our answers put into To. */
  readonly tag: string;
  /** Set while an INVITE may be cancelled. */
  onCancel: (() => void) | null = null;
  #last: SipResponse | null = null;
  #ack: ReceivedRequest | null = null;
  #answered = false;

  constructor(all: Transactions, parts: ServerParts) {
    super(all, parts.received.message.method === "INVITE" ? "inviteServer" : "nonInviteServer");
    this.key = parts.key;
    this.received = parts.received;
    this.connection = parts.connection;
    this.tag = all.context.names.tag();
  }

  /** Whether a final answer was given. */
  get isAnswered(): boolean {
    return this.#answered;
  }

  /** Sends an answer. A second final one is ignored, but for a 2xx to INVITE, which is repeated until its ACK. */
  respond(answer: Answer): void {
    const tag = answer.status === 100 ? {} : { tag: this.tag };
    this.#last = respond(this.received.message, { ...answer, ...tag }, this.connection.host);
    this.#happenAnswer(answer.status);
  }

  /** Sends the last answer again: a 2xx to INVITE whose ACK is late (RFC 3261 13.3.1.4). */
  repeat(): void {
    if (this.#last !== null) this.#happenAnswer(this.#last.status);
  }

  #happenAnswer(status: number): void {
    this.happen(responseEvent(status));
    if (status < 200 || this.#answered) return;
    this.#answered = true;
    this.onCancel = null;
    this.all.noteAnswered(this);
  }

  onAck(received: ReceivedRequest): void {
    this.#ack = received;
    this.happen("ack");
  }

  protected perform(effect: Effect): void {
    if (effect === "tell" && this.#ack !== null) this.all.tellAck(this.#ack);
    else if (effect === "tell") this.all.deliver(this);
    else if (effect === "send" || effect === "sendLast") this.#sendLast();
  }

  /** Where nobody can be reached, the peer's timers tell it. */
  #sendLast(): void {
    const connection = this.all.route(this.connection);
    if (this.#last !== null && connection?.send(this.#last) !== true) this.happen("transportError");
  }

  protected terminated(): void {
    this.all.forgetServer(this);
  }
}
