/**
 * A partner's XMPP server for the conformance tests of negotiation, over real sockets: it listens, dials, uses STARTTLS, SASL
 * EXTERNAL and dialback as its manner says, judges the edge's certificate for itself, makes and checks dialback keys for itself.
 * One peer plays every partner of a world; its domain is the one it is addressed by.
 */
import { createHash, createHmac, randomBytes, X509Certificate } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import { StreamReader } from "../../gateway/stream/reader.ts";
import type { StreamHeader } from "../../gateway/stream/tree.ts";
import { childElements, childOf, textOf, type XmlElement } from "../../gateway/xmpp/element.ts";
import { NS } from "../../gateway/xmpp/namespaces.ts";
import type { Issued } from "./certificates.ts";

/** How the peer behaves. Each word holds for both of its roles: server where the edge dials, client where it dials the edge. */
export interface Manner {
  /** `none` never speaks TLS, `required` never goes on without it. */
  readonly tls: "none" | "optional" | "required";
  /** Server: offers EXTERNAL, does not, refuses what it offered. Client: uses EXTERNAL, does not, asks for another's name. */
  readonly sasl: "offered" | "notOffered" | "refused";
  readonly certificate: "none" | "invalid" | "valid";
  readonly dialback: boolean;
  /**
   * Two ways of the same kind. Polite: a refused SASL leaves the stream open, streams end with the closing tag, the invalid
   * certificate is self-signed. Rude: a refused SASL ends the stream, connections are dropped, the certificate names another, and
   * dialback is advertised by the header's namespace alone (XEP-0220 section 2.4.1).
   */
  readonly style: "polite" | "rude";
}

/** What the peer needs of its world. */
export interface PeerSurroundings {
  readonly address: string;
  readonly port: number;
  /** By what Manner.certificate says; null shows none. */
  readonly certificate: (manner: Manner) => Issued | null;
  /** PEM of the authority that the peer trusts. */
  readonly authority: string;
  /** Where the server of a domain listens. */
  readonly find: (domain: string) => string;
}

export type PeerEvent =
  | { readonly kind: "header"; readonly header: StreamHeader }
  | { readonly kind: "element"; readonly element: XmlElement }
  | { readonly kind: "close" }
  | { readonly kind: "end" };

/** An element that the edge sent to the peer's server. */
export interface Heard {
  readonly over: "tcp" | "tls";
  readonly element: XmlElement;
}

/** How dialling the edge went. */
export interface Introduction {
  readonly line: Line;
  readonly proven: boolean;
  /** What the edge said against it, in order: `stream policy-violation`, `dialback policy-violation`, `sasl invalid-authzid`. */
  readonly refusals: readonly string[];
}

/** Whose domain speaks, and to whom. */
export interface Names {
  readonly from: string;
  readonly to: string;
}

/** Milliseconds that the peer waits for the edge's next word. */
const PATIENCE = 3000;

const SECRET = "secret of the peer";

/** XEP-0185 section 2, written here once more so that the edge's keys are not checked by the edge's own code. */
export function keyOf(claim: { readonly receiving: string; readonly originating: string; readonly id: string }, secret = SECRET): string {
  const hashed = createHash("sha256").update(secret).digest("hex");
  return createHmac("sha256", hashed).update(`${claim.receiving} ${claim.originating} ${claim.id}`).digest("hex");
}

const attribute = (found: XmlElement | StreamHeader, name: string): string => found.attributes.get(name) ?? "";
const named = (found: XmlElement, namespace: string, name: string): boolean => found.namespace === namespace && found.name === name;
const condition = (error: XmlElement | undefined): string => (error ? (childElements(error)[0]?.name ?? "") : "");

export class NegotiationPeer {
  /** How the server behaves; the client is told each time. */
  manner: Manner;
  /** What the server was sent since `reset`. */
  readonly heard: Heard[] = [];
  /** Lines that the server has accepted since `reset`. */
  accepted = 0;
  /** The id of the last stream that the server welcomed. */
  lastId = "";
  /** Says this in place of the honest answer to a dialback request; null closes the stream. */
  lie: ((asked: XmlElement) => string | null) | null = null;
  readonly #world: PeerSurroundings;
  readonly #lines = new Set<Line>();
  readonly #server: Server;

  constructor(world: PeerSurroundings, manner: Manner) {
    this.#world = world;
    this.manner = manner;
    this.#server = createServer((socket) => {
      this.accepted++;
      // A line that ends early is the test's matter, which sees it at the edge.
      this.#serve(this.#line(socket)).catch(() => socket.destroy());
    });
  }

  listen(): Promise<void> {
    const { address: host, port } = this.#world;
    return new Promise((resolve, reject) => this.#server.once("error", reject).listen({ host, port }, resolve));
  }

  /** Forgets and drops everything, and behaves like this from now on. */
  reset(manner: Manner): void {
    for (const line of this.#lines) line.drop();
    this.#lines.clear();
    this.heard.length = 0;
    this.accepted = 0;
    this.lie = null;
    this.manner = manner;
  }

  stop(): void {
    this.reset(this.manner);
    this.#server.close();
  }

  #line(socket: Socket): Line {
    const line = new Line(socket, this.#world.authority);
    this.#lines.add(line);
    return line;
  }

  // ---- as client ---------------------------------------------------------------------------------------------------

  /** A bare connection to the edge that serves the domain. */
  async dial(domain: string): Promise<Line> {
    const socket = connect({ host: this.#world.find(domain), port: this.#world.port, localAddress: this.#world.address });
    const line = this.#line(socket);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return line;
  }

  /** Dials, secures the stream where TLS is wanted and offered, and stands behind the features that hold then. */
  async approach(names: Names, manner: Manner): Promise<Approach> {
    const line = await this.dial(names.to);
    const plain = await line.greet(names);
    if (manner.tls === "none" || plain.error !== "" || !plain.offers.includes("starttls")) return { line, ...plain };
    await line.startTls(this.#world.certificate(manner), names.to);
    return { line, ...(await line.greet(names)) };
  }

  /**
   * The whole way of an initiating server (RFC 6120 section 4 to 6, XEP-0178, XEP-0220): TLS, EXTERNAL where it is offered and the
   * edge's certificate is trusted, else dialback, which it tries even where it is not offered; else it gives up.
   */
  async introduce(names: Names, manner: Manner): Promise<Introduction> {
    const { line, error, offers } = await this.approach(names, manner);
    const refusals: string[] = [];
    const done = (proven: boolean): Introduction => ({ line, proven, refusals });
    if (error !== "") {
      refusals.push(`stream ${error}`);
      return done(false);
    }
    const usesExternal = line.tls && line.trusted && manner.sasl !== "notOffered" && offers.includes("EXTERNAL");
    if (usesExternal) {
      const refusal = await line.authenticate(names, manner.sasl === "refused" ? names.to : names.from);
      if (refusal === "") return done(true);
      refusals.push(`sasl ${refusal}`);
    }
    const demandsTls = manner.tls === "required" && !line.tls;
    if (manner.dialback && !demandsTls && !line.over) {
      const answer = await line.askDialback(names);
      if (answer === "valid") return done(true);
      if (answer !== "") refusals.push(answer);
    }
    await line.giveUp(manner.style);
    return done(false);
  }

  // ---- as server ---------------------------------------------------------------------------------------------------

  async #serve(line: Line): Promise<void> {
    for (;;) {
      const event = await line.next();
      if (event.kind === "end") return;
      if (event.kind === "close") return line.giveUp("polite");
      if (event.kind === "header") this.#welcome(line, event.header);
      else {
        this.heard.push({ over: line.tls ? "tls" : "tcp", element: event.element });
        await this.#answers[`${event.element.namespace} ${event.element.name}`]?.(line, event.element);
      }
    }
  }

  #welcome(line: Line, header: StreamHeader): void {
    const { dialback } = this.manner;
    const names = { from: attribute(header, "to"), to: attribute(header, "from") };
    this.lastId = randomBytes(8).toString("hex");
    line.open(names, { id: this.lastId, declares: dialback });
    line.send(`<stream:features>${this.#features(line)}</stream:features>`);
  }

  #features(line: Line): string {
    const { tls, sasl, dialback, style } = this.manner;
    if (line.authenticated) return "";
    const offer = dialback && style === "polite" ? `<dialback xmlns='${NS.dialbackFeature}'><errors/></dialback>` : "";
    const external = `<mechanisms xmlns='${NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>`;
    if (line.tls) return (sasl !== "notOffered" && line.trusted ? external : "") + offer;
    if (tls === "required") return `<starttls xmlns='${NS.tls}'><required/></starttls>`;
    return (tls === "none" ? "" : `<starttls xmlns='${NS.tls}'/>`) + offer;
  }

  readonly #answers: Readonly<Record<string, (line: Line, found: XmlElement) => void | Promise<void>>> = {
    [`${NS.tls} starttls`]: (line) => this.#answerStartTls(line),
    [`${NS.sasl} auth`]: (line) => this.#answerAuth(line),
    [`${NS.dialback} result`]: (line, found) => (this.lie ? this.#answerFalsely(line, this.lie(found)) : this.#answerResult(line, found)),
    [`${NS.dialback} verify`]: (line, found) => (this.lie ? this.#answerFalsely(line, this.lie(found)) : this.#answerVerify(line, found)),
  };

  #answerStartTls(line: Line): void | Promise<void> {
    if (this.manner.tls !== "none") return line.acceptTls(this.#world.certificate(this.manner));
    line.send(`<failure xmlns='${NS.tls}'/></stream:stream>`);
  }

  #answerAuth(line: Line): void {
    if (this.manner.sasl === "offered") {
      line.send(`<success xmlns='${NS.sasl}'/>`);
      line.authenticated = true;
      line.restart();
      return;
    }
    line.send(`<failure xmlns='${NS.sasl}'><not-authorized/></failure>${this.manner.style === "rude" ? "</stream:stream>" : ""}`);
  }

  /** Receiving server: asks the edge, which is the authoritative one, about its key (steps 2 and 3), then says what it heard (step 4). */
  async #answerResult(line: Line, found: XmlElement): Promise<void> {
    const names = { from: attribute(found, "to"), to: attribute(found, "from") };
    const answer = await this.verify(names, line.id, textOf(found));
    const type = answer === "valid" || answer === "invalid" ? answer : "error";
    const error = `<error type='cancel'><remote-connection-failed xmlns='${NS.stanzaErrors}'/></error>`;
    line.send(`<db:result from='${names.from}' to='${names.to}' type='${type}'>${type === "error" ? error : ""}</db:result>`);
  }

  /** Asks the edge about a key. Returns the type of its answer, or what it said against the question. */
  async verify(names: Names, id: string, key: string, manner = this.manner): Promise<string> {
    const { line, error } = await this.approach(names, manner);
    const answer = error === "" ? await line.askVerify(names, id, key) : `stream ${error}`;
    await line.giveUp("polite");
    return answer;
  }

  /** Authoritative server: a key is ours where it can be made again. */
  #answerVerify(line: Line, found: XmlElement): void {
    const [from, to, id] = [attribute(found, "to"), attribute(found, "from"), attribute(found, "id")];
    const type = textOf(found) === keyOf({ receiving: to, originating: from, id }) ? "valid" : "invalid";
    line.send(`<db:verify from='${from}' to='${to}' id='${id}' type='${type}'/>`);
  }

  #answerFalsely(line: Line, answer: string | null): void | Promise<void> {
    return answer === null ? line.giveUp("polite") : line.send(answer);
  }
}

/** A line behind the edge's features, or behind its stream error. */
export interface Approach extends Greeting {
  readonly line: Line;
}

export interface Greeting {
  /** Condition of the stream error that came in place of features; else empty. */
  readonly error: string;
  readonly errorText: string;
  /** `starttls`, `starttls required`, `EXTERNAL`, `dialback`, as offered. */
  readonly offers: readonly string[];
}

/** One connection of the peer, in either role. */
export class Line {
  tls = false;
  /** The edge's certificate is by the peer's authority and made out to the name that it must be. */
  trusted = false;
  authenticated = false;
  over = false;
  /** Of the present response header. */
  id = "";
  readonly #authority: string;
  #socket: Socket;
  #reader = new StreamReader();
  #events: PeerEvent[] = [];
  #wake: () => void = () => {};

  constructor(socket: Socket, authority: string) {
    this.#authority = authority;
    this.#socket = socket;
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => this.#add(...this.#read(chunk)));
    socket.on("close", () => {
      this.over = true;
      this.#add({ kind: "end" });
    });
  }

  #read(chunk: Buffer): PeerEvent[] {
    return this.#reader.write(chunk).flatMap((event): PeerEvent[] => {
      // The edge wrote what no server can read: for the peer that is the end.
      if (event.kind === "error") return [{ kind: "end" }];
      return event.kind === "whitespace" ? [] : [event];
    });
  }

  #add(...events: readonly PeerEvent[]): void {
    this.#events.push(...events);
    this.#wake();
  }

  /** The next word of the other side. @throws after PATIENCE */
  async next(): Promise<PeerEvent> {
    if (this.#events.length === 0) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("the edge said nothing")), PATIENCE);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#events.shift() ?? { kind: "end" };
  }

  /** The next element, the stream header passed over; null where the stream or the connection ended. */
  async element(): Promise<XmlElement | null> {
    for (;;) {
      const event = await this.next();
      if (event.kind === "element") return event.element;
      if (event.kind === "header") this.id = attribute(event.header, "id");
      else {
        this.over = true;
        return null;
      }
    }
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** A header of either role. `from` null and `version` empty leave the attribute out. */
  open(
    names: { readonly from: string | null; readonly to: string },
    { id = "", declares = true, version = "1.0" }: { readonly id?: string; readonly declares?: boolean; readonly version?: string } = {},
  ): void {
    if (id !== "") this.id = id;
    const written = Object.entries({ from: names.from ?? "", to: names.to, id, version }).filter(([, value]) => value !== "");
    const attributes = written.map(([name, value]) => ` ${name}='${value}'`).join("");
    const prefix = declares ? ` xmlns:db='${NS.dialback}'` : "";
    this.send(`<?xml version='1.0'?><stream:stream xmlns='${NS.server}'${prefix} xmlns:stream='${NS.streams}'${attributes}>`);
  }

  /** Our header, its header and features. */
  async greet(names: { readonly from: string | null; readonly to: string }): Promise<Greeting> {
    this.open(names);
    const found = await this.element();
    if (found === null) return { error: "no word", errorText: "", offers: [] };
    if (named(found, NS.streams, "error")) return this.#streamError(found);
    const starttls = childOf(found, NS.tls, "starttls");
    const mechanisms = childOf(found, NS.sasl, "mechanisms");
    const offers = [
      ...(starttls ? ["starttls"] : []),
      ...(starttls && childOf(starttls, NS.tls, "required") ? ["starttls required"] : []),
      ...(mechanisms ? childElements(mechanisms).map(textOf) : []),
      ...(childOf(found, NS.dialbackFeature, "dialback") ? ["dialback"] : []),
    ];
    return { error: "", errorText: "", offers };
  }

  #streamError(found: XmlElement): Greeting {
    const text = childElements(found).find(({ name }) => name === "text");
    return { error: condition(found), errorText: text ? textOf(text) : "", offers: [] };
  }

  restart(): void {
    this.#reader.restart();
  }

  async startTls(certificate: Issued | null, servername: string): Promise<void> {
    this.send(`<starttls xmlns='${NS.tls}'/>`);
    const answer = await this.element();
    if (answer === null || !named(answer, NS.tls, "proceed")) throw new Error("the edge refused STARTTLS");
    const identity = certificate ? { cert: certificate.certificateChain, key: certificate.privateKey } : {};
    const secured = connectTls({ socket: this.#release(), ca: [this.#authority], rejectUnauthorized: false, servername, ...identity });
    await this.#secure(secured, "secureConnect");
    this.trusted = secured.authorized;
  }

  async acceptTls(certificate: Issued | null): Promise<void> {
    this.send(`<proceed xmlns='${NS.tls}'/>`);
    const identity = certificate ? { cert: certificate.certificateChain, key: certificate.privateKey } : {};
    const secureContext = createSecureContext({ ca: [this.#authority], ...identity });
    const secured = new TLSSocket(this.#release(), { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false });
    await this.#secure(secured, "secure");
    this.trusted = this.#trusts(secured.getPeerX509Certificate());
  }

  /** Node judges a client's certificate in its own tls.Server only. */
  #trusts(certificate: X509Certificate | undefined): boolean {
    const authority = new X509Certificate(this.#authority);
    return certificate?.checkHost("contoso.example") !== undefined && certificate.verify(authority.publicKey);
  }

  #release(): Socket {
    this.#socket.removeAllListeners("data");
    this.#socket.removeAllListeners("close");
    this.restart();
    return this.#socket;
  }

  async #secure(secured: TLSSocket, done: "secure" | "secureConnect"): Promise<void> {
    secured.on("error", () => {});
    await new Promise<void>((resolve, reject) => {
      secured.once(done, resolve);
      secured.once("close", () => reject(new Error("the TLS handshake failed")));
      secured.once("_tlsError" as "error", reject);
    });
    this.#socket = secured;
    this.tls = true;
    this.#listen(secured);
  }

  /** EXTERNAL as the server of `authzid`, and the new stream behind it. Returns the condition it failed with, or nothing. */
  async authenticate(names: Names, authzid: string, then: Names = names): Promise<string> {
    this.send(`<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>${Buffer.from(authzid).toString("base64")}</auth>`);
    const answer = await this.element();
    if (answer === null || !named(answer, NS.sasl, "success")) {
      // Either the closing tag follows at once, or nothing does.
      await new Promise((resolve) => setTimeout(resolve, 10));
      this.over ||= this.#events.length > 0;
      return answer ? condition(answer) : "no word";
    }
    this.authenticated = true;
    this.restart();
    const { error } = await this.greet(then);
    return error === "" ? "" : `stream ${error}`;
  }

  /** Step 1 with the right key, step 4 awaited: `valid`, `invalid`, `dialback CONDITION`, `stream CONDITION`, or nothing. */
  askDialback(names: Names, key = keyOf({ receiving: names.to, originating: names.from, id: this.id })): Promise<string> {
    this.send(`<db:result from='${names.from}' to='${names.to}'>${key}</db:result>`);
    return this.answer("result", names);
  }

  /** Step 2, step 3 awaited. */
  askVerify(names: Names, id: string, key: string): Promise<string> {
    this.send(`<db:verify from='${names.from}' to='${names.to}' id='${id}'>${key}</db:verify>`);
    return this.answer("verify", names, id);
  }

  async answer(name: "result" | "verify", names: Names, id = ""): Promise<string> {
    const found = await this.element();
    if (found === null) return "";
    if (named(found, NS.streams, "error")) return `stream ${condition(found)}`;
    const fits = attribute(found, "from") === names.to && attribute(found, "to") === names.from && attribute(found, "id") === id;
    if (!named(found, NS.dialback, name) || !fits) throw new Error(`<${found.name}/> is no answer to db:${name}`);
    const type = attribute(found, "type");
    return type === "error" ? `dialback ${condition(childElements(found)[0])}` : type;
  }

  /** Sends a chat message of the pair. */
  say(names: Names): void {
    this.send(`<message from='bob@${names.from}' to='ann@${names.to}' type='chat'><body>x</body></message>`);
  }

  async giveUp(style: Manner["style"]): Promise<void> {
    if (style === "rude") return this.drop();
    this.send("</stream:stream>");
    this.#socket.end();
  }

  drop(): void {
    this.#socket.destroy();
  }
}
