/** Accepts partners' connections, as many as the edge may have. */
import { createServer, type Server, type Socket } from "node:net";
import { failure, streamErrorOf } from "../negotiation/failures.ts";
import { CLOSE, writeElement, writeHeader } from "../stream/writer.ts";
import { streamError } from "../xmpp/stream-errors.ts";
import { freshId, type XmppContext } from "./xmpp-context.ts";
import { InboundStream } from "./xmpp-inbound.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

export class Listener {
  readonly #context: XmppContext;
  readonly #server: Server;

  constructor(context: XmppContext) {
    this.#context = context;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** @throws NodeJS.ErrnoException where the port cannot be had */
  listen(): Promise<void> {
    const { surroundings, current } = this.#context;
    const where = { host: surroundings.bindAddress, port: current().state.document.listen.xmppPort, backlog: XMPP_LIMITS.backlog };
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(where, () => {
        this.#server.off("error", reject);
        // Accepting may fail later (no file descriptors); the listener lives on.
        this.#server.on("error", (error) => surroundings.log("xmpp-listener-problem", { error: error.message }));
        surroundings.log("xmpp-listening", { address: where.host, port: where.port });
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
    if (streams.size >= current().state.document.gateway.connectionLimit) this.#turnAway(socket);
    else new InboundStream(this.#context, socket).start();
  }

  /** A stream error needs a stream: header, error and closing tag at once, without waiting for the peer's header. */
  #turnAway(socket: Socket): void {
    const { attempts, surroundings, current } = this.#context;
    const { sipDomains, gateway } = current().state.document;
    const address = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    const facts = { detail: `${gateway.connectionLimit} streams` };
    attempts.add({ direction: "in", address, peer: null, step: "accept" }, "edge-full", facts);
    const condition = streamErrorOf("edge-full") ?? "resource-constraint";
    const error = writeElement(streamError(condition, failure("edge-full", facts).text));
    socket.on("error", () => socket.destroy());
    socket.end(writeHeader({ from: sipDomains[0], id: freshId(surroundings), version: "1.0" }, "receiving") + error + CLOSE);
    const timer = surroundings.clock.after(XMPP_LIMITS.close, () => socket.destroy());
    socket.on("close", () => timer.cancel());
    socket.resume();
  }
}
