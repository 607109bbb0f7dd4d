/** A stream of bytes -> messages, cut by Content-Length (RFC 3261 18.3). Holds no more than one message. */
import { type Fault, fault } from "./faults.ts";
import { type Head, readHead } from "./head.ts";
import { LIMITS } from "./limits.ts";
import { NO_BODY } from "./message.ts";
import { contentLength, EMPTY_LINE } from "./parse.ts";

export type Framed =
  | { readonly kind: "message"; readonly head: Head; readonly body: Buffer }
  /** One CRLF between messages: half a ping, or a pong (RFC 5626 3.5.1). */
  | { readonly kind: "crlf" }
  /** The body is too long and will be read past; answer 413. */
  | { readonly kind: "oversized"; readonly head: Head }
  /** Nobody knows where the next message starts: answer if there is a head, then close. Nothing follows. */
  | { readonly kind: "lost"; readonly head: Head | null; readonly fault: Fault };

export interface FramerLimits {
  readonly headBytes: number;
  readonly bodyBytes: number;
  readonly skippedBodyBytes: number;
}

export class Framer {
  readonly #limits: FramerLimits;
  /** What arrived and was not taken yet: the last read itself, or the end of `#store`. */
  #held: Buffer = NO_BODY;
  /** Grows by doubling, so that many small reads cost no more than one large one. */
  #store: Buffer | null = null;
  #storeEnd = 0;
  /** How far `#held` was searched for the end of the head. */
  #searched = 0;
  #waiting: { head: Head; bodyLength: number } | null = null;
  #skip = 0;
  #lost = false;

  constructor(limits: FramerLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return !this.#lost && (this.#held.length > 0 || this.#waiting !== null || this.#skip > 0);
  }

  /** Takes what arrived; gives what is complete. Bodies share memory with `bytes`, which must not be written again. */
  push(bytes: Buffer): Framed[] {
    if (this.#lost) return [];
    const found: Framed[] = [];
    this.#append(bytes);
    while (!this.#lost) {
      const framed = this.#next();
      if (framed === null) break;
      if (framed !== "again") found.push(framed);
    }
    return found;
  }

  #append(bytes: Buffer): void {
    if (this.#held.length === 0) {
      this.#held = bytes;
      this.#store = null;
      return;
    }
    const size = this.#held.length + bytes.length;
    if (this.#store === null || this.#storeEnd + bytes.length > this.#store.length) {
      this.#store = Buffer.allocUnsafe(size * 2);
      this.#storeEnd = this.#held.copy(this.#store);
    }
    this.#storeEnd += bytes.copy(this.#store, this.#storeEnd);
    this.#held = this.#store.subarray(this.#storeEnd - size, this.#storeEnd);
  }

  #next(): Framed | "again" | null {
    if (this.#skip > 0) return this.#skipBytes();
    if (this.#waiting !== null) return this.#takeBody(this.#waiting.head, this.#waiting.bodyLength);
    if (this.#held[0] === 0x0d && this.#held[1] === 0x0a) {
      this.#consume(2);
      return { kind: "crlf" };
    }
    return this.#takeHead();
  }

  #skipBytes(): "again" | null {
    const many = Math.min(this.#skip, this.#held.length);
    if (many === 0) return null;
    this.#skip -= many;
    this.#consume(many);
    return "again";
  }

  #takeHead(): Framed | "again" | null {
    const end = this.#held.indexOf(EMPTY_LINE, Math.max(0, this.#searched - 3));
    const size = end < 0 ? this.#held.length : end;
    if (size > this.#limits.headBytes) {
      return this.#lose(null, fault("head-too-large", "headers", `more than ${this.#limits.headBytes} bytes`));
    }
    this.#searched = this.#held.length;
    if (end < 0) return null;
    const head = readHead(this.#held.toString("latin1", 0, end));
    this.#consume(end + 4);
    return this.#afterHead(head);
  }

  #afterHead(head: Head): Framed | "again" | null {
    if (head.fault?.code === "line-end-malformed") return this.#lose(head, head.fault);
    const length = contentLength(head);
    if (length === null) return this.#lose(head, fault("content-length-missing", "Content-Length", "is missing; a stream needs it"));
    if (typeof length !== "number") return this.#lose(head, length);
    if (length > this.#limits.skippedBodyBytes) {
      return this.#lose(head, fault("body-too-large", "Content-Length", `${length}; expected at most ${this.#limits.bodyBytes}`));
    }
    if (length > this.#limits.bodyBytes) {
      this.#skip = length;
      return { kind: "oversized", head };
    }
    this.#waiting = { head, bodyLength: length };
    return "again";
  }

  #takeBody(head: Head, length: number): Framed | null {
    if (this.#held.length < length) return null;
    const body = length === 0 ? NO_BODY : this.#held.subarray(0, length);
    this.#waiting = null;
    this.#consume(length);
    return { kind: "message", head, body };
  }

  #consume(many: number): void {
    this.#held = this.#held.subarray(many);
    this.#searched = 0;
  }

  #lose(head: Head | null, problem: Fault): Framed {
    this.#lost = true;
    this.#held = NO_BODY;
    return { kind: "lost", head, fault: problem };
  }
}
