/** Requests of ours: where they go, and one answer for each. */
import { type NewRequest, request } from "../sip/compose.ts";
import { type Dialog, firstHop } from "../sip/dialogs.ts";
import { utf8Of } from "../sip/message.ts";
import type { ReceivedResponse } from "../sip/parse.ts";
import type { SipAnswer } from "./ports.ts";
import type { Connection } from "./sip-connection.ts";
import { madeHere, ownName, type SipContext } from "./sip-context.ts";
import type { ClientTransaction, ClientUser } from "./sip-transaction.ts";
import type { Transactions } from "./sip-transactions.ts";
import { type Hop, type Transport, UnreachableError } from "./sip-transport.ts";

/** The port of a SIP URI over TLS that names none (RFC 3261 19.1.2). */
const SIPS_PORT = 5061;

/** What came of a request. A timeout ends its dialog, a lost connection does not (RFC 3261 12.2.1.2). */
export interface Asked {
  readonly answer: SipAnswer;
  readonly timedOut: boolean;
}

export class Client {
  readonly #context: SipContext;
  readonly #transport: Transport;
  readonly #transactions: Transactions;

  constructor(context: SipContext, transport: Transport, transactions: Transactions) {
    this.#context = context;
    this.#transport = transport;
    this.#transactions = transactions;
  }

  /** The next hop of requests outside dialogs. */
  nextHop(): Hop {
    return this.#context.state().document.sip.nextHop;
  }

  /** The first route of the dialog where that is a listed peer; else the next hop, which knows the way. */
  hopOf(dialog: Dialog): Hop {
    const first = firstHop(dialog);
    const next = this.nextHop();
    if (first === null || first.host === next.fqdn || !this.#transport.isListed(first.host)) return next;
    return { fqdn: first.host, port: first.port ?? SIPS_PORT };
  }

  /** What every request of ours takes from us. */
  own(): Pick<NewRequest, "branch" | "fqdn" | "port"> {
    return { ...ownName(this.#context), branch: this.#context.names.branch() };
  }

  /** A connection, or the answer that tells why there is none. */
  async connect(hop: Hop): Promise<Connection | SipAnswer> {
    try {
      return await this.#transport.open(hop);
    } catch (error) {
      if (error instanceof UnreachableError) return madeHere(504, `Next hop unreachable: ${error.message}`);
      throw error;
    }
  }

  /** One request and its final answer; never rejects for what a peer or the network did. */
  async ask(parts: NewRequest, hop: Hop): Promise<Asked> {
    const connection = await this.connect(hop);
    if ("status" in connection) return { answer: connection, timedOut: false };
    return new Promise((resolve) => {
      const started = this.start(parts, connection, {
        onResponse: (received) => {
          if (received.message.status >= 200) resolve({ answer: answerOf(received), timedOut: false });
        },
        onFailed: (why) => resolve({ answer: failedAnswer(why), timedOut: why === "timeout" }),
      });
      if (started === null) resolve({ answer: madeHere(503, "Too many requests are waiting"), timedOut: false });
    });
  }

  /** Starts a transaction whose responses are all wanted. Null where there are too many. */
  start(parts: NewRequest, connection: Connection, user: ClientUser): ClientTransaction | null {
    return this.#transactions.send(request(parts), parts.branch, connection, user);
  }

  /** Sends without a transaction: the ACK of a 2xx. */
  async sendOnce(parts: NewRequest, hop: Hop): Promise<void> {
    const connection = await this.connect(hop);
    if (!("status" in connection)) connection.send(request(parts));
  }
}

/** RFC 3261 8.1.3.1 would call these 408 and 503; made here they are 504 both, so that no peer's own answer is mistaken for them. */
export const failedAnswer = (why: "timeout" | "transport"): SipAnswer =>
  madeHere(504, why === "timeout" ? "No answer from the next hop" : "The connection to the next hop was lost");

export const answerOf = ({ message }: ReceivedResponse): SipAnswer => ({
  status: message.status,
  reason: utf8Of(message.reason) ?? "",
});
