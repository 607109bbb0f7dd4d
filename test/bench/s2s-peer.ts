/** Partner servers as the load: raw sockets that say what a server says and no more, so that most of the time is the other side's. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Issued } from "../support/certificates.ts";

/** The same handshake whoever answers: without this, two libraries of different age would agree on different groups. */
const TLS = { minVersion: "TLSv1.3", ciphers: "TLS_AES_256_GCM_SHA384", ecdhCurve: "X25519" } as const;

/** Milliseconds for one stream to come up, or to close. */
const PATIENCE = 20_000;

const NAMESPACES = "xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'";
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const CLOSE = "</stream:stream>";
/** Any key does: this side is the authority that says whether it is right. */
const KEY = "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3";

const header = (from: string, to: string, id = ""): string =>
  `<?xml version='1.0'?><stream:stream ${NAMESPACES} from='${from}' to='${to}'${id && ` id='${id}'`}>`;

export const contextOf = (identity?: Issued): SecureContext =>
  createSecureContext({ ...TLS, ...(identity ? { cert: identity.certificateChain, key: identity.privateKey } : {}) });

/** A connection as text: what came, and waiting for a part of it. */
class Line {
  #socket: Socket;
  #text = "";
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#wake?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (socket !== this.#socket) return;
      this.#ended = true;
      this.#wake?.();
    });
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  /** What came up to whichever of the marks comes first. @throws Error where the connection ended before */
  async hear(...marks: readonly string[]): Promise<string> {
    for (;;) {
      const ends = marks.map((mark) => this.#text.indexOf(mark) + mark.length).filter((end, index) => end >= (marks[index]?.length ?? 0));
      if (ends.length > 0) {
        const end = Math.min(...ends);
        const heard = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return heard;
      }
      if (this.#ended) throw new Error(`the other side ended instead of ${marks.join(" or ")}; last words: ${this.#text.slice(-500)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  /** The next tag of this name, to its end. */
  async tag(name: string): Promise<string> {
    await this.hear(`<${name}`);
    return this.hear(">");
  }

  /** The plain socket, which TLS takes over. */
  release(): Socket {
    this.#socket.removeAllListeners("data");
    this.#text = "";
    return this.#socket;
  }

  take(secured: Socket): void {
    this.#socket = secured;
    this.#listen(secured);
  }
}

const features = (line: Line): Promise<string> => line.hear("</stream:features>", "<stream:features/>");

export interface Opening {
  readonly address: string;
  readonly port: number;
  readonly from: string;
  readonly to: string;
  /** With the certificate for EXTERNAL, without one for dialback. */
  readonly context: SecureContext;
  readonly method: "external" | "dialback";
}

/** An established stream from a partner to the server under test. */
export class PartnerStream {
  readonly #line: Line;
  readonly #opening: Opening;

  private constructor(line: Line, opening: Opening) {
    this.#line = line;
    this.#opening = opening;
  }

  /** Resolves when the other side holds the partner for proven. @throws Error after PATIENCE, or where it refuses */
  static async open(opening: Opening): Promise<PartnerStream> {
    const { address: host, port, from, to, context, method } = opening;
    const socket = connect({ host, port, noDelay: true });
    const line = new Line(socket);
    const timer = setTimeout(() => line.socket.destroy(), PATIENCE);
    try {
      line.say(header(from, to));
      await features(line);
      line.say(STARTTLS);
      await line.tag("proceed");
      line.take(await secure(line.release(), { secureContext: context, servername: to }));
      line.say(header(from, to));
      await features(line);
      if (method === "external") await external(line, opening);
      else await dialback(line, opening);
      return new PartnerStream(line, opening);
    } catch (error) {
      line.socket.destroy();
      throw new Error(`${from} opened no stream to ${host}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends chat messages as fast as they are taken, then the closing tag, and waits for the other side's: it comes when all was read.
   * @param recordBytes plain bytes of a TLS record: 16,384 where the sender writes much at once, little where it does not
   */
  async flood(stanzas: number, bytes: number, recordBytes: number): Promise<void> {
    const socket = this.#line.socket as TLSSocket;
    socket.setMaxSendFragment(recordBytes);
    const one = this.#message("ktx72v49", bytes);
    const batch = Math.min(stanzas - 1, Math.ceil(65_536 / bytes));
    const many = Buffer.from(one.repeat(batch));
    let left = stanzas - 1;
    for (; left >= batch; left -= batch) await this.#write(many);
    await this.#write(Buffer.from(one.repeat(left) + this.#message("last", bytes) + CLOSE));
    await this.#line.hear(CLOSE);
    socket.destroy();
  }

  /** Resolves when there is room for more. @throws Error where the other side ended */
  async #write(chunk: Buffer): Promise<void> {
    const { socket } = this.#line;
    if (!socket.destroyed && !socket.write(chunk)) await drained(socket);
    if (socket.destroyed) throw new Error("the other side ended the stream under load");
  }

  /** A chat message with body, thread, chat state and receipt request, padded to the size. */
  #message(id: string, bytes: number): string {
    const { from, to } = this.#opening;
    const make = (body: string) =>
      `<message from='juliet@${from}/balcony' to='romeo@${to}' type='chat' id='${id}' xml:lang='en'>` +
      `<body>${body}</body><thread>e0ffe42b28561960c6b12b944a092794b9683a38</thread>` +
      `<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
    return make("Art thou not Romeo, and a Montague? ".repeat(20).slice(0, Math.max(0, bytes - make("").length)));
  }

  /** Says goodbye and resolves when the connection is gone. */
  async close(): Promise<void> {
    const { socket } = this.#line;
    if (socket.destroyed) return;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const timer = setTimeout(() => socket.destroy(), PATIENCE);
    socket.end(CLOSE);
    await closed;
    clearTimeout(timer);
  }
}

async function external(line: Line, { from, to }: Opening): Promise<void> {
  line.say(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>${Buffer.from(from).toString("base64")}</auth>`);
  await line.tag("success");
  line.say(header(from, to));
  await features(line);
}

async function dialback(line: Line, { from, to }: Opening): Promise<void> {
  line.say(`<db:result from='${from}' to='${to}'>${KEY}</db:result>`);
  const heard = await line.tag("db:result");
  if (attributeOf(heard, "type") !== "valid") throw new Error(`dialback refused: ${heard}`);
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
}

function secure(socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  const secured = connectTls({ socket, rejectUnauthorized: false, ...options });
  return settled(secured, "secureConnect");
}

function settled(secured: TLSSocket, done: "secure" | "secureConnect"): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    secured.once("error", reject);
    secured.once("close", () => reject(new Error("the connection ended during the handshake")));
    secured.once(done, () => resolve(secured));
  });
}

/** The authoritative server of every partner domain: it says that each key is right, and believes each key that it is shown. */
export class Authority {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #context: SecureContext;
  /** Verifications answered. */
  answered = 0;
  /** Connections accepted. */
  accepted = 0;

  private constructor(identity: Issued) {
    this.#context = contextOf(identity);
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.accepted++;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      this.#answer(new Line(socket)).catch(() => socket.destroy());
    });
  }

  static async start(address: string, port: number, identity: Issued): Promise<Authority> {
    const authority = new Authority(identity);
    await new Promise<void>((resolve, reject) => {
      authority.#server.once("error", reject).listen({ host: address, port, backlog: 511 }, resolve);
    });
    return authority;
  }

  /** Ends what streams the servers under test keep open. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stop(): void {
    this.drop();
    this.#server.close();
  }

  async #answer(line: Line): Promise<void> {
    const { from, to } = addressesOf(await line.tag("stream:stream"));
    line.say(`${header(to, from, "authority1")}<stream:features>${STARTTLS}</stream:features>`);
    await line.tag("starttls");
    const plain = line.release();
    plain.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    const options = { isServer: true, secureContext: this.#context, requestCert: true, rejectUnauthorized: false };
    line.take(await settled(new TLSSocket(plain, options), "secure"));
    await line.tag("stream:stream");
    const dialbackFeature = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
    line.say(`${header(to, from, "authority2")}<stream:features>${dialbackFeature}</stream:features>`);
    for (;;) {
      const heard = await line.hear("</db:verify>", "</db:result>", CLOSE);
      if (heard.endsWith(CLOSE)) break;
      this.#judge(line, heard);
    }
    line.socket.end(CLOSE);
  }

  #judge(line: Line, heard: string): void {
    const { name = "", attributes = "" } = /<db:(?<name>verify|result)(?<attributes>[^>]*)>/.exec(heard)?.groups ?? {};
    const { from, to } = addressesOf(attributes);
    const id = attributeOf(attributes, "id");
    if (name === "verify") this.answered++;
    line.say(`<db:${name} from='${to}' to='${from}'${id && ` id='${id}'`} type='valid'/>`);
  }
}

const attributeOf = (text: string, name: string): string => new RegExp(`\\s${name}=["']([^"']*)["']`).exec(text)?.[1] ?? "";
const addressesOf = (text: string) => ({ from: attributeOf(text, "from"), to: attributeOf(text, "to") });
