/** Presence subscriptions of the peer (RFC 6665, RFC 3856): dialog, expiry, and a NOTIFY that tells its state. */
import { type HeaderPair, recordRoutes } from "../sip/compose.ts";
import { asServer, type Dialog, keyOf, nextRequest, takeRequest } from "../sip/dialogs.ts";
import { parseNumber } from "../sip/grammar.ts";
import { ALLOW, accepts, refusal } from "../sip/judge.ts";
import { headerOf } from "../sip/message.ts";
import type { Timer } from "./ports.ts";
import type { Client } from "./sip-client.ts";
import { contactOf, handled, isSuccess, type SipContext } from "./sip-context.ts";
import { type Correspondents, correspondents, pass, refuse } from "./sip-texts.ts";
import type { ServerTransaction } from "./sip-transaction.ts";

interface Subscription {
  readonly key: string;
  readonly between: Correspondents;
  /** Event as the subscriber wrote it, with its id. */
  readonly event: string;
  /** Name of the peer over which it was made. */
  readonly via: string;
  dialog: Dialog;
  expiry: Timer | null;
}

/** The one event package that is served. */
const PACKAGE = "presence";
const PRESENCE_TYPE = "application/pidf+xml";
const SECONDS_MOST = 2 ** 32 - 1;

/** Answers to NOTIFY that end the subscription (RFC 6665 4.2.2, RFC 5057 5.1). */
const ENDING: ReadonlySet<number> = new Set([404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]);

export class Subscriptions {
  readonly #context: SipContext;
  readonly #client: Client;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(context: SipContext, client: Client) {
    this.#context = context;
    this.#client = client;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  /** A SUBSCRIBE outside a dialog: makes one, or fetches once when it expires at once. */
  async onSubscribe(transaction: ServerTransaction): Promise<void> {
    const { received } = transaction;
    const seconds = this.#secondsOf(transaction);
    if (seconds === null) return;
    const between = correspondents(received);
    if (between === null) return refuse(this.#context, transaction, refusal(404, "Request-URI names no user"));
    const made = asServer(received, transaction.tag);
    if (!made.ok) return refuse(this.#context, transaction, refusal(400, `${made.fault.where}: ${made.fault.what}`));
    if (this.#subscriptions.size >= this.#context.limits.subscriptions) {
      return refuse(this.#context, transaction, refusal(503, "Too many subscriptions"));
    }
    if (!(await this.#isTaken(transaction, between, seconds, recordRoutes(received.message)))) return;
    const event = headerOf(received.message, "event") ?? PACKAGE;
    const via = transaction.connection.peer.fqdn;
    const subscription: Subscription = { key: keyOf(made.value), between, event, via, dialog: made.value, expiry: null };
    this.#subscriptions.set(subscription.key, subscription);
    this.#renew(subscription, seconds);
  }

  /** A request inside one of the subscriptions; false where its dialog is none of them. */
  onRequest(transaction: ServerTransaction, key: string): boolean {
    const subscription = this.#subscriptions.get(key);
    if (subscription === undefined) return false;
    const taken = takeRequest(subscription.dialog, transaction.received);
    if (!taken.ok) refuse(this.#context, transaction, refusal(taken.status, "CSeq is not higher than the last one"));
    else if (transaction.received.message.method !== "SUBSCRIBE") {
      refuse(this.#context, transaction, refusal(405, "Not in a subscription", [["Allow", ALLOW]]));
    } else {
      subscription.dialog = taken.dialog;
      void this.#refresh(subscription, transaction);
    }
    return true;
  }

  endAll(): void {
    for (const subscription of this.#subscriptions.values()) subscription.expiry?.cancel();
    this.#subscriptions.clear();
  }

  /** A refresh that is refused leaves the subscription as it was (RFC 6665 4.2.1.2). */
  async #refresh(subscription: Subscription, transaction: ServerTransaction): Promise<void> {
    const seconds = this.#secondsOf(transaction);
    if (seconds !== null && (await this.#isTaken(transaction, subscription.between, seconds, []))) this.#renew(subscription, seconds);
  }

  /** Asks the handler and answers. True when the subscription is to be. */
  async #isTaken(
    transaction: ServerTransaction,
    { from, to }: Correspondents,
    seconds: number,
    routes: readonly HeaderPair[],
  ): Promise<boolean> {
    const verdict = await handled(this.#context, "onSubscribe", () => this.#context.handlers.onSubscribe(from, to, seconds));
    if (isSuccess(verdict)) {
      const headers: HeaderPair[] = [...routes, contactOf(this.#context), ["Expires", String(seconds)], ["Allow-Events", PACKAGE]];
      transaction.respond({ status: verdict.status, headers });
    } else pass(this.#context, transaction, verdict);
    return isSuccess(verdict);
  }

  /** Seconds that are granted: what is asked for, at most the limit. Null when the request was refused. */
  #secondsOf(transaction: ServerTransaction): number | null {
    const { received } = transaction;
    const { subscriptionSeconds } = this.#context.limits;
    const event = headerOf(received.message, "event")?.split(";")[0]?.trim().toLowerCase();
    const asked = parseNumber(headerOf(received.message, "expires") ?? String(subscriptionSeconds), SECONDS_MOST);
    if (event !== PACKAGE) refuse(this.#context, transaction, refusal(489, undefined, [["Allow-Events", PACKAGE]]));
    else if (asked === null) refuse(this.#context, transaction, refusal(400, `Expires: expected 0 to ${SECONDS_MOST}`));
    else if (!accepts(received, PRESENCE_TYPE)) {
      refuse(this.#context, transaction, refusal(406, `Accept must allow ${PRESENCE_TYPE}`, [["Accept", PRESENCE_TYPE]]));
    } else return Math.min(asked, subscriptionSeconds);
    return null;
  }

  #renew(subscription: Subscription, seconds: number): void {
    subscription.expiry?.cancel();
    if (seconds === 0) {
      this.#end(subscription);
      return;
    }
    subscription.expiry = this.#context.surroundings.clock.after(seconds * 1000, () => this.#end(subscription));
    // RFC 6665 4.4.1: a NOTIFY follows each 2xx. Its state says that nothing is known yet, so it needs no body (RFC 3856 6.6.2).
    void this.#notify(subscription, `pending;expires=${seconds}`);
  }

  #end(subscription: Subscription): void {
    this.#drop(subscription);
    void this.#notify(subscription, "terminated;reason=timeout");
  }

  #drop(subscription: Subscription): void {
    subscription.expiry?.cancel();
    this.#subscriptions.delete(subscription.key);
  }

  async #notify(subscription: Subscription, state: string): Promise<void> {
    const headers: HeaderPair[] = [
      ["Event", subscription.event],
      ["Subscription-State", state],
      contactOf(this.#context),
      ["Allow-Events", PACKAGE],
    ];
    const next = nextRequest(subscription.dialog, "NOTIFY", this.#client.own(), headers);
    subscription.dialog = next.dialog;
    const { answer, timedOut } = await this.#client.askInside(next.parts, subscription.dialog, subscription.via);
    if (timedOut || ENDING.has(answer.status)) this.#drop(subscription);
  }
}
