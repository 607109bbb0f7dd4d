/** Drives the transaction machines of gateway/sip: matches messages, performs effects, holds the timers. */
import { type Answer, follow, respond } from "../sip/compose.ts";
import { headerOf, type SipRequest, type SipResponse } from "../sip/message.ts";
import type { ReceivedRequest, ReceivedResponse } from "../sip/parse.ts";
import {
  clientKey,
  type Effect,
  INITIAL,
  type Machine,
  responseEvent,
  serverKey,
  step,
  TIMERS,
  type TimerName,
  type TransactionEvent,
  type TransactionState,
} from "../sip/transactions.ts";
import type { Timer } from "./ports.ts";
import type { Connection } from "./sip-connection.ts";
import type { SipContext } from "./sip-context.ts";

/** Told what came of a request of ours. */
export interface ClientUser {
  /** Every provisional and final response; a 2xx to INVITE may come several times. */
  onResponse(received: ReceivedResponse): void;
  /** Timer B or F ended, or the connection did. Nothing follows. */
  onFailed(why: "timeout" | "transport"): void;
}

/** Told of requests of the peer. */
export interface Core {
  onRequest(transaction: ServerTransaction): void;
  /** The ACK of a 2xx. */
  onAck(received: ReceivedRequest): void;
}

export class Transactions {
  readonly context: SipContext;
  readonly #core: Core;
  readonly #replacementFor: (connection: Connection) => Connection | null;
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  /** Unfinished requests outside dialogs, by what makes two of them one (RFC 3261 8.2.2.2). */
  readonly #merging = new Map<string, ServerTransaction>();
  readonly #unanswered = new Map<Connection, number>();

  constructor(context: SipContext, core: Core, replacementFor: (connection: Connection) => Connection | null) {
    this.context = context;
    this.#core = core;
    this.#replacementFor = replacementFor;
  }

  /** Sends a request of ours. Null where there are too many already. */
  send(request: SipRequest, branch: string, connection: Connection, user: ClientUser): ClientTransaction | null {
    if (this.#clients.size >= this.context.limits.clientTransactions) return null;
    const key = clientKey(branch, request.method);
    const transaction = new ClientTransaction(this, { key, request, branch, connection, user });
    this.#clients.set(key, transaction);
    transaction.happen("request");
    return transaction;
  }

  onMessage(received: ReceivedRequest | ReceivedResponse, connection: Connection): void {
    if (received.message.kind === "response") this.#onResponse(received as ReceivedResponse);
    else this.#onRequest(received as ReceivedRequest, connection);
  }

  onClosed(connection: Connection): void {
    this.#unanswered.delete(connection);
    for (const client of [...this.#clients.values()]) if (client.connection === connection) client.happen("transportError");
  }

  /** CANCEL: 200 when there is an INVITE to cancel, which is told (RFC 3261 9.2). */
  cancel(transaction: ServerTransaction): boolean {
    const invite = this.#servers.get(serverKey(transaction.received.essentials, "INVITE"));
    invite?.onCancel?.();
    return invite !== undefined;
  }

  /** Whether the request is one that came already by another way (RFC 3261 8.2.2.2). */
  isMerged(transaction: ServerTransaction): boolean {
    return this.#merging.get(mergeKey(transaction.received)) !== transaction;
  }

  /** Where an answer goes: the request's connection, or another one to the same peer. */
  route(connection: Connection): Connection | null {
    return connection.isOpen ? connection : this.#replacementFor(connection);
  }

  forgetClient(key: string): void {
    this.#clients.delete(key);
  }

  forgetServer(transaction: ServerTransaction): void {
    this.#servers.delete(transaction.key);
    const key = mergeKey(transaction.received);
    if (this.#merging.get(key) === transaction) this.#merging.delete(key);
  }

  noteAnswered({ connection }: ServerTransaction): void {
    const left = (this.#unanswered.get(connection) ?? 1) - 1;
    if (left > 0) this.#unanswered.set(connection, left);
    else this.#unanswered.delete(connection);
  }

  tellAck(received: ReceivedRequest): void {
    this.#core.onAck(received);
  }

  #onResponse(received: ReceivedResponse): void {
    const { via, cseq } = received.essentials;
    // More than one Via: not an answer to us, who are the only hop (RFC 3261 8.1.3.3).
    if (via.length > 1) return;
    this.#clients.get(clientKey(via[0].branch ?? "", cseq.method))?.onResponse(received);
  }

  #onRequest(received: ReceivedRequest, connection: Connection): void {
    const { method } = received.message;
    const key = serverKey(received.essentials, method);
    const known = this.#servers.get(key);
    if (method === "ACK") {
      if (known === undefined) this.#core.onAck(received);
      else known.onAck(received);
      return;
    }
    if (known !== undefined) known.happen("again");
    else this.#begin(key, received, connection);
  }

  #begin(key: string, received: ReceivedRequest, connection: Connection): void {
    const waiting = this.#unanswered.get(connection) ?? 0;
    if (waiting >= this.context.limits.serverTransactions) {
      connection.send(
        respond(received.message, { status: 503, reason: "Too many requests", tag: this.context.names.tag() }, connection.host),
      );
      return;
    }
    const transaction = new ServerTransaction(this, { key, received, connection });
    this.#servers.set(key, transaction);
    this.#unanswered.set(connection, waiting + 1);
    const merge = mergeKey(received);
    if (!this.#merging.has(merge)) this.#merging.set(merge, transaction);
    transaction.happen("request");
  }

  /** Forgets everything, timers included: the side is at its end. */
  stop(): void {
    for (const transaction of [...this.#clients.values(), ...this.#servers.values()]) transaction.abandon();
  }

  deliver(transaction: ServerTransaction): void {
    this.#core.onRequest(transaction);
  }
}

function mergeKey({ essentials, message }: ReceivedRequest): string {
  return `${essentials.callId} ${essentials.fromTag ?? ""} ${essentials.cseq.number} ${message.method} ${essentials.toTag ?? ""}`;
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
    if (effect === "send" && !connection.send(request)) this.happen("transportError");
    else if (effect === "sendAck") connection.send(follow(request, "ACK", this.#responseTo()));
    else if (effect === "tell" && this.#response !== null) user.onResponse(this.#response);
    else if (effect === "tellTimeout") user.onFailed("timeout");
    else if (effect === "tellTransportError") user.onFailed("transport");
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
