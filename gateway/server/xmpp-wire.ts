/**
 * One connection as a wire: bytes in through the strict reader, text out with a bounded buffer, the change to TLS, the
 * closing handshake. Knows nothing of what the elements mean.
 */
import type { Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import type { PeerCertificate } from "../negotiation/certificate.ts";
import { type ReaderLimits, type StreamEvent, StreamReader, UNAUTHENTICATED_LIMITS } from "../stream/reader.ts";
import { CLOSE } from "../stream/writer.ts";
import type { Clock, Timer } from "./ports.ts";
import type { Identities } from "./xmpp-identities.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import { acceptTls, connectTls, describeTls, peerCertificate, type TlsStart } from "./xmpp-tls.ts";

export interface WireHandlers {
  /** `followed`: something other than white space came behind this event in the same piece. */
  event(event: StreamEvent, followed: boolean): void;
  /** Bytes arrived, whatever they are: a sign of life. */
  heard(): void;
  /** More waits to be read by the peer than XMPP_LIMITS.writeBuffer; the wire is dead already. */
  overflowed(): void;
  /** The connection is gone. Called once, always. */
  ended(detail: string): void;
}

export class Wire {
  readonly address: string;
  readonly #clock: Clock;
  readonly #handlers: WireHandlers;
  readonly #reader = new StreamReader(UNAUTHENTICATED_LIMITS);
  #socket: Socket;
  #generation = 0;
  #closing = false;
  /** After our closing tag: whether what the peer had sent before it saw that is still heard (RFC 6120 4.4). */
  #hears = false;
  #peerClosed = false;
  #over = false;
  #error = "";
  #closeTimer: Timer | null = null;
  /** Epoch milliseconds of the last text of ours. */
  lastWritten: number;
  #tls: { readonly text: string; readonly certificate: PeerCertificate | null } | null = null;

  constructor(socket: Socket, clock: Clock, handlers: WireHandlers) {
    this.#socket = socket;
    this.#clock = clock;
    this.lastWritten = clock.now();
    this.#handlers = handlers;
    this.address = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  /** TLS as text and the peer's certificate; null in clear. */
  get tls(): { readonly text: string; readonly certificate: PeerCertificate | null } | null {
    return this.#tls;
  }

  /** Bytes that wait in this process. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  /** Not one byte has come: so far this is no more than a probe of the port. */
  get untouched(): boolean {
    return this.#socket.bytesRead === 0;
  }

  get usable(): boolean {
    return !this.#over && !this.#closing;
  }

  setLimits(limits: ReaderLimits): void {
    this.#reader.setLimits(limits);
  }

  /** Writes text. `written` hears when the kernel has it, or why it never will. */
  write(text: string, written?: (error: Error | null) => void): void {
    if (!this.usable) {
      written?.(new Error("the stream is closed"));
      return;
    }
    this.lastWritten = this.#clock.now();
    this.#socket.write(text, written && ((error) => written(error ?? null)));
    if (this.#socket.writableLength <= XMPP_LIMITS.writeBuffer) return;
    this.destroy("the peer does not read");
    this.#handlers.overflowed();
  }

  /** A new stream begins on this connection: what was read and not yet understood is forgotten. */
  restart(): void {
    this.#generation++;
    this.#reader.restart();
  }

  /** The peer may begin TLS once `text` has left. `done` is called when it is up; otherwise the wire ends. */
  acceptTls(text: string, own: Identities, done: () => void): void {
    const plain = this.#release();
    plain.write(text, () => {
      // Destroyed meanwhile: nobody else listens to the plain socket's end now.
      if (plain.destroyed) this.#end();
      else this.#handshake(acceptTls(plain, own, "starttls"), done);
    });
  }

  /** The peer begins TLS with its first byte (XEP-0368). As acceptTls, without a word before. */
  acceptDirectTls(own: Identities, done: () => void): void {
    this.#handshake(acceptTls(this.#release(), own, "direct"), done);
  }

  /** We begin TLS now. `done` is called when it is up; otherwise the wire ends. */
  connectTls(context: SecureContext, servername: string, start: TlsStart, done: () => void): void {
    this.#handshake(connectTls(this.#release(), context, servername, start), done);
  }

  /** Sends the parting text and our closing tag, then waits for the peer's (RFC 6120 4.4), for at most XMPP_LIMITS.close. */
  close(parting = "", hears = false): void {
    if (!this.usable) return;
    this.#hears = hears;
    this.#socket.write(parting + CLOSE);
    this.#closing = true;
    if (this.#peerClosed || parting !== "") this.#socket.end();
    this.#closeTimer = this.#clock.after(XMPP_LIMITS.close, () => this.destroy("the peer did not close the stream in time"));
  }

  destroy(why: string): void {
    this.#error ||= why;
    this.#closing = true;
    this.#socket.destroy();
  }

  // ---- the socket ------------------------------------------------------------------------------------------------

  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onClose = (): void => this.#end();

  #listen(socket: Socket): void {
    socket.on("data", this.#onData);
    socket.on("close", this.#onClose);
    socket.on("error", (error: Error) => {
      this.#error ||= error.message;
    });
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#closeTimer?.cancel();
    this.#handlers.ended(this.#error || "the connection was closed");
  }

  #read(chunk: Buffer): void {
    this.#handlers.heard();
    const events = this.#reader.write(chunk);
    const generation = this.#generation;
    const last = events.findLastIndex(({ kind }) => kind !== "whitespace");
    for (const [index, event] of events.entries()) {
      if (event.kind === "close") this.#peerClosed = true;
      if (this.#closing) {
        if (this.#peerClosed) this.#socket.end();
        else if (this.#hears && event.kind === "element") this.#handlers.event(event, true);
        continue;
      }
      const followed = index < last || this.#reader.pending > 0;
      this.#handlers.event(event, followed);
      // Whatever came behind the element that began a new stream belongs to no stream.
      if (generation !== this.#generation || this.#over) return;
    }
  }

  /** Takes the plain socket away from the reader: from here on its bytes are TLS or nothing. */
  #release(): Socket {
    this.#socket.pause();
    this.#socket.off("data", this.#onData);
    this.#socket.off("close", this.#onClose);
    this.restart();
    return this.#socket;
  }

  #handshake(handshake: Promise<TLSSocket>, done: () => void): void {
    handshake.then(
      (secured) => {
        this.#tls = { text: describeTls(secured), certificate: peerCertificate(secured) };
        this.#socket = secured;
        this.#listen(secured);
        if (this.#closing) secured.destroy();
        else done();
      },
      (error: Error) => {
        this.#error ||= error.message;
        this.#socket.destroy();
        this.#end();
      },
    );
  }
}
