/** Typed partners and gateway settings -> the document that the gateway parses. One schema for both: gateway/config. */
import * as pulumi from "@pulumi/pulumi";
import { type MatrixRow, matrixRow, noteText } from "../gateway/config/matrix.ts";
import { documentWarnings, parseDocument } from "../gateway/config/parse.ts";
import type { EdgeDocument } from "../gateway/config/schema.ts";
import { TYPES } from "./names.ts";
import type { GatewayArgs, ListenArgs, PartnerArgs, SipArgs, XmppArgs } from "./settings.ts";
import { checked } from "./validation.ts";

export interface PartnerConfigurationArgs {
  /** Access Edge FQDN. */
  accessEdgeFqdn: pulumi.Input<string>;
  /** SIP domains whose users may use XMPP federation. */
  sipDomains: pulumi.Input<pulumi.Input<string>[]>;
  /** XMPP federated partners; nobody else may communicate. */
  partners?: pulumi.Input<pulumi.Input<PartnerArgs>[]> | undefined;
  /** Gateway-wide settings. */
  gateway?: pulumi.Input<GatewayArgs> | undefined;
  /** The XMPP side. */
  xmpp?: pulumi.Input<XmppArgs> | undefined;
  /** The SIP side. */
  sip: pulumi.Input<SipArgs>;
  /** Ports the gateway listens on. */
  listen?: pulumi.Input<ListenArgs> | undefined;
  /** Certificate of a development authority, PEM, trusted on both sides besides those named under xmpp and sip. */
  developmentAuthorityPem?: pulumi.Input<string> | undefined;
}

/** A partner and what its settings come to. */
export interface PartnerSummary {
  /** Primary domain. */
  domain: string;
  /** Further domains of the partner. */
  additionalDomains: string[];
  /** How far the partner is trusted. */
  partnerType: string;
  /** TLS negotiation. */
  tlsNegotiation: string;
  /** SASL negotiation. */
  saslNegotiation: string;
  /** Whether server dialback may prove the partner. */
  supportDialbackNegotiation: boolean;
  /** Row of Microsoft's table, 1 to 18. */
  row: number;
  /** valid or warning; a row that is not valid is refused. */
  verdict: string;
  /** Expected methods, best first: sasl-over-tls, tls-dialback, tcp-dialback. */
  methods: string[];
  /** The page's note on the row, empty where it has none. */
  note: string;
}

/**
 * The document that the gateway polls, from typed inputs.
 *
 * Every problem of the inputs is one error, before anything is created; the rows of the negotiation table that are not valid
 * are among them. Rows that Microsoft's page warns of are warnings of this resource.
 */
export class PartnerConfiguration extends pulumi.ComponentResource {
  /** The document, JSON. */
  readonly document: pulumi.Output<string>;
  /** Each partner with its row and verdict. */
  readonly partners: pulumi.Output<PartnerSummary[]>;
  /** What works but is advised against. */
  readonly warnings: pulumi.Output<string[]>;

  constructor(name: string, args: PartnerConfigurationArgs, opts?: pulumi.ComponentResourceOptions) {
    super(TYPES.partnerConfiguration, name, args, opts);
    const { developmentAuthorityPem, ...declared } = args;
    const document = checked(this, declared, parseDocument);

    this.warnings = document.apply((parsed) => documentWarnings(parsed).map((warning) => warning.text));
    this.warnings.apply((texts) => texts.map((text) => pulumi.log.warn(text, this)));
    this.partners = document.apply((parsed) => parsed.partners.map((partner) => summary(partner, parsed.gateway.negotiationMode)));
    this.document = pulumi.all([document, developmentAuthorityPem]).apply(([parsed, pem]) => documentText(parsed, pem));

    this.registerOutputs({ document: this.document, partners: this.partners, warnings: this.warnings });
  }
}

function summary(partner: EdgeDocument["partners"][number], mode: EdgeDocument["gateway"]["negotiationMode"]): PartnerSummary {
  const { domain, additionalDomains, partnerType, tlsNegotiation, saslNegotiation, supportDialbackNegotiation } = partner;
  const row: MatrixRow = matrixRow(partner, mode);
  return {
    domain,
    additionalDomains,
    partnerType,
    tlsNegotiation,
    saslNegotiation,
    supportDialbackNegotiation,
    row: row.row,
    verdict: row.verdict,
    methods: [...row.methods],
    note: noteText(row) ?? "",
  };
}

/** One setting a line, so that two documents can be compared line by line. */
function documentText(document: EdgeDocument, authority: string | undefined): string {
  return `${JSON.stringify(authority === undefined ? document : trusting(document, authority), null, 2)}\n`;
}

const trusting = (document: EdgeDocument, authority: string): EdgeDocument => ({
  ...document,
  xmpp: { ...document.xmpp, trustedAuthorities: [...document.xmpp.trustedAuthorities, authority] },
  sip: { ...document.sip, trustedAuthorities: [...document.sip.trustedAuthorities, authority] },
});
