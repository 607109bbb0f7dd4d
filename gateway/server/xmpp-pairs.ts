/** Stanzas on their way out: one bounded queue and one stream for each pair of domains. */
import { domainOfAddress } from "../negotiation/addresses.ts";
import type { Pair } from "../negotiation/dialback.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import type { PeerProof } from "../negotiation/proof.ts";
import { writeElement } from "../stream/writer.ts";
import type { XmlElement } from "../xmpp/element.ts";
import { isStanza } from "../xmpp/stanzas.ts";
import type { Sent, Timer } from "./ports.ts";
import { Attempt } from "./xmpp-connector.ts";
import type { XmppContext } from "./xmpp-context.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { OutboundStream } from "./xmpp-outbound.ts";

interface Waiting {
  readonly text: string;
  readonly bytes: number;
  readonly settle: (sent: Sent) => void;
  timer: Timer | null;
  inFlight: boolean;
}

/** The queue of one pair, and its stream. */
class PairQueue {
  readonly #context: XmppContext;
  readonly #pair: Pair;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  #stream: OutboundStream | null = null;
  #proof: PeerProof | null = null;
  #attempt: Attempt | null = null;

  constructor(context: XmppContext, pair: Pair) {
    this.#context = context;
    this.#pair = pair;
  }

  get idle(): boolean {
    return this.#waiting.size === 0 && this.#stream === null && this.#attempt === null;
  }

  add(text: string, deadline: number): Promise<Sent> {
    const bytes = Buffer.byteLength(text);
    const left = deadline - this.#context.surroundings.clock.now();
    if (left <= 0) return Promise.resolve(this.#refuse("deadline-passed", "the deadline had passed already"));
    if (this.#waiting.size >= XMPP_LIMITS.queuedStanzas || this.#bytes + bytes > XMPP_LIMITS.queuedBytes) {
      return Promise.resolve(this.#refuse("queue-full", `${this.#waiting.size} stanzas, ${this.#bytes} bytes`));
    }
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

  #hand(stream: OutboundStream, proof: PeerProof): void {
    for (const entry of this.#waiting) {
      if (stream.waiting > XMPP_LIMITS.inFlight) return;
      if (!entry.inFlight) this.#write(stream, proof, entry);
      if (!stream.usable) return;
    }
  }

  /** Everything that waits is refused, and no new stream is made. */
  failAll(because: NegotiationFailure): void {
    this.#attempt?.stop(because);
    for (const entry of [...this.#waiting]) if (!entry.inFlight) this.#settle(entry, { sent: false, because });
  }

  #write(stream: OutboundStream, proof: PeerProof, entry: Waiting): void {
    entry.inFlight = true;
    stream.writeStanza(entry.text, (error) => {
      if (!this.#waiting.has(entry)) return;
      this.#settle(entry, error ? { sent: false, because: stream.reason } : { sent: true, proof });
      if (!error) this.pump();
    });
  }

  #connect(): void {
    if (this.#attempt !== null || this.#stream !== null || ![...this.#waiting].some(({ inFlight }) => !inFlight)) return;
    const attempt = new Attempt(this.#context, this.#pair, { kind: "stanzas" });
    this.#attempt = attempt;
    void attempt.settled.then((outcome) => {
      this.#attempt = null;
      if (outcome.kind === "ready") this.#adopt(outcome.stream, outcome.proof);
      else this.failAll(outcome.kind === "verified" ? failure("stream-closed", { peer: this.#pair.partner }) : outcome.because);
    });
  }

  #adopt(stream: OutboundStream, proof: PeerProof): void {
    stream.onLost = () => this.#lost(stream);
    this.#stream = stream;
    this.#proof = proof;
    if (!stream.usable) this.#lost(stream);
    this.pump();
  }

  /** What still waits gets a new stream. What was handed over hears from the socket whether it left. */
  #lost(stream: OutboundStream): void {
    if (this.#stream !== stream) return;
    this.#stream = null;
    this.#proof = null;
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

  /** After a reload: what waits for a pair that is no longer served is refused now. */
  reload(): void {
    const { directory } = this.#context.current();
    for (const [key, queue] of this.#queues) {
      const [local = "", partner = ""] = key.split(" ");
      if (!directory.serves(local)) queue.failAll(failure("host-not-served", { local }));
      if (directory.partner(partner) === null) queue.failAll(failure("partner-not-listed", { peer: partner }));
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

function asText(stanza: XmlElement): string | null {
  try {
    return writeElement(stanza);
  } catch {
    return null;
  }
}

const refused = (code: FailureCode, facts = {}): Sent => ({ sent: false, because: failure(code, facts) });
