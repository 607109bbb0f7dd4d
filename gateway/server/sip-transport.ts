/** The listener, the connector with its back-off, and the table of connections that both share. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, createServer, type Server, type TLSSocket } from "node:tls";
import { byTurns, type Place } from "../sip/locate.ts";
import type { SipConnection } from "./ports.ts";
import { Connection, type ConnectionUser } from "./sip-connection.ts";
import type { SipContext } from "./sip-context.ts";
import { locate } from "./sip-locate.ts";
import { judgePeer, type PeerVerdict, type ShownCertificate, type SipPeer, type Trust, tlsOptions, trustOf } from "./sip-peer.ts";
import { peerCertificate } from "./xmpp-tls.ts";

/** Where a request goes first. */
export interface Hop {
  readonly fqdn: string;
  /** Where absent, DNS tells it (RFC 3263). */
  readonly port?: number | undefined;
}

/** One address of a hop. */
interface Way extends Place {
  readonly address: string;
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
      if (verdict.ok) connection.peer = asHop(verdict.peer, connection.toward);
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

  /**
   * An open connection to the peer of that name, whoever opened it (RFC 5923: both ends are verified); ours first. One that
   * leads to a next hop is not that of another one whose name its certificate shows too: the other is to be another way.
   */
  find(fqdn: string, except: ReadonlySet<Connection> = NONE): Connection | null {
    const { nextHop, furtherNextHops } = this.#context.state().document.sip;
    const isHop = [nextHop, ...furtherNextHops].some((hop) => hop.fqdn === fqdn);
    const leadsTo = ({ toward, peer }: Connection): boolean => toward === fqdn || (peer.names.has(fqdn) && !(isHop && toward !== null));
    const usable = [...this.#connections].filter((one) => one.isOpen && !except.has(one) && leadsTo(one));
    return usable.find((connection) => connection.direction === "out") ?? usable[0] ?? null;
  }

  /** Another connection to the same peer, for answers whose own connection is gone (RFC 3261 18.2.2). */
  replacementFor(connection: Connection): Connection | null {
    return this.find(connection.peer.fqdn);
  }

  /**
   * A connection to the hop, made where there is none.
   * @param except connections that were tried already
   * @param insists whether an attempt is made although the last one failed a moment ago
   * @throws UnreachableError
   */
  async open(hop: Hop, except: ReadonlySet<Connection> = NONE, insists = false): Promise<Connection> {
    const found = this.find(hop.fqdn, except);
    if (found !== null) return found;
    const key = hop.port === undefined ? hop.fqdn : `${hop.fqdn}:${hop.port}`;
    const underWay = this.#connecting.get(key);
    if (underWay !== undefined) return underWay;
    const backOff = this.#backOffs.get(key);
    if (!insists && backOff !== undefined && backOff.until > this.#context.surroundings.clock.now()) throw backOff.error;
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
      this.#adopt(socket, null, verdict.peer, shown);
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

  /** One address after the other, until a verified peer stands at the other end. */
  async #attempt(hop: Hop): Promise<Connection> {
    const { limits, surroundings } = this.#context;
    if (this.#draining) throw new UnreachableError("draining", "the gateway is stopping");
    const end = new AbortController();
    const late = new UnreachableError("connect-timeout", `${hop.fqdn}: no connection within ${limits.connect / 1000} s`);
    const timer = surroundings.clock.after(limits.connect, () => end.abort(late));
    try {
      const ways = await unlessAborted(this.#waysTo(hop), end.signal);
      return await this.#firstOf(ways, hop, end.signal);
    } finally {
      timer.cancel();
    }
  }

  async #firstOf(ways: readonly Way[], hop: Hop, signal: AbortSignal): Promise<Connection> {
    const failures: UnreachableError[] = [];
    for (const [index, way] of ways.entries()) {
      if (this.#draining) throw new UnreachableError("draining", "the gateway is stopping");
      try {
        return await this.#dial(way, hop, signal, index === ways.length - 1);
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        failures.push(error);
      }
      if (signal.aborted) break;
    }
    throw new UnreachableError(failures.at(-1)?.code ?? "connect-failed", failures.map(({ message }) => message).join("; "));
  }

  /** Names are looked up by our resolver only. @throws UnreachableError where there is no address */
  async #waysTo(hop: Hop): Promise<readonly Way[]> {
    const { limits, surroundings } = this.#context;
    const places = await locate(surroundings.resolver, hop, () => surroundings.random(4).readUInt32BE() / 2 ** 32);
    if (places.length === 0) throw new UnreachableError("connect-failed", `${hop.fqdn}: SRV says that there is no SIP over TLS`);
    const ways: Way[] = [];
    const problems: string[] = [];
    for (const place of places.slice(0, limits.addresses)) {
      if (ways.length >= limits.addresses) break;
      try {
        const addresses = byTurns(await surroundings.resolver.addresses(place.name));
        if (addresses.length === 0) problems.push(`${place.name} has no address record`);
        ways.push(...addresses.map((address) => ({ ...place, address })));
      } catch (error) {
        problems.push(`${place.name}: ${textOf(error)}`);
      }
    }
    if (ways.length === 0) throw new UnreachableError("connect-failed", problems.join("; "));
    return ways.slice(0, limits.addresses);
  }

  #dial({ name, port, address }: Way, hop: Hop, signal: AbortSignal, isLast: boolean): Promise<Connection> {
    const { limits, surroundings } = this.#context;
    return new Promise((resolve, reject) => {
      const tcp = connectTcp({ host: address, port });
      this.#pending.add(tcp);
      let settled = false;
      const settle = (): boolean => {
        const first = !settled;
        settled = true;
        slow?.cancel();
        signal.removeEventListener("abort", onAbort);
        this.#pending.delete(tcp);
        return first;
      };
      const fail = (code: string, text: string): void => {
        if (!settle()) return;
        tcp.destroy();
        reject(new UnreachableError(code, `${name}:${port}: ${text}`));
      };
      const onAbort = (): void => fail("connect-timeout", `no connection within ${limits.connect / 1000} s`);
      const tooSlow = (): void => fail("connect-timeout", `${address} did not answer within ${limits.connectAddress / 1000} s`);
      const slow = isLast ? null : surroundings.clock.after(limits.connectAddress, tooSlow);
      signal.addEventListener("abort", onAbort);
      tcp.on("error", (error) => fail("connect-failed", textOf(error)));
      tcp.once("close", () => fail("connect-failed", "the peer closed the connection during the handshake"));
      tcp.once("connect", () => {
        slow?.cancel();
        const secured = connectTls({ ...tlsOptions(this.#context.state()), socket: tcp, servername: hop.fqdn, rejectUnauthorized: false });
        secured.on("error", (error) => fail("tls-handshake-failed", textOf(error)));
        secured.once("secureConnect", () => {
          const shown = peerCertificate(secured);
          const verdict = this.#judge(shown);
          if (!verdict.ok) return fail(verdict.code, verdict.text);
          if (!verdict.peer.names.has(hop.fqdn)) return fail("certificate-name-mismatch", `its certificate does not show ${hop.fqdn}`);
          if (shown !== null && settle()) resolve(this.#adopt(secured, hop.fqdn, verdict.peer, shown));
        });
      });
    });
  }

  #adopt(socket: TLSSocket, toward: string | null, proven: SipPeer, shown: ShownCertificate): Connection {
    const direction = toward === null ? "in" : "out";
    const peer = asHop(proven, toward);
    const connection = new Connection({ socket, direction, toward, peer, shown, context: this.#context, user: this.#user });
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

const NONE: ReadonlySet<Connection> = new Set();

/** The peer under the name that we looked for. */
const asHop = (peer: SipPeer, toward: string | null): SipPeer =>
  toward !== null && peer.names.has(toward) ? { ...peer, fqdn: toward } : peer;

/** @throws the signal's reason */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

/** An AggregateError of several addresses has its reasons inside. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
