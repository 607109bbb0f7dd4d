/**
 * Every logical and physical name. A logical name is identity: a renamed resource is a replaced one, so give it an alias.
 * Physical names are left to the provider (logical name and a random suffix) except those that the gateway asks for by name.
 */

/** Type tokens of the components. */
export const TYPES = {
  federationEdge: "xmpp-edge:index:FederationEdge",
  partnerConfiguration: "xmpp-edge:index:PartnerConfiguration",
  edgeCertificate: "xmpp-edge:index:EdgeCertificate",
  developmentAuthority: "xmpp-edge:index:DevelopmentAuthority",
  configurationStore: "xmpp-edge:index:ConfigurationStore",
  containerHost: "xmpp-edge:index:ContainerHost",
  federationDns: "xmpp-edge:index:FederationDns",
} as const;

/** Children of FederationEdge. */
export const edgeNames = (edge: string) => ({
  resourceGroup: edge,
  partners: `${edge}-partners`,
  certificate: `${edge}-certificate`,
  sipCertificate: `${edge}-sip-certificate`,
  developmentAuthority: `${edge}-development`,
  dialbackKey: `${edge}-dialback-key`,
  store: `${edge}-store`,
  host: `${edge}-host`,
  dns: `${edge}-dns`,
});

/** Children of EdgeCertificate. */
export const certificateNames = (certificate: string) => ({
  key: `${certificate}-key`,
  selfSigned: `${certificate}-self-signed`,
  development: `${certificate}-signed`,
});

/** Children of DevelopmentAuthority. */
export const authorityNames = (authority: string) => ({
  key: `${authority}-key`,
  certificate: `${authority}-certificate`,
  peerKey: (peer: string) => `${authority}-key-${peer}`,
  peerRequest: (peer: string) => `${authority}-request-${peer}`,
  peerCertificate: (peer: string) => `${authority}-certificate-${peer}`,
});

/** Children of ConfigurationStore. */
export const storeNames = (store: string) => ({
  identity: `${store}-identity`,
  account: storageAccountName(store),
  container: `${store}-files`,
  blob: (file: string) => `${store}-${file}`,
  vault: vaultName(store),
  secret: (secret: string) => `${store}-${secret}`,
  readFiles: `${store}-read-files`,
  readSecrets: `${store}-read-secrets`,
});

/** Children of ContainerHost. */
export const hostNames = (host: string) => ({
  share: `${host}-state`,
  group: host,
});

/** Children of FederationDns. */
export const dnsNames = (dns: string) => ({
  srv: (sipDomain: string) => `${dns}-srv-${sipDomain}`,
  srvTls: (sipDomain: string) => `${dns}-srv-tls-${sipDomain}`,
  address: (fqdn: string) => `${dns}-a-${fqdn}`,
});

/** Blob container of the files, and file share of the gateway's own state: names inside an account of their own. */
export const FILE_CONTAINER = "files";
export const STATE_SHARE = "state";

/** Files that the gateway polls. */
export const FILES = { document: "edge.json", certificate: "certificate.pem", sipCertificate: "sip-certificate.pem" } as const;

/** Secrets that the gateway polls. */
export const SECRETS = { key: "xmpp-key", sipKey: "sip-key", dialback: "dialback" } as const;

/** Storage accounts: 3 to 24 lower-case letters and digits; eight are left for the provider's suffix. */
function storageAccountName(text: string): string {
  return `${text.toLowerCase().replace(/[^a-z0-9]/g, "")}edge`.slice(0, 16);
}

/** Vaults: 3 to 24 letters, digits and single hyphens, a letter first; eight are left for the provider's suffix. */
function vaultName(text: string): string {
  const words = text.toLowerCase().split(/[^a-z0-9]+/);
  const name = words
    .filter(Boolean)
    .join("-")
    .replace(/^[^a-z]+/, "");
  return (name || "edge").slice(0, 15).replace(/-$/, "");
}
