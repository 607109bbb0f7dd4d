/** Stanzas on their way out: one bounded queue and one stream for each pair of domains. */
import { domainOfAddress } from "../negotiation/addresses.ts";
import type { Pair } from "../negotiation/dialback.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import type { PeerProof } from "../negotiation/proof.ts";
import { writeElement } from "../stream/writer.ts";
import type { XmlElement } from "../xmpp/element.ts";
import { isStanza } from "../xmpp/stanzas.ts";
import { Backoff } from "./backoff.ts";
import type { Sent, Timer } from "./ports.ts";
import { Attempt } from "./xmpp-connector.ts";
import type { Carrier, Current, XmppContext } from "./xmpp-context.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { Resumption } from "./xmpp-management.ts";
import type { Left, Outcome } from "./xmpp-outcome.ts";

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  readonly settle: (sent: Sent) => void;
  timer: Timer | null;
  /** On a stream, or held by one that may be resumed. */
  inFlight: boolean;
}

/** The queue of one pair, and its stream. */
class PairQueue {
  readonly #context: XmppContext;
  readonly #pair: Pair;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  #stream: Carrier | null = null;
  #proof: PeerProof | null = null;
  #attempt: Attempt | null = null;
  readonly #backoff = new Backoff();
  #nextAttempt: Timer | null = null;
  /** Of the last stream, not yet taken by a new one. */
  #left: Left | null = null;

  constructor(context: XmppContext, pair: Pair) {
    this.#context = context;
    this.#pair = pair;
  }

  get idle(): boolean {
    return this.#waiting.size === 0 && this.#stream === null && this.#attempt === null && !this.#backoff.active;
  }

  add(text: string, deadline: number): Promise<Sent> {
    const bytes = Buffer.byteLength(text);
    const left = deadline - this.#context.surroundings.clock.now();
    if (left <= 0) return Promise.resolve(this.#refuse("deadline-passed", "the deadline had passed already"));
    if (this.#waiting.size >= XMPP_LIMITS.queuedStanzas || this.#bytes + bytes > XMPP_LIMITS.queuedBytes) {
      return Promise.resolve(this.#refuse("queue-full", `${this.#waiting.size} stanzas, ${this.#bytes} bytes`));
    }
    const tooEarly = this.#tooEarly(deadline);
    if (tooEarly !== null) return Promise.resolve({ sent: false, because: tooEarly });
    return new Promise((settle) => {
      const entry: Waiting = { text, bytes, settle, timer: null, inFlight: false };
      entry.timer = this.#context.surroundings.clock.after(left, () => this.#late(entry));
      this.#waiting.add(entry);
      this.#bytes += bytes;
      this.pump();
    });
  }

  /** Hands over what the stream can take; makes a stream where there is none. */
  pump(): void {
    const stream = this.#stream;
    if (stream === null || this.#proof === null) this.#connect();
    else if (stream.usable) this.#hand(stream, this.#proof);
  }

  /** Another stream can carry the pair. */
  offer(carrier: Carrier): void {
    if (this.#stream === null && this.#attempt === null && this.#left === null) this.#adoptCarrier(carrier);
  }

  #hand(stream: Carrier, proof: PeerProof): void {
    for (const entry of this.#waiting) {
      if (stream.waiting > XMPP_LIMITS.inFlight) return;
      if (!entry.inFlight) this.#write(stream, proof, entry);
      if (!stream.usable) return;
    }
  }

  /** Everything that waits is refused, and no new stream is made. */
  failAll(because: NegotiationFailure): void {
    this.#attempt?.stop(because);
    this.#nextAttempt?.cancel();
    for (const entry of [...this.#waiting]) if (!entry.inFlight) this.#settle(entry, { sent: false, because });
  }

  #write(stream: Carrier, proof: PeerProof, entry: Waiting): void {
    if (stream.maxBytes !== null && entry.bytes > stream.maxBytes) {
      this.#settle(entry, this.#refuse("stanza-too-big", `${stream.maxBytes} bytes, and it has ${entry.bytes}`));
      return;
    }
    entry.inFlight = true;
    const waiting = this.#waiting;
    stream.carry({
      text: entry.text,
      get cancelled() {
        return !waiting.has(entry);
      },
      taken: () => this.pump(),
      settled: (because) => this.#settle(entry, because ? { sent: false, because } : { sent: true, proof }),
    });
  }

  #connect(): void {
    if (this.#attempt !== null || this.#stream !== null) return;
    if (this.#left === null && ![...this.#waiting].some(({ inFlight }) => !inFlight)) return;
    const carrier = this.#left === null ? this.#context.streams.carrier(this.#pair) : null;
    if (carrier !== null && this.#adoptCarrier(carrier)) return;
    if (this.#early()) return;
    const left = this.#left;
    this.#left = null;
    const attempt = new Attempt(this.#context, this.#pair, { kind: "stanzas", left });
    this.#attempt = attempt;
    void attempt.settled.then((outcome) => {
      this.#attempt = null;
      if (left?.taken === false) this.#forget(left.resumption, outcome);
      if (outcome.kind === "failed") this.#learn(outcome.because);
      if (outcome.kind === "ready") this.#adopt(outcome.stream, outcome.proof);
      else this.failAll(outcome.kind === "verified" ? failure("stream-closed", { peer: this.#pair.partner }) : outcome.because);
    });
  }

  /** Why a stanza need not wait: the next attempt comes too late for it, and no other stream carries the pair. */
  #tooEarly(deadline: number): NegotiationFailure | null {
    const { streams, surroundings } = this.#context;
    const refusal = this.#backoff.refusal(surroundings.clock.now(), deadline);
    return refusal !== null && streams.carrier(this.#pair) === null ? refusal : null;
  }

  /** Whether the last failure is too fresh for another attempt, which then begins later. */
  #early(): boolean {
    const { clock } = this.#context.surroundings;
    const left = this.#backoff.left(clock.now());
    this.#nextAttempt?.cancel();
    this.#nextAttempt = left === 0 ? null : clock.after(left, () => this.#connect());
    return left > 0;
  }

  #learn(because: NegotiationFailure): void {
    const { clock, random } = this.#context.surroundings;
    this.#backoff.failed(because, clock.now(), random(4).readUInt32BE() / 2 ** 32);
  }

  /** What made attempts fail may be gone: what waits is tried now. */
  forgive(): void {
    this.#backoff.reset();
    this.#connect();
  }

  #adoptCarrier(carrier: Carrier): boolean {
    const proof = carrier.proofFor(this.#pair);
    if (proof === null) return false;
    this.#adopt(carrier, proof);
    return true;
  }

  #adopt(stream: Carrier, proof: PeerProof): void {
    this.#backoff.reset();
    stream.onLost((resumption) => this.#lost(stream, resumption));
    this.#stream = stream;
    this.#proof = proof;
    if (stream.usable) this.pump();
    else this.#lost(stream, null);
  }

  /** What still waits gets a new stream. What was handed over hears from the socket whether it left. */
  #lost(stream: Carrier, resumption: Resumption | null): void {
    if (this.#stream !== stream) return;
    this.#stream = null;
    this.#proof = null;
    if (resumption?.pending.some(({ cancelled }) => !cancelled)) this.#left = { resumption, taken: false };
    queueMicrotask(() => this.#connect());
  }

  /** At the deadline: what waits is taken back; what the socket holds already dies with its stream, so that nothing is written late. */
  #late(entry: Waiting): void {
    if (!entry.inFlight) {
      this.#settle(entry, this.#refuse("deadline-passed", `last step ${this.#attempt?.step ?? "write"}`));
      return;
    }
    const because = this.#stream?.abandon("a stanza was not taken before its deadline");
    this.#settle(entry, because ? { sent: false, because } : this.#refuse("deadline-passed", "the stream was lost"));
  }

  /** No stream took what the last one held. */
  #forget({ pending }: Resumption, outcome: Outcome): void {
    const detail = outcome.kind === "failed" ? outcome.because.text : "it was not resumed";
    const because = failure("not-acknowledged", { peer: this.#pair.partner, detail });
    for (const lost of pending) lost.settled(because);
  }

  #settle(entry: Waiting, sent: Sent): void {
    if (!this.#waiting.delete(entry)) return;
    entry.timer?.cancel();
    this.#bytes -= entry.bytes;
    entry.settle(sent);
  }

  #refuse(code: FailureCode, detail: string): Sent {
    return { sent: false, because: failure(code, { peer: this.#pair.partner, local: this.#pair.local, detail }) };
  }
}

/** The queues of all pairs. */
export class Pairs {
  readonly #context: XmppContext;
  readonly #queues = new Map<string, PairQueue>();
  #stopping = false;

  constructor(context: XmppContext) {
    this.#context = context;
  }

  /** Settles at the latest at `deadline`; never rejects. */
  async send(stanza: XmlElement, deadline: number): Promise<Sent> {
    const local = domainOfAddress(stanza.attributes.get("from"));
    const partner = domainOfAddress(stanza.attributes.get("to"));
    if (this.#stopping) return refused("edge-stopping");
    if (!isStanza(stanza) || local === null || partner === null) {
      return refused("stanza-unusable", { detail: "expected message, presence or iq of jabber:server with valid 'from' and 'to'" });
    }
    const { directory } = this.#context.current();
    if (!directory.serves(local)) return refused("host-not-served", { local });
    if (directory.partner(partner) === null) return refused("partner-not-listed", { peer: partner });
    const text = asText(stanza);
    if (text === null) return refused("stanza-unusable", { detail: "it holds characters that XML cannot carry" });
    return this.#queue({ local, partner }).add(text, deadline);
  }

  /** A stream has become able to carry a pair: what waits for one may go. */
  offer({ local, partner }: Pair, carrier: Carrier): void {
    this.#queues.get(`${local} ${partner}`)?.offer(carrier);
  }

  /** After a reload: what waits for a pair that is no longer served is refused now. */
  reload(before: Current): void {
    const now = this.#context.current();
    const { directory } = now;
    const touched = touchedBy(before, now);
    for (const [key, queue] of this.#queues) {
      const [local = "", partner = ""] = key.split(" ");
      if (!directory.serves(local)) queue.failAll(failure("host-not-served", { local }));
      if (directory.partner(partner) === null) queue.failAll(failure("partner-not-listed", { peer: partner }));
      if (touched(partner) || !directory.serves(local)) queue.forgive();
      if (queue.idle) this.#queues.delete(key);
    }
  }

  stop(): void {
    this.#stopping = true;
    for (const queue of this.#queues.values()) queue.failAll(failure("edge-stopping"));
  }

  /** Bounded by the document: SIP domains times partners' domains. */
  #queue(pair: Pair): PairQueue {
    const key = `${pair.local} ${pair.partner}`;
    const queue = this.#queues.get(key) ?? new PairQueue(this.#context, pair);
    this.#queues.set(key, queue);
    return queue;
  }
}

/** Whether a reload changed what may let an attempt with a partner succeed: its settings, or what counts for all of them. */
function touchedBy(before: Current, now: Current): (partner: string) => boolean {
  const common = ({ state: { document, xmppIdentity, furtherIdentities = [], dialbackSecret } }: Current): string => {
    const shown = [xmppIdentity, ...furtherIdentities].map(({ certificateChain }) => certificateChain);
    return JSON.stringify([document.gateway.negotiationMode, document.xmpp, shown, dialbackSecret]);
  };
  const settings = ({ directory }: Current, partner: string): string => JSON.stringify(directory.partner(partner));
  const all = common(before) !== common(now);
  return (partner) => all || settings(before, partner) !== settings(now, partner);
}

function asText(stanza: XmlElement): string | null {
  try {
    return writeElement(stanza);
  } catch {
    return null;
  }
}

const refused = (code: FailureCode, facts = {}): Sent => ({ sent: false, because: failure(code, facts) });
