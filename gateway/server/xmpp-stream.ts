/** What inbound and outbound streams have in common: wire, times, counters, and one way to fail. */
import type { Socket } from "node:net";
import type { Partner } from "../config/schema.ts";
import type { Judgement } from "../negotiation/certificate.ts";
import type { Pair } from "../negotiation/dialback.ts";
import { type Facts, type FailureCode, type NegotiationFailure, streamErrorOf } from "../negotiation/failures.ts";
import { type PeerProof, stillAdmits } from "../negotiation/proof.ts";
import type { StreamEvent } from "../stream/reader.ts";
import { writeElement } from "../stream/writer.ts";
import type { XmlElement } from "../xmpp/element.ts";
import { type StreamErrorCondition, streamError } from "../xmpp/stream-errors.ts";
import type { XmppConnection } from "./ports.ts";
import { type EdgeStream, freshId, hostOf, judge, type XmppContext } from "./xmpp-context.ts";
import { Watch } from "./xmpp-watch.ts";
import { Wire, type WireHandlers } from "./xmpp-wire.ts";

export abstract class NegotiatedStream implements EdgeStream, WireHandlers {
  readonly id: string;
  abstract readonly direction: "in" | "out";
  readonly host: string;
  protected readonly context: XmppContext;
  protected readonly wire: Wire;
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
  }

  /** Enters the registry and starts the clock; the maker of a stream calls it once. */
  start(): void {
    this.context.streams.add(this);
    this.#watch = new Watch(this.context, this, {
      timedOut: (seconds) => this.timedOut(`${seconds} seconds`),
      probe: () => this.probe(),
      lifeless: (seconds) => this.fail("no-life", { detail: `${seconds} seconds` }),
      inactive: (seconds) => this.finish("inactive", `${seconds} seconds`),
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
  protected abstract leave(): void;
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
      since: this.since,
      stanzasIn: this.stanzasIn,
      stanzasOut: this.stanzasOut,
    };
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
    else this.wire.close(this.missingHeader());
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
  protected fail(code: FailureCode, facts: Facts = {}, condition: StreamErrorCondition | null = streamErrorOf(code)): NegotiationFailure {
    const because = this.record(code, facts);
    const { speechless } = this;
    this.leave();
    if (speechless) this.wire.destroy(because.text);
    else this.wire.close(this.missingHeader() + (condition === null ? "" : writeElement(streamError(condition, because.text))));
    return because;
  }

  /** Ends a stream that did its work; nothing failed. */
  protected finish(code: "inactive", detail: string): void {
    this.context.surroundings.log("xmpp-stream-closing", { id: this.id, code, detail, ...this.subject() });
    this.stop();
  }

  protected record(code: FailureCode, facts: Facts): NegotiationFailure {
    const { peer, local } = this.subject();
    const about = { peer: facts.peer ?? peer ?? "a server that did not name itself", local: facts.local ?? local, detail: facts.detail };
    const attempt = { direction: this.direction, address: this.wire.address, peer: facts.peer ?? peer, step: this.state };
    return this.context.attempts.add(attempt, code, about);
  }

  protected proved(proof: PeerProof): void {
    this.lastStanza = this.context.surroundings.clock.now();
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
    for (const pair of this.pairs()) this.context.streams.pinger(pair)?.ping();
    this.wire.write(" ");
  }
}
