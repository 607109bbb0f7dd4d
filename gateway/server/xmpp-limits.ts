/** What one partner, or all of them, may make the XMPP side hold or wait for. Times are milliseconds, sizes bytes. */
export const XMPP_LIMITS = {
  /** One TCP connection attempt; several targets share streamEstablishmentTimeout. */
  connect: 10_000,
  /** Without an answer for this long, the next address of the same server is tried beside (RFC 8305 section 8). */
  nextAddress: 250,
  /** The handshake of direct TLS, which may end at a server that waits for something else; then the next server is tried. */
  handshake: 10_000,
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
  /** Shortest wait between two attempts of a pair; doubled with each failure up to the longest. */
  backoffShortest: 1_000,
  backoffLongest: 60_000,
  /** What chance adds to a wait, as a part of it: pairs that failed together do not come back together. */
  backoffJitter: 0.25,
  /** A stanza waits for the next attempt where that starts within this; later ones refuse it at once. */
  backoffPatience: 2_000,
  /** Failed or refused attempts that are remembered. */
  attempts: 500,
  /** Our own pings without an answer that are remembered. */
  pings: 1000,
  /** How long before the end of keepAliveInterval a ping goes out; half the interval where that is less. */
  pingGrace: 30_000,
  /** How long what is left of a lost stream is kept for its peer to resume, and how many of them at once; the oldest goes first. */
  resumption: 120_000,
  resumptions: 1000,
  /** The part of a peer's idle-seconds (XEP-0478) after which white space goes out. */
  idleShare: 0.75,
  /** Backlog of the listener. */
  backlog: 511,
} as const;
