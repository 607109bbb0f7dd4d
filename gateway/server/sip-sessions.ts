/** IM sessions in Lync's way: INVITE with a message media, MESSAGE in the dialog both ways, BYE, or silence for too long. */
import type { HeaderPair } from "../sip/compose.ts";
import { recordRoutes } from "../sip/compose.ts";
import { asServer, type Dialog, keyOf, keyOfRequest, nextRequest, takeRequest } from "../sip/dialogs.ts";
import { tokensOf } from "../sip/grammar.ts";
import { ALLOW, accepts, type Refusal, refusal, unsupportedType } from "../sip/judge.ts";
import { headerOf, headersOf } from "../sip/message.ts";
import type { ReceivedRequest } from "../sip/parse.ts";
import { answer, carriesMessages, type Media, offer, readMedia } from "../sip/sdp.ts";
import { parseMediaType, readEmbedded, type TextBody } from "../sip/text.ts";
import { T1_MILLISECONDS, T2_MILLISECONDS, TIMERS } from "../sip/transactions.ts";
import { addressOf, bareAddress, parseUri } from "../sip/uri.ts";
import type { SipAnswer, Timer } from "./ports.ts";
import type { Client } from "./sip-client.ts";
import { contactOf, handled, isSuccess, madeHere, notify, type SipContext, stopping } from "./sip-context.ts";
import { callIdFor, type Inviting, invite } from "./sip-invite.ts";
import { type LaneResult, Lanes } from "./sip-lanes.ts";
import { type Correspondents, correspondents, labels, messageParts, type OutgoingText, pass, refuse, takeText } from "./sip-texts.ts";
import type { ServerTransaction } from "./sip-transaction.ts";

interface Session {
  readonly key: string;
  readonly pair: string;
  /** Who to whom, where our user, at the SIP side, opened it; null where the partner did. */
  readonly opened: Correspondents | null;
  /** The partner's address; its instance is that of the last text from there. */
  local: string;
  /** The SIP user's address. */
  readonly remote: string;
  /** What the partner calls this conversation: the thread of the text that opened the session, else the Call-ID. */
  readonly thread: string;
  dialog: Dialog;
  /** Name of the peer over which it was made. */
  readonly via: string;
  /** Settles when requests of ours may be sent: at once, or with the ACK, or when that did not come. */
  ready: Promise<void>;
  /** Called with the ACK, while one is awaited. */
  onAck: (() => void) | null;
  idle: Timer | null;
  /** Another session of the pair proved dead, and nothing came in this one since: it is likely dead too. */
  doubted: boolean;
  ended: boolean;
}

/** Answers inside a dialog that end it or its session (RFC 5057 5.1, RFC 3261 12.2.1.2). */
const ENDING: ReadonlySet<number> = new Set([404, 408, 410, 416, 480, 482, 483, 484, 485, 502, 604]);

const pairOf = (local: string, remote: string): string => `${bareAddress(local)} ${bareAddress(remote)}`;

export class Sessions {
  readonly #context: SipContext;
  readonly #client: Client;
  readonly #lanes: Lanes;
  readonly #sessions = new Map<string, Session>();
  /** By pair, newest last. */
  readonly #pairs = new Map<string, Session[]>();
  /** Call-IDs that a session has or had, newest last. */
  readonly #callIds = new Set<string>();
  readonly #inviting = new Set<Inviting>();

  constructor(context: SipContext, client: Client) {
    this.#context = context;
    this.#client = client;
    this.#lanes = new Lanes(context, (outgoing) => this.#send(outgoing));
  }

  get size(): number {
    return this.#sessions.size;
  }

  // ---- our texts -------------------------------------------------------------------------------------------------

  deliver(outgoing: OutgoingText): Promise<SipAnswer> {
    return this.#lanes.add(pairOf(outgoing.local, outgoing.remote), outgoing);
  }

  /** In the pair's session; one that proves dead is opened anew, once. */
  async #send(outgoing: OutgoingText): Promise<LaneResult> {
    if (this.#context.isDraining()) return { answer: stopping(), all: true };
    const existing = await this.#usable(pairOf(outgoing.local, outgoing.remote));
    if (existing !== null) {
      const { answer, dead } = await this.#sendIn(existing, outgoing);
      if (!dead) return { answer, all: false };
    }
    if (this.#sessions.size >= this.#context.limits.sessions) return { answer: madeHere(503, "Too many sessions"), all: true };
    const { text, remote } = outgoing;
    const callId = this.#freshCallId(text.thread);
    const invited = await invite(this.#context, this.#client, outgoing, callId, this.#inviting);
    if (!invited.ok) return { answer: invited.answer, all: true };
    const who = { local: text.from, remote, opened: null, thread: text.thread ?? callId, via: invited.via };
    const session = this.#register(invited.dialog, who);
    return { answer: (await this.#sendIn(session, outgoing)).answer, all: false };
  }

  /**
   * The thread, but once only: a user agent that had a session of that Call-ID takes an INVITE with it for a late one of that
   * session, and says nothing. It must be unique over time (RFC 3261 8.1.1.4).
   */
  #freshCallId(thread: string | null): string {
    const wanted = callIdFor(this.#context, thread);
    const callId = this.#callIds.has(wanted) ? this.#context.names.callId() : wanted;
    this.#remember(callId);
    return callId;
  }

  #remember(callId: string): void {
    this.#callIds.delete(callId);
    this.#callIds.add(callId);
    const [oldest] = this.#callIds;
    if (this.#callIds.size > this.#context.limits.callIds && oldest !== undefined) this.#callIds.delete(oldest);
  }

  /** The newest session of the pair that is confirmed and not in doubt. */
  async #usable(pair: string): Promise<Session | null> {
    for (const session of this.#pairs.get(pair)?.toReversed() ?? []) {
      if (session.doubted) continue;
      await session.ready;
      if (!session.ended) return session;
    }
    return null;
  }

  /** `dead`: the answer says that the session is over and that the text reached nobody; after a silence that is not known. */
  async #sendIn(session: Session, { text }: OutgoingText): Promise<{ readonly answer: SipAnswer; readonly dead: boolean }> {
    session.local = text.from;
    const { headers = [], body } = messageParts(text);
    const next = nextRequest(session.dialog, "MESSAGE", this.#client.own(), headers);
    session.dialog = next.dialog;
    this.#touch(session);
    const { answer, timedOut } = await this.#client.askInside({ ...next.parts, ...(body ? { body } : {}) }, session.dialog, session.via);
    const over = timedOut || answer.status === 481 || ENDING.has(answer.status);
    if (over) this.#doubt(session.pair);
    if (answer.status === 481) this.#forget(session);
    else if (over) void this.#bye(session);
    return { answer, dead: over && !timedOut && answer.status !== 408 };
  }

  /** What ended one session of a pair, a user agent that is gone, has most likely ended the others: each would cost one more text. */
  #doubt(pair: string): void {
    for (const session of this.#pairs.get(pair) ?? []) session.doubted = true;
  }

  // ---- requests of the peer --------------------------------------------------------------------------------------

  /** An INVITE outside a dialog. */
  async onInvite(transaction: ServerTransaction): Promise<void> {
    const { received } = transaction;
    const between = correspondents(received);
    const media = this.#offered(received);
    if ("status" in media) return refuse(this.#context, transaction, media);
    if (between === null) return refuse(this.#context, transaction, refusal(404, "Request-URI names no user"));
    if (this.#sessions.size >= this.#context.limits.sessions) return refuse(this.#context, transaction, refusal(503, "Too many sessions"));
    const made = asServer(received, transaction.tag);
    if (!made.ok) return refuse(this.#context, transaction, refusal(400, `${made.fault.where}: ${made.fault.what}`));
    transaction.respond({ status: 100 });
    transaction.onCancel = () => refuse(this.#context, transaction, refusal(487));
    const verdict = await handled(this.#context, "onSession", () => this.#context.handlers.onSession(between.from, between.to));
    if (transaction.isAnswered) return; // it was cancelled
    if (!isSuccess(verdict)) return pass(this.#context, transaction, verdict);
    transaction.onCancel = null; // what follows may deliver the first message: it is too late to end it as if nothing had been
    await this.#accept(transaction, made.value, between, media.media);
  }

  async #accept(transaction: ServerTransaction, dialog: Dialog, between: Correspondents, media: readonly Media[] | null): Promise<void> {
    const via = transaction.connection.peer.fqdn;
    const session = this.#register(dialog, { local: between.to, remote: between.from, opened: between, thread: dialog.callId, via });
    session.ready = new Promise((resolve) => {
      session.onAck = resolve;
    });
    notify(this.#context, "onSessionOpened", () => this.#context.handlers.onSessionOpened(between.from, between.to));
    const delivered = await this.#takeEmbedded(transaction.received, between);
    this.#answerInvite(session, transaction, media, delivered);
  }

  /** What an INVITE offers: media, null for an INVITE without a description, or why it is refused. */
  #offered(received: ReceivedRequest): { readonly media: readonly Media[] | null } | Refusal {
    if (!accepts(received, "application/sdp")) return refusal(406, "Accept must allow application/sdp");
    if (received.message.body.length === 0) return { media: null };
    const type = parseMediaType(headerOf(received.message, "content-type") ?? "")?.type;
    if (type !== "application/sdp") return unsupportedType("INVITE needs application/sdp", ["application/sdp"]);
    const media = readMedia(received.message.body);
    if (!media.ok) return refusal(400, `${media.fault.where}: ${media.fault.what}`);
    if (carriesMessages(media.value, this.#context.dialect)) return { media: media.value };
    return refusal(488, "Only sessions of messages are supported");
  }

  /** Delivers the message inside the INVITE. True only when it was: the sender repeats it otherwise. */
  async #takeEmbedded(received: ReceivedRequest, between: Correspondents): Promise<boolean> {
    const text = this.#embedded(received);
    if (text === null) return false;
    const whole = { ...between, ...text, chat: true, thread: received.essentials.callId, ...labels(received) };
    return isSuccess(await handled(this.#context, "onText", () => this.#context.handlers.onText(whole)));
  }

  #embedded({ message }: ReceivedRequest): TextBody | null {
    const how = this.#context.dialect.embeddedMessage;
    const value = how === null ? undefined : headerOf(message, how.header);
    if (how === null || value === undefined) return null;
    return tokensOf(headersOf(message, "supported")).includes(how.announcedBy) ? readEmbedded(value) : null;
  }

  #answerInvite(session: Session, transaction: ServerTransaction, media: readonly Media[] | null, delivered: boolean): void {
    const { dialect } = this.#context;
    const origin = { address: transaction.connection.localHost };
    const confirmed: HeaderPair[] = delivered && dialect.embeddedMessage ? [["Supported", dialect.embeddedMessage.confirmedBy]] : [];
    transaction.respond({
      status: 200,
      headers: [
        ...recordRoutes(transaction.received.message),
        contactOf(this.#context),
        ["Allow", ALLOW],
        ...confirmed,
        ["Content-Type", "application/sdp"],
      ],
      body: media === null ? offer(origin, dialect) : answer(media, origin, dialect),
    });
    this.#awaitAck(session, transaction);
  }

  /** The 2xx is repeated until its ACK, though the transport is reliable: a hop behind the peer may not be (RFC 3261 13.3.1.4). */
  #awaitAck(session: Session, transaction: ServerTransaction): void {
    const { clock } = this.#context.surroundings;
    const { t1 } = this.#context.limits;
    let wait = t1;
    const repeat = (): void => {
      transaction.repeat();
      wait = Math.min(wait * 2, (T2_MILLISECONDS / T1_MILLISECONDS) * t1);
      again = clock.after(wait, repeat);
    };
    let again = clock.after(wait, repeat);
    const onReady = session.onAck;
    const done = (): void => {
      again.cancel();
      end.cancel();
      session.onAck = null;
      onReady?.();
    };
    const end = clock.after(TIMERS.H * t1, () => {
      void this.#bye(session);
      done();
    });
    session.onAck = done;
  }

  onAck(received: ReceivedRequest): void {
    const session = this.#sessions.get(keyOfRequest(received) ?? "");
    session?.onAck?.();
    if (session) this.#touch(session);
  }

  /** A request inside one of the sessions; false where its dialog is none of them. */
  onRequest(transaction: ServerTransaction, key: string): boolean {
    const session = this.#sessions.get(key);
    if (session === undefined) return false;
    const taken = takeRequest(session.dialog, transaction.received);
    if (!taken.ok) {
      refuse(this.#context, transaction, refusal(taken.status, "CSeq is not higher than the last one"));
      return true;
    }
    session.dialog = taken.dialog;
    session.doubted = false;
    this.#touch(session);
    void this.#inSession(session, transaction);
    return true;
  }

  async #inSession(session: Session, transaction: ServerTransaction): Promise<void> {
    const { method } = transaction.received.message;
    if (session.ended && method !== "BYE") return refuse(this.#context, transaction, refusal(481));
    if (method === "MESSAGE") return this.#takeText(session, transaction);
    if (method === "BYE") {
      transaction.respond({ status: 200 });
      return this.#forget(session);
    }
    if (method === "INVITE") return this.#onReinvite(session, transaction);
    if (method === "OPTIONS") return transaction.respond({ status: 200, headers: [["Allow", ALLOW]] });
    refuse(this.#context, transaction, refusal(405, "Not in an IM session", [["Allow", ALLOW]]));
  }

  #takeText({ remote, local, thread }: Session, transaction: ServerTransaction): Promise<void> {
    return takeText(this.#context, transaction, { from: remote, to: local, chat: true, thread });
  }

  /** The same media once more; anything else is refused and the session stays as it is (RFC 3261 14.2). */
  #onReinvite(session: Session, transaction: ServerTransaction): void {
    const media = this.#offered(transaction.received);
    if (session.onAck !== null) refuse(this.#context, transaction, refusal(491));
    else if ("status" in media) refuse(this.#context, transaction, media);
    else this.#answerInvite(session, transaction, media.media, false);
  }

  // ---- life of a session -----------------------------------------------------------------------------------------

  /** BYE to every session of the pair, whichever way round it is named. */
  endPair(one: string, other: string): void {
    const [a, b] = [readAddress(one), readAddress(other)];
    for (const pair of [pairOf(a, b), pairOf(b, a)]) for (const session of [...(this.#pairs.get(pair) ?? [])]) void this.#bye(session);
  }

  /** Ends INVITEs that nobody has answered by CANCEL and sessions by BYE; settles when all is answered. */
  async drain(): Promise<void> {
    await Promise.all([...[...this.#inviting].map((one) => one.cancel()), this.endAll()]);
  }

  /** BYE to all; settles when all are answered. */
  endAll(): Promise<unknown> {
    return Promise.allSettled([...this.#sessions.values()].map((session) => this.#bye(session)));
  }

  /** Waits for no ACK any more: the side is at its end. */
  stop(): void {
    for (const session of [...this.#sessions.values()]) session.onAck?.();
    this.#sessions.clear();
  }

  #register(dialog: Dialog, who: Pick<Session, "local" | "remote" | "opened" | "thread" | "via">): Session {
    const pair = pairOf(who.local, who.remote);
    const key = keyOf(dialog);
    const life = { ready: Promise.resolve(), onAck: null, idle: null, doubted: false, ended: false };
    const session: Session = { ...who, key, pair, dialog, ...life };
    this.#remember(dialog.callId);
    const others = this.#pairs.get(pair) ?? [];
    if (others.length >= this.#context.limits.sessionsPerPair && others[0]) void this.#bye(others[0]);
    this.#sessions.set(session.key, session);
    this.#pairs.set(pair, [...(this.#pairs.get(pair) ?? []), session]);
    this.#touch(session);
    this.#context.surroundings.log("sip-session-opened", { callId: dialog.callId, openedBy: who.opened ? "user" : "partner" });
    return session;
  }

  #touch(session: Session): void {
    session.idle?.cancel();
    if (session.ended) return;
    const { sessionIdleTimeout } = this.#context.state().document.sip;
    session.idle = this.#context.surroundings.clock.after(sessionIdleTimeout * 1000, () => void this.#bye(session));
  }

  /** Never before the ACK: the peer's dialog is not confirmed until then (RFC 3261 15). */
  async #bye(session: Session): Promise<void> {
    if (session.ended) return;
    this.#forget(session, true);
    await session.ready;
    const next = nextRequest(session.dialog, "BYE", this.#client.own());
    session.dialog = next.dialog;
    await this.#client.askInside(next.parts, session.dialog, session.via);
    this.#sessions.delete(session.key);
  }

  /** `findable`: requests of the peer are still matched until our BYE is answered. */
  #forget(session: Session, findable = false): void {
    if (!findable) this.#sessions.delete(session.key);
    if (session.ended) return;
    session.ended = true;
    session.idle?.cancel();
    const left = (this.#pairs.get(session.pair) ?? []).filter((other) => other !== session);
    if (left.length > 0) this.#pairs.set(session.pair, left);
    else this.#pairs.delete(session.pair);
    this.#context.surroundings.log("sip-session-ended", { callId: session.dialog.callId });
    const { opened } = session;
    if (opened !== null) notify(this.#context, "onSessionEnded", () => this.#context.handlers.onSessionEnded(opened.from, opened.to));
  }
}

function readAddress(text: string): string {
  const uri = parseUri(text, "address");
  return (uri.ok ? addressOf(uri.value) : null) ?? text;
}
