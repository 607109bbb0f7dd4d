/**
 * What the rules read of our components. Components show their inputs in a preview, before anything exists, so these rules
 * never meet a value that is not yet known.
 */
import { type MatrixRow, matrixRow } from "../gateway/config/matrix.ts";
import { gatewaySchema, type Partner, partnerSchema } from "../gateway/config/schema.ts";

/** Type tokens of the components (components/names.ts; test/policy-tokens.test.ts holds the two together). */
export const COMPONENTS = {
  federationEdge: "xmpp-edge:index:FederationEdge",
  partnerConfiguration: "xmpp-edge:index:PartnerConfiguration",
  edgeCertificate: "xmpp-edge:index:EdgeCertificate",
} as const;

/** What an XMPP server-to-server record is called (RFC 6120 section 14.7), and one for direct TLS (XEP-0368). */
export const SRV_PREFIX = "_xmpp-server._tcp.";
export const SRV_TLS_PREFIX = "_xmpps-server._tcp.";
export const SRV_PORT = 5269;

type Props = Readonly<Record<string, unknown>>;

export interface ReadPartner {
  readonly partner: Partner;
  readonly row: MatrixRow;
}

/** The partners of a PartnerConfiguration, with defaults filled in, and the row of each. What cannot be read is the schema's to refuse. */
export function partnersOf(type: string, props: Props): readonly ReadPartner[] {
  if (type !== COMPONENTS.partnerConfiguration || !Array.isArray(props.partners)) return [];
  const mode = gatewaySchema.safeParse(props.gateway ?? {}).data?.negotiationMode;
  return props.partners.flatMap((input) => {
    const partner = partnerSchema.safeParse(input).data;
    return partner ? [{ partner, row: matrixRow(partner, mode) }] : [];
  });
}

export interface XmppRecord {
  readonly name: string;
  /** Of direct TLS (XEP-0368), whose port the administrator chooses. */
  readonly directTls: boolean;
  readonly data: Props;
  readonly priority: unknown;
}

/** An SRV record that leads XMPP servers to us; null for any other resource. */
export function xmppRecordOf(type: string, props: Props): XmppRecord | null {
  const isRecord = type === "cloudflare:index/dnsRecord:DnsRecord" || type === "cloudflare:index/record:Record";
  const name = String(props.name);
  const directTls = name.startsWith(SRV_TLS_PREFIX);
  if (!isRecord || props.type !== "SRV" || !(directTls || name.startsWith(SRV_PREFIX))) return null;
  return { name, directTls, data: (props.data ?? {}) as Props, priority: props.priority };
}

export const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
