/**
 * The settings that concern the edge's surroundings: names, certificates, host, DNS, development. Together with
 * gateway/config's schema they are everything an administrator declares. Descriptions name the step of Microsoft's page
 * "Configure XMPP gateway on Lync Server 2013" where there is one.
 */
import { z } from "zod";
import { ConfigurationError, documentProblems, type Problem, parseDocument } from "../gateway/config/parse.ts";
import { schemaProblems } from "../gateway/config/problems.ts";
import { documentSchema, normaliseDomain, xmppSchema } from "../gateway/config/schema.ts";
import { SUBJECT_PARTS } from "../gateway/pki/build.ts";
import { issuedKeyBits } from "../gateway/pki/issued.ts";
import { BIT_LENGTHS, DEFAULT_TEMPLATE } from "../gateway/pki/request.ts";
import { edgeRequest, requestSettingsProblems, sipRequest } from "./certificate-request.ts";
import { zoneFor } from "./zones.ts";

/** Limits of these settings. */
export const LIMITS = {
  /** Further names in a certificate. */
  additionalNames: 100,
  /** Demo or test peers that the development authority makes certificates for. */
  developmentPeers: 20,
  dnsServers: 8,
  zones: 200,
  friendlyName: 256,
  templateName: 64,
} as const;

/** Longest text of each part of a subject, characters. */
const LONGEST = Object.fromEntries(SUBJECT_PARTS.map(([part, longest]) => [part, longest])) as Record<
  (typeof SUBJECT_PARTS)[number][0],
  number
>;

const domain = () => documentSchema.shape.accessEdgeFqdn;
const pemChain = () => xmppSchema.shape.trustedAuthorities.unwrap().element;
const text = (length: number) => z.string().min(1).max(length);

export const ACCESS_EDGE_ADDRESSES = ["managed", "existing"] as const;

export const accessEdgeSchema = z.strictObject({
  fqdn: domain().meta({ description: "Access Edge FQDN: the target of every SRV record", lync: "Access Edge FQDN" }),
  address: z.enum(ACCESS_EDGE_ADDRESSES).default("managed").meta({
    description: "managed: the address record of the FQDN is made here. existing: a Lync Edge owns it and forwards port 5269",
  }),
});

export const certificateSchema = z.strictObject({
  subjectName: domain().optional().meta({
    description: "Common name; where absent, the Access Edge FQDN (for the SIP certificate the gateway's own name)",
    lync: "Subject name",
  }),
  additionalNames: z.array(domain()).max(LIMITS.additionalNames).default([]).meta({
    description: "Names besides those filled in",
    lync: "Configure Additional Subject Alternate Names",
  }),
  templateName: text(LIMITS.templateName).default(DEFAULT_TEMPLATE).meta({
    description: "Certificate template of the authority; only Microsoft's authorities read it",
    lync: "Specify Alternate Certificate Template",
  }),
  friendlyName: text(LIMITS.friendlyName).optional().meta({
    description: "Display name of the certificate",
    lync: "Friendly name",
  }),
  bitLength: z
    .literal([...BIT_LENGTHS])
    .default(2048)
    .meta({
      description: "Length of the RSA key",
      lync: "Bit length",
      unit: "bits",
    }),
  exportableKey: z.boolean().default(true).meta({
    description: "Whether the private key is a secret output of the stack, so that it can be carried elsewhere",
    lync: "Mark the certificate's private key as exportable",
  }),
  organization: text(LONGEST.organization).optional().meta({ description: "Organisation", lync: "Organization Information" }),
  organizationalUnit: text(LONGEST.organizationalUnit)
    .optional()
    .meta({ description: "Organisational unit", lync: "Organization Information" }),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, "expected two capital letters (ISO 3166), such as FR")
    .optional()
    .meta({ description: "Country: two capital letters (ISO 3166)", lync: "Geographical Information" }),
  state: text(LONGEST.state).optional().meta({ description: "State or province", lync: "Geographical Information" }),
  locality: text(LONGEST.locality).optional().meta({ description: "City", lync: "Geographical Information" }),
  issued: pemChain().optional().meta({
    description: "The issued certificate, PEM: the edge's own first, then its authorities",
    lync: "After receiving, importing and assigning the public certificate",
  }),
});

export const hostSchema = z.strictObject({
  image: text(512).meta({
    description: "Image of the gateway's container, pinned by digest: name@sha256:DIGEST",
  }),
  cpu: z.number().min(0.1).max(4).default(1).meta({ description: "Processor cores of the container", unit: "cores" }),
  memoryInGb: z.number().min(0.5).max(16).default(1).meta({ description: "Memory of the container", unit: "GB" }),
  dnsServers: z
    .array(
      z.string().regex(/^(\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/, "expected an address, with a port where it is not 53"),
    )
    .max(LIMITS.dnsServers)
    .default([])
    .meta({ description: "Resolvers that the gateway asks; where empty, those of the container" }),
  pollSeconds: z.number().int().min(1).max(3600).default(10).meta({
    description: "Time between the gateway's looks at its document, certificates and secrets: how soon it obeys a change",
    unit: "seconds",
  }),
  location: text(64).optional().meta({ description: "Region of the cloud; where absent, the provider's" }),
  exposeHealthPort: z.boolean().default(false).meta({
    description: "Whether livez, readyz and status can be reached from outside; probes work without",
  }),
});

export const dnsSchema = z.strictObject({
  zoneIds: z
    .record(z.string(), text(128))
    .refine((zones) => Object.keys(zones).length <= LIMITS.zones, `expected at most ${LIMITS.zones} zones`)
    .meta({
      description: "Zone identifier by zone name, for every zone that holds one of our records",
    }),
  ttl: z.int().min(60).max(86_400).default(300).meta({ description: "Time to live of our records", unit: "seconds" }),
});

export const developmentSchema = z.strictObject({
  authority: z.boolean().default(false).meta({
    description: "Whether a certificate authority of the stack's own signs the edge's certificates; never for production",
  }),
  peers: z.array(domain()).max(LIMITS.developmentPeers).default([]).meta({
    description: "Names of demo or test peers that get a certificate of that authority",
  }),
});

/** Everything: the inputs of FederationEdge. */
export const edgeSchema = z.strictObject({
  accessEdge: accessEdgeSchema.meta({ description: "The Access Edge that partners connect to" }),
  sipDomains: documentSchema.shape.sipDomains,
  partners: documentSchema.shape.partners,
  gateway: documentSchema.shape.gateway,
  xmpp: documentSchema.shape.xmpp,
  sip: documentSchema.shape.sip,
  listen: documentSchema.shape.listen,
  certificate: certificateSchema.prefault({}).meta({ description: "The certificate shown to partners" }),
  sipCertificate: certificateSchema.prefault({}).meta({ description: "The certificate shown to the Lync side" }),
  host: hostSchema.meta({ description: "What the gateway runs on" }),
  dns: dnsSchema.meta({ description: "Where our records stand" }),
  development: developmentSchema.prefault({}).meta({ description: "For development and tests" }),
  protect: z.boolean().default(true).meta({
    description: "Whether keys, vault and storage refuse to be deleted until this is switched off",
  }),
});

/** Apart from the others, because its value may stand in no message. */
export const dialbackPassphraseSchema = z
  .string()
  .min(8, "expected 8 characters or more")
  .max(1024, "expected 1024 characters or less")
  .meta({
    description: "Secret from which dialback keys are made; where absent, one is generated and kept",
    lync: "-DialbackPassphrase",
  });

export type EdgeSettings = z.output<typeof edgeSchema>;
export type EdgeSettingsInput = z.input<typeof edgeSchema>;

/** The part of the settings that the gateway reads. */
export function documentOf(settings: EdgeSettings): z.input<typeof documentSchema> {
  const { accessEdge, sipDomains, partners, gateway, xmpp, sip, listen } = settings;
  return { accessEdgeFqdn: accessEdge.fqdn, sipDomains, partners, gateway, xmpp, sip, listen };
}

/** Parses a value as the settings of an edge. @throws ConfigurationError with every problem. */
export function parseEdgeSettings(value: unknown, subject = "the edge's settings"): EdgeSettings {
  const result = edgeSchema.safeParse(value, { reportInput: true });
  const problems = result.success ? edgeProblems(result.data) : withDocumentProblems(schemaProblems(result.error), value);
  if (!result.success || problems.length > 0) throw new ConfigurationError(subject, problems);
  return result.data;
}

/** Where the settings cannot be read as a whole, what the document's part of them still shows, so that one error lists it all. */
function withDocumentProblems(problems: readonly Problem[], value: unknown): Problem[] {
  try {
    parseDocument(documentOf({ ...(value as object), accessEdge: {} } as EdgeSettings));
    return [...problems];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) return [...problems];
    const known = new Set(problems.map(({ path }) => path).concat("accessEdgeFqdn"));
    return [...problems, ...error.problems.filter(({ path }) => !known.has(path))];
  }
}

/** What only the whole of the settings shows. */
export function edgeProblems(settings: EdgeSettings): Problem[] {
  const { accessEdge, sipDomains, sip, certificate, sipCertificate } = settings;
  return [
    ...documentProblems(documentSchema.parse(documentOf(settings))),
    ...requestSettingsProblems({ ...edgeRequest(accessEdge.fqdn, sipDomains), ...certificate }, "certificate"),
    ...requestSettingsProblems({ ...sipRequest(sip.fqdn), ...sipCertificate }, "sipCertificate"),
    ...keyLengthProblems(certificate, "certificate"),
    ...keyLengthProblems(sipCertificate, "sipCertificate"),
    ...zoneProblems(settings),
    ...peerProblems(settings),
  ];
}

/** Another length makes another key, and the one that the issued certificate is for would be lost: said before that. */
function keyLengthProblems({ issued, bitLength }: EdgeSettings["certificate"], path: string): Problem[] {
  const bits = issued === undefined ? null : issuedKeyBits(issued);
  if (bits === null || bits === bitLength) return [];
  return [
    {
      path: `${path}.bitLength`,
      value: String(bitLength),
      allowed: `expected ${bits}, as the issued certificate has it; for another length take ${path}.issued out until the authority has issued for the new key`,
    },
  ];
}

/** Every name that needs a record of ours needs a zone. */
function zoneProblems({ accessEdge, sipDomains, dns }: EdgeSettings): Problem[] {
  const named = Object.keys(dns.zoneIds).filter((zone) => normaliseDomain(zone) !== zone);
  const ours = accessEdge.address === "managed" ? [...sipDomains, accessEdge.fqdn] : sipDomains;
  const missing = [...new Set(ours)].filter((name) => zoneFor(name, Object.keys(dns.zoneIds)) === undefined);
  return [
    ...named.map((zone) => ({
      path: `dns.zoneIds[${JSON.stringify(zone)}]`,
      value: JSON.stringify(zone),
      allowed: "expected the zone's name in lower case, such as contoso.com",
    })),
    ...missing.map((name) => ({
      path: "dns.zoneIds",
      value: "without a zone",
      allowed: `expected the identifier of the zone that holds ${name}`,
    })),
  ];
}

function peerProblems({ development }: EdgeSettings): Problem[] {
  if (development.authority || development.peers.length === 0) return [];
  return [
    { path: "development.peers", value: JSON.stringify(development.peers), allowed: "expected none while development.authority is false" },
  ];
}
