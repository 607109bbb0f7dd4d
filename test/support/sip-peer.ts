/** A hand-made SIP peer on loopback: TLS with a certificate, messages as text, nothing decided by itself. */
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { Fault } from "../../gateway/sip/faults.ts";
import { Framer } from "../../gateway/sip/framing.ts";
import { headerOf, type SipMessage, type SipRequest, type SipResponse } from "../../gateway/sip/message.ts";
import { interpret } from "../../gateway/sip/parse.ts";
import type { Issued } from "./certificates.ts";

/** One connection of the peer. */
export class PeerConnection {
  readonly socket: TLSSocket;
  readonly #framer = new Framer();
  readonly #waiting: { wants: (message: SipMessage) => boolean; resolve: (message: SipMessage) => void }[] = [];
  /** What came and nobody waited for yet. */
  readonly #unread: SipMessage[] = [];
  /** What is wrong with what the edge sent; an answer to a malformed request mirrors its faults. */
  readonly malformed: Fault[] = [];
  /** CRLFs between messages. */
  crlfs = 0;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("data", (bytes) => this.#take(bytes));
  }

  #take(bytes: Buffer): void {
    for (const framed of this.#framer.push(bytes)) {
      if (framed.kind === "crlf") this.crlfs++;
      if (framed.kind !== "message") continue;
      const parsed = interpret(framed.head, framed.body);
      if (!parsed.ok) this.malformed.push(parsed.fault);
      if (framed.head.start !== null) this.#give({ ...framed.head.start, headers: framed.head.headers, body: framed.body });
    }
  }

  #give(message: SipMessage): void {
    const index = this.#waiting.findIndex(({ wants }) => wants(message));
    if (index < 0) this.#unread.push(message);
    else this.#waiting.splice(index, 1)[0]?.resolve(message);
  }

  #next(wants: (message: SipMessage) => boolean): Promise<SipMessage> {
    const index = this.#unread.findIndex(wants);
    const found = index < 0 ? undefined : this.#unread.splice(index, 1)[0];
    return found ? Promise.resolve(found) : new Promise((resolve) => this.#waiting.push({ wants, resolve }));
  }

  /** The next request of that method. */
  async request(method: string): Promise<SipRequest> {
    return (await this.#next((message) => message.kind === "request" && message.method === method)) as SipRequest;
  }

  /** The next final response. */
  async response(): Promise<SipResponse> {
    return (await this.#next((message) => message.kind === "response" && message.status >= 200)) as SipResponse;
  }

  /** What came and was not asked for, as first lines. */
  unread(): string[] {
    return this.#unread.map((message) => (message.kind === "request" ? message.method : String(message.status)));
  }

  /** Sends lines; the empty line and Content-Length are added. */
  send(lines: readonly string[], body: string | Buffer = ""): void {
    const bytes = Buffer.from(body);
    this.socket.write(Buffer.concat([Buffer.from(`${[...lines, `Content-Length: ${bytes.length}`].join("\r\n")}\r\n\r\n`), bytes]));
  }

  /** Answers a request of the edge; To gets a tag where it has none. */
  answer(request: SipRequest, status: number, extra: readonly string[] = [], body = "", tag = "peer"): void {
    const mirrored = request.headers
      .filter(({ key }) => ["via", "from", "to", "call-id", "cseq"].includes(key))
      .map(({ key, name, value }) => `${name}: ${value}${key === "to" && !value.includes(";tag=") ? `;tag=${tag}` : ""}`);
    this.send([`SIP/2.0 ${status} Because`, ...mirrored, ...extra], body);
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, "close");
  }
}

export interface Peer {
  /** The next connection that the edge opens to it. */
  accepted(): Promise<PeerConnection>;
  close(): void;
}

/** Listens as a peer would. */
export async function listen(identity: Issued, host: string, port: number): Promise<Peer> {
  const found: PeerConnection[] = [];
  const waiting: ((connection: PeerConnection) => void)[] = [];
  const all = new Set<TLSSocket>();
  const server = createServer({ cert: identity.certificateChain, key: identity.privateKey, requestCert: true, rejectUnauthorized: false });
  server.on("secureConnection", (socket) => {
    all.add(socket);
    const connection = new PeerConnection(socket);
    const next = waiting.shift();
    if (next) next(connection);
    else found.push(connection);
  });
  server.on("tlsClientError", () => {});
  server.listen(port, host);
  await once(server, "listening");
  return {
    accepted: () => {
      const first = found.shift();
      return first ? Promise.resolve(first) : new Promise((resolve) => waiting.push(resolve));
    },
    close() {
      for (const socket of all) socket.destroy();
      server.close();
    },
  };
}

/** Connects to the edge; without SNI, as Lync may. */
export async function connectTo(host: string, port: number, identity: Issued | null, maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.2") {
  const shown = identity ? { cert: identity.certificateChain, key: identity.privateKey } : {};
  const socket = connect({ host, port, ...shown, rejectUnauthorized: false, maxVersion, servername: "" });
  const connection = new PeerConnection(socket);
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve).once("close", () => resolve()));
  return connection;
}

/** A header's value; throws where it is missing. */
export function headerValue(message: SipMessage, key: string): string {
  const value = headerOf(message, key);
  if (value === undefined) throw new Error(`${key} is missing`);
  return value;
}
