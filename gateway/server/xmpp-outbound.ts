/** The initiating side: one connection, driven by the rows of negotiation/outbound.ts until it is ready, has asked, or failed. */
import type { Socket } from "node:net";
import { domainOfAddress } from "../negotiation/addresses.ts";
import type { Judgement } from "../negotiation/certificate.ts";
import { describeElement, outboundEvent } from "../negotiation/classify.ts";
import { type DialbackElement, errorElement, keyElement, type Pair, readDialback, verifyElement } from "../negotiation/dialback.ts";
import { dialbackKey } from "../negotiation/dialback-key.ts";
import { type FailureCode, failure } from "../negotiation/failures.ts";
import { readFeatures } from "../negotiation/features.ts";
import { readHeader } from "../negotiation/header.ts";
import type { FeaturesKnown, HeaderKnown, ManagementKnown, OutboundKnown } from "../negotiation/known.ts";
import {
  acknowledgedBy,
  enableElement,
  type ManagementElement,
  readManagement,
  resumeElement,
  tooHighElement,
} from "../negotiation/management.ts";
import { type OutboundAction, type OutboundEvent, type OutboundState, stepOutbound } from "../negotiation/outbound.ts";
import { answers, type DialbackAnswer, type PeerProof, proveByDialback, proveByExternal, proveByServer } from "../negotiation/proof.ts";
import { authElement, saslFailureText } from "../negotiation/sasl.ts";
import { limitsElement, readLimits } from "../negotiation/stream-limits.ts";
import { READER_LIMITS, type StreamEvent } from "../stream/reader.ts";
import { writeHeader } from "../stream/writer.ts";
import { toUnicodeDomain } from "../xmpp/domain.ts";
import { element, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { isStanza } from "../xmpp/stanzas.ts";
import { readStreamError, type StreamErrorCondition } from "../xmpp/stream-errors.ts";
import type { Timer } from "./ports.ts";
import { type Carrier, judge, type XmppContext } from "./xmpp-context.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { Left, OutboundTask, Outcome } from "./xmpp-outcome.ts";
import { NegotiatedStream } from "./xmpp-stream.ts";
import type { TlsStart } from "./xmpp-tls.ts";

interface Moment {
  readonly element?: XmlElement;
  readonly management?: ManagementElement | null;
  readonly dialback?: DialbackElement | null;
  readonly followed?: boolean;
  readonly detail?: string;
  readonly condition?: StreamErrorCondition;
}

/** Actions that are no failure. */
type PlainAction = Exclude<OutboundAction, `fail:${string}`>;

export class OutboundStream extends NegotiatedStream {
  readonly direction = "out";
  readonly pair: Pair;
  readonly #task: OutboundTask;
  #state: OutboundState = "awaitHeader";
  #header: HeaderKnown | null = null;
  #peerStreamId = "";
  #features: FeaturesKnown | null = null;
  #judgement: Judgement = { standing: "none", detail: "TLS is not used" };
  #expected: DialbackAnswer = { type: "valid", from: null, to: null, id: null };
  #starttlsUnadvertised = false;
  #externalRefused = "";
  #proof: PeerProof | null = null;
  #settled = false;
  #handshakeTimer: Timer | null = null;
  #bidi = false;
  /** The peer's stanzas are proven by the way we came to it; null on a stream of one way. */
  #reverse: PeerProof | null = null;

  constructor(context: XmppContext, socket: Socket, task: OutboundTask) {
    super(context, socket);
    this.pair = task.pair;
    this.#task = task;
    if (task.directTls) this.#state = "awaitHandshake";
  }

  override start(): void {
    super.start();
    if (this.#task.directTls) this.#beginDirectTls();
    else this.#sendHeader();
  }

  get state(): string {
    return this.#state;
  }

  proofs(): readonly PeerProof[] {
    return this.#proof ? [this.#proof] : [];
  }

  get usable(): boolean {
    return this.#state === "ready" && this.wire.usable;
  }

  get bidirectional(): boolean {
    return this.#reverse !== null;
  }

  carrierFor({ local, partner }: Pair): Carrier | null {
    return this.#proof !== null && local === this.pair.local && partner === this.pair.partner ? this : null;
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  event(event: StreamEvent, followed: boolean): void {
    if (this.#state === "closed") {
      if (event.kind === "element") this.#crossing(event.element);
    } else if (event.kind === "header") {
      this.#header = readHeader(event.header);
      this.#peerStreamId = event.header.attributes.get("id") ?? "";
      this.#on("header", { detail: this.#header.contentNamespace ?? "missing" });
    } else if (event.kind === "element") this.#element(event.element, followed);
    else if (event.kind === "close") this.#on("close", { detail: "with its closing tag" });
    else if (event.kind === "error") this.#on("readerError", { detail: event.text, condition: event.condition });
  }

  #element(found: XmlElement, followed: boolean): void {
    const event = outboundEvent(found);
    if (event === "features") {
      this.#features = readFeatures(found);
      this.peerLimits = readLimits(found);
    }
    if (event === "saslFailure") this.#externalRefused = saslFailureText(found);
    this.#on(event, {
      element: found,
      dialback: readDialback(found),
      management: readManagement(found),
      followed,
      detail: describeElement(found),
    });
  }

  ended(detail: string): void {
    this.#handshakeTimer?.cancel();
    const before = this.#state;
    if (before === "awaitHandshake") this.#on("handshakeFailed", { detail });
    else if (before === "ready" || before === "awaitResumption") {
      this.record("stream-closed", { detail });
      this.release(true);
    } else this.#on("ended", { detail });
    this.leave();
    this.#settle({ kind: "failed", because: this.reason, silent: false });
    this.gone(detail);
  }

  protected timedOut(detail: string): void {
    this.#on("timeout", { detail: `${detail}, last step ${this.#state}` });
  }

  protected revoke(detail: string): void {
    this.#on("revoked", { detail });
  }

  protected leave(): void {
    this.#state = "closed";
    this.release(false);
  }

  override revalidate(): void {
    const { directory } = this.context.current();
    const listed = directory.partner(this.pair.partner) !== null && directory.serves(this.pair.local);
    if (listed) super.revalidate();
    else this.revoke(`${this.pair.partner} is not a federated partner of ${this.pair.local} any more`);
  }

  #on(event: OutboundEvent, moment: Moment): void {
    if (this.#state === "closed") return;
    const before = this.#state;
    const step = stepOutbound(before, event, this.#known(moment));
    const [kind, what = ""] = step.found ? step.act.split(":") : ["fail", "out-of-order"];
    if (kind === "fail") {
      const detail = step.found ? this.#detail(what as FailureCode, moment) : step.text;
      const inside = what === "ack-too-high" ? tooHighElement(moment.management?.h ?? 0, this.flow.sent) : undefined;
      const because = this.fail(what as FailureCode, { detail }, moment.condition, inside);
      this.#settle({ kind: "failed", because, silent: this.#nothingSaid(event, before) });
    } else if (step.found) {
      this.#state = step.next;
      this.#acts[step.act as PlainAction](moment);
    }
  }

  /** A connection that was lost before the first word of a stream is the next server's chance; so is direct TLS that was in vain. */
  #nothingSaid(event: OutboundEvent, before: OutboundState): boolean {
    if (!this.#task.directTls) return event === "ended" && before === "awaitHeader";
    return event === "handshakeFailed" || event === "secured" || (event === "ended" && before === "awaitSecureHeader");
  }

  #detail(code: FailureCode, { detail }: Moment): string | undefined {
    if (code === "dialback-not-offered") return this.#whyNothingElse();
    if (code === "external-refused") return this.#externalRefused || detail;
    return code === "server-certificate-invalid" ? this.#judgement.detail : detail;
  }

  /** Where dialback is missing: what stands in the way of the other method, if the policy has one. */
  #whyNothingElse(): string {
    const methods = this.context.current().directory.methods(this.pair.partner);
    if (!methods.has("sasl-over-tls")) return "and the policy for it leaves nothing else";
    if (this.wire.tls === null) return "and no TLS, without which there is no SASL EXTERNAL";
    if (this.#judgement.standing !== "valid")
      return `and its certificate does not prove it, so that SASL EXTERNAL is not used: ${this.#judgement.detail}`;
    return "and no SASL EXTERNAL: it probably does not trust the certificate of this edge";
  }

  #known({ dialback, followed, management, element: found }: Moment): OutboundKnown {
    const { lessons, purpose } = this.#task;
    const partner = this.context.current().directory.partner(this.pair.partner);
    const [from, to] = ["from", "to"].map((name) => domainOfAddress(found?.attributes.get(name)));
    return {
      purpose: purpose.kind,
      methods: this.context.current().directory.methods(this.pair.partner),
      tls: this.wire.tls !== null,
      plainForbidden: lessons.plainForbidden,
      header: this.#header,
      features: this.#features,
      certificate: this.#judgement.standing,
      externalSkipped: lessons.externalSkipped,
      externalRefused: this.#externalRefused !== "",
      starttlsUnadvertised: this.#starttlsUnadvertised,
      bytesFollow: followed ?? false,
      answerMatches: dialback != null && answers(this.#expected, dialback),
      hostUnknown: found !== undefined && readStreamError(found)?.condition === "host-unknown",
      management: this.#managementKnown(partner?.streamManagement ?? false, management ?? null),
      resumable: this.#left !== null,
      bidi: { allowed: partner?.bidirectionalStreams ?? false, requested: this.#bidi },
      stanzaAddressed: from != null && to != null,
      stanzaOfPair: from === this.pair.partner && to === this.pair.local,
    };
  }

  /** While a stream is being resumed, an acknowledgement counts against what the lost one held. */
  #managementKnown(allowed: boolean, found: ManagementElement | null): ManagementKnown {
    const left = this.#state === "awaitResumption" ? this.#left : null;
    if (left === null) return this.flow.known(allowed, found);
    const { acknowledged, pending } = left.resumption;
    const h = found?.h ?? null;
    const tooHigh = h !== null && acknowledgedBy(h, acknowledged, pending.length) === null;
    return { allowed, enabled: true, unreadable: h === null, tooHigh };
  }

  get #left(): Left | null {
    const { purpose } = this.#task;
    return purpose.kind === "stanzas" && purpose.left?.taken === false ? purpose.left : null;
  }

  protected subject(): { readonly peer: string | null; readonly local: string | null } {
    return { peer: this.pair.partner, local: this.pair.local };
  }

  protected certificate(): Judgement {
    return this.#judgement;
  }

  protected get speechless(): boolean {
    return this.#state === "awaitHandshake" || this.#state === "awaitProceed";
  }

  /** Ours goes out first, always. */
  protected missingHeader(): string {
    return "";
  }

  // ---- actions -------------------------------------------------------------------------------------------------------

  readonly #acts: Readonly<Record<PlainAction, (moment: Moment) => void>> = {
    wait: () => {},
    choose: (moment) => this.#on("next", moment),
    starttls: () => this.send(element(NS.tls, "starttls")),
    startTlsUnadvertised: () => this.#starttlsUnasked(),
    secure: () => this.#connectTls("starttls"),
    restart: () => this.#restart(),
    sendKey: () => this.#sendKey(),
    sendKeyAfterRefusal: () => {
      this.record("external-refused", { detail: `${this.#externalRefused}; dialback is tried on the same stream` });
      this.#sendKey();
    },
    sendVerify: () => this.#sendVerify(),
    authExternal: () => this.send(authElement(this.pair.local)),
    proveExternal: () => this.#proveExternal(),
    proveDialback: ({ dialback }) => this.#proveDialback(dialback ?? null),
    retryWithoutExternal: (moment) => this.#retry(moment),
    requestBidi: (moment) => this.#requestBidi(moment),
    route: (moment) => this.#route(moment),
    refuseDialback: (moment) => this.#refuseDialback(moment),
    resume: () => this.#sendResume(),
    resumed: ({ management }) => this.#resumed(management?.h ?? 0),
    begin: ({ management }) => this.#begin(management ?? null),
    managementOn: ({ management }) => this.flow.confirmed(management?.resume ? management.id : null, keptFor(management ?? null)),
    managementRefused: () => this.flow.disable(),
    acknowledge: () => this.wire.write(this.flow.answer()),
    takeAck: ({ management }) => this.flow.acknowledge(management?.h ?? 0),
    reportValid: (moment) => this.#report(moment),
    reportInvalid: (moment) => this.#report(moment),
    reportError: (moment) => this.#reportError(moment),
    close: () => this.stop(),
  };

  #starttlsUnasked(): void {
    this.#starttlsUnadvertised = true;
    this.send(element(NS.tls, "starttls"));
  }

  #proveExternal(): void {
    this.#ready(proveByExternal({ ...this.#claim(), certificate: this.#judgement.standing, succeeded: true }));
  }

  #proveDialback(answer: DialbackElement | null): void {
    this.#ready(answer && proveByDialback({ ...this.#claim(), expected: this.#expected, answer }));
  }

  #sendHeader(): void {
    const { local, partner } = this.pair;
    this.wire.write(
      writeHeader({ from: toUnicodeDomain(local), to: toUnicodeDomain(partner), version: "1.0", "xml:lang": "en" }, "initiating"),
    );
  }

  /** Bounded apart from the whole attempt: a server that speaks no TLS here may just wait for our stream header. */
  #beginDirectTls(): void {
    const { clock } = this.context.surroundings;
    const { handshake } = XMPP_LIMITS;
    this.#handshakeTimer = clock.after(handshake, () => this.wire.destroy(`no answer within ${handshake / 1000} seconds`));
    this.#connectTls("direct");
  }

  #connectTls(start: TlsStart): void {
    const own = this.context.current().tls.own.contextOf(this.pair.local);
    this.wire.connectTls(own, this.pair.partner, start, () => this.#secured());
  }

  #secured(): void {
    this.#handshakeTimer?.cancel();
    this.#judgement = judge(this.context, this.wire.tls?.certificate ?? null, this.pair.partner);
    this.#on("secured", { detail: this.#judgement.detail });
  }

  /** What was known before TLS or SASL is forgotten (RFC 6120 4.3.3). */
  #restart(): void {
    this.#header = null;
    this.#features = null;
    this.wire.restart();
    this.#sendHeader();
  }

  #sendKey(): void {
    const { local, partner } = this.pair;
    const claim = { receiving: partner, originating: local, streamId: this.#peerStreamId };
    this.#expected = { type: "valid", from: partner, to: local, id: null };
    this.send(keyElement(this.pair, dialbackKey(this.context.current().state.dialbackSecret, claim)));
  }

  #sendVerify(): void {
    const { purpose } = this.#task;
    if (purpose.kind !== "verify") return;
    this.#expected = { type: "valid", from: this.pair.partner, to: this.pair.local, id: purpose.streamId };
    this.send(verifyElement(this.pair, purpose.streamId, purpose.key));
  }

  #claim() {
    const methods = this.context.current().directory.methods(this.pair.partner);
    return { partnerDomain: this.pair.partner, localDomain: this.pair.local, methods, tls: this.wire.tls !== null };
  }

  #ready(proof: PeerProof | null): void {
    if (proof === null) {
      const because = this.fail("no-longer-admitted", { detail: "the settings changed during the negotiation" });
      this.#settle({ kind: "failed", because, silent: false });
      return;
    }
    this.#proof = proof;
    if (this.#bidi) this.#reverse = proveByServer({ ...this.#claim(), certificate: this.#judgement.standing, forward: proof });
    this.wire.setLimits(READER_LIMITS);
    this.proved(proof);
    this.#on("next", {});
  }

  /** Says who we are first, so that what stands behind it is read in its light (XEP-0288 2.1, XEP-0478 2.2). */
  #requestBidi(moment: Moment): void {
    this.#bidi = true;
    this.send(element(NS.bidi, "bidi", {}, limitsElement(this.limits())));
    this.#on("next", moment);
  }

  /** A stanza that crossed our closing tag. */
  #crossing(found: XmlElement): void {
    if (isStanza(found) && this.#known({ element: found }).stanzaOfPair) this.#route({ element: found });
  }

  #route({ element: stanza }: Moment): void {
    if (stanza && this.#reverse !== null) this.take(stanza, this.#reverse);
  }

  /** Further pairs of the peer are proven on streams that it opens. */
  #refuseDialback({ dialback }: Moment): void {
    const { from: partner, to: local, name, id } = dialback ?? {};
    const because = this.record("dialback-not-allowed", { peer: partner ?? this.pair.partner });
    const pair = { local: local ?? this.pair.local, partner: partner ?? this.pair.partner };
    this.send(errorElement(pair, name === "verify" ? (id ?? "") : null, because.condition, because.text));
  }

  // ---- stream management ---------------------------------------------------------------------------------------------

  #sendResume(): void {
    const { resumption } = this.#left ?? {};
    if (resumption) this.send(resumeElement(resumption.previd, resumption.handled));
  }

  #resumed(h: number): void {
    const left = this.#left;
    if (left === null || this.#proof === null) return;
    left.taken = true;
    this.flow.resume(left.resumption, h, Math.max(1, Math.ceil((left.resumption.until - this.context.surroundings.clock.now()) / 1000)));
    this.#settle({ kind: "ready", stream: this, proof: this.#proof });
  }

  /** Stanzas may follow at once: they are counted from `<enable/>` on (XEP-0198 section 3). @param refused why the lost stream is not resumed */
  #begin(refused: ManagementElement | null): void {
    const left = this.#left;
    if (this.#proof === null) return;
    if (this.#features?.management && this.#known({}).management.allowed) {
      this.send(enableElement());
      this.flow.enable(false);
    }
    if (left !== null) {
      left.taken = true;
      const because = failure("not-acknowledged", { peer: this.pair.partner, detail: "it could not be resumed" });
      this.flow.recover(left.resumption, refused?.h ?? null, (pending) => pending.settled(because));
    }
    this.#settle({ kind: "ready", stream: this, proof: this.#proof });
  }

  #retry({ detail }: Moment): void {
    const because = this.record("external-refused", {
      detail: `${this.#externalRefused || detail}; dialback is tried on a new connection`,
    });
    this.wire.close();
    this.#settle({ kind: "retryWithoutExternal", because });
  }

  #report({ dialback }: Moment): void {
    this.wire.close();
    if (dialback) this.#settle({ kind: "verified", expected: this.#expected, answer: dialback });
  }

  #reportError({ dialback, detail }: Moment): void {
    const notFound = dialback?.error === "item-not-found";
    const because = this.fail(notFound ? "authority-not-found" : "authority-refused", { detail });
    this.#settle({ kind: "failed", because, silent: false });
  }

  // ---- ends ------------------------------------------------------------------------------------------------------------

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#task.settle(outcome);
  }
}

/** Seconds for which the peer keeps a lost stream; ours where it does not say (XEP-0198 section 3). */
const keptFor = (enabled: ManagementElement | null): number =>
  Math.min(enabled?.max ?? Number.POSITIVE_INFINITY, XMPP_LIMITS.resumption / 1000);
