/** The table of transactions: matches messages to them (gateway/sip has the machines), begins new ones, forgets the ended ones. */
import { respond } from "../sip/compose.ts";
import type { SipRequest } from "../sip/message.ts";
import type { ReceivedRequest, ReceivedResponse } from "../sip/parse.ts";
import { clientKey, serverKey } from "../sip/transactions.ts";
import type { Connection } from "./sip-connection.ts";
import type { SipContext } from "./sip-context.ts";
import { ClientTransaction, type ClientUser, ServerTransaction } from "./sip-transaction.ts";

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
