/** What one SIP peer, or all of them, may make the SIP side hold or wait for. Times are milliseconds, sizes bytes. */
import { LIMITS as MESSAGE_LIMITS } from "../sip/limits.ts";
import { T1_MILLISECONDS } from "../sip/transactions.ts";

export const SIP_LIMITS = {
  /** RFC 3261 17.1.1.1; timers B, F, H, L and M are 64 of it. */
  t1: T1_MILLISECONDS,
  /** Longest body that is taken; a longer one is answered 413. */
  bodyBytes: MESSAGE_LIMITS.bodyBytes,
  /** One connection attempt to one hop: DNS, all addresses, TLS handshake included. */
  connect: 10_000,
  /** TCP to one address of several, before the next is tried. */
  connectAddress: 2500,
  /** Addresses of one hop that an attempt tries. */
  addresses: 8,
  /** A request from its first try: after this no further hop is tried. */
  failover: 30_000,
  /** OPTIONS to a hop that is connected goes out as often; an unhealthy one is asked after backOffFirst to backOffMost. */
  health: 30_000,
  /** Wait for the answer to that. */
  healthAnswer: 10_000,
  /** Longest Retry-After of a 503 that is obeyed. */
  retryAfterMost: 300_000,
  /** An accepted connection until its handshake is complete. */
  handshake: 10_000,
  /** A message from its first byte to its last. */
  message: 30_000,
  /** Silence after which a CRLF ping goes out on a connection that we opened (RFC 5626 4.4.1: 95 to 120 s). */
  ping: 100_000,
  /** Wait for the pong, for a peer that has answered one before (RFC 5626 4.4.1). */
  pong: 10_000,
  /** An accepted connection without a byte is closed; Lync says 300 s for its own. */
  idle: 900_000,
  /** Wait before the next attempt after a failed one; doubles up to the second. */
  backOffFirst: 1000,
  backOffMost: 30_000,
  /** Bytes that wait in our process for a peer to read; more ends the connection. */
  writeBuffer: 4_194_304,
  /** Connections at the same time, handshakes included. */
  connections: 200,
  /** Requests of one connection that wait for our answer; more are answered 503. */
  serverTransactions: 1000,
  /** Requests of ours that wait for an answer. */
  clientTransactions: 10_000,
  /** A handler's answer: it gives one within 25 s; this is before the peer's Timer F (32 s) all the same. */
  handler: 27_000,
  /** An INVITE of ours until its final answer; then CANCEL. */
  invite: 60_000,
  /** A text from deliver() until its request is sent. */
  delivery: 90_000,
  /** Texts that wait for one pair's session. */
  queuedPerPair: 100,
  /** Texts that wait, all pairs together. */
  queued: 10_000,
  sessions: 10_000,
  /** Sessions of one pair; both sides may have opened one. The oldest ends when there is one more. */
  sessionsPerPair: 4,
  /** Call-IDs of sessions, ended ones too, that no INVITE of ours takes again; the oldest are forgotten. */
  callIds: 20_000,
  subscriptions: 100_000,
  /** Seconds of a subscription where SUBSCRIBE names none, and at most (RFC 3856 6.4). */
  subscriptionSeconds: 3600,
  /** Failed or refused attempts that are remembered. */
  attempts: 500,
} as const;

export type SipLimits = { readonly [Name in keyof typeof SIP_LIMITS]: number };
