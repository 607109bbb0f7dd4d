/** Requests of ours: where they go, and one answer for each. */
import { type HeaderPair, type NewRequest, request } from "../sip/compose.ts";
import { type Dialog, firstHop } from "../sip/dialogs.ts";
import { headerOf, utf8Of } from "../sip/message.ts";
import type { ReceivedResponse } from "../sip/parse.ts";
import type { SipAnswer } from "./ports.ts";
import type { Connection } from "./sip-connection.ts";
import { madeHere, ownName, type SipContext } from "./sip-context.ts";
import { type HopFailure, Hops } from "./sip-hops.ts";
import type { ClientFailure, ClientTransaction, ClientUser } from "./sip-transaction.ts";
import type { Transactions } from "./sip-transactions.ts";
import { type Hop, type Transport, UnreachableError } from "./sip-transport.ts";

/** What came of a request. A timeout ends its dialog, a lost connection does not (RFC 3261 12.2.1.2). */
export interface Asked {
  readonly answer: SipAnswer;
  readonly timedOut: boolean;
}

/** What one try came to. `again`: the request was certainly not processed, so that another hop may have it. */
export interface Tried<T> {
  readonly value: T;
  readonly again: boolean;
}

export class Client {
  readonly #context: SipContext;
  readonly #transport: Transport;
  readonly #transactions: Transactions;
  readonly hops: Hops;

  constructor(context: SipContext, transport: Transport, transactions: Transactions) {
    this.#context = context;
    this.#transport = transport;
    this.#transactions = transactions;
    this.hops = new Hops(context, {
      isConnected: ({ fqdn }) => transport.find(fqdn) !== null,
      probe: (hop) => this.#probe(hop),
    });
  }

  /**
   * Where requests inside a dialog go: its first route where that is a listed peer; else the hop over which the dialog was
   * made, then the others, which know the way too.
   * @param via name of the peer over which it was made
   */
  hopsOf(dialog: Dialog, via: string): readonly Hop[] {
    const first = firstHop(dialog);
    const all = this.hops.all();
    const named = all.find(({ fqdn }) => fqdn === first?.host);
    if (named !== undefined) return [named];
    if (first !== null && this.#transport.isListed(first.host)) return [{ fqdn: first.host, port: first.port ?? undefined }];
    const own = all.filter(({ fqdn }) => fqdn === via);
    return [...own, ...this.hops.usable().filter(({ fqdn }) => fqdn !== via)];
  }

  /** What every request of ours takes from us. */
  own(): Pick<NewRequest, "branch" | "fqdn" | "port"> {
    return { ...ownName(this.#context), branch: this.#context.names.branch() };
  }

  /**
   * One hop after the other until one may have processed the request, within the time of `failover` (RFC 3263 4.3).
   * @param failed makes the value where there is no connection
   */
  async firstOf<T>(
    hops: readonly Hop[],
    act: (connection: Connection, hop: Hop) => Promise<Tried<T>>,
    failed: (answer: SipAnswer) => T,
  ): Promise<T> {
    const { clock } = this.#context.surroundings;
    const until = clock.now() + this.#context.limits.failover;
    const tried = new Set<Connection>();
    let value = failed(madeHere(504, "No next hop"));
    for (const [index, hop] of hops.entries()) {
      if (index > 0 && clock.now() >= until) break;
      const connection = await this.#connect(hop, tried);
      if ("status" in connection) {
        value = failed(connection);
        continue;
      }
      tried.add(connection);
      const result = await act(connection, hop);
      value = result.value;
      if (!result.again) break;
    }
    return value;
  }

  /** A request outside dialogs and its final answer; never rejects for what a peer or the network did. */
  askOutside(parts: NewRequest): Promise<Asked> {
    return this.#askOneOf(parts, this.hops.usable(), true);
  }

  /** The same inside a dialog: an answer of 503 is the dialog's, and is not asked for elsewhere. */
  askInside(parts: NewRequest, dialog: Dialog, via: string): Promise<Asked> {
    return this.#askOneOf(parts, this.hopsOf(dialog, via), false);
  }

  /** Starts a transaction whose responses are all wanted. Null where there are too many. What comes tells the hop's health. */
  start(parts: NewRequest, connection: Connection, hop: Hop, user: ClientUser): ClientTransaction | null {
    return this.#transactions.send(request(parts), parts.branch, connection, {
      onResponse: (received) => {
        if (received.message.status === 503) this.hops.fails(hop.fqdn, unavailable(received));
        else this.hops.works(hop.fqdn);
        user.onResponse(received);
      },
      onFailed: (why) => {
        if (why === "timeout") this.hops.suspect(hop.fqdn);
        user.onFailed(why);
      },
    });
  }

  /** Sends without a transaction, inside a dialog: the ACK of a 2xx. */
  sendOnce(parts: NewRequest, dialog: Dialog, via: string): Promise<boolean> {
    const act = async (connection: Connection): Promise<Tried<boolean>> => {
      const sent = connection.send(request(parts));
      return { value: sent, again: !sent };
    };
    return this.firstOf(this.hopsOf(dialog, via), act, () => false);
  }

  /** Each try has a branch of its own (RFC 3263 4.3). */
  #askOneOf(parts: NewRequest, hops: readonly Hop[], elsewhere: boolean): Promise<Asked> {
    const act = (connection: Connection, hop: Hop): Promise<Tried<Asked>> =>
      this.#ask({ ...parts, branch: this.#context.names.branch() }, connection, hop, elsewhere);
    return this.firstOf(hops, act, (answer) => ({ answer, timedOut: false }));
  }

  #ask(parts: NewRequest, connection: Connection, hop: Hop, elsewhere: boolean): Promise<Tried<Asked>> {
    return new Promise((resolve) => {
      const started = this.start(parts, connection, hop, {
        onResponse: (received) => {
          const { status } = received.message;
          if (status >= 200) resolve({ value: { answer: answerOf(received), timedOut: false }, again: elsewhere && status === 503 });
        },
        onFailed: (why) => resolve({ value: { answer: failedAnswer(why), timedOut: why === "timeout" }, again: why === "unsent" }),
      });
      if (started === null) resolve({ value: { answer: madeHere(503, "Too many requests are waiting"), timedOut: false }, again: false });
    });
  }

  /** A connection, or the answer that tells why there is none. */
  async #connect(hop: Hop, except?: ReadonlySet<Connection>, insists = false): Promise<Connection | SipAnswer> {
    try {
      return await this.#transport.open(hop, except, insists);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      if (error.code !== "draining") this.hops.fails(hop.fqdn, { code: error.code, text: error.message });
      return madeHere(504, `Next hop unreachable: ${error.message}`);
    }
  }

  /** OPTIONS (RFC 3261 11). Any answer but 503 says that the hop works: most say that it is no method of theirs, or no domain. */
  async #probe(hop: Hop): Promise<void> {
    const connection = await this.#connect(hop, undefined, true);
    if ("status" in connection) return;
    const { clock } = this.#context.surroundings;
    const { healthAnswer } = this.#context.limits;
    const late = Promise.withResolvers<void>();
    const timer = clock.after(healthAnswer, () => {
      this.hops.fails(hop.fqdn, { code: "no-answer", text: `no answer to OPTIONS within ${healthAnswer / 1000} s` });
      late.resolve();
    });
    await Promise.race([this.#ask(this.#options(hop), connection, hop, false), late.promise]);
    timer.cancel();
  }

  #options({ fqdn, port }: Hop): NewRequest {
    const { names } = this.#context;
    const uri = `sip:${fqdn}${port === undefined ? "" : `:${port}`};transport=tls`;
    const own = this.own();
    const headers: HeaderPair[] = [["Accept", "application/sdp"]];
    const from = `<sip:${own.fqdn}>;tag=${names.tag()}`;
    return { ...own, method: "OPTIONS", uri, from, to: `<${uri}>`, callId: names.callId(), cseq: 1, headers };
  }
}

/** A 503 is the hop's own: a proxy passes none on (RFC 3261 16.7, step 6). */
function unavailable({ message }: ReceivedResponse): HopFailure {
  const seconds = /^\d{1,9}/.exec(headerOf(message, "retry-after") ?? "")?.[0] ?? "0";
  return { code: "unavailable", text: "it answered 503", retryAfter: Number(seconds) * 1000 };
}

/** RFC 3261 8.1.3.1 would call these 408 and 503; made here they are 504 both, so that no peer's own answer is mistaken for them. */
export const failedAnswer = (why: ClientFailure): SipAnswer =>
  madeHere(504, why === "timeout" ? "No answer from the next hop" : "The connection to the next hop was lost");

export const answerOf = ({ message }: ReceivedResponse): SipAnswer => ({
  status: message.status,
  reason: utf8Of(message.reason) ?? "",
});
