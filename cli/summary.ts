/** What `up` tells at its end, as one value, as text, and as JSON. */
import type { Delivery } from "../sandbox/demo.ts";
import type { SrvAnswer } from "./lookup.ts";
import type { Partner } from "./outputs.ts";
import { table } from "./table.ts";

export interface Summary {
  readonly ok: boolean;
  readonly stack: string;
  /** Everything that went wrong, one a line; empty when ok. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly changes: readonly { readonly operation: string; readonly name: string; readonly type: string }[];
  readonly unchanged: number;
  readonly durations: Readonly<Record<string, number>>;
  readonly edge?: EdgeSummary;
  readonly logFile?: string;
}

export interface EdgeSummary {
  readonly accessEdgeFqdn: string;
  /** As DNS answered just now. */
  readonly srv: readonly SrvAnswer[];
  /** Who answered: `127.77.0.1:5353`, or null for the system's resolvers. */
  readonly dnsServer: string | null;
  readonly gateway: { readonly xmppAddress: string; readonly sipAddress: string; readonly healthUrl: string };
  readonly partners: readonly Partner[];
  readonly certificateRequest: { readonly file: string; readonly contents: readonly string[] };
  /** That of the certificate that the Lync side sees. */
  readonly sipCertificateRequest: { readonly file: string; readonly contents: readonly string[] };
  readonly certificateStatus: string;
  /** Absent where no demo peers run. */
  readonly testMessages?: { readonly toSip: Delivery; readonly toXmpp: Delivery };
}

const title = (text: string): string[] => ["", text];
const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

export function summaryLines(summary: Summary): string[] {
  const { edge } = summary;
  return [
    ...(edge === undefined ? [] : edgeLines(edge)),
    ...(summary.warnings.length === 0 ? [] : [...title("Warnings"), ...indent(summary.warnings)]),
    ...(summary.problems.length === 0
      ? []
      : [...title("Not in order"), ...indent(summary.problems.flatMap((problem) => problem.split("\n")))]),
    ...(summary.logFile === undefined || summary.ok ? [] : ["", `The engine's whole output: ${summary.logFile}`]),
  ];
}

function edgeLines(edge: EdgeSummary): string[] {
  const { gateway } = edge;
  return [
    "",
    `Access Edge FQDN   ${edge.accessEdgeFqdn}`,
    ...edge.srv.map((answer) => `SRV record         ${srvText(answer)}`),
    `                   (answered just now by ${edge.dnsServer ?? "the system's resolvers"})`,
    `Gateway            XMPP ${gateway.xmppAddress}, SIP over TLS ${gateway.sipAddress}${gateway.healthUrl === "" ? "" : `, health ${gateway.healthUrl}`}`,
    ...title("Partners"),
    ...indent(partnerTable(edge.partners)),
    ...title(`Certificate request: ${edge.certificateRequest.file}`),
    ...indent(edge.certificateRequest.contents),
    ...title(`Certificate request for the Lync side: ${edge.sipCertificateRequest.file}`),
    ...title(`Certificate in use: ${edge.certificateStatus}`),
    ...(edge.testMessages === undefined
      ? []
      : [
          ...title("Test messages through the gateway"),
          `  XMPP partner -> SIP user   ${deliveryText(edge.testMessages.toSip)}`,
          `  SIP user -> XMPP partner   ${deliveryText(edge.testMessages.toXmpp)}`,
        ]),
  ];
}

const srvText = ({ name, records, error }: SrvAnswer): string =>
  `${name}  ${records.length > 0 ? records.join(", ") : `no answer (${error ?? "no record"})`}`;

export const deliveryText = (delivery: Delivery): string =>
  delivery.ok ? `delivered in ${Math.round(delivery.latencyMs)} ms` : `FAILED: ${delivery.error}`;

export function partnerTable(partners: readonly Partner[]): string[] {
  if (partners.length === 0) return ["none: nobody may communicate"];
  return table(
    ["domain", "type", "TLS", "SASL", "dialback", "row", "verdict"],
    partners.map((partner) => [
      [partner.domain, ...partner.additionalDomains].join(", "),
      partner.partnerType,
      partner.tlsNegotiation,
      partner.saslNegotiation,
      partner.supportDialbackNegotiation ? "yes" : "no",
      String(partner.row),
      partner.verdict,
    ]),
  );
}
