/**
 * The edge document: everything the gateway is told, as one typed value. The components write it, the gateway polls it,
 * and both use this schema. Every setting carries its Lync parameter, unit, range and default; docs/configuration.md is
 * printed from here.
 */
import { z } from "zod";
import { normaliseDomain } from "../xmpp/domain.ts";
import { NEGOTIATION_MODES, NEGOTIATION_VALUES } from "./matrix.ts";

export { normaliseDomain } from "../xmpp/domain.ts";

/** What a setting is called elsewhere and what it counts; printed into docs/configuration.md. */
export interface SettingMeta {
  readonly description: string;
  /** The parameter of the Lync cmdlet, or the words of Microsoft's page. */
  readonly lync?: string;
  readonly unit?: string;
}

declare module "zod" {
  interface GlobalMeta {
    lync?: string;
    unit?: string;
    /** What a text must be, where its pattern says it badly. */
    kind?: string;
  }
}

/** Limits of the document itself. */
export const LIMITS = {
  documentBytes: 1_048_576,
  partners: 1000,
  additionalDomains: 100,
  sipDomains: 100,
  sipPeers: 100,
  furtherNextHops: 8,
  authorities: 100,
  /** Authorities of one partner, and pinned keys of one partner. */
  partnerAuthorities: 10,
  pinnedKeys: 10,
  /** Revocation lists, and characters of one that stands in the document. */
  crls: 50,
  crlLength: 262_144,
  urlLength: 2048,
  descriptionLength: 1024,
} as const;

export const PARTNER_TYPES = ["federated", "publicVerified", "publicUnverified"] as const;
export type PartnerType = (typeof PARTNER_TYPES)[number];

const domain = () =>
  z
    .string()
    .min(1)
    .max(1023)
    .transform((text, context): string => {
      const normal = normaliseDomain(text);
      if (normal !== null) return normal;
      context.issues.push({
        code: "custom",
        input: text,
        message: "expected a domain name of two labels or more, such as fabrikam.com",
      });
      return z.NEVER;
    })
    .meta({ kind: "domain name" });

const pem = () =>
  z
    .string()
    .max(65_536)
    .regex(/^\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/, "expected a certificate in PEM form")
    .meta({ kind: "PEM certificate" });

/** Bytes of SHA-256. */
const DIGEST = 32;

/** Lower-case hexadecimal digits of a digest that was written in hexadecimal, with colons or without, or in base64; null for anything else. */
function digestText(text: string): string | null {
  if (/^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i.test(text)) return text.replaceAll(":", "").toLowerCase();
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, "base64");
  return bytes.length === DIGEST ? bytes.toString("hex") : null;
}

const pinnedKey = () =>
  z
    .string()
    .max(256)
    .transform((text, context): string => {
      const digits = digestText(text);
      if (digits !== null) return digits;
      context.issues.push({
        code: "custom",
        input: text,
        message: "expected the SHA-256 of a certificate's SubjectPublicKeyInfo: 64 hexadecimal digits or 44 characters of base64",
      });
      return z.NEVER;
    })
    .meta({ kind: "SHA-256 digest" });

/** Whether an entry of `xmpp.crls` is the list itself. */
export const isCrlPem = (text: string): boolean => /^\s*-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]+-----END X509 CRL-----\s*$/.test(text);

function isCrlUrl(text: string): boolean {
  if (!URL.canParse(text) || text.length > LIMITS.urlLength) return false;
  const { protocol, username, password, hostname } = new URL(text);
  return ["http:", "https:"].includes(protocol) ? username === "" && password === "" : protocol === "file:" && hostname === "";
}

/** Where a revocation list is, or the list itself. */
const crl = () =>
  z
    .string()
    .max(LIMITS.crlLength)
    .refine(
      (text) => isCrlPem(text) || isCrlUrl(text),
      "expected an http, https or file URL without user or password, or one list in PEM form (X509 CRL)",
    )
    .meta({ kind: "URL or PEM list" });

const count = (low: number, high: number) => z.int().min(low).max(high);

export const partnerSchema = z.strictObject({
  domain: domain().meta({ description: "Primary domain: the base domain of the XMPP partner", lync: "-Domain" }),
  additionalDomains: z.array(domain()).max(LIMITS.additionalDomains).default([]).meta({
    description: "Further domains of the partner that may communicate; they need not be children of the primary one",
    lync: "-AdditionalDomains",
  }),
  description: z.string().max(LIMITS.descriptionLength).default("").meta({
    description: "Notes, for example whom to call",
    lync: "-Description",
  }),
  partnerType: z.enum(PARTNER_TYPES).default("publicUnverified").meta({
    description: "How far the partner is trusted: decides who may see presence, send messages and read status notes",
    lync: "-PartnerType",
  }),
  tlsNegotiation: z.enum(NEGOTIATION_VALUES).default("required").meta({
    description: "Whether TLS is demanded, possible or never used with this partner",
    lync: "-TlsNegotiation",
  }),
  saslNegotiation: z.enum(NEGOTIATION_VALUES).default("required").meta({
    description: "Whether SASL EXTERNAL is demanded, possible or never used with this partner",
    lync: "-SaslNegotiation",
  }),
  supportDialbackNegotiation: z.boolean().default(true).meta({
    description: "Whether server dialback (XEP-0220) may prove the partner",
    lync: "-SupportDialbackNegotiation",
  }),
  connectionLimit: count(1, 10_000).optional().meta({
    description: "Streams at the same time with this partner; where absent, the gateway's partnerConnectionLimit counts",
    lync: "-ConnectionLimit",
    unit: "streams",
  }),
  enableKeepAlive: z.boolean().default(true).meta({
    description: "Whether the partner must show life within keepAliveInterval",
    lync: "-EnableKeepAlive",
  }),
  bidirectionalStreams: z.boolean().default(true).meta({
    description: "Whether one stream may carry stanzas both ways where the partner's server offers it too (XEP-0288)",
  }),
  streamManagement: z.boolean().default(true).meta({
    description: "Whether stanzas are acknowledged, and lost streams resumed, where the partner's server offers it too (XEP-0198)",
  }),
  proxyFqdn: domain().optional().meta({
    description: "FQDN of the partner's server on port 5269; replaces the SRV look-up",
    lync: "-ProxyFqdn",
  }),
  trustedAuthorities: z.array(pem()).max(LIMITS.partnerAuthorities).default([]).meta({
    description: "Authorities that vouch for this partner, PEM; where given, no other does, and they vouch for nobody else",
  }),
  pinnedKeys: z.array(pinnedKey()).max(LIMITS.pinnedKeys).default([]).meta({
    description:
      "SHA-256 of the SubjectPublicKeyInfo of keys, one of which the partner's certificate must have, in hexadecimal or base64. Without trustedAuthorities nobody else need vouch for it: it may be self-signed",
  }),
});

export const gatewaySchema = z.strictObject({
  connectionLimit: count(1, 100_000).default(1000).meta({
    description: "Streams at the same time, all partners together",
    lync: "-ConnectionLimit (Set-CsXmppGatewayConfiguration)",
    unit: "streams",
  }),
  partnerConnectionLimit: count(1, 10_000).default(20).meta({
    description: "Streams at the same time with one partner",
    lync: "-PartnerConnectionLimit",
    unit: "streams",
  }),
  keepAliveInterval: count(10, 86_400).default(300).meta({
    description: "A partner that shows no life for this long is disconnected",
    lync: "-KeepAliveInterval",
    unit: "seconds",
  }),
  streamEstablishmentTimeout: count(1, 600).default(60).meta({
    description: "Time to set up a stream",
    lync: "-StreamEstablishmentTimeout",
    unit: "seconds",
  }),
  streamInactivityTimeout: count(10, 86_400).default(600).meta({
    description: "A stream without stanzas for this long is closed",
    lync: "-StreamInactivityTimeout",
    unit: "seconds",
  }),
  subscriptionRefreshInterval: count(60, 604_800).default(28_800).meta({
    description: "Time within which a presence subscription is refreshed on the XMPP side",
    lync: "-SubscriptionRefreshInterval",
    unit: "seconds",
  }),
  enableLoggingAllMessageBodies: z.boolean().default(false).meta({
    description: "Whether message texts are logged; endpoints only where false",
    lync: "-EnableLoggingAllMessageBodies",
  }),
  negotiationMode: z.enum(NEGOTIATION_MODES).default("lync-compat").meta({
    description: "lync-compat: Microsoft's table as published. strict: SASL required also removes dialback",
  }),
  consentLifetimeDays: count(1, 3650).default(30).meta({
    description: "Consent for a public unverified contact ends after this time without any subscription",
    unit: "days",
  }),
});

export const REVOCATION_MODES = ["off", "soft", "hard"] as const;
export type RevocationMode = (typeof REVOCATION_MODES)[number];

export const xmppSchema = z.strictObject({
  useSystemAuthorities: z.boolean().default(true).meta({
    description: "Whether the public certificate authorities known to the runtime are trusted to vouch for partners",
  }),
  trustedAuthorities: z.array(pem()).max(LIMITS.authorities).default([]).meta({
    description: "Further certificate authorities trusted to vouch for partners, PEM",
  }),
  revocation: z.enum(REVOCATION_MODES).default("soft").meta({
    description:
      "off: revocation lists are not asked. soft: a certificate whose authority has no usable list is accepted, which is logged once. hard: it is refused",
  }),
  crls: z.array(crl()).max(LIMITS.crls).default([]).meta({
    description: "Certificate revocation lists of the authorities that vouch for partners: http, https or file URLs, or PEM",
  }),
});

/** How a message from a partner reaches the SIP side. */
export const MESSAGE_MODES = ["session", "pager"] as const;
export const TLS_VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

const nextHopSchema = z.strictObject({
  fqdn: domain().meta({ description: "Access Edge or Front End pool that takes requests; its certificate must show it" }),
  port: count(1, 65_535).optional().meta({
    description: "TLS port of the next hop; where absent, NAPTR and SRV (_sips._tcp) tell it, else it is 5061",
    unit: "port",
  }),
});

const hopsDiffer = ({ nextHop, furtherNextHops }: { nextHop: { fqdn: string }; furtherNextHops: readonly { fqdn: string }[] }): boolean =>
  new Set([nextHop, ...furtherNextHops].map(({ fqdn }) => fqdn)).size === furtherNextHops.length + 1;

export const sipSchema = z
  .strictObject({
    fqdn: domain().meta({
      description: "The gateway's own name towards Lync: in Contact, Via and its SIP certificate",
      lync: "-ProxyFqdn (New-CsAllowedDomain) or -Identity (New-CsTrustedApplicationPool)",
    }),
    nextHop: nextHopSchema.meta({ description: "Where requests for our users go" }),
    furtherNextHops: z.array(nextHopSchema).max(LIMITS.furtherNextHops).default([]).meta({
      description: "Where they go while the next hop is unreachable or unhealthy, tried in this order",
    }),
    peers: z.array(domain()).max(LIMITS.sipPeers).default([]).meta({
      description: "Further FQDNs that may connect to the SIP port; every next hop always may",
    }),
    useSystemAuthorities: z.boolean().default(true).meta({
      description: "Whether the public certificate authorities known to the runtime are trusted to vouch for SIP peers",
    }),
    trustedAuthorities: z.array(pem()).max(LIMITS.authorities).default([]).meta({
      description: "Further certificate authorities trusted to vouch for SIP peers, PEM (an internal CA, for example)",
    }),
    minimumTlsVersion: z.enum(TLS_VERSIONS).default("TLSv1.2").meta({
      description: "Lowest TLS version towards SIP peers; Lync has no TLS 1.3",
    }),
    messageMode: z.enum(MESSAGE_MODES).default("session").meta({
      description: "session: an INVITE session as Lync does it. pager: one MESSAGE each (RFC 3428)",
    }),
    sessionIdleTimeout: count(30, 86_400).default(600).meta({
      description: "A session without messages for this long is ended",
      unit: "seconds",
    }),
  })
  .refine(hopsDiffer, { path: ["furtherNextHops"], message: "expected each next hop once" });

const portsDiffer = (ports: Readonly<Record<string, number | undefined>>): boolean => {
  const named = Object.values(ports).filter((port) => port !== undefined);
  return new Set(named).size === named.length;
};

export const listenSchema = z
  .strictObject({
    xmppPort: count(1, 65_535).default(5269).meta({ description: "XMPP server-to-server; needs a restart", unit: "port" }),
    xmppTlsPort: count(1, 65_535).optional().meta({
      description: "XMPP server-to-server with TLS from the first byte (XEP-0368), usually 5270; where absent, off; needs a restart",
      unit: "port",
    }),
    sipPort: count(1, 65_535).default(5061).meta({ description: "SIP over mutual TLS; needs a restart", unit: "port" }),
    healthPort: count(1, 65_535).default(9090).meta({ description: "livez, readyz, status; needs a restart", unit: "port" }),
  })
  .refine(portsDiffer, "expected a port of its own for each");

export const documentSchema = z.strictObject({
  version: z.literal(1).default(1).meta({ description: "Format of this document" }),
  accessEdgeFqdn: domain().meta({ description: "Access Edge FQDN: what the SRV record points to", lync: "Access Edge FQDN" }),
  sipDomains: z.array(domain()).min(1).max(LIMITS.sipDomains).meta({
    description: "SIP domains whose users may use XMPP federation",
    lync: "SIP domains of the deployment",
  }),
  partners: z.array(partnerSchema).max(LIMITS.partners).default([]).meta({
    description: "XMPP federated partners; nobody else may communicate",
    lync: "New-CsXmppAllowedPartner",
  }),
  gateway: gatewaySchema.prefault({}).meta({ description: "Gateway-wide settings", lync: "Set-CsXmppGatewayConfiguration" }),
  xmpp: xmppSchema.prefault({}).meta({ description: "The XMPP side" }),
  sip: sipSchema.meta({ description: "The SIP side" }),
  listen: listenSchema.prefault({}).meta({ description: "Ports the gateway listens on" }),
});

export type Partner = z.output<typeof partnerSchema>;
export type PartnerInput = z.input<typeof partnerSchema>;
export type GatewaySettings = z.output<typeof gatewaySchema>;
export type SipSettings = z.output<typeof sipSchema>;
export type EdgeDocument = z.output<typeof documentSchema>;
export type EdgeDocumentInput = z.input<typeof documentSchema>;
