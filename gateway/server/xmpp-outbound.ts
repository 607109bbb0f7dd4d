/** The initiating side: one connection, driven by the rows of negotiation/outbound.ts until it is ready, has asked, or failed. */
import type { Socket } from "node:net";
import type { Judgement } from "../negotiation/certificate.ts";
import { describeElement, outboundEvent } from "../negotiation/classify.ts";
import { type DialbackElement, keyElement, type Pair, readDialback, verifyElement } from "../negotiation/dialback.ts";
import { dialbackKey } from "../negotiation/dialback-key.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import { readFeatures } from "../negotiation/features.ts";
import { readHeader } from "../negotiation/header.ts";
import type { FeaturesKnown, HeaderKnown, OutboundKnown } from "../negotiation/known.ts";
import { type OutboundAction, type OutboundEvent, type OutboundState, stepOutbound } from "../negotiation/outbound.ts";
import { answers, type DialbackAnswer, type PeerProof, proveByDialback, proveByExternal } from "../negotiation/proof.ts";
import { authElement, saslFailureText } from "../negotiation/sasl.ts";
import { READER_LIMITS, type StreamEvent } from "../stream/reader.ts";
import { writeHeader } from "../stream/writer.ts";
import { element, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { pingRequest } from "../xmpp/stanzas.ts";
import type { StreamErrorCondition } from "../xmpp/stream-errors.ts";
import { freshId, judge, type Pinger, type XmppContext } from "./xmpp-context.ts";
import type { OutboundTask, Outcome } from "./xmpp-outcome.ts";
import { NegotiatedStream } from "./xmpp-stream.ts";

interface Moment {
  readonly dialback?: DialbackElement | null;
  readonly followed?: boolean;
  readonly detail?: string;
  readonly condition?: StreamErrorCondition;
}

/** Actions that are no failure. */
type PlainAction = Exclude<OutboundAction, `fail:${string}`>;

export class OutboundStream extends NegotiatedStream implements Pinger {
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
  #lost = false;
  #lastFailure: NegotiationFailure | null = null;
  /** Called when a ready stream is no longer usable. */
  onLost: () => void = () => {};

  constructor(context: XmppContext, socket: Socket, task: OutboundTask) {
    super(context, socket);
    this.pair = task.pair;
    this.#task = task;
  }

  override start(): void {
    super.start();
    this.#sendHeader();
  }

  get state(): string {
    return this.#state;
  }

  proofs(): readonly PeerProof[] {
    return this.#proof ? [this.#proof] : [];
  }

  /** Bytes handed over and not yet taken by the kernel. */
  get waiting(): number {
    return this.wire.waiting;
  }

  get usable(): boolean {
    return this.#state === "ready" && this.wire.usable;
  }

  /** Writes a stanza that is text already. `written` hears when the kernel has it. */
  writeStanza(text: string, written: (error: Error | null) => void): void {
    this.stanzasOut++;
    this.lastStanza = this.context.surroundings.clock.now();
    this.wire.write(text, written);
  }

  ping(): void {
    const id = `edge-${freshId(this.context.surroundings)}`;
    this.context.pings.add(id);
    if (this.usable) this.send(pingRequest(this.pair.local, this.pair.partner, id));
  }

  /** The peer does not take what is written: nothing may reach it late. */
  abandon(detail: string): NegotiationFailure {
    const because = this.record("peer-not-reading", { detail });
    this.#lastFailure = because;
    this.destroy(because.text);
    return because;
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  event(event: StreamEvent, followed: boolean): void {
    if (event.kind === "header") {
      this.#header = readHeader(event.header);
      this.#peerStreamId = event.header.attributes.get("id") ?? "";
      this.#on("header", { detail: this.#header.contentNamespace ?? "missing" });
    } else if (event.kind === "element") this.#element(event.element, followed);
    else if (event.kind === "close") this.#on("close", { detail: "with its closing tag" });
    else if (event.kind === "error") this.#on("readerError", { detail: event.text, condition: event.condition });
  }

  #element(found: XmlElement, followed: boolean): void {
    const event = outboundEvent(found);
    if (event === "features") this.#features = readFeatures(found);
    if (event === "saslFailure") this.#externalRefused = saslFailureText(found);
    this.#on(event, { dialback: readDialback(found), followed, detail: describeElement(found) });
  }

  ended(detail: string): void {
    if (this.#state === "awaitHandshake") this.#on("handshakeFailed", { detail });
    else this.#on("ended", { detail });
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
    if (this.#proof === null || this.#lost) return;
    this.#lost = true;
    this.onLost();
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
      const because = this.fail(what as FailureCode, { detail }, moment.condition);
      // A lost connection before the first word is the next server's chance.
      this.#settle({ kind: "failed", because, silent: event === "ended" && before === "awaitHeader" });
    } else if (step.found) {
      this.#state = step.next;
      this.#acts[step.act as PlainAction](moment);
    }
  }

  #detail(code: FailureCode, { detail }: Moment): string | undefined {
    if (code === "external-refused") return this.#externalRefused || detail;
    return code === "server-certificate-invalid" ? this.#judgement.detail : detail;
  }

  #known({ dialback, followed }: Moment): OutboundKnown {
    const { lessons, purpose } = this.#task;
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
    };
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
    secure: () => this.wire.connectTls(this.context.current().tls.context, this.pair.partner, () => this.#secured()),
    restart: () => this.#restart(),
    sendKey: () => this.#sendKey(),
    sendKeyAfterRefusal: () => this.#sendKey(),
    sendVerify: () => this.#sendVerify(),
    authExternal: () => this.send(authElement(this.pair.local)),
    proveExternal: () => this.#proveExternal(),
    proveDialback: ({ dialback }) => this.#proveDialback(dialback ?? null),
    retryWithoutExternal: (moment) => this.#retry(moment),
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
    this.wire.write(writeHeader({ from: local, to: partner, version: "1.0", "xml:lang": "en" }, "initiating"));
  }

  #secured(): void {
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
    this.wire.setLimits(READER_LIMITS);
    this.proved(proof);
    this.#settle({ kind: "ready", stream: this, proof });
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
    const because = this.fail(notFound ? "authority-not-found" : "authority-timeout", { detail });
    this.#settle({ kind: "failed", because, silent: false });
  }

  // ---- ends ------------------------------------------------------------------------------------------------------------

  protected override record(...[code, facts]: Parameters<NegotiatedStream["record"]>): NegotiationFailure {
    this.#lastFailure = super.record(code, facts);
    return this.#lastFailure;
  }

  /** Why the stream ended, or will have. */
  get reason(): NegotiationFailure {
    return this.#lastFailure ?? failure("stream-closed", { peer: this.pair.partner, detail: "the stream ended" });
  }

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#task.settle(outcome);
  }
}
