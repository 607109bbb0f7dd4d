/** What inbound and outbound streams have in common: wire, times, counters, and one way to fail. */
import type { Socket } from "node:net";
import type { Partner } from "../config/schema.ts";
import { certificateSummary, type Judgement, type PeerCertificate } from "../negotiation/certificate.ts";
import type { Pair } from "../negotiation/dialback.ts";
import { type Facts, type FailureCode, failure, type NegotiationFailure, streamErrorOf } from "../negotiation/failures.ts";
import { type PeerProof, stillAdmits } from "../negotiation/proof.ts";
import { NO_STREAM_LIMITS, type StreamLimits } from "../negotiation/stream-limits.ts";
import { READER_LIMITS, type StreamEvent } from "../stream/reader.ts";
import { writeElement } from "../stream/writer.ts";
import type { XmlElement } from "../xmpp/element.ts";
import { pingRequest } from "../xmpp/stanzas.ts";
import { type StreamErrorCondition, streamError } from "../xmpp/stream-errors.ts";
import type { XmppConnection } from "./ports.ts";
import { type Carrier, type Current, type EdgeStream, freshId, hostOf, judge, type XmppContext } from "./xmpp-context.ts";
import { type Pending, type Resumption, StanzaFlow } from "./xmpp-management.ts";
import { Watch } from "./xmpp-watch.ts";
import { Wire, type WireHandlers } from "./xmpp-wire.ts";

export abstract class NegotiatedStream implements EdgeStream, Carrier, WireHandlers {
  readonly id: string;
  abstract readonly direction: "in" | "out";
  readonly host: string;
  protected readonly context: XmppContext;
  protected readonly wire: Wire;
  /** Our stanzas on this stream, and the count of the peer's. */
  protected readonly flow: StanzaFlow;
  /** What the peer takes (XEP-0478). */
  protected peerLimits: StreamLimits = NO_STREAM_LIMITS;
  readonly #lostActs: ((left: Resumption | null) => void)[] = [];
  #released = false;
  #judged: {
    readonly certificate: PeerCertificate | null;
    readonly domain: string | null;
    readonly current: Current;
    readonly judgement: Judgement;
  } | null = null;
  #lastFailure: NegotiationFailure | null = null;
  #watch: Watch | null = null;
  protected readonly since: number;
  protected stanzasIn = 0;
  protected stanzasOut = 0;
  lastHeard: number;
  lastStanza: number;

  constructor(context: XmppContext, socket: Socket) {
    const { surroundings } = context;
    this.context = context;
    this.id = freshId(surroundings);
    this.since = surroundings.clock.now();
    this.lastHeard = this.since;
    this.lastStanza = this.since;
    this.wire = new Wire(socket, surroundings.clock, this);
    this.host = hostOf(this.wire.address);
    this.flow = new StanzaFlow({ write: (text, written) => this.wire.write(text, written), reason: () => this.reason });
  }

  /** Enters the registry and starts the clock; the maker of a stream calls it once. */
  start(): void {
    this.context.streams.add(this);
    this.#watch = new Watch(this.context, this, {
      timedOut: (seconds) => this.timedOut(`${seconds} seconds`),
      probe: () => this.probe(),
      lifeless: (seconds) => this.fail("no-life", { detail: `${seconds} seconds` }),
      inactive: (seconds) => this.finish("inactive", `${seconds} seconds`),
      quiet: () => this.wire.write(" "),
    });
  }

  // ---- what each direction says for itself -------------------------------------------------------------------------

  /** The state of its machine, for records and the connection list. */
  abstract get state(): string;
  abstract event(event: StreamEvent, followed: boolean): void;
  abstract ended(detail: string): void;
  abstract proofs(): readonly PeerProof[];
  protected abstract timedOut(detail: string): void;
  protected abstract revoke(detail: string): void;
  /** The machine stops; where that is not done yet, what was under way is released. */
  protected abstract leave(): void;
  /** Whether stanzas go both ways on it. */
  abstract get bidirectional(): boolean;
  abstract carrierFor(pair: Pair): Carrier | null;
  /** Whether stanzas of ours may be written now. */
  abstract get usable(): boolean;
  /** Whom and what the stream is about, as far as is known. */
  protected abstract subject(): { readonly peer: string | null; readonly local: string | null };
  /** The response or initial header, where it has not been sent: a stream error stands inside a stream (RFC 6120 4.9.1.2). */
  protected abstract missingHeader(): string;
  /** A TLS handshake is under way: nothing can be said to the peer now. */
  protected abstract get speechless(): boolean;
  protected abstract certificate(): Judgement;

  // ---- for the registry ----------------------------------------------------------------------------------------------

  get proven(): boolean {
    return this.proofs().length > 0;
  }

  pairs(): readonly Pair[] {
    return this.proofs().map(({ localDomain, partnerDomain }) => ({ local: localDomain, partner: partnerDomain }));
  }

  partners(): ReadonlySet<Partner> {
    const { directory } = this.context.current();
    return new Set(this.proofs().flatMap(({ partnerDomain }) => directory.partner(partnerDomain) ?? []));
  }

  carries({ local, partner }: Pair): boolean {
    return this.proofs().some((proof) => proof.partnerDomain === partner && proof.localDomain === local);
  }

  describe(): XmppConnection {
    const { peer, local } = this.subject();
    return {
      id: this.id,
      direction: this.direction,
      address: this.wire.address,
      localDomain: local ?? "",
      partnerDomain: peer,
      state: this.state,
      security: this.security(),
      method: this.proofs()[0]?.by ?? null,
      certificate: certificateSummary(this.wire.tls?.certificate ?? null),
      bidirectional: this.bidirectional,
      streamManagement: this.flow.enabled,
      since: this.since,
      stanzasIn: this.stanzasIn,
      stanzasOut: this.stanzasOut,
    };
  }

  // ---- for those who send on it --------------------------------------------------------------------------------------

  get waiting(): number {
    return this.wire.waiting;
  }

  get maxBytes(): number | null {
    return this.peerLimits.maxBytes;
  }

  get peerIdleSeconds(): number | null {
    return this.peerLimits.idleSeconds;
  }

  get lastWritten(): number {
    return this.wire.lastWritten;
  }

  get reason(): NegotiationFailure {
    return this.#lastFailure ?? failure("stream-closed", { peer: this.subject().peer, detail: "the stream ended" });
  }

  carry(pending: Pending): void {
    this.stanzasOut++;
    this.lastStanza = this.context.surroundings.clock.now();
    this.flow.send(pending);
  }

  proofFor({ local, partner }: Pair): PeerProof | null {
    return this.proofs().find((proof) => proof.partnerDomain === partner && proof.localDomain === local) ?? null;
  }

  ping({ local, partner }: Pair): void {
    if (!this.usable) return;
    const id = `edge-${freshId(this.context.surroundings)}`;
    this.context.pings.add(id);
    this.flow.send({ text: writeElement(pingRequest(local, partner, id)), cancelled: true, taken: () => {}, settled: () => {} });
  }

  abandon(detail: string): NegotiationFailure {
    const because = this.record("peer-not-reading", { detail });
    this.destroy(because.text);
    return because;
  }

  onLost(act: (left: Resumption | null) => void): void {
    this.#lostActs.push(act);
  }

  /** Tells those who send that it carries nothing any more, and what became of what it held. @returns what may be resumed */
  protected release(resumable: boolean): Resumption | null {
    if (this.#released) return null;
    this.#released = true;
    const { resumption, pending } = this.flow.take(this.context.surroundings.clock.now());
    const left = resumable ? resumption : null;
    const { peer, local } = this.subject();
    const because = failure("not-acknowledged", { peer, local, detail: this.reason.text });
    for (const lost of left ? pending : [...pending, ...(resumption?.pending ?? [])]) lost.settled(because);
    // An inbound stream is resumed by its peer: what it held stays with it.
    for (const act of this.#lostActs.splice(0)) act(this.direction === "out" ? left : null);
    return left;
  }

  /** A stanza of the peer's goes to the router; the answer to a ping of ours goes no further. */
  protected take(stanza: XmlElement, proof: PeerProof): void {
    this.flow.handle();
    const answer = stanza.name === "iq" && ["result", "error"].includes(stanza.attributes.get("type") ?? "");
    if (answer && this.context.pings.take(stanza.attributes.get("id") ?? "")) return;
    this.stanzasIn++;
    this.lastStanza = this.context.surroundings.clock.now();
    this.context.handlers.onStanza(stanza, proof);
  }

  /** Limits we set for the peer (XEP-0478): stanzas come only from those who are proven. */
  protected limits(): StreamLimits {
    const { streamInactivityTimeout, keepAliveInterval } = this.context.current().state.document.gateway;
    return { maxBytes: READER_LIMITS.elementBytes, idleSeconds: Math.min(streamInactivityTimeout, keepAliveInterval) };
  }

  /** What the peer's certificate is worth for a domain. A header that follows SASL asks once more what the one before it asked. */
  protected judged(domain: string | null): Judgement {
    const certificate = this.wire.tls?.certificate ?? null;
    const current = this.context.current();
    const last = this.#judged;
    if (last?.certificate === certificate && last.domain === domain && last.current === current) return last.judgement;
    const judgement = judge(this.context, certificate, domain);
    this.#judged = { certificate, domain, current, judgement };
    return judgement;
  }

  /** Encrypted and authenticated are two things: with dialback the certificate may prove nothing. */
  protected security(): string {
    const { tls } = this.wire;
    if (tls === null) return "none";
    const { standing } = this.certificate();
    return `${tls.text}, ${standing === "valid" ? "certificate valid" : "encrypted, not authenticated"}`;
  }

  /** Proofs are looked at again under the new settings; one that no longer holds ends the stream. */
  revalidate(): void {
    const gone = this.proofs()
      .map((proof) => this.#objection(proof))
      .find((objection) => objection !== null);
    if (gone) this.revoke(gone);
    else this.#watch?.check();
  }

  /** What the settings of now have against a proof, or null. */
  #objection(proof: PeerProof): string | null {
    const { directory } = this.context.current();
    const { partnerDomain, localDomain } = proof;
    if (!directory.serves(localDomain)) return `${localDomain} is not served any more`;
    if (directory.partner(partnerDomain) === null) return `${partnerDomain} is not a federated partner any more`;
    if (!stillAdmits(proof, directory.methods(partnerDomain))) return `${proof.by} is not admitted any more`;
    if (proof.by !== "sasl-over-tls") return null;
    const { standing, detail } = judge(this.context, this.wire.tls?.certificate ?? null, partnerDomain);
    return standing === "valid" ? null : `its certificate is not trusted any more: ${detail}`;
  }

  stop(): void {
    this.leave();
    if (this.speechless) this.wire.destroy("this edge is stopping");
    else this.wire.close(this.missingHeader(), true);
  }

  destroy(why: string): void {
    this.leave();
    this.wire.destroy(why);
  }

  // ---- for the two directions ------------------------------------------------------------------------------------------

  heard(): void {
    this.lastHeard = this.context.surroundings.clock.now();
  }

  overflowed(): void {
    this.record("peer-not-reading", { detail: "too much waits to be read" });
  }

  protected send(...elements: readonly XmlElement[]): void {
    this.wire.write(elements.map((element) => writeElement(element)).join(""));
  }

  /** Ends the stream for a reason: record, stream error where the table has one, closing tag. */
  protected fail(
    code: FailureCode,
    facts: Facts = {},
    condition: StreamErrorCondition | null = streamErrorOf(code),
    inside?: XmlElement,
  ): NegotiationFailure {
    const because = this.record(code, facts);
    const { speechless } = this;
    this.leave();
    if (speechless) this.wire.destroy(because.text);
    else this.wire.close(this.missingHeader() + (condition === null ? "" : writeElement(streamError(condition, because.text, inside))));
    return because;
  }

  /** Ends a stream that did its work; nothing failed. */
  protected finish(code: "inactive", detail: string): void {
    this.context.surroundings.log("xmpp-stream-closing", { id: this.id, code, detail, ...this.subject() });
    if (this.flow.enabled && this.usable) this.wire.write(this.flow.answer());
    this.stop();
  }

  protected record(code: FailureCode, facts: Facts): NegotiationFailure {
    const { peer, local } = this.subject();
    const about = { peer: facts.peer ?? peer ?? "a server that did not name itself", local: facts.local ?? local, detail: facts.detail };
    const attempt = { direction: this.direction, address: this.wire.address, peer: facts.peer ?? peer, step: this.state };
    this.#lastFailure = this.context.attempts.add(attempt, code, about);
    return this.#lastFailure;
  }

  protected proved(proof: PeerProof): void {
    this.lastStanza = this.context.surroundings.clock.now();
    this.context.streams.changed(this);
    this.#watch?.check();
    const { by: method, partnerDomain, localDomain } = proof;
    const { id, direction } = this;
    this.context.surroundings.log("xmpp-stream-proven", {
      id,
      direction,
      address: this.wire.address,
      partnerDomain,
      localDomain,
      method,
      security: this.security(),
    });
  }

  /** The connection is gone: out of the registry, no timer left. */
  protected gone(detail: string): void {
    this.#watch?.stop();
    this.context.streams.delete(this);
    const { id, direction, stanzasIn, stanzasOut } = this;
    this.context.surroundings.log("xmpp-stream-closed", {
      id,
      direction,
      address: this.wire.address,
      ...this.subject(),
      stanzasIn,
      stanzasOut,
      detail,
    });
  }

  /** Before a silence becomes too long: a ping on the stream that carries our stanzas, white space on this one. */
  protected probe(): void {
    for (const pair of this.pairs()) this.context.streams.carrier(pair)?.ping(pair);
    this.wire.write(" ");
  }
}
