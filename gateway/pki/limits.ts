/** Bounds on what certificates from peers, authorities and administrators may make this code do. */
export const LIMITS = {
  /** Certificates read from one PEM text; a public root store holds about 150. */
  certificates: 1000,
  /** Bytes of one PEM text of certificates. */
  pemBytes: 8_388_608,
  /** Bytes of one certificate or request in DER. */
  certificateBytes: 65_536,
  /** Alternative names read from one certificate. */
  names: 1000,
  /** Certificates in a chain, leaf and root included. */
  chainLength: 8,
  /** Intermediates looked at, out of those a peer sends. */
  intermediates: 16,
  /** Signatures checked while one chain is searched. */
  signatureChecks: 32,
  /** Subtrees of name constraints read from one authority. */
  nameConstraints: 1000,
  /** Bytes of one certificate revocation list in DER. */
  crlBytes: 4_194_304,
  /** Revoked certificates in one list. */
  crlEntries: 100_000,
  /** Distribution points read from one certificate or list. */
  distributionPoints: 100,
} as const;
