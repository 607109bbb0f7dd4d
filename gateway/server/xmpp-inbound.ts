/** The receiving side: turns what the wire brings into events, and does what the rows of negotiation/inbound.ts say. */
import type { Judgement } from "../negotiation/certificate.ts";
import { inboundEvent } from "../negotiation/classify.ts";
import { answerElement, type DialbackElement, errorElement, type Pair, readDialback } from "../negotiation/dialback.ts";
import { isDialbackKey } from "../negotiation/dialback-key.ts";
import type { Facts, FailureCode } from "../negotiation/failures.ts";
import { readHeader } from "../negotiation/header.ts";
import { type InboundAction, type InboundEvent, type InboundState, stepInbound } from "../negotiation/inbound.ts";
import type { AuthKnown, HeaderKnown, InboundKnown, PairKnown } from "../negotiation/known.ts";
import { features } from "../negotiation/offer.ts";
import { type PeerProof, proveByExternal } from "../negotiation/proof.ts";
import { readAuth, saslFailureElement, successElement } from "../negotiation/sasl.ts";
import { READER_LIMITS, type StreamEvent } from "../stream/reader.ts";
import { writeElement, writeHeader } from "../stream/writer.ts";
import { element, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { readStreamError, type StreamErrorCondition } from "../xmpp/stream-errors.ts";
import { domainOfAddress } from "../negotiation/addresses.ts";
import { freshId, judge, limitOf } from "./xmpp-context.ts";
import { InboundPairs } from "./xmpp-inbound-pairs.ts";
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
  readonly detail?: string;
  readonly condition?: StreamErrorCondition;
}

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
  readonly #pairs = this.#makePairs();

  get state(): string {
    return this.#state;
  }

  proofs(): readonly PeerProof[] {
    return this.#pairs.proofs();
  }

  // ---- events ------------------------------------------------------------------------------------------------------

  event(event: StreamEvent, followed: boolean): void {
    switch (event.kind) {
      case "whitespace":
        return;
      case "header":
        this.#header = readHeader(event.header);
        this.#judgement = judge(this.context, this.wire.tls?.certificate ?? null, this.#header.from);
        return this.#on("header", { detail: this.#headerDetail() });
      case "element":
        return this.#on(inboundEvent(event.element), { ...this.#moment(event.element), followed });
      case "close":
        return this.#on("close");
      case "error":
        return this.#on("readerError", { detail: event.text, condition: event.condition });
    }
  }

  ended(detail: string): void {
    if (this.#state === "awaitHandshake") this.#on("handshakeFailed", { detail });
    else if (this.#state !== "closed" && this.#header !== null && !this.proven) this.record("stream-closed", { detail });
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
  }

  #on(event: InboundEvent, moment: Moment = {}): void {
    if (this.#state === "closed") return;
    const step = stepInbound(this.#state, event, this.#known(moment));
    if (!step.found) {
      this.fail("out-of-order", { detail: step.text });
      return;
    }
    if (step.act.startsWith("fail:")) {
      this.fail(step.act.slice(5) as FailureCode, this.#facts(moment), moment.condition);
      return;
    }
    this.#state = step.then;
    this.#perform(step.act, moment);
  }

  /** Reads the element once, for the guards and for the action. */
  #moment(found: XmlElement): Moment {
    const dialback = readDialback(found) ?? undefined;
    if (dialback) return { ...this.#pairMoment(dialback.from, dialback.to), dialback, detail: `db:${dialback.name} ${dialback.type ?? ""}` };
    if (found.namespace === NS.sasl) return { auth: readAuth(found, this.#header?.from ?? null), detail: `<${found.name}/>` };
    if (found.namespace === NS.server) {
      const [from, to] = [found.attributes.get("from"), found.attributes.get("to")];
      return { ...this.#pairMoment(domainOfAddress(from), domainOfAddress(to)), element: found, detail: `from=${from} to=${to}` };
    }
    const error = readStreamError(found);
    if (error) return { detail: error.text ? `${error.condition} (${error.text})` : error.condition };
    return { detail: `<${found.name} xmlns='${found.namespace}'/>` };
  }

  #pairMoment(partner: string | null, local: string | null): Moment {
    return { partner, local, pair: this.#pairs.describe(partner, local) };
  }

  // ---- what is known -------------------------------------------------------------------------------------------------

  #known({ auth, pair, partner, followed }: Moment): InboundKnown {
    const { directory } = this.context.current();
    const header = this.#header;
    const from = header?.from ?? null;
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
      limitReached: this.#limitReached(partner ?? (this.#authenticated ? from : null)),
      pairsProven: this.proofs().length,
      pairsOpen: this.#pairs.open,
      auth: auth ?? null,
      pair: pair ?? null,
    };
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
    return { peer: proof?.partnerDomain ?? this.#header?.from ?? null, local: proof?.localDomain ?? this.#header?.to ?? null };
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

  #perform(act: InboundAction, moment: Moment): void {
    switch (act) {
      case "offer":
        return this.#offer();
      case "proceed":
        this.#newStream();
        return this.wire.acceptTls(writeElement(element(NS.tls, "proceed")), this.context.current().tls.context, () => this.#on("secured"));
      case "refuseTls":
        this.record("tls-not-allowed", {});
        return this.wire.close(writeElement(element(NS.tls, "failure")));
      case "acceptExternal":
        this.#authenticated = true;
        this.send(successElement());
        this.wire.restart();
        return this.#newStream();
      case "proveExternal":
        return this.#proveExternal();
      case "judgePair":
        return this.#judgePair(moment);
      case "answerVerify":
        return this.#answerVerify(moment);
      case "route":
        return this.#route(moment);
      case "closeAfterSasl":
      case "close":
        return this.wire.close();
      case "restart":
      case "stay":
        return;
      default:
        return this.#refuse(act, moment);
    }
  }

  #refuse(act: string, moment: Moment): void {
    const [kind, what = ""] = act.split(":");
    if (kind === "sasl") {
      this.#saslFailures++;
      this.record("mechanism-refused", { detail: what });
      this.send(saslFailureElement(what));
      return this.#on("next");
    }
    const pair = pairOf(moment);
    const because = this.record(what as FailureCode, { peer: pair.partner, local: pair.local });
    this.send(errorElement(pair, moment.dialback?.id ?? null, because.condition, because.text));
  }

  /** The response header, and features for a peer that knows them (RFC 6120 4.3.2, 4.7.5). */
  #offer(): void {
    const header = this.missingHeader();
    const known = this.#known({});
    this.wire.write(known.header?.version === "1.0" ? header + writeElement(features(known)) : header);
  }

  /** A new stream on the same connection: what was known is forgotten (RFC 6120 4.3.3). */
  #newStream(): void {
    this.#earlier = this.#header;
    this.#header = null;
    this.#headerSent = false;
    this.#pairs.clear();
  }

  protected missingHeader(): string {
    if (this.#headerSent) return "";
    this.#headerSent = true;
    this.#streamId = freshId(this.context.surroundings);
    const { state, directory } = this.context.current();
    const to = this.#header?.to ?? null;
    const from = to !== null && directory.serves(to) ? to : state.document.sipDomains[0];
    const version = this.#header?.version === "none" ? undefined : "1.0";
    return writeHeader({ from, to: this.#header?.from ?? undefined, id: this.#streamId, version, "xml:lang": "en" }, "receiving");
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

  #judgePair({ dialback, partner, local }: Moment): void {
    if (dialback && partner && local) this.#pairs.judge({ partner, local }, dialback.key);
  }

  /** We are the authoritative server (XEP-0220 2.2.2): a key is ours exactly where it can be made again. */
  #answerVerify(moment: Moment): void {
    const { key = "", id = "" } = moment.dialback ?? {};
    const pair = pairOf(moment);
    const claim = { receiving: pair.partner, originating: pair.local, streamId: id ?? "" };
    const valid = isDialbackKey(this.context.current().state.dialbackSecret, claim, key);
    if (!valid) this.record("dialback-key-invalid", { peer: pair.local, local: pair.local });
    this.send(answerElement(pair, id, valid ? "valid" : "invalid"));
  }

  #route({ element: stanza, partner, local }: Moment): void {
    const proof = this.#pairs.proofOf({ partner: partner ?? "", local: local ?? "" });
    if (!stanza || proof === null) return;
    const answer = stanza.name === "iq" && ["result", "error"].includes(stanza.attributes.get("type") ?? "");
    if (answer && this.context.pings.take(stanza.attributes.get("id") ?? "")) return;
    this.stanzasIn++;
    this.lastStanza = this.context.surroundings.clock.now();
    this.context.handlers.onStanza(stanza, proof);
  }

  #makePairs(): InboundPairs {
    return new InboundPairs({
      context: this.context,
      streamId: () => this.#streamId,
      tls: () => this.wire.tls !== null,
      known: (pair, partner) => this.#known({ pair, partner }),
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
      },
    });
  }
}

/** The pair of a moment whose guards have seen that it has one. */
const pairOf = ({ partner, local }: Moment): Pair => ({ partner: partner ?? "", local: local ?? "" });
