/** The listener, the connector with its back-off, and the table of connections that both share. */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls, createServer, type Server, type TLSSocket } from "node:tls";
import type { SipConnection } from "./ports.ts";
import { Connection, type ConnectionUser } from "./sip-connection.ts";
import type { SipContext } from "./sip-context.ts";
import { judgePeer, type PeerVerdict, type ShownCertificate, type SipPeer, type Trust, tlsOptions, trustOf } from "./sip-peer.ts";
import { peerCertificate } from "./xmpp-tls.ts";

/** Where a request goes first. */
export interface Hop {
  readonly fqdn: string;
  readonly port: number;
}

/** Why there is no connection to a hop: one sentence. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  readonly code: string;
  constructor(code: string, text: string) {
    super(text);
    this.code = code;
  }
}

/** After a failed attempt nobody tries again before `until`. */
interface BackOff {
  readonly until: number;
  readonly wait: number;
  readonly error: UnreachableError;
}

export class Transport {
  readonly #context: SipContext;
  readonly #user: ConnectionUser;
  readonly #connections = new Set<Connection>();
  /** Attempts under way, by host and port. */
  readonly #connecting = new Map<string, Promise<Connection>>();
  readonly #backOffs = new Map<string, BackOff>();
  /** Sockets of attempts under way. */
  readonly #pending = new Set<Socket>();
  #server: Server | null = null;
  #trust: Trust;
  #draining = false;

  constructor(context: SipContext, user: ConnectionUser) {
    this.#context = context;
    this.#trust = trustOf(context.state().document);
    this.#user = {
      onMessage: (received, connection) => user.onMessage(received, connection),
      onClosed: (connection) => {
        this.#connections.delete(connection);
        user.onClosed(connection);
      },
    };
  }

  start(): Promise<void> {
    const { limits, surroundings } = this.#context;
    const server = createServer({
      ...tlsOptions(this.#context.state()),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshake,
    });
    this.#server = server;
    server.maxConnections = limits.connections;
    server.on("secureConnection", (socket) => this.#accept(socket));
    server.on("tlsClientError", (error, socket) => {
      this.#record("in", `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`, null, "tls", "tls-handshake-failed", error.message);
      socket.destroy(); // a handshake that timed out leaves it open
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#context.state().document.listen.sipPort, surroundings.bindAddress, () => {
        server.off("error", reject);
        server.on("error", (error) => surroundings.log("sip-listener-failed", { why: error.message }));
        resolve();
      });
    });
  }

  /** New certificates for new handshakes; peers that are no longer listed or trusted are disconnected. */
  reload(): void {
    this.#trust = trustOf(this.#context.state().document);
    this.#server?.setSecureContext(tlsOptions(this.#context.state()));
    this.#backOffs.clear();
    for (const connection of this.#connections) {
      const verdict = this.#judge(connection.shown);
      if (verdict.ok) connection.peer = verdict.peer;
      else {
        this.#record(connection.direction, connection.address, connection.peer.fqdn, "reload", verdict.code, verdict.text);
        connection.close(verdict.code);
      }
    }
  }

  /** Whether that host may be connected to. */
  isListed(fqdn: string): boolean {
    return this.#trust.allowed.includes(fqdn);
  }

  /** An open connection to the peer of that name, whoever opened it (RFC 5923: both ends are verified); ours first. */
  find(fqdn: string): Connection | null {
    const usable = [...this.#connections].filter((connection) => connection.isOpen && connection.peer.names.has(fqdn));
    return usable.find((connection) => connection.direction === "out") ?? usable[0] ?? null;
  }

  /** Another connection to the same peer, for answers whose own connection is gone (RFC 3261 18.2.2). */
  replacementFor(connection: Connection): Connection | null {
    return this.find(connection.peer.fqdn);
  }

  /** A connection to the hop, made where there is none. @throws UnreachableError */
  async open(hop: Hop): Promise<Connection> {
    const found = this.find(hop.fqdn);
    if (found !== null) return found;
    const key = `${hop.fqdn}:${hop.port}`;
    const underWay = this.#connecting.get(key);
    if (underWay !== undefined) return underWay;
    const backOff = this.#backOffs.get(key);
    if (backOff !== undefined && backOff.until > this.#context.surroundings.clock.now()) throw backOff.error;
    const attempt = this.#connect(hop, key).finally(() => this.#connecting.delete(key));
    this.#connecting.set(key, attempt);
    return attempt;
  }

  connections(): readonly SipConnection[] {
    return [...this.#connections].map((connection) => connection.describe());
  }

  /** Takes no more connections. */
  stopListening(): void {
    this.#draining = true;
    this.#server?.close();
  }

  end(): void {
    this.stopListening();
    for (const socket of this.#pending) socket.destroy();
    for (const connection of [...this.#connections]) connection.close("draining");
  }

  #accept(socket: TLSSocket): void {
    const address = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`;
    const shown = peerCertificate(socket);
    const verdict = this.#judge(shown);
    socket.on("error", () => {}); // `close` follows
    if (verdict.ok && shown !== null && !this.#draining) {
      this.#adopt(socket, "in", verdict.peer, shown);
      return;
    }
    if (!verdict.ok) this.#record("in", address, null, "certificate", verdict.code, verdict.text);
    socket.destroy();
  }

  async #connect(hop: Hop, key: string): Promise<Connection> {
    try {
      const connection = await this.#attempt(hop);
      this.#backOffs.delete(key);
      return connection;
    } catch (error) {
      const failure = error instanceof UnreachableError ? error : new UnreachableError("connect-failed", textOf(error));
      this.#record("out", key, hop.fqdn, "connect", failure.code, failure.message);
      this.#delay(key, failure);
      throw failure;
    }
  }

  /** Doubles, with up to a quarter of chance, so that several gateways do not come back at the same moment. */
  #delay(key: string, error: UnreachableError): void {
    const { limits, surroundings } = this.#context;
    const last = this.#backOffs.get(key);
    const wait = last === undefined ? limits.backOffFirst : Math.min(last.wait * 2, limits.backOffMost);
    const jitter = ((surroundings.random(1)[0] ?? 0) / 255) * (wait / 4);
    this.#backOffs.set(key, { until: surroundings.clock.now() + wait - jitter, wait, error });
  }

  #attempt(hop: Hop): Promise<Connection> {
    const { limits, surroundings } = this.#context;
    if (this.#draining) throw new UnreachableError("draining", "the gateway is stopping");
    return new Promise((resolve, reject) => {
      const tcp = connectTcp({
        host: hop.fqdn,
        port: hop.port,
        lookup: this.#lookup(),
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: limits.connectAddress,
      });
      this.#pending.add(tcp);
      let settled = false;
      const settle = (): boolean => {
        const first = !settled;
        settled = true;
        timer.cancel();
        this.#pending.delete(tcp);
        return first;
      };
      const fail = (code: string, text: string): void => {
        if (!settle()) return;
        tcp.destroy();
        reject(new UnreachableError(code, `${hop.fqdn}:${hop.port}: ${text}`));
      };
      const timer = surroundings.clock.after(limits.connect, () =>
        fail("connect-timeout", `no connection within ${limits.connect / 1000} s`),
      );
      tcp.on("error", (error) => fail("connect-failed", textOf(error)));
      tcp.once("close", () => fail("connect-failed", "the peer closed the connection during the handshake"));
      tcp.once("connect", () => {
        const secured = connectTls({ ...tlsOptions(this.#context.state()), socket: tcp, servername: hop.fqdn, rejectUnauthorized: false });
        secured.on("error", (error) => fail("tls-handshake-failed", textOf(error)));
        secured.once("secureConnect", () => {
          const shown = peerCertificate(secured);
          const verdict = this.#judge(shown);
          if (!verdict.ok) return fail(verdict.code, verdict.text);
          if (!verdict.peer.names.has(hop.fqdn)) return fail("certificate-name-mismatch", `its certificate does not show ${hop.fqdn}`);
          if (shown !== null && settle()) resolve(this.#adopt(secured, "out", verdict.peer, shown));
        });
      });
    });
  }

  /** Names are looked up by our resolver only. */
  #lookup(): LookupFunction {
    const { resolver } = this.#context.surroundings;
    return (name, _options, callback) => {
      resolver.addresses(name).then(
        (addresses) => {
          const list = addresses.map((address) => ({ address, family: isIP(address) }));
          if (list.length > 0) callback(null, list);
          else callback(Object.assign(new Error(`${name} has no address record`), { code: "ENOTFOUND" }), []);
        },
        (error: unknown) => callback(error as NodeJS.ErrnoException, []),
      );
    };
  }

  #adopt(socket: TLSSocket, direction: "in" | "out", peer: SipPeer, shown: ShownCertificate): Connection {
    const connection = new Connection({ socket, direction, peer, shown, context: this.#context, user: this.#user });
    this.#connections.add(connection);
    const { id, address } = connection;
    this.#context.surroundings.log("sip-connected", { id, direction, address, peer: peer.fqdn, protocol: socket.getProtocol() });
    return connection;
  }

  #judge(shown: ShownCertificate | null): PeerVerdict {
    return judgePeer(shown, this.#trust, new Date(this.#context.surroundings.clock.now()));
  }

  #record(direction: "in" | "out", address: string, peer: string | null, step: string, code: string, text: string): void {
    this.#context.attempts.add({ direction, address, peer, step, code, text });
  }
}

/** An AggregateError of several addresses has its reasons inside. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
