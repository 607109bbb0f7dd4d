/** What the sandbox process takes at most. Times are milliseconds, sizes bytes. */
export const LIMITS = {
  /** Body of a control request: a blob travels in one, in base64. */
  controlBytes: 96 * 1024 * 1024,
  httpConnections: 256,
  resources: 2000,
  worldRecords: 5000,
  /** As in Azure Container Instances. */
  containersInGroup: 60,
  /** Images that stay registered; the oldest goes first. */
  images: 50,

  dnsQueryBytes: 4096,
  dnsTcpConnections: 64,
  dnsTcpIdle: 10_000,
  /** Answers by UDP to a client that names no size (RFC 1035 4.2.1), and the most to one that does (RFC 9715). */
  dnsPlainBytes: 512,
  dnsUdpBytes: 1232,
  cnameChain: 8,

  /** A container must accept on its ports this soon after create. */
  containerReady: 60_000,
  /** Exits during create after which it counts as failed. */
  startAttempts: 3,
  /** From SIGTERM to SIGKILL. */
  stopGrace: 10_000,
  /** First wait before a restart, doubled each time up to the last. */
  backOff: 1000,
  backOffMost: 60_000,
  /** A container that ran this long starts again with the first wait. */
  stableRun: 30_000,
  /** One log file; with the one before it, twice that is kept per stream. */
  logBytes: 4 * 1024 * 1024,
  logCheck: 5000,
  /** Lines of a failed container's log in the error. */
  logLines: 15,
  /** How often an adopted process, which is no child of ours, is looked after. */
  adoptedPoll: 500,

  /** Identity tokens. */
  tokenLife: 3_600_000,
} as const;
