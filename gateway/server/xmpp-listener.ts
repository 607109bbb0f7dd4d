/** Accepts partners' connections, as many as the edge may have: where TLS comes by STARTTLS, or, on a port of its own, first of all. */
import { createServer, type Server, type Socket } from "node:net";
import { type FailureCode, streamErrorOf } from "../negotiation/failures.ts";
import { CLOSE, writeElement, writeHeader } from "../stream/writer.ts";
import { streamError } from "../xmpp/stream-errors.ts";
import { freshId, type XmppContext } from "./xmpp-context.ts";
import { InboundStream } from "./xmpp-inbound.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { TlsStart } from "./xmpp-tls.ts";

export class Listener {
  readonly #context: XmppContext;
  readonly #tls: TlsStart;
  readonly #server: Server;

  constructor(context: XmppContext, tls: TlsStart) {
    this.#context = context;
    this.#tls = tls;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Direct TLS only where the document names a port for it. @throws NodeJS.ErrnoException where the port cannot be had */
  async listen(): Promise<void> {
    const { surroundings, current } = this.#context;
    const { xmppPort, xmppTlsPort } = current().state.document.listen;
    const port = this.#tls === "direct" ? xmppTlsPort : xmppPort;
    if (port === undefined) return;
    const where = { host: surroundings.bindAddress, port, backlog: XMPP_LIMITS.backlog };
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(where, () => {
        this.#server.off("error", reject);
        // Accepting may fail later (no file descriptors); the listener lives on.
        this.#server.on("error", (error) => surroundings.log("xmpp-listener-problem", { error: error.message }));
        surroundings.log("xmpp-listening", { address: where.host, port, tls: this.#tls });
        resolve();
      });
    });
  }

  /** Takes no new connections; those that stand are not touched. */
  close(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    const { streams, current } = this.#context;
    const { connectionLimit, partnerConnectionLimit } = current().state.document.gateway;
    if (streams.size >= connectionLimit) this.#refuse(socket, "edge-full", `${connectionLimit} streams`);
    // Before anything is read: who says nothing takes a place all the same.
    else if (streams.unproven(socket.remoteAddress ?? "unknown") >= partnerConnectionLimit)
      this.#refuse(socket, "address-limit", `${partnerConnectionLimit} streams`);
    else new InboundStream(this.#context, socket, this.#tls === "direct" ? "awaitHandshake" : undefined).start();
  }

  #refuse(socket: Socket, code: "edge-full" | "address-limit", detail: string): void {
    const address = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    const { text } = this.#context.attempts.add({ direction: "in", address, peer: null, step: "accept" }, code, { detail });
    // Before TLS there are no words for a peer that expects TLS.
    if (this.#tls === "direct") socket.destroy();
    else this.#turnAway(socket, code, text);
  }

  /** A stream error needs a stream: header, error and closing tag at once, without waiting for the peer's header. */
  #turnAway(socket: Socket, code: FailureCode, text: string): void {
    const { surroundings, current } = this.#context;
    const { sipDomains } = current().state.document;
    const error = writeElement(streamError(streamErrorOf(code) ?? "resource-constraint", text));
    socket.on("error", () => socket.destroy());
    socket.end(writeHeader({ from: sipDomains[0], id: freshId(surroundings), version: "1.0" }, "receiving") + error + CLOSE);
    const timer = surroundings.clock.after(XMPP_LIMITS.close, () => socket.destroy());
    socket.on("close", () => timer.cancel());
    socket.resume();
  }
}
