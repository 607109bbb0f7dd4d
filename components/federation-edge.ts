/** The public component: an XMPP federation edge for Lync and Skype for Business, from typed settings to running gateway. */
import { createHash } from "node:crypto";
import * as resources from "@pulumi/azure-native/resources/index.js";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { normaliseDomain } from "../gateway/config/schema.ts";
import { edgeRequest, sipRequest } from "./certificate-request.ts";
import { ConfigurationStore } from "./configuration-store.ts";
import { ContainerHost } from "./container-host.ts";
import { DevelopmentAuthority, type PeerIdentity } from "./development-authority.ts";
import { EdgeCertificate } from "./edge-certificate.ts";
import { FederationDns, type SrvRecord } from "./federation-dns.ts";
import { edgeNames, TYPES } from "./names.ts";
import { PartnerConfiguration, type PartnerSummary } from "./partner-configuration.ts";
import type { CertificateArgs, DnsArgs, FederationEdgeArgs } from "./settings.ts";
import { dialbackPassphraseSchema, parseEdgeSettings } from "./settings-schema.ts";
import { checked } from "./validation.ts";
import { zoneFor } from "./zones.ts";

/** Where the gateway is reached. */
export interface GatewayAddresses {
  /** `address:port` of XMPP server-to-server. */
  xmppAddress: string;
  /** `address:port` of SIP over TLS. */
  sipAddress: string;
  /** Base URL of livez, readyz and status; empty where the health port is not exposed. */
  healthUrl: string;
}

/**
 * The whole edge: partners as the document that the gateway polls, key, request and certificate for both sides, the host
 * that runs the gateway, and the `_xmpp-server._tcp` records that lead partners to it.
 *
 * A partner, a certificate or a gateway setting changes one blob; the running gateway takes it without a restart.
 */
export class FederationEdge extends pulumi.ComponentResource {
  /** Access Edge FQDN. */
  readonly accessEdgeFqdn: pulumi.Output<string>;
  /** The SRV record of each SIP domain. */
  readonly srvRecords: pulumi.Output<SrvRecord[]>;
  /** Where the gateway is reached. */
  readonly gateway: pulumi.Output<GatewayAddresses>;
  /** The document that the gateway polls, JSON. */
  readonly document: pulumi.Output<string>;
  /** Each partner with its row of Microsoft's table and the verdict. */
  readonly partners: pulumi.Output<PartnerSummary[]>;
  /** The request for the certificate that partners see, PEM: send it to a certificate authority. */
  readonly certificateRequestPem: pulumi.Output<string>;
  /** Its settings, one a line. */
  readonly certificateRequestSummary: pulumi.Output<string>;
  /** Where the certificate that partners see comes from. */
  readonly certificateStatus: pulumi.Output<string>;
  /** The private key, PEM, secret; empty where certificate.exportableKey is false. */
  readonly certificatePrivateKeyPem: pulumi.Output<string>;
  /** The request for the certificate that the Lync side sees, PEM. */
  readonly sipCertificateRequestPem: pulumi.Output<string>;
  /** Its settings, one a line. */
  readonly sipCertificateRequestSummary: pulumi.Output<string>;
  /** Where the certificate that the Lync side sees comes from. */
  readonly sipCertificateStatus: pulumi.Output<string>;
  /** The private key, PEM, secret; empty where sipCertificate.exportableKey is false. */
  readonly sipCertificatePrivateKeyPem: pulumi.Output<string>;
  /** What works but is advised against, and what needs attention soon. */
  readonly warnings: pulumi.Output<string[]>;
  /** Certificate of the development authority, PEM; empty without one. */
  readonly developmentAuthorityPem: pulumi.Output<string>;
  /** Identity of each development peer by name, secret; empty without a development authority. */
  readonly developmentPeers: pulumi.Output<Record<string, PeerIdentity>>;

  constructor(name: string, args: FederationEdgeArgs, opts?: pulumi.ComponentResourceOptions) {
    super(TYPES.federationEdge, name, recordedArgs(args), opts);
    checkSettings(this, args);
    const names = edgeNames(name);
    const child = { parent: this };
    const protect = args.protect ?? true;
    const { accessEdgeFqdn, sipDomains, sip } = normalNames(args);

    const group = new resources.ResourceGroup(names.resourceGroup, given({ location: args.host.location }), child);
    const authority = args.development?.authority
      ? new DevelopmentAuthority(names.developmentAuthority, { peers: args.development.peers ?? [] }, child)
      : undefined;
    const judged = { ...given({ signer: authority?.signer, now: args.now }), protect };
    const certificate = new EdgeCertificate(
      names.certificate,
      { ...args.certificate, ...mutable(edgeRequest(accessEdgeFqdn, sipDomains)), ...judged },
      child,
    );
    const sipCertificate = new EdgeCertificate(
      names.sipCertificate,
      { ...args.sipCertificate, ...mutable(sipRequest(sip.fqdn)), ...judged },
      child,
    );
    const configuration = new PartnerConfiguration(
      names.partners,
      {
        accessEdgeFqdn,
        sipDomains,
        sip,
        ...given({ partners: args.partners, gateway: args.gateway, xmpp: args.xmpp, listen: args.listen }),
        ...given({ developmentAuthorityPem: authority?.certificatePem }),
      },
      child,
    );

    const place = { resourceGroupName: group.name, ...given({ location: args.host.location }) };
    const store = new ConfigurationStore(
      names.store,
      {
        ...place,
        document: configuration.document,
        certificateChain: certificate.certificateChain,
        privateKeyPem: certificate.privateKeyPem,
        sipCertificateChain: sipCertificate.certificateChain,
        sipPrivateKeyPem: sipCertificate.privateKeyPem,
        dialbackSecret: dialbackSecret(names.dialbackKey, args.dialbackPassphrase, this),
        protect,
      },
      child,
    );
    const host = new ContainerHost(
      names.host,
      { ...args.host, ...place, store: store.access, ...given({ listen: args.listen }), protect },
      // The gateway reads its files once before it serves: they must be there.
      { parent: this, dependsOn: store },
    );
    const dns = new FederationDns(
      names.dns,
      {
        accessEdgeFqdn,
        sipDomains,
        addressNames: args.accessEdge.address === "existing" ? [] : addressNames(accessEdgeFqdn, sip.fqdn, args.dns, this),
        gatewayAddress: host.address,
        ...given({ xmppTlsPort: args.listen?.xmppTlsPort }),
        ...args.dns,
      },
      child,
    );

    this.accessEdgeFqdn = pulumi.output(accessEdgeFqdn);
    this.srvRecords = dns.srvRecords;
    this.gateway = pulumi.output({ xmppAddress: host.xmppAddress, sipAddress: host.sipAddress, healthUrl: host.healthUrl });
    this.document = configuration.document;
    this.partners = configuration.partners;
    this.certificateRequestPem = certificate.requestPem;
    this.certificateRequestSummary = certificate.requestSummary;
    this.certificateStatus = certificate.status;
    this.certificatePrivateKeyPem = exported(args.certificate, certificate);
    this.sipCertificateRequestPem = sipCertificate.requestPem;
    this.sipCertificateRequestSummary = sipCertificate.requestSummary;
    this.sipCertificateStatus = sipCertificate.status;
    this.sipCertificatePrivateKeyPem = exported(args.sipCertificate, sipCertificate);
    this.warnings = pulumi.all([configuration.warnings, certificate.warnings, sipCertificate.warnings]).apply((lists) => lists.flat());
    this.developmentAuthorityPem = authority?.certificatePem ?? pulumi.output("");
    this.developmentPeers = authority?.peers ?? pulumi.output<Record<string, PeerIdentity>>({});
    this.registerOutputs(this.outputs());
  }

  /** Everything above, by name: what a stack exports. */
  outputs(): Record<string, pulumi.Output<unknown>> {
    return Object.fromEntries(OUTPUTS.map((output) => [output, this[output]]));
  }
}

const OUTPUTS = [
  "accessEdgeFqdn",
  "srvRecords",
  "gateway",
  "document",
  "partners",
  "certificateRequestPem",
  "certificateRequestSummary",
  "certificateStatus",
  "certificatePrivateKeyPem",
  "sipCertificateRequestPem",
  "sipCertificateRequestSummary",
  "sipCertificateStatus",
  "sipCertificatePrivateKeyPem",
  "warnings",
  "developmentAuthorityPem",
  "developmentPeers",
] as const satisfies readonly (keyof FederationEdge)[];

/** What the state keeps of the inputs: not the time, which would change with every run, and the passphrase encrypted. */
function recordedArgs({ now: _now, dialbackPassphrase, ...args }: FederationEdgeArgs): pulumi.Inputs {
  return { ...args, ...given({ dialbackPassphrase: dialbackPassphrase === undefined ? undefined : pulumi.secret(dialbackPassphrase) }) };
}

/** Every problem of every setting in one error, where the settings are known; PartnerConfiguration and EdgeCertificate check the rest. */
function checkSettings(component: FederationEdge, { now: _now, dialbackPassphrase, ...args }: FederationEdgeArgs): void {
  checked(component, args, (value) => parseEdgeSettings(value));
  if (dialbackPassphrase === undefined) return;
  pulumi.output(dialbackPassphrase).apply((value) => {
    const { error } = dialbackPassphraseSchema.safeParse(value);
    if (error) throw new pulumi.ResourceError(`dialbackPassphrase: ${error.issues[0]?.message}`, component, true);
  });
}

/** XEP-0185 wants a secret of its own: the passphrase, or what a generated key hashes to, which stays the same across runs. */
function dialbackSecret(name: string, passphrase: pulumi.Input<string> | undefined, parent: pulumi.Resource): pulumi.Output<string> {
  if (passphrase !== undefined) return pulumi.secret(passphrase);
  const key = new tls.PrivateKey(name, { algorithm: "ED25519" }, { parent });
  return pulumi.secret(key.privateKeyPem.apply((pem) => createHash("sha256").update(pem).digest("hex")));
}

/** The names whose address is the gateway's. The SIP name may stand in a zone inside the organisation, which is not ours. */
function addressNames(accessEdgeFqdn: string, sipFqdn: string, dns: DnsArgs, component: pulumi.Resource): string[] {
  if (zoneFor(sipFqdn, Object.keys(dns.zoneIds)) !== undefined) return [...new Set([accessEdgeFqdn, sipFqdn])];
  pulumi.log.info(`no zone in dns.zoneIds holds ${sipFqdn}: make its address record where the Lync side looks for it`, component);
  return [accessEdgeFqdn];
}

/** The plain names in the form that is compared and published: lower-case A-labels. */
function normalNames({ accessEdge, sipDomains, sip }: FederationEdgeArgs) {
  const normal = (name: string): string => normaliseDomain(name) ?? name;
  return { accessEdgeFqdn: normal(accessEdge.fqdn), sipDomains: sipDomains.map(normal), sip: { ...sip, fqdn: normal(sip.fqdn) } };
}

function exported(settings: CertificateArgs | undefined, certificate: EdgeCertificate): pulumi.Output<string> {
  return settings?.exportableKey === false ? pulumi.output("") : certificate.privateKeyPem;
}

const mutable = (filledIn: ReturnType<typeof edgeRequest>) => ({
  commonName: filledIn.commonName,
  dnsNames: [...filledIn.dnsNames],
  srvNames: [...filledIn.srvNames],
  requiredNames: [...filledIn.requiredNames],
});

/** Leaves out what is absent: an input that is there and undefined would be a change. */
function given<T extends object>(inputs: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
