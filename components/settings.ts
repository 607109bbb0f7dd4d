/**
 * What an administrator declares, as typed component inputs. The settings that reach the gateway mirror gateway/config's
 * schema, the others components/settings-schema.ts; names, descriptions, ranges and defaults are proved equal to them in
 * settings.test.ts. Interfaces and constant objects rather than unions, so that the component package's schema can be
 * inferred for other languages.
 *
 * A value is plain (not an Input) only where it decides which resources exist or what they are called. Fields of an
 * enumerated type spell no `| undefined`: the inference would lose the type's name.
 */
import type * as pulumi from "@pulumi/pulumi";

/** Lync `-PartnerType`. */
export const PartnerType = { Federated: "federated", PublicVerified: "publicVerified", PublicUnverified: "publicUnverified" } as const;
export type PartnerType = (typeof PartnerType)[keyof typeof PartnerType];

/** Lync `-TlsNegotiation` and `-SaslNegotiation`. */
export const Negotiation = { Required: "required", Optional: "optional", NotSupported: "notSupported" } as const;
export type Negotiation = (typeof Negotiation)[keyof typeof Negotiation];

/** How the negotiation settings are read: as Microsoft's page publishes them, or strictly. */
export const NegotiationMode = { LyncCompat: "lync-compat", Strict: "strict" } as const;
export type NegotiationMode = (typeof NegotiationMode)[keyof typeof NegotiationMode];

/** How a message from a partner reaches the SIP side. */
export const MessageMode = { Session: "session", Pager: "pager" } as const;
export type MessageMode = (typeof MessageMode)[keyof typeof MessageMode];

/** Lowest TLS version towards SIP peers. */
export const TlsVersion = { Tls12: "TLSv1.2", Tls13: "TLSv1.3" } as const;
export type TlsVersion = (typeof TlsVersion)[keyof typeof TlsVersion];

/** Whether a partner's certificate is looked up in revocation lists. */
export const RevocationMode = { Off: "off", Soft: "soft", Hard: "hard" } as const;
export type RevocationMode = (typeof RevocationMode)[keyof typeof RevocationMode];

/** Whether the address record of the Access Edge FQDN is ours to make. */
export const AccessEdgeAddress = { Managed: "managed", Existing: "existing" } as const;
export type AccessEdgeAddress = (typeof AccessEdgeAddress)[keyof typeof AccessEdgeAddress];

/** One XMPP federated partner: what New-CsXmppAllowedPartner takes. */
export interface PartnerArgs {
  /** Primary domain: the base domain of the XMPP partner. Lync: -Domain. */
  domain: pulumi.Input<string>;
  /** Further domains of the partner that may communicate; they need not be children of the primary one. Lync: -AdditionalDomains. */
  additionalDomains?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** Notes, for example whom to call. Lync: -Description. */
  description?: pulumi.Input<string> | undefined;
  /** How far the partner is trusted: decides who may see presence, send messages and read status notes. Lync: -PartnerType. federated, publicVerified, publicUnverified. Default publicUnverified. */
  partnerType?: pulumi.Input<PartnerType>;
  /** Whether TLS is demanded, possible or never used with this partner. Lync: -TlsNegotiation. required, optional, notSupported. Default required. */
  tlsNegotiation?: pulumi.Input<Negotiation>;
  /** Whether SASL EXTERNAL is demanded, possible or never used with this partner. Lync: -SaslNegotiation. required, optional, notSupported. Default required. */
  saslNegotiation?: pulumi.Input<Negotiation>;
  /** Whether server dialback (XEP-0220) may prove the partner. Lync: -SupportDialbackNegotiation. Default true. */
  supportDialbackNegotiation?: pulumi.Input<boolean> | undefined;
  /** Streams at the same time with this partner; where absent, the gateway's partnerConnectionLimit counts. Lync: -ConnectionLimit. 1 to 10000 streams. */
  connectionLimit?: pulumi.Input<number> | undefined;
  /** Whether the partner must show life within keepAliveInterval. Lync: -EnableKeepAlive. Default true. */
  enableKeepAlive?: pulumi.Input<boolean> | undefined;
  /** Whether one stream may carry stanzas both ways where the partner's server offers it too (XEP-0288). Default true. */
  bidirectionalStreams?: pulumi.Input<boolean> | undefined;
  /** Whether stanzas are acknowledged, and lost streams resumed, where the partner's server offers it too (XEP-0198). Default true. */
  streamManagement?: pulumi.Input<boolean> | undefined;
  /** FQDN of the partner's server on port 5269; replaces the SRV look-up. Lync: -ProxyFqdn. */
  proxyFqdn?: pulumi.Input<string> | undefined;
  /** Authorities that vouch for this partner, PEM; where given, no other does, and they vouch for nobody else. */
  trustedAuthorities?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo of keys, one of which the partner's certificate must have, in hexadecimal or base64. Without trustedAuthorities nobody else need vouch for it: it may be self-signed. */
  pinnedKeys?: pulumi.Input<pulumi.Input<string>[]> | undefined;
}

/** Gateway-wide settings: what Set-CsXmppGatewayConfiguration takes, and a few of our own. */
export interface GatewayArgs {
  /** Streams at the same time, all partners together. Lync: -ConnectionLimit (Set-CsXmppGatewayConfiguration). 1 to 100000 streams. Default 1000. */
  connectionLimit?: pulumi.Input<number> | undefined;
  /** Streams at the same time with one partner. Lync: -PartnerConnectionLimit. 1 to 10000 streams. Default 20. */
  partnerConnectionLimit?: pulumi.Input<number> | undefined;
  /** A partner that shows no life for this long is disconnected. Lync: -KeepAliveInterval. 10 to 86400 seconds. Default 300. */
  keepAliveInterval?: pulumi.Input<number> | undefined;
  /** Time to set up a stream. Lync: -StreamEstablishmentTimeout. 1 to 600 seconds. Default 60. */
  streamEstablishmentTimeout?: pulumi.Input<number> | undefined;
  /** A stream without stanzas for this long is closed. Lync: -StreamInactivityTimeout. 10 to 86400 seconds. Default 600. */
  streamInactivityTimeout?: pulumi.Input<number> | undefined;
  /** Time within which a presence subscription is refreshed on the XMPP side. Lync: -SubscriptionRefreshInterval. 60 to 604800 seconds. Default 28800. */
  subscriptionRefreshInterval?: pulumi.Input<number> | undefined;
  /** Whether message texts are logged; endpoints only where false. Lync: -EnableLoggingAllMessageBodies. Default false. */
  enableLoggingAllMessageBodies?: pulumi.Input<boolean> | undefined;
  /** lync-compat: Microsoft's table as published. strict: SASL required also removes dialback. lync-compat, strict. Default lync-compat. */
  negotiationMode?: pulumi.Input<NegotiationMode>;
  /** Consent for a public unverified contact ends after this time without any subscription. 1 to 3650 days. Default 30. */
  consentLifetimeDays?: pulumi.Input<number> | undefined;
}

/** Whom the XMPP side trusts. */
export interface XmppArgs {
  /** Whether the public certificate authorities known to the runtime are trusted to vouch for partners. Default true. */
  useSystemAuthorities?: pulumi.Input<boolean> | undefined;
  /** Further certificate authorities trusted to vouch for partners, PEM. */
  trustedAuthorities?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** off: revocation lists are not asked. soft: a certificate whose authority has no usable list is accepted, which is logged once. hard: it is refused. off, soft, hard. Default soft. */
  revocation?: pulumi.Input<RevocationMode>;
  /** Certificate revocation lists of the authorities that vouch for partners: http, https or file URLs, or PEM. */
  crls?: pulumi.Input<pulumi.Input<string>[]> | undefined;
}

/** The Access Edge or Front End pool that takes requests for our users. */
export interface NextHopArgs {
  /** Access Edge or Front End pool that takes requests; its certificate must show it. */
  fqdn: pulumi.Input<string>;
  /** TLS port of the next hop; where absent, NAPTR and SRV (_sips._tcp) tell it, else it is 5061. 1 to 65535. */
  port?: pulumi.Input<number> | undefined;
}

/** The side of the Lync deployment. */
export interface SipArgs {
  /** The gateway's own name towards Lync: in Contact, Via and its SIP certificate. Lync: -ProxyFqdn (New-CsAllowedDomain) or -Identity (New-CsTrustedApplicationPool). */
  fqdn: string;
  /** Where requests for our users go. */
  nextHop: pulumi.Input<NextHopArgs>;
  /** Where they go while the next hop is unreachable or unhealthy, tried in this order. */
  furtherNextHops?: pulumi.Input<pulumi.Input<NextHopArgs>[]> | undefined;
  /** Further FQDNs that may connect to the SIP port; every next hop always may. */
  peers?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** Whether the public certificate authorities known to the runtime are trusted to vouch for SIP peers. Default true. */
  useSystemAuthorities?: pulumi.Input<boolean> | undefined;
  /** Further certificate authorities trusted to vouch for SIP peers, PEM (an internal CA, for example). */
  trustedAuthorities?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** Lowest TLS version towards SIP peers; Lync has no TLS 1.3. TLSv1.2, TLSv1.3. Default TLSv1.2. */
  minimumTlsVersion?: pulumi.Input<TlsVersion>;
  /** session: an INVITE session as Lync does it. pager: one MESSAGE each (RFC 3428). session, pager. Default session. */
  messageMode?: pulumi.Input<MessageMode>;
  /** A session without messages for this long is ended. 30 to 86400 seconds. Default 600. */
  sessionIdleTimeout?: pulumi.Input<number> | undefined;
}

/** Ports of the gateway. A change replaces the container. That of direct TLS is a plain value: it decides which records are made. */
export interface ListenArgs {
  /** XMPP server-to-server; needs a restart. 1 to 65535. Default 5269. */
  xmppPort?: pulumi.Input<number> | undefined;
  /** XMPP server-to-server with TLS from the first byte (XEP-0368), usually 5270; where absent, off; needs a restart. 1 to 65535. */
  xmppTlsPort?: number | undefined;
  /** SIP over mutual TLS; needs a restart. 1 to 65535. Default 5061. */
  sipPort?: pulumi.Input<number> | undefined;
  /** livez, readyz, status; needs a restart. 1 to 65535. Default 9090. */
  healthPort?: pulumi.Input<number> | undefined;
}

/** The Access Edge that partners connect to. */
export interface AccessEdgeArgs {
  /** Access Edge FQDN: the target of every SRV record. Lync: Access Edge FQDN. */
  fqdn: string;
  /** managed: the address record of the FQDN is made here. existing: a Lync Edge owns it and forwards port 5269. managed, existing. Default managed. */
  address?: AccessEdgeAddress;
}

/** What the certificate wizard of Microsoft's page asks, and the certificate that comes back. */
export interface CertificateArgs {
  /** Common name; where absent, the Access Edge FQDN (for the SIP certificate the gateway's own name). Lync: Subject name. */
  subjectName?: pulumi.Input<string> | undefined;
  /** Names besides those filled in. Lync: Configure Additional Subject Alternate Names. */
  additionalNames?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** Certificate template of the authority; only Microsoft's authorities read it. Lync: Specify Alternate Certificate Template. Default WebServer. */
  templateName?: pulumi.Input<string> | undefined;
  /** Display name of the certificate. Lync: Friendly name. */
  friendlyName?: pulumi.Input<string> | undefined;
  /** Length of the RSA key. Lync: Bit length. 2048, 3072, 4096 bits. Default 2048. */
  bitLength?: pulumi.Input<number> | undefined;
  /** Whether the private key is a secret output of the stack, so that it can be carried elsewhere. Lync: Mark the certificate's private key as exportable. Default true. */
  exportableKey?: boolean | undefined;
  /** Organisation. Lync: Organization Information. */
  organization?: pulumi.Input<string> | undefined;
  /** Organisational unit. Lync: Organization Information. */
  organizationalUnit?: pulumi.Input<string> | undefined;
  /** Country: two capital letters (ISO 3166). Lync: Geographical Information. */
  country?: pulumi.Input<string> | undefined;
  /** State or province. Lync: Geographical Information. */
  state?: pulumi.Input<string> | undefined;
  /** City. Lync: Geographical Information. */
  locality?: pulumi.Input<string> | undefined;
  /** The issued certificate, PEM: the edge's own first, then its authorities. Lync: After receiving, importing and assigning the public certificate. */
  issued?: string | undefined;
}

/** What the gateway runs on. */
export interface HostArgs {
  /** Image of the gateway's container, pinned by digest: name@sha256:DIGEST. */
  image: pulumi.Input<string>;
  /** Processor cores of the container. 0.1 to 4 cores. Default 1. */
  cpu?: pulumi.Input<number> | undefined;
  /** Memory of the container. 0.5 to 16 GB. Default 1. */
  memoryInGb?: pulumi.Input<number> | undefined;
  /** Resolvers that the gateway asks; where empty, those of the container. */
  dnsServers?: pulumi.Input<pulumi.Input<string>[]> | undefined;
  /** Time between the gateway's looks at its document, certificates and secrets: how soon it obeys a change. 1 to 3600 seconds. Default 10. */
  pollSeconds?: pulumi.Input<number> | undefined;
  /** Region of the cloud; where absent, the provider's. */
  location?: pulumi.Input<string> | undefined;
  /** Whether livez, readyz and status can be reached from outside; probes work without. Default false. */
  exposeHealthPort?: boolean | undefined;
}

/** Where our DNS records stand. */
export interface DnsArgs {
  /** Zone identifier by zone name, for every zone that holds one of our records. */
  zoneIds: Record<string, pulumi.Input<string>>;
  /** Time to live of our records. 60 to 86400 seconds. Default 300. */
  ttl?: pulumi.Input<number> | undefined;
}

/** For development and tests, never for production. */
export interface DevelopmentArgs {
  /** Whether a certificate authority of the stack's own signs the edge's certificates; never for production. Default false. */
  authority?: boolean | undefined;
  /** Names of demo or test peers that get a certificate of that authority. */
  peers?: string[] | undefined;
}

/** The whole edge. */
export interface FederationEdgeArgs {
  /** The Access Edge that partners connect to. */
  accessEdge: AccessEdgeArgs;
  /** SIP domains whose users may use XMPP federation. Lync: SIP domains of the deployment. */
  sipDomains: string[];
  /** XMPP federated partners; nobody else may communicate. Lync: New-CsXmppAllowedPartner. */
  partners?: pulumi.Input<pulumi.Input<PartnerArgs>[]> | undefined;
  /** Gateway-wide settings. Lync: Set-CsXmppGatewayConfiguration. */
  gateway?: pulumi.Input<GatewayArgs> | undefined;
  /** The XMPP side. */
  xmpp?: pulumi.Input<XmppArgs> | undefined;
  /** The SIP side. */
  sip: SipArgs;
  /** Ports the gateway listens on. */
  listen?: ListenArgs | undefined;
  /** The certificate shown to partners. */
  certificate?: CertificateArgs | undefined;
  /** The certificate shown to the Lync side. */
  sipCertificate?: CertificateArgs | undefined;
  /** What the gateway runs on. */
  host: HostArgs;
  /** Where our records stand. */
  dns: DnsArgs;
  /** For development and tests. */
  development?: DevelopmentArgs | undefined;
  /** Secret from which dialback keys are made; where absent, one is generated and kept. Lync: -DialbackPassphrase. */
  dialbackPassphrase?: pulumi.Input<string> | undefined;
  /** Whether keys, vault and storage refuse to be deleted until this is switched off. Default true. */
  protect?: boolean | undefined;
  /**
   * The time at which issued certificates are judged, ISO 8601. A component reads no clock; where absent, their dates are
   * left to the gateway. It is not recorded in the state, so that an unchanged edge stays unchanged.
   */
  now?: string | undefined;
}
