/** The domain pairs of one inbound stream: what is proven, what is being verified, and dialback's steps 1 and 4. */
import { answerElement, errorElement, type Pair } from "../negotiation/dialback.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import { type PairAction, type PairEvent, type PairState, stepPair } from "../negotiation/inbound.ts";
import type { InboundKnown, PairKnown } from "../negotiation/known.ts";
import { type PeerProof, proveByDialback } from "../negotiation/proof.ts";
import type { XmlElement } from "../xmpp/element.ts";
import type { VerifyOutcome, XmppContext } from "./xmpp-context.ts";

/** What the pairs need of their stream. */
export interface PairHost {
  readonly context: XmppContext;
  /** The id of our present response header, which keys are bound to. */
  streamId(): string;
  tls(): boolean;
  /** What is known with this pair at hand. */
  known(pair: PairKnown, partner: string): InboundKnown;
  /** Whether the peer understands type='error'. */
  knowsErrors(): boolean;
  send(element: XmlElement): void;
  record(code: FailureCode, pair: Pair, detail?: string): NegotiationFailure;
  fail(code: FailureCode, pair: Pair, detail?: string): void;
  /** Sends what a peer without dialback errors understands and ends the stream. */
  sendAndClose(element: XmlElement): void;
  proved(proof: PeerProof): void;
}

/** What the event at hand brought. */
interface Moment {
  readonly key?: string;
  readonly outcome?: VerifyOutcome;
}

/** Actions that are no refusal. */
type PlainAction = Exclude<PairAction, `refuse:${string}`>;

interface Entry {
  readonly pair: Pair;
  state: PairState;
  proof: PeerProof | null;
}

export class InboundPairs {
  readonly #host: PairHost;
  readonly #entries = new Map<string, Entry>();

  constructor(host: PairHost) {
    this.#host = host;
  }

  proofs(): readonly PeerProof[] {
    return [...this.#entries.values()].flatMap(({ proof }) => proof ?? []);
  }

  get open(): number {
    return this.#entries.size;
  }

  /** A restarted stream knows nothing of what was proven before (RFC 6120 4.3.3, 5.4.3.3). */
  clear(): void {
    this.#entries.clear();
  }

  /** The proof that lets a stanza of this pair pass, or null. */
  proofOf(pair: Pair): PeerProof | null {
    return this.#entries.get(keyOf(pair))?.proof ?? null;
  }

  /** What the machines may know of a pair; null parts are addresses that are missing or no addresses. */
  describe(partner: string | null, local: string | null): PairKnown {
    const { directory } = this.#host.context.current();
    return {
      addressesValid: partner !== null && local !== null,
      listed: partner !== null && directory.partner(partner) !== null,
      served: local !== null && directory.serves(local),
      methods: directory.methods(partner ?? ""),
      proven: partner !== null && local !== null && this.proofOf({ partner, local }) !== null,
      partnerProven: this.proofs().some((proof) => proof.partnerDomain === partner),
    };
  }

  /** The stream's own pair, proven by SASL. */
  add(proof: PeerProof): void {
    const pair = { local: proof.localDomain, partner: proof.partnerDomain };
    this.#entries.set(keyOf(pair), { pair, state: "proven", proof });
    this.#host.proved(proof);
  }

  /** Step 1: a key for a pair. */
  judge(pair: Pair, key: string): void {
    const entry = this.#entries.get(keyOf(pair)) ?? { pair, state: "unknown", proof: null };
    this.#step(entry, "key", { key });
  }

  #step(entry: Entry, event: PairEvent, moment: Moment): void {
    const { pair } = entry;
    const step = stepPair(entry.state, event, this.#host.known(this.describe(pair.partner, pair.local), pair.partner));
    if (!step.found) {
      this.#host.fail("out-of-order", pair, step.text);
      return;
    }
    entry.state = step.next;
    if (entry.state === "unknown") this.#entries.delete(keyOf(pair));
    else this.#entries.set(keyOf(pair), entry);
    const [kind, what = ""] = step.act.split(":");
    if (kind === "refuse") this.#refuse(pair, what as FailureCode);
    else this.#acts[step.act as PlainAction](entry, moment);
  }

  readonly #acts: Readonly<Record<PlainAction, (entry: Entry, moment: Moment) => void>> = {
    askAuthority: (entry, { key }) => this.#ask(entry, key ?? ""),
    provePair: (entry, { outcome }) => this.#prove(entry, outcome),
    sayValid: ({ pair }) => this.#host.send(answerElement(pair, null, "valid")),
    sayInvalidAndClose: ({ pair }) => this.#sayInvalid(pair),
    sayVerifyFailed: ({ pair }, { outcome }) => this.#sayVerifyFailed(pair, outcome),
    failDuplicate: ({ pair }) => this.#host.fail("out-of-order", pair, "a second dialback key for a pair that is being verified"),
  };

  #sayInvalid(pair: Pair): void {
    this.#host.record("dialback-key-invalid", pair);
    this.#host.sendAndClose(answerElement(pair, null, "invalid"));
  }

  #sayVerifyFailed(pair: Pair, outcome: VerifyOutcome | undefined): void {
    this.#refuse(pair, outcome?.answered === false ? outcome.because : failure("authority-timeout", { peer: pair.partner }));
  }

  /** Steps 2 and 3 happen on another stream; the answer counts only while this entry is still waiting for it. */
  #ask(entry: Entry, key: string): void {
    const streamId = this.#host.streamId();
    void this.#host.context.verify(entry.pair, streamId, key).then((outcome) => {
      if (this.#entries.get(keyOf(entry.pair)) !== entry || entry.state !== "verifying" || this.#host.streamId() !== streamId) return;
      const valid = outcome.answered && outcome.answer.type === "valid";
      this.#step(entry, outcome.answered ? (valid ? "keyValid" : "keyInvalid") : "verifyFailed", { outcome });
    });
  }

  #prove(entry: Entry, outcome: VerifyOutcome | undefined): void {
    const { pair } = entry;
    const methods = this.#host.context.current().directory.methods(pair.partner);
    const claim = { partnerDomain: pair.partner, localDomain: pair.local, methods, tls: this.#host.tls() };
    const proof = outcome?.answered ? proveByDialback({ ...claim, expected: outcome.expected, answer: outcome.answer }) : null;
    if (proof === null) {
      this.#host.fail("unsolicited-dialback", pair, `db:verify from ${pair.partner}`);
      return;
    }
    entry.proof = proof;
    this.#host.send(answerElement(pair, null, "valid"));
    this.#host.proved(proof);
  }

  /** type='error' where the peer knows it (any peer with stream features is taken to), else a stream error (XEP-0220 2.5). */
  #refuse(pair: Pair, why: FailureCode | NegotiationFailure): void {
    const code = typeof why === "string" ? why : why.code;
    if (!this.#host.knowsErrors()) {
      this.#host.fail(code, pair, typeof why === "string" ? undefined : why.detail);
      return;
    }
    const because = this.#host.record(code, pair, typeof why === "string" ? undefined : why.detail);
    this.#host.send(errorElement(pair, null, because.condition, because.text));
  }
}

const keyOf = ({ local, partner }: Pair): string => `${local} ${partner}`;
