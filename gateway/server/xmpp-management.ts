/**
 * Stanzas of ours on one stream and what became of them: taken by the kernel, or, with stream management (XEP-0198),
 * acknowledged by the peer. Counts the peer's stanzas too, for our own acknowledgements.
 */
import type { NegotiationFailure } from "../negotiation/failures.ts";
import type { ManagementKnown } from "../negotiation/known.ts";
import { ackElement, acknowledgedBy, ahead, type ManagementElement, next, requestElement } from "../negotiation/management.ts";
import { writeElement } from "../stream/writer.ts";

/** A stanza on its way. */
export interface Pending {
  readonly text: string;
  /** Nobody waits for it any more: it is not written again. */
  readonly cancelled: boolean;
  /** The kernel has it: there is room for more. */
  taken(): void;
  /** What became of it; null where the peer has it. Called at most once by a stream. */
  settled(because: NegotiationFailure | null): void;
}

/** What is left of a lost stream that may be resumed (XEP-0198 section 5). */
export interface Resumption {
  readonly previd: string;
  /** Stanzas of the peer that were handled. */
  readonly handled: number;
  /** The peer's last acknowledgement, and what was sent since. */
  readonly acknowledged: number;
  readonly pending: readonly Pending[];
  /** Epoch milliseconds until which the peer keeps it. */
  readonly until: number;
}

interface Sent {
  readonly pending: Pending;
  taken: boolean;
}

/** What the flow needs of its stream. */
export interface FlowHost {
  write(text: string, written?: (error: Error | null) => void): void;
  /** Why the stream ended. */
  reason(): NegotiationFailure;
}

const REQUEST = writeElement(requestElement());

export class StanzaFlow {
  readonly #host: FlowHost;
  #sent: Sent[] = [];
  #acknowledged = 0;
  #handled = 0;
  #enabled = false;
  #counting = false;
  #asked = false;
  #resumable: { readonly id: string; readonly seconds: number } | null = null;

  constructor(host: FlowHost) {
    this.#host = host;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get handled(): number {
    return this.#handled;
  }

  get resumable(): { readonly id: string; readonly seconds: number } | null {
    return this.#resumable;
  }

  /** Stanzas sent so far, as the peer should have counted them. */
  get sent(): number {
    return ahead(this.#acknowledged, this.#sent.length);
  }

  /** What the machines may know, with the acknowledgement at hand. */
  known(allowed: boolean, found: ManagementElement | null): ManagementKnown {
    const h = found?.h ?? null;
    return {
      allowed,
      enabled: this.#enabled,
      unreadable: h === null,
      tooHigh: h !== null && acknowledgedBy(h, this.#acknowledged, this.#sent.length) === null,
    };
  }

  /** From here on both directions are counted; the initiator counts the peer's only from `<enabled/>` on. */
  enable(counting: boolean): void {
    this.#enabled = true;
    this.#counting = counting;
  }

  /** `<enabled/>` came, or went out. @param id of a stream that may be resumed for so many seconds */
  confirmed(id: string | null, seconds: number): void {
    this.#counting = true;
    this.#resumable = id === null ? null : { id, seconds };
  }

  /** `<failed/>` came: what the kernel has is as good as sent. */
  disable(): void {
    this.#enabled = false;
    this.#counting = false;
    for (const { pending, taken } of this.#sent.splice(0)) if (taken) pending.settled(null);
  }

  /** Goes on where a lost stream stopped: what `h` acknowledges has arrived, the rest is written again, in order. */
  resume(from: Resumption, h: number, seconds: number): void {
    this.#enabled = true;
    this.#counting = true;
    this.#handled = from.handled;
    this.#acknowledged = h;
    this.#resumable = { id: from.previd, seconds };
    this.#writeAgain(from, h);
  }

  /** On a new stream, what an old one had not handled where it said how far it came; otherwise nobody knows. */
  recover(from: Resumption, h: number | null, unknown: (why: Pending) => void): void {
    const arrived = h === null ? null : acknowledgedBy(h, from.acknowledged, from.pending.length);
    if (arrived === null || h === null) for (const pending of from.pending) unknown(pending);
    else this.#writeAgain(from, h);
  }

  #writeAgain({ pending, acknowledged }: Resumption, h: number): void {
    const arrived = acknowledgedBy(h, acknowledged, pending.length) ?? 0;
    for (const done of pending.slice(0, arrived)) done.settled(null);
    for (const left of pending.slice(arrived)) if (!left.cancelled) this.send(left);
  }

  /** Writes a stanza. */
  send(pending: Pending): void {
    if (!this.#enabled) {
      this.#host.write(pending.text, (error) => {
        pending.taken();
        pending.settled(error === null ? null : this.#host.reason());
      });
      return;
    }
    const sent: Sent = { pending, taken: false };
    this.#sent.push(sent);
    const asks = !this.#asked;
    this.#asked = true;
    this.#host.write(asks ? pending.text + REQUEST : pending.text, (error) => {
      sent.taken = true;
      pending.taken();
      // It was not enabled after all.
      if (!this.#enabled && !this.#sent.includes(sent)) pending.settled(error === null ? null : this.#host.reason());
    });
  }

  /** `<a/>` came. One request is under way at any time, so that a busy stream costs no more than a quiet one. */
  acknowledge(h: number): void {
    const many = acknowledgedBy(h, this.#acknowledged, this.#sent.length) ?? 0;
    this.#acknowledged = ahead(this.#acknowledged, many);
    for (const { pending } of this.#sent.splice(0, many)) pending.settled(null);
    this.#asked = this.#sent.length > 0;
    if (this.#asked) this.#host.write(REQUEST);
  }

  /** A stanza of the peer was taken over. */
  handle(): void {
    if (this.#counting) this.#handled = next(this.#handled);
  }

  /** Our acknowledgement as text. */
  answer(): string {
    return writeElement(ackElement(this.#handled));
  }

  /** The stream is lost: hands over what it holds; afterwards it holds nothing. */
  take(now: number): { readonly resumption: Resumption | null; readonly pending: readonly Pending[] } {
    const pending = this.#sent.splice(0).map((sent) => sent.pending);
    const resumable = this.#enabled ? this.#resumable : null;
    this.#resumable = null;
    if (resumable === null) return { resumption: null, pending };
    const until = now + resumable.seconds * 1000;
    return {
      resumption: { previd: resumable.id, handled: this.#handled, acknowledged: this.#acknowledged, pending, until },
      pending: [],
    };
  }
}
