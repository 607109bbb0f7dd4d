/**
 * Messages of SIP users that stand on a partner's stream: their sender was told 202, so a bounce that comes later must
 * still reach him (RFC 3428 section 7).
 */

export const SENT_LIMITS = {
  /** Messages remembered; the oldest is forgotten first. */
  entries: 10_000,
  /** Milliseconds a message is remembered: partners give up within minutes. */
  age: 600_000,
} as const;

export interface SentMessage {
  /** The SIP user who sent it, and the partner's user it went to: SIP URIs. */
  readonly from: string;
  readonly to: string;
  readonly chat: boolean;
  readonly thread: string | null;
}

export class SentMessages {
  readonly #entries = new Map<string, { message: SentMessage; at: number }>();
  readonly #limit: number;
  constructor(limit: number = SENT_LIMITS.entries) {
    this.#limit = limit;
  }

  remember(id: string, message: SentMessage, now: number): void {
    for (const [oldest, { at }] of this.#entries) {
      if (this.#entries.size < this.#limit && now - at <= SENT_LIMITS.age) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(id, { message, at: now });
  }

  /** The message of that id, once: a second bounce tells nobody anything. */
  take(id: string, now: number): SentMessage | null {
    const found = this.#entries.get(id);
    if (!found) return null;
    this.#entries.delete(id);
    return now - found.at <= SENT_LIMITS.age ? found.message : null;
  }

  get size(): number {
    return this.#entries.size;
  }
}
