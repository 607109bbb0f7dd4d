/** The records by which partners find the edge. */
import * as cloudflare from "@pulumi/cloudflare/dnsRecord.js";
import * as pulumi from "@pulumi/pulumi";
import { dnsNames, TYPES } from "./names.ts";
import { dnsSchema } from "./settings-schema.ts";
import { zoneFor } from "./zones.ts";

/** Port that `_xmpp-server._tcp` names (RFC 6120 section 14.7; Microsoft's page: "with a port value of 5269"). */
export const XMPP_PORT = 5269;
/** Priority and weight of the one target; a second edge takes a higher priority (RFC 2782). */
const PRIORITY = 10;
const WEIGHT = 10;

export interface FederationDnsArgs {
  /** Access Edge FQDN: the target of every SRV record. */
  accessEdgeFqdn: string;
  /** SIP domains: each gets its SRV record. */
  sipDomains: string[];
  /** Port of direct TLS (XEP-0368): each SIP domain gets a second SRV record for it. None where absent. */
  xmppTlsPort?: number | undefined;
  /** Names whose address record is ours. */
  addressNames: string[];
  /** Public address of the gateway, IPv4. */
  gatewayAddress: pulumi.Input<string>;
  /** Zone identifier by zone name. */
  zoneIds: Record<string, pulumi.Input<string>>;
  /** Time to live of the records, seconds. */
  ttl?: pulumi.Input<number> | undefined;
}

/** An SRV record as it stands in DNS. */
export interface SrvRecord {
  /** Owner name, `_xmpp-server._tcp.` or `_xmpps-server._tcp.` and the SIP domain. */
  name: string;
  /** Access Edge FQDN. */
  target: string;
  /** 5269; of `_xmpps-server._tcp` the port of direct TLS. */
  port: number;
  /** Lower is tried first. */
  priority: number;
  /** Share among records of one priority. */
  weight: number;
}

/**
 * `_xmpp-server._tcp.DOMAIN` for every SIP domain, with the Access Edge FQDN as target and 5269 as port, an address record
 * for each name that is ours, and, with a port for direct TLS, `_xmpps-server._tcp.DOMAIN` beside it with the same priority and
 * weight, so that partners which know both share themselves out. The target of an SRV record must own an address record and be no alias (RFC 2782).
 */
export class FederationDns extends pulumi.ComponentResource {
  readonly srvRecords: pulumi.Output<SrvRecord[]>;

  constructor(name: string, args: FederationDnsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(TYPES.federationDns, name, args, opts);
    const names = dnsNames(name);
    const ttl = args.ttl ?? dnsSchema.shape.ttl.parse(undefined);
    const zoneIdOf = (owner: string): pulumi.Input<string> => zoneId(owner, args.zoneIds, this);

    const publish = (logicalName: string, domain: string, record: SrvRecord): SrvRecord => {
      new cloudflare.DnsRecord(logicalName, { ...srvInputs(record), zoneId: zoneIdOf(domain), ttl }, { parent: this });
      return record;
    };
    const { accessEdgeFqdn: target, sipDomains, xmppTlsPort } = args;
    const records = sipDomains.map((domain) =>
      publish(names.srv(domain), domain, srvRecord(`_xmpp-server._tcp.${domain}`, target, XMPP_PORT)),
    );
    const tlsRecords = (xmppTlsPort === undefined ? [] : sipDomains).map((domain) =>
      publish(names.srvTls(domain), domain, srvRecord(`_xmpps-server._tcp.${domain}`, target, xmppTlsPort ?? XMPP_PORT)),
    );
    for (const fqdn of args.addressNames) {
      const inputs = { zoneId: zoneIdOf(fqdn), name: fqdn, type: "A", content: args.gatewayAddress, ttl, proxied: false };
      new cloudflare.DnsRecord(names.address(fqdn), inputs, { parent: this });
    }

    this.srvRecords = pulumi.output([...records, ...tlsRecords]);
    this.registerOutputs({ srvRecords: this.srvRecords });
  }
}

const srvRecord = (name: string, target: string, port: number): SrvRecord => ({ name, target, port, priority: PRIORITY, weight: WEIGHT });

/** The priority stands in both places: with one of them left out every preview shows a change (cloudflare provider issue 6684). */
const srvInputs = ({ name, ...data }: SrvRecord) => ({ name, type: "SRV", priority: data.priority, data });

function zoneId(owner: string, zoneIds: Readonly<Record<string, pulumi.Input<string>>>, component: pulumi.Resource): pulumi.Input<string> {
  const zone = zoneFor(owner, Object.keys(zoneIds));
  const id = zone === undefined ? undefined : zoneIds[zone];
  if (id !== undefined) return id;
  throw new pulumi.ResourceError(
    `dns.zoneIds has no zone that holds ${owner}; it has ${Object.keys(zoneIds).join(", ") || "none"}`,
    component,
    true,
  );
}
