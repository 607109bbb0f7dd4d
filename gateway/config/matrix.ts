/**
 * The negotiation settings of a federated partner: Lync Server 2013's own table, row by row and in the page's order
 * ("Negotiation settings for XMPP federated partners", complete matrix). The rows are the source; the three-line rule
 * that reproduces them is a test (matrix.test.ts).
 */

/** Lync `-TlsNegotiation` and `-SaslNegotiation`. */
export const NEGOTIATION_VALUES = ["required", "optional", "notSupported"] as const;
export type Negotiation = (typeof NEGOTIATION_VALUES)[number];

/** How two domains may authenticate each other, best first. */
export type Method = "sasl-over-tls" | "tls-dialback" | "tcp-dialback";

/** `lync-compat` is the published table; in `strict` mode SASL "required" removes dialback (docs/decisions/0002). */
export const NEGOTIATION_MODES = ["lync-compat", "strict"] as const;
export type NegotiationMode = (typeof NEGOTIATION_MODES)[number];

/** The notes of the page, by name; the texts are in NOTES. */
export type NoteName = keyof typeof NOTES;

// biome-ignore format: the texts read beside their names
export const NOTES = {
  "dialback-inert":   "server dialback will not operate when TLS and SASL are both required: switch it off, or make SASL optional",
  "sasl-needs-tls":   "SASL needs TLS: while TLS is not required, session negotiation may fail",
  "no-method":        "SASL needs TLS, which is not supported here, and dialback over TCP is off: no session can ever be made",
  "sasl-or-dialback": "SASL or server dialback must be enabled",
  "tls-dialback":     "allows dialback over TLS",
  "peer-chooses":     "dialback over TLS or TCP is accepted, as the partner chooses",
  "only-tcp":         "dialback over TCP is the only method available",
} as const;

export type Verdict = "valid" | "warning" | "invalid";

export interface MatrixRow {
  readonly row: number;
  readonly tls: Negotiation;
  readonly sasl: Negotiation;
  readonly dialback: boolean;
  /** Expected methods, best first; empty when the row is not valid. */
  readonly methods: readonly Method[];
  readonly verdict: Verdict;
  readonly note: NoteName | null;
}

type Cells = readonly [number, Negotiation, Negotiation, boolean, readonly Method[], Verdict, NoteName | null];

// biome-ignore format: one row of the page, one line
const ROWS = [
  // #  TLS             SASL            dialback expected methods, best first                          verdict    note
  [ 1, "required",     "required",     true,    ["sasl-over-tls"],                                    "warning", "dialback-inert"  ],
  [ 2, "required",     "required",     false,   ["sasl-over-tls"],                                    "valid",   null              ],
  [ 3, "optional",     "required",     true,    ["sasl-over-tls", "tls-dialback", "tcp-dialback"],    "warning", "sasl-needs-tls"  ],
  [ 4, "optional",     "required",     false,   ["sasl-over-tls"],                                    "warning", "sasl-needs-tls"  ],
  [ 5, "notSupported", "required",     true,    ["tcp-dialback"],                                     "warning", "sasl-needs-tls"  ],
  [ 6, "notSupported", "required",     false,   [],                                                   "invalid", "no-method"       ],
  [ 7, "required",     "optional",     true,    ["sasl-over-tls", "tls-dialback"],                    "valid",   null              ],
  [ 8, "required",     "optional",     false,   ["sasl-over-tls"],                                    "valid",   null              ],
  [ 9, "optional",     "optional",     true,    ["sasl-over-tls", "tls-dialback", "tcp-dialback"],    "warning", "sasl-needs-tls"  ],
  [10, "optional",     "optional",     false,   ["sasl-over-tls"],                                    "warning", "sasl-needs-tls"  ],
  [11, "notSupported", "optional",     true,    ["tcp-dialback"],                                     "warning", "sasl-needs-tls"  ],
  [12, "notSupported", "optional",     false,   [],                                                   "invalid", "sasl-needs-tls"  ],
  [13, "required",     "notSupported", true,    ["tls-dialback"],                                     "valid",   "tls-dialback"    ],
  [14, "required",     "notSupported", false,   [],                                                   "invalid", "sasl-or-dialback"],
  [15, "optional",     "notSupported", true,    ["tls-dialback", "tcp-dialback"],                     "valid",   "peer-chooses"    ],
  [16, "optional",     "notSupported", false,   [],                                                   "invalid", "sasl-or-dialback"],
  [17, "notSupported", "notSupported", true,    ["tcp-dialback"],                                     "valid",   "only-tcp"        ],
  [18, "notSupported", "notSupported", false,   [],                                                   "invalid", "sasl-or-dialback"],
] as const satisfies readonly Cells[];

const toRow = ([row, tls, sasl, dialback, methods, verdict, note]: Cells): MatrixRow => ({
  row,
  tls,
  sasl,
  dialback,
  methods,
  verdict,
  note,
});

/** The 18 rows as published. */
export const MATRIX: readonly MatrixRow[] = ROWS.map(toRow);

/** Strict mode: SASL "required" removes dialback, so row 3 keeps SASL over TLS only and row 5 keeps nothing. */
const STRICT: readonly MatrixRow[] = MATRIX.map((row) => {
  if (row.sasl !== "required") return row;
  const methods = row.methods.filter((method) => method === "sasl-over-tls");
  return methods.length > 0 ? { ...row, methods } : { ...row, methods, verdict: "invalid", note: "no-method" };
});

/** The settings that choose a row. */
export interface NegotiationSettings {
  readonly tlsNegotiation: Negotiation;
  readonly saslNegotiation: Negotiation;
  readonly supportDialbackNegotiation: boolean;
}

/** The row of the table for a partner's settings. Every combination has exactly one. */
export function matrixRow(settings: NegotiationSettings, mode: NegotiationMode = "lync-compat"): MatrixRow {
  const rows = mode === "strict" ? STRICT : MATRIX;
  const found = rows.find(
    (row) =>
      row.tls === settings.tlsNegotiation && row.sasl === settings.saslNegotiation && row.dialback === settings.supportDialbackNegotiation,
  );
  if (!found) throw new RangeError(`no row for ${JSON.stringify(settings)}`);
  return found;
}

/** The page's reason in one sentence, or null where the page has none. */
export function noteText(row: MatrixRow): string | null {
  return row.note === null ? null : NOTES[row.note];
}
