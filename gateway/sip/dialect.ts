/** What differs between Lync and a plain RFC 3261 element, as data. Code asks the row, never the peer's name. */

export interface Dialect {
  /** Header that tells a refusal's reason; null: the reason phrase must do. */
  readonly diagnosticsHeader: string | null;
  /** Media types that name a session of MESSAGE requests; the first is the one we offer. */
  readonly messageMedia: readonly string[];
  /** Protocol and format of that media line. */
  readonly mediaProtocol: string;
  /** Port in the media line; means nothing but must not be 0. */
  readonly mediaPort: number;
  /** What we say we can take, in `a=accept-types`. */
  readonly acceptTypes: readonly string[];
  /** Header with the first message of a session inside the INVITE, and the option that announces it; null: not used. */
  readonly embeddedMessage: { readonly header: string; readonly announcedBy: string; readonly confirmedBy: string } | null;
  /** Whether From may carry the sender's `gr`. */
  readonly gruuInFrom: boolean;
  /** Answer to a request with `ms-keep-alive`; null: not known there. */
  readonly keepAliveAnswer: string | null;
}

export const DIALECTS = {
  /** Lync Server 2010 and 2013, Skype for Business Server ([MS-SIPRE], [MS-CONMGMT], [MS-OCER]). */
  lync: {
    diagnosticsHeader: "ms-diagnostics-public",
    messageMedia: ["message", "x-ms-message"],
    mediaProtocol: "sip null",
    mediaPort: 5060,
    acceptTypes: ["text/plain", "text/html", "multipart/alternative"],
    embeddedMessage: { header: "ms-text-format", announcedBy: "ms-embedded-first-message", confirmedBy: "ms-text-format" },
    gruuInFrom: false,
    keepAliveAnswer: "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300",
  },
  rfc: {
    diagnosticsHeader: null,
    messageMedia: ["message"],
    mediaProtocol: "sip null",
    mediaPort: 5060,
    acceptTypes: ["text/plain", "text/html", "multipart/alternative"],
    embeddedMessage: null,
    gruuInFrom: true,
    keepAliveAnswer: null,
  },
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof DIALECTS;

/**
 * Identifiers of [MS-OCER] section 7 that say what the status says; every other refusal carries 0, so that none is given a
 * meaning of Microsoft's that it does not have. The reason in words is ours.
 */
const DIAGNOSTIC_IDS: ReadonlyMap<number, number> = new Map([
  [404, 1003], // User does not exist
  [504, 1046], // Failed to connect to a federated peer server
]);

/** The header that explains a refusal in that dialect. */
export function diagnostics(dialect: Dialect, status: number, reason: string): readonly [string, string][] {
  if (dialect.diagnosticsHeader === null || status < 400) return [];
  const text = reason.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "'");
  return [[dialect.diagnosticsHeader, `${DIAGNOSTIC_IDS.get(status) ?? 0};reason="${text}"`]];
}
