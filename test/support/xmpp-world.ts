/** XMPP edges, and bare peers that say whatever a test wants, on loopback addresses of their own, with a DNS made of two maps. */
import { randomBytes } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, createSecureContext, TLSSocket, type TLSSocketOptions } from "node:tls";
import { parseDocument } from "../../gateway/config/parse.ts";
import type { EdgeDocumentInput, PartnerInput } from "../../gateway/config/schema.ts";
import { wallClock } from "../../gateway/server/clock.ts";
import type { Clock, EdgeState, Fetch, PeerProof, Resolver, SrvTarget, XmppSide } from "../../gateway/server/ports.ts";
import { makeXmppSide } from "../../gateway/server/xmpp-side.ts";
import { element, type XmlElement } from "../../gateway/xmpp/element.ts";
import { NS } from "../../gateway/xmpp/namespaces.ts";
import { isPing, pingResult } from "../../gateway/xmpp/stanzas.ts";
import { type Issued, type IssueOptions, issue, makeAuthority } from "./certificates.ts";
import { documentInput } from "./edge-document.ts";

/** Settings of a partner, by the row of Microsoft's table that they are. */
export const ROWS = {
  external: { tlsNegotiation: "required", saslNegotiation: "required", supportDialbackNegotiation: false },
  externalOrDialback: { tlsNegotiation: "required", saslNegotiation: "optional", supportDialbackNegotiation: true },
  anything: { tlsNegotiation: "optional", saslNegotiation: "optional", supportDialbackNegotiation: true },
  tlsDialback: { tlsNegotiation: "required", saslNegotiation: "notSupported", supportDialbackNegotiation: true },
  anyDialback: { tlsNegotiation: "optional", saslNegotiation: "notSupported", supportDialbackNegotiation: true },
  tcpDialback: { tlsNegotiation: "notSupported", saslNegotiation: "notSupported", supportDialbackNegotiation: true },
} as const satisfies Record<string, Partial<PartnerInput>>;

export interface EdgeOptions {
  readonly domain: string;
  readonly partners: readonly PartnerInput[];
  readonly certificate?: Issued;
  readonly furtherCertificates?: readonly Issued[];
  /** Beside the world's authority, which is trusted. */
  readonly xmpp?: EdgeDocumentInput["xmpp"];
  readonly fetch?: Fetch;
  readonly gateway?: EdgeDocumentInput["gateway"];
  readonly sipDomains?: readonly string[];
  readonly clock?: Clock;
  /** Whether it listens for direct TLS too; that is not published. */
  readonly directTls?: boolean;
  /** Whether it answers XEP-0199 pings, as the router does. */
  readonly answersPings?: boolean;
}

export interface TestEdge {
  readonly side: XmppSide;
  readonly address: string;
  readonly domain: string;
  readonly received: { readonly stanza: XmlElement; readonly proof: PeerProof }[];
  readonly logged: { readonly what: string; readonly facts: Readonly<Record<string, unknown>> }[];
  /** Another state, in force at once. */
  reload(changes: Partial<EdgeOptions>): void;
}

/** Not 5269, where the machine may run a server of its own. */
export const PORT = 15_269;
/** Of direct TLS. */
export const TLS_PORT = 15_270;

let next = 10;

/** Addresses below 127, derived from the process, so that test files may run at the same time. */
export class XmppWorld {
  readonly authority = makeAuthority({ name: "World Authority" });
  readonly srv = new Map<string, readonly SrvTarget[]>();
  readonly hosts = new Map<string, readonly string[]>();
  readonly #edges: TestEdge[] = [];
  readonly #peers: (Socket | Server)[] = [];
  readonly #prefix = `127.${100 + (process.pid % 100)}.${(process.pid >> 7) % 250}`;

  readonly resolver: { -readonly [K in keyof Resolver]: Resolver[K] } = {
    srv: async (name) => this.srv.get(name) ?? [],
    addresses: async (name) => this.hosts.get(name) ?? [],
  };

  issue(domain: string, options: IssueOptions = {}): Issued {
    return issue(this.authority, { dnsNames: [domain], ...options });
  }

  address(): string {
    next = next < 250 ? next + 1 : 10;
    return `${this.#prefix}.${next}`;
  }

  /** Points a domain at an address, as its SRV record would. */
  publish(domain: string, address: string, port = PORT): void {
    this.srv.set(`_xmpp-server._tcp.${domain}`, [{ priority: 10, weight: 0, port, name: `xmpp.${domain}` }]);
    this.hosts.set(`xmpp.${domain}`, [address]);
  }

  /** As publish, for direct TLS; lower priorities are tried first. */
  publishDirect(domain: string, address: string, { priority = 5, port = PORT } = {}): void {
    this.srv.set(`_xmpps-server._tcp.${domain}`, [{ priority, weight: 0, port, name: `tls.${domain}` }]);
    this.hosts.set(`tls.${domain}`, [address]);
  }

  /** An edge that listens, published in DNS. */
  async edge(options: EdgeOptions): Promise<TestEdge> {
    const address = this.address();
    const received: TestEdge["received"] = [];
    const logged: TestEdge["logged"] = [];
    const certificate = options.certificate ?? this.issue(options.domain);
    let now = { ...options, certificate };
    const side = makeXmppSide(
      this.#state(now),
      {
        clock: options.clock ?? wallClock,
        resolver: this.resolver,
        log: (what, facts = {}) => logged.push({ what, facts }),
        bindAddress: address,
        random: (bytes) => randomBytes(bytes),
        ...(options.fetch ? { fetch: options.fetch } : {}),
      },
      {
        onStanza(stanza, proof) {
          received.push({ stanza, proof });
          if (options.answersPings && isPing(stanza)) void side.send(pingResult(stanza), Date.now() + 3_600_000);
        },
      },
    );
    const reload = (changes: Partial<EdgeOptions>): void => {
      now = { ...now, ...changes };
      side.reload(this.#state(now));
    };
    const edge = { side, address, domain: options.domain, received, logged, reload };
    await side.start();
    this.#edges.push(edge);
    this.publish(options.domain, address);
    return edge;
  }

  #state(options: EdgeOptions & { readonly certificate: Issued }): EdgeState {
    const { domain, partners, certificate, furtherCertificates = [], xmpp, gateway, sipDomains, directTls } = options;
    const document = parseDocument(
      documentInput({
        sipDomains: [...(sipDomains ?? [domain])],
        partners: [...partners],
        ...(gateway ? { gateway } : {}),
        listen: { xmppPort: PORT, ...(directTls ? { xmppTlsPort: TLS_PORT } : {}) },
        xmpp: { useSystemAuthorities: false, trustedAuthorities: [this.authority.certificatePem], ...xmpp },
      }),
    );
    return {
      document,
      xmppIdentity: certificate,
      furtherIdentities: furtherCertificates,
      sipIdentity: certificate,
      dialbackSecret: `secret of ${domain}`,
    };
  }

  /** A bare connection to an edge. */
  async dial(edge: TestEdge, port = PORT): Promise<RawPeer> {
    const socket = connect({ host: edge.address, port });
    this.#peers.push(socket);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawPeer(socket);
  }

  /** A bare server for a domain; each connection is handled by `act`. */
  async serve(domain: string, act: (peer: RawPeer) => Promise<void>): Promise<string> {
    const address = this.address();
    const server = createServer((socket) => {
      this.#peers.push(socket);
      act(new RawPeer(socket)).catch(() => socket.destroy());
    });
    this.#peers.push(server);
    await new Promise<void>((resolve) => server.listen({ host: address, port: PORT }, resolve));
    this.publish(domain, address);
    return address;
  }

  async stop(): Promise<void> {
    for (const peer of this.#peers) "destroy" in peer ? peer.destroy() : peer.close();
    await Promise.all(this.#edges.map(({ side }) => side.drain(500)));
  }
}

/** A peer in text: sends what it is told, waits for what it expects. */
export class RawPeer {
  #socket: Socket;
  #text = "";
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("utf8");
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(text: string | Uint8Array): void {
    this.#socket.write(text);
  }

  open(from: string | null, to: string, version = " version='1.0'"): void {
    const sender = from === null ? "" : ` from='${from}'`;
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'${sender} to='${to}'${version}>`,
    );
  }

  /** Our side of a server's header, with an id. */
  answer(from: string, to: string, id: string, features = ""): void {
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' from='${from}' to='${to}' id='${id}' version='1.0'><stream:features>${features}</stream:features>`,
    );
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Says no more and reads on, until the other side closes too. */
  finish(): void {
    this.#socket.end();
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Waits until the text received so far matches, and takes it up to the end of the match. @throws after two seconds, showing what came */
  async expect(pattern: RegExp): Promise<string> {
    const until = Date.now() + 2000;
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found) {
        const taken = this.#text.slice(0, found.index + found[0].length);
        this.#text = this.#text.slice(found.index + found[0].length);
        return taken;
      }
      if (this.#ended || Date.now() > until)
        throw new Error(`expected ${pattern}, got ${JSON.stringify(this.#text)}${this.#ended ? " and the end" : ""}`);
      await this.#change(until - Date.now());
    }
  }

  /** Waits for the end of the connection; returns what came before it. */
  async end(): Promise<string> {
    const until = Date.now() + 2000;
    while (!this.#ended) {
      if (Date.now() > until) throw new Error(`expected the end, got ${JSON.stringify(this.#text)}`);
      await this.#change(until - Date.now());
    }
    return this.#text;
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Begins TLS as client, after <proceed/>. */
  async secure(certificate?: Issued, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const identity = certificate ? { cert: certificate.certificateChain, key: certificate.privateKey } : {};
    const plain = this.#release();
    const secured = connectTls({ socket: plain, rejectUnauthorized: false, ...identity, ...options });
    secured.on("error", () => {});
    await new Promise((resolve, reject) => secured.once("secureConnect", resolve).once("close", () => reject(new Error("TLS failed"))));
    this.#take(secured);
    return secured;
  }

  /** Begins TLS as server, after <starttls/>. */
  async acceptTls(certificate: Issued, options: TLSSocketOptions = {}): Promise<TLSSocket> {
    const secureContext = createSecureContext({ cert: certificate.certificateChain, key: certificate.privateKey });
    const server = { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false, ...options };
    const secured = new TLSSocket(this.#release(), server);
    secured.on("error", () => {});
    await new Promise((resolve, reject) => secured.once("secure", resolve).once("close", () => reject(new Error("TLS failed"))));
    this.#take(secured);
    return secured;
  }

  #release(): Socket {
    const plain = this.#socket;
    plain.removeAllListeners("data");
    plain.removeAllListeners("close");
    return plain;
  }

  #take(secured: TLSSocket): void {
    this.#text = "";
    this.#socket = secured;
    this.#listen(secured);
  }

  /** Header, features, STARTTLS, header again: up to the features after TLS. Returns those. */
  async upTo(from: string | null, to: string, certificate?: Issued): Promise<string> {
    this.open(from, to);
    await this.expect(/<\/stream:features>|<stream:features\/>/);
    this.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await this.expect(/<proceed[^>]*>/);
    await this.secure(certificate);
    this.open(from, to);
    return this.expect(/<\/stream:features>|<stream:features\/>|<\/stream:error>/);
  }
}

export const message = (from: string, to: string, body: string): XmlElement =>
  element(NS.server, "message", { from, to, type: "chat" }, element(NS.server, "body", {}, body));

/** Waits until `holds`, polling; @throws after three seconds */
export async function eventually(holds: () => boolean, what = "the condition"): Promise<void> {
  const until = Date.now() + 3000;
  while (!holds()) {
    if (Date.now() > until) throw new Error(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
