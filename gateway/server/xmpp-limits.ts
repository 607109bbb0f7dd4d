/** What one partner, or all of them, may make the XMPP side hold or wait for. Times are milliseconds, sizes bytes. */
export const XMPP_LIMITS = {
  /** One TCP connection attempt; several targets share streamEstablishmentTimeout. */
  connect: 10_000,
  /** Addresses tried in one attempt, over all targets. */
  addresses: 16,
  /** Wait for the peer's closing tag and FIN after ours. */
  close: 5_000,
  /** Bytes that wait in our process for a peer to read; more ends the stream. */
  writeBuffer: 1_048_576,
  /** Bytes handed to the socket and not yet taken by the kernel, above which further stanzas wait in the pair's queue. */
  inFlight: 65_536,
  /** Stanzas, and their bytes, that wait for one pair's stream. */
  queuedStanzas: 1000,
  queuedBytes: 4_194_304,
  /** Dialback verifications under way at the same time: one partner, all partners. */
  verificationsPerPartner: 20,
  verifications: 200,
  /** Failed or refused attempts that are remembered. */
  attempts: 500,
  /** Our own pings without an answer that are remembered. */
  pings: 1000,
  /** How long before the end of keepAliveInterval a ping goes out; half the interval where that is less. */
  pingGrace: 30_000,
  /** Backlog of the listener. */
  backlog: 511,
} as const;
