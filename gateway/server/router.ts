/**
 * The only part that knows both sides. Every stanza and every SIP request passes here: may it (access), what is it on the
 * other side (interworking), what came of it; and the sender is told the truth.
 */
import { consentSince } from "../access/consent.ts";
import { type Ask, decide } from "../access/decide.ts";
import { type PartnerIndex, partnerIndex } from "../access/partners.ts";
import { REFUSALS, type Reason } from "../access/refusals.ts";
import { sipToJid } from "../interworking/addresses.ts";
import { bounceToText } from "../interworking/bounce.ts";
import { conditionOfStatus, statusOfCondition, textOfStatus } from "../interworking/errors.ts";
import { answerIq } from "../interworking/iq.ts";
import { messageToSip, textToMessage } from "../interworking/message.ts";
import { answerPresence } from "../interworking/presence.ts";
import type { Contacts } from "../store/contacts.ts";
import type { XmlElement } from "../xmpp/element.ts";
import { bareJid, type Jid, JidError, jidToString, parseJid } from "../xmpp/jid.ts";
import { mayAnswerWithError, type StanzaErrorCondition, stanzaError } from "../xmpp/stanza-errors.ts";
import { messageType } from "../xmpp/stanzas.ts";
import type { Clock, EdgeState, Log, SipAnswer, SipHandlers, SipSide, SipText, XmppHandlers, XmppSide } from "./ports.ts";
import { SentMessages } from "./sent-messages.ts";
import { UnderWay } from "./under-way.ts";

export const ROUTER_LIMITS = {
  /** Milliseconds in which a SIP request is answered, whatever the XMPP side does: before the peer's Timer F (32 s). */
  sipAnswer: 25_000,
  /** Milliseconds in which an answer of ours (an error, a ping result) must stand on a stream. */
  xmppAnswer: 30_000,
  /** Sessions of our users that are remembered as consent to answers. */
  sessions: 10_000,
} as const;

/** What has passed since the start. */
export interface Counters {
  /** Messages that the SIP side took. */
  readonly toSip: number;
  /** Messages that stand on a partner's stream. */
  readonly toXmpp: number;
  /** Refused by policy. */
  readonly refused: number;
  /** Not delivered; the sender was told why. */
  readonly failed: number;
  /** Bounces from partners that reached the SIP user. */
  readonly bounced: number;
}

export interface Router {
  readonly xmppHandlers: XmppHandlers;
  readonly sipHandlers: SipHandlers;
  /** Hands over the sides, which were made with the handlers above. */
  join(xmpp: XmppSide, sip: SipSide): void;
  reload(state: EdgeState): void;
  counters(): Counters;
  /** Resolves when nothing is under way, at most after `milliseconds`. */
  settle(milliseconds: number): Promise<void>;
}

export interface RouterParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly contacts: Contacts;
  readonly random: (bytes: number) => Buffer;
}

const OK: SipAnswer = { status: 200, reason: "OK" };
const ACCEPTED: SipAnswer = { status: 202, reason: "Accepted" };

export const makeRouter = (state: EdgeState, parts: RouterParts): Router => new EdgeRouter(state, parts);

/** Who writes to whom, with both addresses in XMPP's form. */
interface Pair {
  readonly from: Jid;
  readonly to: Jid;
}

class EdgeRouter implements Router {
  readonly xmppHandlers: XmppHandlers = { onStanza: (stanza) => this.#onStanza(stanza) };
  readonly sipHandlers: SipHandlers;
  readonly #parts: RouterParts;
  readonly #underWay = new UnderWay();
  readonly #sent = new SentMessages();
  readonly #counters = { toSip: 0, toXmpp: 0, refused: 0, failed: 0, bounced: 0 };
  /** Sessions that our users opened: inside one, the contact may answer while it lives. */
  readonly #ownSessions = new Set<string>();
  #consentLifetimeDays: number;
  #index: PartnerIndex;
  #sides: { readonly xmpp: XmppSide; readonly sip: SipSide } | null = null;

  constructor(state: EdgeState, parts: RouterParts) {
    this.#parts = parts;
    this.#index = partnerIndex(state.document);
    this.#consentLifetimeDays = state.document.gateway.consentLifetimeDays;
    this.sipHandlers = {
      onText: (text) => this.#onText(text),
      onSession: async (from, to) => this.#fromOurUser(from, to).refusal ?? OK,
      onSubscribe: async (from, to, expires) => this.#onSubscribe(from, to, expires),
      onSessionOpened: (from, to) => this.#onSession(from, to, true),
      onSessionEnded: (from, to) => this.#onSession(from, to, false),
    };
  }

  join(xmpp: XmppSide, sip: SipSide): void {
    this.#sides = { xmpp, sip };
  }

  reload(state: EdgeState): void {
    this.#index = partnerIndex(state.document);
    this.#consentLifetimeDays = state.document.gateway.consentLifetimeDays;
  }

  counters(): Counters {
    return { ...this.#counters };
  }

  async settle(milliseconds: number): Promise<void> {
    const { promise: limit, resolve } = Promise.withResolvers<void>();
    const timer = this.#parts.clock.after(milliseconds, resolve);
    await Promise.race([this.#underWay.idle(), limit]);
    timer.cancel();
  }

  // ---- from a partner ------------------------------------------------------------------------------------------

  #onStanza(stanza: XmlElement): void {
    const pair = pairOf(stanza);
    if (pair === null) return void this.#tell(stanza, "jid-malformed", "'from' or 'to' is not an XMPP address");
    const begun = this.#underWay.begin(pairKey(pair.from, pair.to), () =>
      this.#fromXmpp(stanza, pair).catch((error) => this.#broken(stanza, error)),
    );
    if (!begun) void this.#tell(stanza, "resource-constraint", "too many messages between these two wait to be delivered");
  }

  async #fromXmpp(stanza: XmlElement, pair: Pair): Promise<void> {
    if (stanza.name === "iq") return this.#answer(answerIq(stanza));
    if (stanza.name === "presence") return this.#answer(answerPresence(stanza));
    return messageType(stanza) === "error" ? this.#bounce(stanza) : this.#messageToSip(stanza, pair);
  }

  async #messageToSip(stanza: XmlElement, pair: Pair): Promise<void> {
    const denied = this.#denied(pair);
    if (denied) {
      this.#counters.refused++;
      this.#parts.log("message-refused", { direction: "to-sip", ...addresses(pair), because: denied });
      return this.#tell(stanza, REFUSALS[denied].condition, REFUSALS[denied].text);
    }
    const mapped = messageToSip(stanza);
    if (mapped.kind === "nothing") return;
    if (mapped.kind === "refuse") return this.#tell(stanza, mapped.condition, mapped.text);
    const answer = await this.#sip.deliver(mapped.text);
    if (answer.status < 300) {
      this.#counters.toSip++;
      this.#parts.log("message-to-sip", { ...addresses(pair), status: answer.status, body: mapped.text.body });
      return;
    }
    this.#counters.failed++;
    this.#parts.log("message-failed", { direction: "to-sip", ...addresses(pair), status: answer.status, reason: answer.reason });
    await this.#tell(stanza, conditionOfStatus(answer.status), textOfStatus(answer.status, answer.reason));
  }

  /** Why a partner's user may not send to a user here, or null. */
  #denied(pair: Pair): Reason | null {
    const ask: Ask = {
      direction: "fromPartner",
      partner: this.#index.partnerOf(pair.from.domain),
      served: this.#index.serves(pair.to.domain),
      wish: "sendMessage",
      hasConsent: this.#parts.contacts.has(
        bare(pair.to),
        bare(pair.from),
        consentSince(this.#parts.clock.now(), this.#consentLifetimeDays),
      ),
      inOwnSession: this.#ownSessions.has(pairKey(pair.to, pair.from)),
    };
    const decision = decide(ask);
    return decision.verdict === "deny" ? decision.because : null;
  }

  /** An error that a partner sends for a message of ours: its SIP sender was told 202, so it reaches him as a message. */
  async #bounce(stanza: XmlElement): Promise<void> {
    const sent = this.#sent.take(stanza.attributes.get("id") ?? "", this.#parts.clock.now());
    if (sent === null) return this.#parts.log("bounce-unknown", { from: stanza.attributes.get("from"), id: stanza.attributes.get("id") });
    const { body, why } = bounceToText(stanza);
    const answer = await this.#sip.deliver({
      from: sent.to,
      to: sent.from,
      body,
      contentType: "text/plain",
      chat: sent.chat,
      thread: sent.thread,
      subject: null,
      language: "en",
    });
    this.#counters.bounced++;
    this.#parts.log("message-bounced", { from: sent.from, to: sent.to, why, status: answer.status });
  }

  async #answer(stanza: XmlElement | null): Promise<void> {
    if (stanza === null) return;
    const sent = await this.#xmpp.send(stanza, this.#parts.clock.now() + ROUTER_LIMITS.xmppAnswer);
    if (!sent.sent) {
      this.#parts.log("answer-failed", {
        to: stanza.attributes.get("to"),
        kind: stanza.name,
        code: sent.because.code,
        text: sent.because.text,
      });
    }
  }

  /** Tells the sender of a stanza what went wrong, unless the stanza is an error or a result itself (RFC 6120 8.3.1). */
  async #tell(stanza: XmlElement, condition: StanzaErrorCondition, text: string | undefined): Promise<void> {
    if (mayAnswerWithError(stanza)) await this.#answer(stanzaError(stanza, condition, text));
  }

  async #broken(stanza: XmlElement, error: unknown): Promise<void> {
    this.#parts.log("router-broken", { kind: stanza.name, why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    await this.#tell(stanza, "internal-server-error", "the gateway could not handle this stanza");
  }

  // ---- from a user here ----------------------------------------------------------------------------------------

  async #onText(text: SipText): Promise<SipAnswer> {
    const { pair, refusal } = this.#fromOurUser(text.from, text.to);
    if (refusal) return refusal;
    const id = this.#parts.random(12).toString("hex");
    const mapped = textToMessage(text, { id });
    if (mapped.kind === "refuse") return { status: mapped.status, reason: mapped.text };
    const { clock, log } = this.#parts;
    this.#sent.remember(id, { from: text.from, to: text.to, chat: text.chat, thread: text.thread }, clock.now());
    const sent = await this.#xmpp.send(mapped.stanza, clock.now() + ROUTER_LIMITS.sipAnswer);
    if (sent.sent) {
      this.#counters.toXmpp++;
      log("message-to-xmpp", { ...addresses(pair), method: sent.proof.by, body: text.body });
      return ACCEPTED;
    }
    this.#sent.take(id, clock.now());
    this.#counters.failed++;
    log("message-failed", { direction: "to-xmpp", ...addresses(pair), code: sent.because.code, text: sent.because.text });
    return { status: statusOfCondition(sent.because.condition as StanzaErrorCondition), reason: sent.because.text };
  }

  #onSubscribe(from: string, to: string, expires: number): SipAnswer {
    const { pair, refusal } = this.#fromOurUser(from, to);
    if (refusal) return refusal;
    if (expires <= 0) return OK;
    const now = this.#parts.clock.now();
    const granted = this.#parts.contacts.grant(bare(pair.from), bare(pair.to), now, consentSince(now, this.#consentLifetimeDays));
    if (granted !== "granted") return refused(granted);
    this.#parts.log("consent-granted", addresses(pair));
    return OK;
  }

  #onSession(from: string, to: string, open: boolean): void {
    const [one, other] = [sipToJid(from), sipToJid(to)];
    if (one instanceof JidError || other instanceof JidError) return;
    const key = pairKey(one, other);
    if (!open) this.#ownSessions.delete(key);
    else if (this.#ownSessions.size < ROUTER_LIMITS.sessions) this.#ownSessions.add(key);
  }

  /** The pair of a request from our side, or the answer that refuses it. */
  #fromOurUser(fromUri: string, toUri: string): { readonly pair: Pair; readonly refusal: SipAnswer | null } {
    const [from, to] = [sipToJid(fromUri), sipToJid(toUri)];
    const nobody = { domain: "" } as Jid;
    if (from instanceof JidError) return { pair: { from: nobody, to: nobody }, refusal: { status: 400, reason: `From: ${from.text}` } };
    if (to instanceof JidError) return { pair: { from, to: nobody }, refusal: { status: 404, reason: `To: ${to.text}` } };
    const decision = decide({
      direction: "toPartner",
      partner: this.#index.partnerOf(to.domain),
      served: this.#index.serves(from.domain),
      wish: "sendMessage",
      hasConsent: true,
    });
    if (decision.verdict === "allow") return { pair: { from, to }, refusal: null };
    this.#counters.refused++;
    this.#parts.log("message-refused", { direction: "to-xmpp", ...addresses({ from, to }), because: decision.because });
    return { pair: { from, to }, refusal: refused(decision.because) };
  }

  get #xmpp(): XmppSide {
    return this.#joined().xmpp;
  }

  get #sip(): SipSide {
    return this.#joined().sip;
  }

  #joined() {
    if (this.#sides === null) throw new Error("the router was used before join()");
    return this.#sides;
  }
}

const refused = (reason: Reason): SipAnswer => ({ status: REFUSALS[reason].status, reason: REFUSALS[reason].text });
const bare = (jid: Jid): string => jidToString(bareJid(jid));
const pairKey = (from: Jid, to: Jid): string => `${bare(from)} ${bare(to)}`;
const addresses = (pair: Pair) => ({ from: jidToString(pair.from), to: jidToString(pair.to) });

function pairOf(stanza: XmlElement): Pair | null {
  const from = parseJid(stanza.attributes.get("from") ?? "");
  const to = parseJid(stanza.attributes.get("to") ?? "");
  return from instanceof JidError || to instanceof JidError ? null : { from, to };
}
