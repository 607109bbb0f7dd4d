/**
 * Text or value -> EdgeDocument, or every problem at once. Nothing is half-accepted: a document with one problem is
 * refused whole.
 */
import { z } from "zod";
import { type Method, matrixRow, NEGOTIATION_MODES, type NegotiationMode, noteText } from "./matrix.ts";
import { ConfigurationError, type Problem, plain, schemaProblems } from "./problems.ts";
import { documentSchema, type EdgeDocument, LIMITS, normaliseDomain, type Partner, partnerSchema } from "./schema.ts";

export { ConfigurationError, type Problem, problemLine } from "./problems.ts";

/** Something that works but that Microsoft's page advises against. */
export interface Warning {
  readonly path: string;
  readonly text: string;
}

/** Parses the text of a document. @throws ConfigurationError with every problem. */
export function parseDocumentText(text: string): EdgeDocument {
  const bytes = Buffer.byteLength(text);
  if (bytes > LIMITS.documentBytes) {
    throw new ConfigurationError("edge document", [
      { path: "", value: `${bytes} bytes long`, allowed: `at most ${LIMITS.documentBytes} bytes` },
    ]);
  }
  return parseDocument(parseJson(text));
}

function parseJson(text: string): unknown {
  try {
    // Editors on Windows write a byte order mark; RFC 8259 section 8.1 lets a parser ignore it.
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    const reason = plain(error instanceof Error ? error.message : String(error));
    throw new ConfigurationError("edge document", [{ path: "", value: "not JSON", allowed: `expected a JSON object (${reason})` }]);
  }
}

/** Parses a value as the document. @throws ConfigurationError with every problem. */
export function parseDocument(value: unknown): EdgeDocument {
  const result = documentSchema.safeParse(value, { reportInput: true });
  const problems = result.success
    ? documentProblems(result.data)
    : [...schemaProblems(result.error), ...documentProblems(readableParts(value))];
  if (!result.success || problems.length > 0) throw new ConfigurationError("edge document", problems);
  return result.data;
}

/** Parses any value by a schema, with this module's error. `more` adds what one field alone cannot show. */
export function parseWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
  subject: string,
  more: (parsed: z.output<S>) => readonly Problem[] = () => [],
): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  const problems = result.success ? more(result.data) : schemaProblems(result.error);
  if (!result.success || problems.length > 0) throw new ConfigurationError(subject, problems);
  return result.data;
}

/** What the rules that look across settings need; a partner that cannot be read is null, so that the others keep their index. */
interface Parts {
  readonly sipDomains: readonly (string | null)[];
  readonly partners: readonly (Partner | null)[];
  readonly gateway: { readonly negotiationMode: NegotiationMode };
}

// Fields here are read one by one and may be anything: what does not fit falls back instead of failing.
const readableSchema = z.object({
  sipDomains: z.array(z.unknown()).catch([]),
  partners: z.array(z.unknown()).catch([]),
  gateway: z.object({ negotiationMode: z.enum(NEGOTIATION_MODES).catch("lync-compat") }).catch({ negotiationMode: "lync-compat" }),
});

/** Of a document that the schema refused, the parts that can be read: so that one error still lists every problem. */
function readableParts(value: unknown): Parts {
  const read = readableSchema.safeParse(value);
  if (!read.success) return { sipDomains: [], partners: [], gateway: { negotiationMode: "lync-compat" } };
  return {
    sipDomains: read.data.sipDomains.slice(0, LIMITS.sipDomains).map((name) => (typeof name === "string" ? normaliseDomain(name) : null)),
    partners: read.data.partners.slice(0, LIMITS.partners).map((partner) => partnerSchema.safeParse(partner).data ?? null),
    gateway: read.data.gateway,
  };
}

/** What only the whole document shows: the rows that cannot work, and domains claimed twice. */
export function documentProblems(document: Parts): Problem[] {
  return [...rowProblems(document), ...domainProblems(document)];
}

/** The five rows of the negotiation table that are not valid (six in strict mode). */
function rowProblems(document: Parts): Problem[] {
  return document.partners.flatMap((partner, index) => {
    if (partner === null) return [];
    const row = matrixRow(partner, document.gateway.negotiationMode);
    if (row.verdict !== "invalid") return [];
    return [
      {
        path: `partners[${index}]`,
        value: `${partner.domain} with ${settingsText(partner)} (row ${row.row})`,
        allowed: `not valid: ${noteText(row) ?? "no method is left"}`,
      },
    ];
  });
}

/** A partner's domain may not be a served SIP domain, nor stand under two partners; no SIP domain stands twice. */
function domainProblems(document: Parts): Problem[] {
  const owners = new Map<string, string>();
  const claim = (name: string, path: string, owner: string, rule: string): Problem[] => {
    const before = owners.get(name);
    if (before !== undefined) return [{ path, value: JSON.stringify(name), allowed: `already ${before}; ${rule}` }];
    owners.set(name, owner);
    return [];
  };
  return [
    ...document.sipDomains.flatMap((name, index) =>
      name === null ? [] : claim(name, `sipDomains[${index}]`, "a SIP domain of this edge", "list it once"),
    ),
    ...document.partners.flatMap((partner, index) =>
      partner === null
        ? []
        : partnerDomains(partner).flatMap((name, position) => {
            const path = position === 0 ? `partners[${index}].domain` : `partners[${index}].additionalDomains[${position - 1}]`;
            return claim(name, path, `listed under partners[${index}] (${partner.domain})`, "a domain belongs to one partner");
          }),
    ),
  ];
}

/** Every domain of a partner, the primary one first. */
export const partnerDomains = (partner: Pick<Partner, "domain" | "additionalDomains">): string[] => [
  partner.domain,
  ...partner.additionalDomains,
];

/** What works but deserves a second look: the seven warned rows, public verified partners, and trust that is not used. */
export function documentWarnings(document: EdgeDocument): Warning[] {
  return [
    ...document.partners.flatMap((partner, index) => partnerWarnings(partner, `partners[${index}]`, document)),
    ...revocationWarnings(document.xmpp),
  ];
}

function revocationWarnings({ revocation, crls }: EdgeDocument["xmpp"]): Warning[] {
  if (revocation !== "hard" || crls.length > 0) return [];
  const text = "hard without any list under xmpp.crls: every certificate that is not pinned and not trusted itself is refused";
  return [{ path: "xmpp.revocation", text }];
}

function partnerWarnings(partner: Partner, path: string, document: EdgeDocument): Warning[] {
  const row = matrixRow(partner, document.gateway.negotiationMode);
  const warnings: Warning[] = [];
  if (row.verdict === "warning") {
    warnings.push({ path, text: `${partner.domain}: ${settingsText(partner)} (row ${row.row}): ${noteText(row)}` });
  }
  if (partner.partnerType === "publicVerified") {
    warnings.push({
      path,
      text: `${partner.domain}: partnerType publicVerified is not recommended: its users need nobody's consent; use publicUnverified for a public provider`,
    });
  }
  return [...warnings, ...trustWarnings(partner, path, row.methods)];
}

/** Anchors and pins prove a partner only where its certificate is asked. */
function trustWarnings({ domain, trustedAuthorities, pinnedKeys }: Partner, path: string, methods: readonly Method[]): Warning[] {
  const named = [...(trustedAuthorities.length > 0 ? ["trustedAuthorities"] : []), ...(pinnedKeys.length > 0 ? ["pinnedKeys"] : [])];
  if (named.length === 0 || methods.every((method) => method === "sasl-over-tls")) return [];
  const text = `${domain}: dialback, which this row admits, proves the partner without ${named.join(" and ")}; only a row with SASL alone asks its certificate every time`;
  return [{ path, text }];
}

const settingsText = (partner: Partner): string =>
  `tlsNegotiation ${partner.tlsNegotiation}, saslNegotiation ${partner.saslNegotiation}, supportDialbackNegotiation ${partner.supportDialbackNegotiation}`;
