/** The receiving side: turns what the wire brings into events, and does what the rows of negotiation/inbound.ts say. */
import type { Socket } from "node:net";
import { domainOfAddress } from "../negotiation/addresses.ts";
import type { Judgement } from "../negotiation/certificate.ts";
import { describeElement, inboundEvent } from "../negotiation/classify.ts";
import { answerElement, type DialbackElement, errorElement, type Pair, readDialback } from "../negotiation/dialback.ts";
import { isDialbackKey } from "../negotiation/dialback-key.ts";
import { type Facts, type FailureCode, failure } from "../negotiation/failures.ts";
import { readHeader } from "../negotiation/header.ts";
import { type InboundAction, type InboundEvent, type InboundState, stepInbound } from "../negotiation/inbound.ts";
import type { AuthKnown, HeaderKnown, InboundKnown, PairKnown } from "../negotiation/known.ts";
import {
  acknowledgedBy,
  ahead,
  enabledElement,
  failedElement,
  type ManagementElement,
  readManagement,
  resumedElement,
  tooHighElement,
} from "../negotiation/management.ts";
import { features } from "../negotiation/offer.ts";
import { type PeerProof, proveByExternal } from "../negotiation/proof.ts";
import { readAuth, saslFailureElement, successElement } from "../negotiation/sasl.ts";
import { readLimits } from "../negotiation/stream-limits.ts";
import { READER_LIMITS, type StreamEvent } from "../stream/reader.ts";
import { writeElement, writeHeader } from "../stream/writer.ts";
import { toUnicodeDomain } from "../xmpp/domain.ts";
import { element, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { StanzaErrorCondition } from "../xmpp/stanza-errors.ts";
import { isStanza } from "../xmpp/stanzas.ts";
import type { StreamErrorCondition } from "../xmpp/stream-errors.ts";
import { type Carrier, freshId, limitOf, type XmppContext } from "./xmpp-context.ts";
import { InboundPairs } from "./xmpp-inbound-pairs.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { Resumption } from "./xmpp-management.ts";
import { NegotiatedStream } from "./xmpp-stream.ts";

/** What the event at hand is about, beyond what the stream knows. */
interface Moment {
  readonly element?: XmlElement;
  readonly dialback?: DialbackElement;
  readonly auth?: AuthKnown;
  readonly pair?: PairKnown;
  readonly partner?: string | null;
  readonly local?: string | null;
  readonly followed?: boolean;
  readonly management?: ManagementElement;
  readonly detail?: string;
  readonly condition?: StreamErrorCondition;
}

/** Actions that are no refusal. */
type PlainAction = Exclude<InboundAction, `${"fail" | "sasl" | "verifyError" | "smFailed"}:${string}`>;

export class InboundStream extends NegotiatedStream {
  readonly direction = "in";
  #state: InboundState = "awaitHeader";
  #header: HeaderKnown | null = null;
  #earlier: HeaderKnown | null = null;
  #headerSent = false;
  #streamId = "";
  #judgement: Judgement = { standing: "none", detail: "" };
  #authenticated = false;
  #saslFailures = 0;
  #bidi = false;
  /** It came to ask about a key (dialback step 2). */
  #asked = false;
  readonly #pairs = this.#makePairs();

  /** @param state where it begins: `awaitHandshake` with direct TLS, which is the first thing to come there (XEP-0368) */
  constructor(context: XmppContext, socket: Socket, state: Extract<InboundState, "awaitHeader" | "awaitHandshake"> = "awaitHeader") {
    super(context, socket);
    this.#state = state;
  }

  override start(): void {
    super.start();
    if (this.#state === "awaitHandshake") this.wire.acceptDirectTls(this.context.current().tls.own, () => this.#on("secured"));
  }

  get state(): string {
    return this.#state;
  }

  proofs(): readonly PeerProof[] {
    return this.#pairs.proofs();
  }

  get bidirectional(): boolean {
    return this.#bidi && this.proven;
  }

  get usable(): boolean {
    return this.bidirectional && this.#state !== "closed" && this.wire.usable;
  }

  carrierFor(pair: Pair): Carrier | null {
    return this.#bidi && this.carries(pair) ? this : null;
  }

  /** The peer came back on another connection and resumes there. */
  surrender(): Resumption | null {
    const { resumption } = this.flow.take(this.context.surroundings.clock.now());
    this.fail("resumed-elsewhere");
    return resumption;
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  event(event: StreamEvent, followed: boolean): void {
    if (this.#state === "closed") {
      if (event.kind === "element") this.#crossing(event.element);
    } else if (event.kind === "header") {
      this.#header = readHeader(event.header);
      this.#judgement = this.judged(this.#header.from);
      this.#on("header", { detail: this.#headerDetail() });
    } else if (event.kind === "element") this.#on(inboundEvent(event.element), { ...this.#moment(event.element), followed });
    else if (event.kind === "close") this.#on("close");
    else if (event.kind === "error") this.#on("readerError", { detail: event.text, condition: event.condition });
  }

  ended(detail: string): void {
    // A connection without a byte is a load balancer's probe, and no attempt.
    if (this.#state === "awaitHandshake" && !this.wire.untouched) this.#on("handshakeFailed", { detail });
    else if (this.#state !== "closed" && (this.#header ?? this.#earlier) !== null && !this.proven && !this.#asked)
      this.record("stream-closed", { detail });
    if (this.#state !== "closed") {
      const left = this.release(true);
      if (left) this.context.resumptions.lost(left, this.pairs());
    }
    this.leave();
    this.gone(detail);
  }

  protected timedOut(detail: string): void {
    this.#on("timeout", { detail });
  }

  protected revoke(detail: string): void {
    this.#on("revoked", { detail });
  }

  protected leave(): void {
    this.#state = "closed";
    this.#endForGood();
  }

  /** Nobody may resume it. */
  #endForGood(): void {
    const id = this.flow.resumable?.id;
    if (id !== undefined) this.context.resumptions.ended(id);
    this.release(false);
  }

  #on(event: InboundEvent, moment: Moment = {}): void {
    if (this.#state === "closed") return;
    const step = stepInbound(this.#state, event, this.#known(moment));
    if (!step.found) {
      this.fail("out-of-order", { detail: step.text });
      return;
    }
    const [kind, what = ""] = step.act.split(":");
    if (kind === "fail") {
      const { management } = moment;
      const inside = what === "ack-too-high" ? tooHighElement(management?.h ?? 0, this.flow.sent) : undefined;
      this.fail(what as FailureCode, this.#facts(moment), moment.condition, inside);
      return;
    }
    this.#state = step.next;
    if (kind === "sasl") this.#saslFailed(what);
    else if (kind === "smFailed") this.send(failedElement(what as StanzaErrorCondition));
    else if (kind === "verifyError") this.#verifyError(what as FailureCode, moment);
    else this.#acts[step.act as PlainAction](moment);
  }

  /** Reads the element once, for the guards and for the action. */
  #moment(found: XmlElement): Moment {
    const detail = describeElement(found);
    const dialback = readDialback(found);
    if (dialback) return { ...this.#pairMoment(dialback.from, dialback.to), dialback, detail };
    const management = readManagement(found);
    if (management) return { management, detail: `${management.h ?? "no number"} acknowledged, ${this.flow.sent} sent` };
    if (found.namespace === NS.bidi) return { element: found, detail };
    if (found.namespace === NS.sasl) return { auth: readAuth(found, this.#header?.from ?? null), detail };
    if (found.namespace !== NS.server) return { detail };
    const { attributes } = found;
    return { ...this.#pairMoment(domainOfAddress(attributes.get("from")), domainOfAddress(attributes.get("to"))), element: found, detail };
  }

  #pairMoment(partner: string | null, local: string | null): Moment {
    return { partner, local, pair: this.#pairs.describe(partner, local) };
  }

  // ---- what is known -------------------------------------------------------------------------------------------------

  #known({ auth, pair, partner, followed, management }: Moment): InboundKnown {
    const { directory } = this.context.current();
    const header = this.#header;
    const from = header?.from ?? null;
    const limitReached = (): boolean => this.#limitReached(partner ?? (this.#authenticated ? from : null));
    return {
      tls: this.wire.tls !== null,
      header,
      earlier: this.#earlier,
      listed: from === null || directory.partner(from) !== null,
      served: header?.to != null && directory.serves(header.to),
      methods: from === null ? directory.anyMethods : directory.methods(from),
      certificate: this.#judgement.standing,
      authenticated: this.#authenticated,
      saslFailures: this.#saslFailures,
      bytesFollow: followed ?? false,
      // Counting streams is left to the few rows that ask.
      get limitReached() {
        return limitReached();
      },
      pairsProven: this.proofs().length,
      pairsOpen: this.#pairs.open,
      auth: auth ?? null,
      pair: pair ?? null,
      management: this.flow.known(this.#admits("streamManagement"), management ?? null),
      bidi: { allowed: this.#admits("bidirectionalStreams"), requested: this.#bidi },
    };
  }

  /** Whether the settings of the partner, or of every proven one, admit it. */
  #admits(setting: "streamManagement" | "bidirectionalStreams"): boolean {
    const { directory } = this.context.current();
    const named = this.#header?.from ? directory.partner(this.#header.from) : null;
    const partners = this.proven ? [...this.partners()] : named ? [named] : [];
    return partners.length > 0 && partners.every((partner) => partner[setting]);
  }

  /** By address until a partner is about to be proven, then by partner. */
  #limitReached(partnerDomain: string | null): boolean {
    const current = this.context.current();
    const partner = partnerDomain === null ? null : current.directory.partner(partnerDomain);
    if (partner) return !this.partners().has(partner) && this.context.streams.ofPartner(partner, this) >= limitOf(current, partner);
    return !this.proven && this.context.streams.unproven(this.host, this) >= current.state.document.gateway.partnerConnectionLimit;
  }

  protected subject(): { readonly peer: string | null; readonly local: string | null } {
    const proof = this.proofs()[0];
    const header = this.#header ?? this.#earlier;
    return { peer: proof?.partnerDomain ?? header?.from ?? null, local: proof?.localDomain ?? header?.to ?? null };
  }

  protected certificate(): Judgement {
    return this.#judgement;
  }

  protected get speechless(): boolean {
    return this.#state === "awaitHandshake";
  }

  #facts({ partner, local, detail }: Moment): Facts {
    return { peer: partner, local, detail: detail || this.#judgement.detail };
  }

  /** What may be wrong with a header, for whichever row refuses it. */
  #headerDetail(): string {
    const { contentNamespace, version, from, to } = this.#header ?? {};
    if (contentNamespace !== NS.server) return contentNamespace ?? "missing";
    if (version === "unsupported") return "not a number";
    const earlier = this.#earlier;
    if (earlier && (earlier.from ?? from) !== from) return `${earlier.from} became ${from ?? "nothing"}`;
    if (earlier && earlier.to !== to) return `${earlier.to} became ${to ?? "nothing"}`;
    if (to == null || this.#header?.fromInvalid) return `the header's ${to == null ? "'to'" : "'from'"}`;
    return this.#judgement.detail;
  }

  // ---- actions -------------------------------------------------------------------------------------------------------

  readonly #acts: Readonly<Record<PlainAction, (moment: Moment) => void>> = {
    offer: () => this.#offer(),
    proceed: () => this.#proceed(),
    refuseTls: () => this.#refuseTls(),
    restart: () => {},
    acceptExternal: () => this.#acceptExternal(),
    proveExternal: () => this.#proveExternal(),
    judgePair: (moment) => this.#judgePair(moment),
    answerVerify: (moment) => this.#answerVerify(moment),
    route: (moment) => this.#route(moment),
    enableBidi: ({ element: bidi }) => {
      this.#bidi = true;
      if (bidi) this.peerLimits = readLimits(bidi);
    },
    enableManagement: ({ management }) => this.#enableManagement(management?.resume ?? false),
    resume: (moment) => this.#resume(moment),
    acknowledge: () => this.wire.write(this.flow.answer()),
    takeAck: ({ management }) => this.flow.acknowledge(management?.h ?? 0),
    stay: () => {},
    close: () => this.#close(),
    closeAfterSasl: () => this.wire.close(),
  };

  #enableManagement(resume: boolean): void {
    const id = resume ? freshId(this.context.surroundings) : null;
    const seconds = XMPP_LIMITS.resumption / 1000;
    this.send(enabledElement(id, seconds));
    this.flow.enable(true);
    this.flow.confirmed(id, seconds);
    if (id !== null) this.context.resumptions.stands(id, this.pairs(), this);
  }

  /** Only for a peer that has proven a pair of the lost stream; anybody else is told that there is none. */
  #resume({ management }: Moment): void {
    const { previd, h } = management ?? {};
    const left = previd ? this.context.resumptions.claim(previd, this.pairs()) : null;
    if (left === null) {
      this.send(failedElement("item-not-found"));
      return;
    }
    if (h == null || acknowledgedBy(h, left.acknowledged, left.pending.length) === null) {
      const sent = ahead(left.acknowledged, left.pending.length);
      for (const pending of left.pending) pending.settled(failure("not-acknowledged", { peer: this.subject().peer, detail: "resumption" }));
      this.fail("ack-too-high", { detail: `${h ?? "no number"} acknowledged, ${sent} sent` }, undefined, tooHighElement(h ?? 0, sent));
      return;
    }
    this.send(resumedElement(left.previd, left.handled));
    this.flow.resume(left, h, XMPP_LIMITS.resumption / 1000);
    this.context.resumptions.stands(left.previd, this.pairs(), this);
  }

  #proceed(): void {
    this.#bidi = false;
    this.#newStream();
    this.wire.acceptTls(writeElement(element(NS.tls, "proceed")), this.context.current().tls.own, () => this.#on("secured"));
  }

  /** A peer that leaves without having proven anything, or asked anything, may well have had a reason. */
  #close(): void {
    if (!this.proven && !this.#asked) this.record("stream-closed", { detail: "with its closing tag, before it was proven" });
    this.#endForGood();
    this.wire.close();
  }

  #refuseTls(): void {
    this.record("tls-not-allowed", {});
    this.wire.close(writeElement(element(NS.tls, "failure")));
  }

  #acceptExternal(): void {
    this.#authenticated = true;
    this.send(successElement());
    this.wire.restart();
    this.#newStream();
  }

  #saslFailed(condition: string): void {
    this.#saslFailures++;
    this.record("mechanism-refused", { detail: condition });
    this.send(saslFailureElement(condition));
    this.#on("next");
  }

  #verifyError(code: FailureCode, moment: Moment): void {
    const pair = pairOf(moment);
    const because = this.record(code, { peer: pair.partner, local: pair.local });
    this.send(errorElement(pair, moment.dialback?.id ?? null, because.condition, because.text));
  }

  /** The response header, and features for a peer that knows them (RFC 6120 4.3.2, 4.7.5). */
  #offer(): void {
    const header = this.missingHeader();
    const known = this.#known({});
    this.wire.write(known.header?.version === "1.0" ? header + writeElement(features(known, this.limits())) : header);
  }

  /** A new stream on the same connection: what was known is forgotten (RFC 6120 4.3.3). */
  #newStream(): void {
    this.#earlier = this.#header;
    this.#header = null;
    this.#headerSent = false;
    this.#pairs.clear();
    this.context.streams.changed(this);
  }

  protected missingHeader(): string {
    if (this.#headerSent) return "";
    this.#headerSent = true;
    this.#streamId = freshId(this.context.surroundings);
    const { state, directory } = this.context.current();
    const to = this.#header?.to ?? null;
    const from = to !== null && directory.serves(to) ? to : state.document.sipDomains[0];
    const version = this.#header?.version === "none" ? undefined : "1.0";
    return writeHeader({ from: onWire(from), to: onWire(this.#header?.from), id: this.#streamId, version, "xml:lang": "en" }, "receiving");
  }

  #proveExternal(): void {
    const { from, to } = this.#header ?? {};
    const methods = this.#known({}).methods;
    const claim = { partnerDomain: from ?? "", localDomain: to ?? "", methods, tls: this.wire.tls !== null };
    const proof = from && to ? proveByExternal({ ...claim, certificate: this.#judgement.standing, succeeded: this.#authenticated }) : null;
    if (proof === null) {
      this.fail("certificate-not-proven", { detail: this.#judgement.detail });
      return;
    }
    this.#pairs.add(proof);
    this.#offer();
  }

  /** A stanza that crossed our closing tag. */
  #crossing(found: XmlElement): void {
    if (isStanza(found)) this.#route(this.#moment(found));
  }

  #judgePair({ dialback, partner, local }: Moment): void {
    if (dialback && partner && local) this.#pairs.judge({ partner, local }, dialback.key);
  }

  /** We are the authoritative server (XEP-0220 2.2.2): a key is ours exactly where it can be made again. */
  #answerVerify(moment: Moment): void {
    this.#asked = true;
    const { key = "", id = "" } = moment.dialback ?? {};
    const pair = pairOf(moment);
    const claim = { receiving: pair.partner, originating: pair.local, streamId: id ?? "" };
    const valid = isDialbackKey(this.context.current().state.dialbackSecret, claim, key);
    if (!valid) this.record("key-not-ours", { peer: pair.partner, local: pair.local });
    this.send(answerElement(pair, id, valid ? "valid" : "invalid"));
  }

  #route({ element: stanza, partner, local }: Moment): void {
    const proof = this.#pairs.proofOf({ partner: partner ?? "", local: local ?? "" });
    if (stanza && proof !== null) this.take(stanza, proof);
  }

  #makePairs(): InboundPairs {
    return new InboundPairs({
      context: this.context,
      streamId: () => this.#streamId,
      tls: () => this.wire.tls !== null,
      known: (pair, partner) => this.#known({ pair, partner }),
      knowsErrors: () => this.#header?.version === "1.0",
      send: (answer) => this.send(answer),
      record: (code, { partner, local }, detail) => this.record(code, { peer: partner, local, detail }),
      fail: (code, { partner, local }, detail) => this.fail(code, { peer: partner, local, detail }),
      sendAndClose: (answer) => {
        this.leave();
        this.wire.close(writeElement(answer));
      },
      proved: (proof) => {
        this.wire.setLimits(READER_LIMITS);
        this.proved(proof);
        const pair = { local: proof.localDomain, partner: proof.partnerDomain };
        if (this.#bidi) this.context.offer(pair, this);
      },
    });
  }
}

const onWire = (domain: string | null | undefined): string | undefined => (domain ? toUnicodeDomain(domain) : undefined);

/** The pair of a moment whose guards have seen that it has one. */
const pairOf = ({ partner, local }: Moment): Pair => ({ partner: partner ?? "", local: local ?? "" });
