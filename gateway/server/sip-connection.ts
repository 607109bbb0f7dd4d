/** One verified TLS connection: framing, signs of life, bounded writing. What is wrong on it ends it and nothing else. */
import type { TLSSocket } from "node:tls";
import { respond } from "../sip/compose.ts";
import type { Fault } from "../sip/faults.ts";
import { type Framed, Framer } from "../sip/framing.ts";
import type { Head } from "../sip/head.ts";
import { LIMITS as MESSAGE_LIMITS } from "../sip/limits.ts";
import { headerOf, type SipMessage } from "../sip/message.ts";
import { interpret, type ReceivedRequest, type ReceivedResponse } from "../sip/parse.ts";
import { serialize } from "../sip/serialize.ts";
import type { SipConnection, Timer } from "./ports.ts";
import { explain, type SipContext } from "./sip-context.ts";
import type { ShownCertificate, SipPeer } from "./sip-peer.ts";

export interface ConnectionUser {
  onMessage(received: ReceivedRequest | ReceivedResponse, connection: Connection): void;
  onClosed(connection: Connection): void;
}

export interface ConnectionParts {
  readonly socket: TLSSocket;
  readonly direction: "in" | "out";
  /** The hop that we opened it to. */
  readonly toward: string | null;
  readonly peer: SipPeer;
  readonly shown: ShownCertificate;
  readonly context: SipContext;
  readonly user: ConnectionUser;
}

const CRLF = Buffer.from("\r\n");
const PING = Buffer.from("\r\n\r\n");

export class Connection {
  readonly id: string;
  readonly direction: "in" | "out";
  /** The hop that we opened it to; null where the peer did. */
  readonly toward: string | null;
  /** Address and port of the peer. */
  readonly address: string;
  /** Address alone, for `received`. */
  readonly host: string;
  /** Our own address, for session descriptions. */
  readonly localHost: string;
  readonly shown: ShownCertificate;
  readonly since: number;
  peer: SipPeer;
  #open = true;
  readonly #socket: TLSSocket;
  readonly #context: SipContext;
  readonly #user: ConnectionUser;
  readonly #framer: Framer;
  /** A message that began and did not end. */
  #slow: Timer | null = null;
  #silence: Timer | null = null;
  #awaitingPong: Timer | null = null;
  #answersPings = false;
  #halfPing = false;

  constructor({ socket, direction, toward, peer, shown, context, user }: ConnectionParts) {
    this.id = context.surroundings.random(8).toString("hex");
    this.direction = direction;
    this.toward = toward;
    this.host = plainAddress(socket.remoteAddress);
    this.address = `${this.host.includes(":") ? `[${this.host}]` : this.host}:${socket.remotePort ?? 0}`;
    this.localHost = plainAddress(socket.localAddress);
    this.peer = peer;
    this.shown = shown;
    this.since = context.surroundings.clock.now();
    this.#socket = socket;
    this.#context = context;
    this.#user = user;
    this.#framer = new Framer({ ...MESSAGE_LIMITS, bodyBytes: context.limits.bodyBytes });
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#onData(bytes));
    socket.on("error", () => {}); // `close` follows
    socket.on("end", () => this.close("peer-closed"));
    socket.on("close", () => this.close("peer-closed"));
    this.#listenForSilence();
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Whether the message went to the socket. */
  send(message: SipMessage): boolean {
    return this.#write(serialize(message));
  }

  /** Ends it: what was written still goes out. `why` is a code for the log. */
  close(why: string): void {
    if (!this.#open) return;
    this.#open = false;
    for (const timer of [this.#slow, this.#silence, this.#awaitingPong]) timer?.cancel();
    this.#socket.end();
    const impatience = this.#context.surroundings.clock.after(CLOSE_MILLISECONDS, () => this.#socket.destroy());
    if (this.#socket.closed) impatience.cancel();
    else this.#socket.once("close", () => impatience.cancel());
    this.#context.surroundings.log("sip-disconnected", { id: this.id, peer: this.peer.fqdn, address: this.address, why });
    this.#user.onClosed(this);
  }

  describe(): SipConnection {
    return { id: this.id, direction: this.direction, address: this.address, peerFqdn: this.peer.fqdn, since: this.since };
  }

  #write(bytes: Buffer): boolean {
    if (!this.#open) return false;
    if (this.#socket.writableLength + bytes.length > this.#context.limits.writeBuffer) {
      this.#give("write", "write-buffer-full", `more than ${this.#context.limits.writeBuffer} bytes wait for the peer to read`);
      return false;
    }
    this.#socket.write(bytes);
    return true;
  }

  #onData(bytes: Buffer): void {
    if (!this.#open) return;
    this.#listenForSilence();
    for (const framed of this.#framer.push(bytes)) {
      if (framed.kind === "crlf") this.#onCrlf();
      else this.#onFramed(framed);
    }
    this.#watchSlowness();
  }

  #onFramed(framed: Exclude<Framed, { kind: "crlf" }>): void {
    this.#halfPing = false;
    this.#slow?.cancel();
    this.#slow = null;
    if (framed.kind === "message") this.#onMessage(framed.head, framed.body);
    else if (framed.kind === "oversized") this.#answer(framed.head, 413, "Body too large");
    else this.#onLost(framed.head, framed.fault);
  }

  #onMessage(head: Head, body: Buffer): void {
    const parsed = interpret(head, body);
    if (parsed.ok) {
      this.#user.onMessage(parsed.received, this);
      return;
    }
    this.#note(parsed.fault);
    if (parsed.answerable !== null)
      this.#answer({ headers: parsed.answerable, isResponse: false }, parsed.fault.status, reasonFor(parsed.fault));
  }

  #onLost(head: Head | null, fault: Fault): void {
    this.#note(fault);
    if (head !== null) this.#answer(head, fault.status, reasonFor(fault));
    this.close(fault.code);
  }

  /** A stateless answer (RFC 3261 8.2.7) to what cannot become a transaction. */
  #answer(head: Pick<Head, "headers" | "isResponse">, status: number, reason: string): void {
    const isAck = /\bACK$/.test(headerOf(head, "cseq") ?? "");
    if (head.isResponse || isAck || headerOf(head, "via") === undefined) return;
    const headers = explain(this.#context, status, reason);
    this.send(respond(head, { status, reason, headers, tag: this.#context.names.tag() }, this.host));
  }

  #note(fault: Fault): void {
    this.#context.attempts.add({
      direction: "in",
      address: this.address,
      peer: this.peer.fqdn,
      step: "message",
      code: fault.code,
      text: `${fault.where}: ${fault.what} (${fault.clause})`,
    });
  }

  #give(step: string, code: string, text: string): void {
    this.#context.attempts.add({ direction: this.direction, address: this.address, peer: this.peer.fqdn, step, code, text });
    this.close(code);
  }

  #watchSlowness(): void {
    if (!this.#framer.isInside) {
      this.#slow?.cancel();
      this.#slow = null;
      return;
    }
    this.#slow ??= this.#context.surroundings.clock.after(this.#context.limits.message, () =>
      this.#give("message", "message-too-slow", `a message was not complete after ${this.#context.limits.message / 1000} s`),
    );
  }

  /** RFC 5626 3.5.1: a double CRLF is a ping, a single one its pong. */
  #onCrlf(): void {
    if (this.#awaitingPong !== null) {
      this.#awaitingPong.cancel();
      this.#awaitingPong = null;
      this.#answersPings = true;
      return;
    }
    this.#halfPing = !this.#halfPing;
    if (!this.#halfPing) this.#write(CRLF);
  }

  #listenForSilence(): void {
    this.#silence?.cancel();
    const { ping, idle } = this.#context.limits;
    const { clock } = this.#context.surroundings;
    this.#silence = this.direction === "out" ? clock.after(ping, () => this.#ping()) : clock.after(idle, () => this.close("idle"));
  }

  /** A peer that never answered a ping is not held to it: keep-alive by CRLF must be agreed on (RFC 6223), and Lync has its own. */
  #ping(): void {
    const { pong } = this.#context.limits;
    if (!this.#write(PING)) return;
    this.#awaitingPong?.cancel();
    this.#awaitingPong = this.#context.surroundings.clock.after(pong, () => {
      this.#awaitingPong = null;
      if (this.#answersPings) this.#give("keep-alive", "no-pong", `no answer to a ping within ${pong / 1000} s`);
      else this.#listenForSilence();
    });
  }
}

/** Time for our last bytes to go out after the end. */
const CLOSE_MILLISECONDS = 2000;

/** A reason phrase that names the header (RFC 3261 21.4.1). */
const reasonFor = (fault: Fault): string => `${fault.where}: ${fault.what}`;

/** IPv4 in its own form where the socket shows it mapped into IPv6. */
const plainAddress = (address: string | undefined): string => (address ?? "").replace(/^::ffff:(?=\d+\.)/, "");
