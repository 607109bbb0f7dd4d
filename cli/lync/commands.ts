/**
 * The PowerShell that a Lync Server or Skype for Business Server pool needs so that its users reach the gateway, and the
 * undo of it. Two ways exist: as a federated SIP partner behind the Access Edge, or as a trusted application with static
 * routes. docs/lync-side.md explains both.
 */
import { partnerDomains } from "../../gateway/config/parse.ts";
import type { EdgeDocument, Partner, PartnerType } from "../../gateway/config/schema.ts";
import { bool, comment, quote } from "./powershell.ts";

export const WAYS = ["access-edge", "static-route"] as const;
export type Way = (typeof WAYS)[number];

export interface LyncOptions {
  readonly via: Way;
  /** Print what takes the commands back. */
  readonly undo: boolean;
  /** Site ID of the pool (`Get-CsSite`), for the trusted application pool; a placeholder where absent. */
  readonly site?: string | undefined;
}

/** A group of commands with the remarks that stand above them. */
export interface Step {
  readonly title: string;
  readonly remarks: readonly string[];
  readonly commands: readonly string[];
}

export interface Script {
  readonly via: Way;
  readonly undo: boolean;
  readonly remarks: readonly string[];
  readonly steps: readonly Step[];
}

/** The Access Edge connects to this port of a ProxyFqdn; New-CsAllowedDomain has no parameter for another. */
const EDGE_SIP_PORT = 5061;

/** What `-Site` says where the caller named none. */
const SITE_PLACEHOLDER = "SITEID";

const APPLICATION_ID = "xmpp-edge";

/** Longest `-Comment` that is written; Microsoft documents no limit. */
const COMMENT_LENGTH = 200;

/**
 * `-VerificationLevel` for each partner type. The default, UseSourceVerification, rejects what carries no verification
 * header, and the gateway sends none.
 */
export const VERIFICATION_LEVELS = {
  federated: "AlwaysVerifiable",
  publicVerified: "AlwaysVerifiable",
  publicUnverified: "AlwaysUnverifiable",
} as const satisfies Record<PartnerType, string>;

/** The commands for a document's partners. */
export function lyncScript(document: EdgeDocument, options: LyncOptions): Script {
  const steps = STEPS[options.via][options.undo ? "undo" : "apply"](document, options);
  return { via: options.via, undo: options.undo, remarks: headRemarks(document, options), steps };
}

/** The script as text that can be read, saved as .ps1, or pasted. */
export function scriptText(script: Script): string {
  const blocks = script.steps.map((step) => [comment(`---- ${step.title}`), ...step.remarks.map(comment), ...step.commands].join("\n"));
  return `${[script.remarks.map(comment).join("\n"), ...blocks].join("\n\n")}\n`;
}

const STEPS: Record<Way, Record<"apply" | "undo", (document: EdgeDocument, options: LyncOptions) => Step[]>> = {
  "access-edge": {
    apply: (document) => [edgeNetwork(document), edgeFederation(), formerPartners(document), allowedDomains(document)],
    undo: (document) => [withoutAllowedDomains(document), edgeLeftovers(), formerPartnersAgain(document)],
  },
  "static-route": {
    apply: (document, options) => [
      poolNetwork(document),
      formerPartners(document),
      trustedApplication(document, options),
      staticRoutes(document),
    ],
    undo: (document) => [withoutStaticRoutes(document), withoutTrustedApplication(document), formerPartnersAgain(document)],
  },
};

function headRemarks(document: EdgeDocument, { via, undo }: LyncOptions): string[] {
  const way = via === "access-edge" ? "through the Access Edge" : "by trusted application and static routes";
  const domains = document.partners.flatMap(partnerDomains).length;
  return [
    `xmpp-edge: Lync Server and Skype for Business Server, ${way}${undo ? " (UNDO)" : ""}`,
    `${domains} domain${domains === 1 ? "" : "s"} of ${document.partners.length} XMPP partner${document.partners.length === 1 ? "" : "s"}`,
    "",
    "NOT TRIED ON A REAL POOL: made from Microsoft's documentation alone. Read every line, try with -WhatIf where a",
    "command has it, and keep the output. Run in the Management Shell as a member of CsAdministrator.",
    undo ? "" : `Undo: the same command with --undo (npm run lync-commands -- --via ${via} --undo)`,
  ].filter((line, index, all) => line !== "" || index < all.length - 1);
}

// ---- through the Access Edge ---------------------------------------------------------------------------------------

const xmppPorts = ({ xmppPort, xmppTlsPort }: EdgeDocument["listen"]): string =>
  xmppTlsPort === undefined ? `${xmppPort}` : `${xmppPort} and ${xmppTlsPort}`;

/** Where no port is named, DNS may tell another than the usual one. */
const nextHops = ({ nextHop, furtherNextHops }: EdgeDocument["sip"]): string =>
  [nextHop, ...furtherNextHops].map(({ fqdn, port }) => `${fqdn} TCP ${port ?? EDGE_SIP_PORT}`).join(", ");

const nextHopNames = ({ nextHop, furtherNextHops }: EdgeDocument["sip"]): string =>
  [nextHop, ...furtherNextHops].map(({ fqdn }) => fqdn).join(", ");

function edgeNetwork({ sip, listen }: EdgeDocument): Step {
  return {
    title: "network and certificates",
    remarks: [
      `Firewall: Edge -> ${sip.fqdn} TCP ${listen.sipPort}; gateway -> ${nextHops(sip)};`,
      `internet -> gateway TCP ${xmppPorts(listen)}; gateway -> internet TCP 5269 and DNS.`,
      ...(listen.sipPort === EDGE_SIP_PORT
        ? []
        : [
            `The Edge connects to port ${EDGE_SIP_PORT} and no parameter changes that: forward ${EDGE_SIP_PORT} to ${listen.sipPort} of the gateway.`,
          ]),
      `The Edge must resolve ${sip.fqdn} to the gateway's address; mind NAT that does not turn round.`,
      `SIP certificate of the gateway: ${sip.fqdn} as CN and SAN, RSA, from an authority the Edge trusts (a public one).`,
      `The gateway must trust the authority of the Edge's certificate, which shows ${nextHopNames(sip)} (sip.trustedAuthorities).`,
    ],
    commands: [`Resolve-DnsName ${quote(sip.fqdn)}`],
  };
}

function edgeFederation(): Step {
  return {
    title: "federation is on, for the Edge and for the users",
    remarks: [
      "The first two lines show what is set now: keep them for the undo. Federation that is on already stays as it is.",
      "The policy named Global reaches every user without a policy of their own; a policy per user or site does as well.",
    ],
    commands: [
      "Get-CsAccessEdgeConfiguration",
      "Get-CsExternalAccessPolicy",
      "if (-not (Get-CsAccessEdgeConfiguration).AllowFederatedUsers) {",
      "  Set-CsAccessEdgeConfiguration -AllowFederatedUsers $true -EnablePartnerDiscovery $false -UseDnsSrvRouting",
      "}",
      "Set-CsExternalAccessPolicy -Identity Global -EnableFederationAccess $true",
    ],
  };
}

function allowedDomains(document: EdgeDocument): Step {
  const proxy = quote(document.sip.fqdn);
  return {
    title: "each partner domain is a federated SIP domain behind the gateway",
    remarks: [
      "A domain may stand once on the allow list and the block list together, else its line fails.",
      "On Lync Server 2013 ask Get-Help New-CsAllowedDomain whether -VerificationLevel exists.",
      "AlwaysUnverifiable delivers only from people in the recipient's contacts; a user can override that.",
    ],
    commands: eachDomain(document, (domain, partner) => [
      `New-CsAllowedDomain -Identity ${quote(domain)} -ProxyFqdn ${proxy} -VerificationLevel ${VERIFICATION_LEVELS[partner.partnerType]} -Comment ${quote(remarkOf(partner))}`,
    ]),
  };
}

function withoutAllowedDomains(document: EdgeDocument): Step {
  return {
    title: "the partner domains leave the allow list",
    remarks: ["From here on users and partners no longer reach each other."],
    commands: eachDomain(document, (domain) => [`Remove-CsAllowedDomain -Identity ${quote(domain)}`]),
  };
}

function edgeLeftovers(): Step {
  return {
    title: "federation itself",
    remarks: [
      "Left on, since other partners may need it. Where the XMPP partners were the only ones:",
      "  Set-CsAccessEdgeConfiguration -AllowFederatedUsers $false",
      "  Set-CsExternalAccessPolicy -Identity Global -EnableFederationAccess $false",
    ],
    commands: [],
  };
}

// ---- by trusted application and static routes ----------------------------------------------------------------------

function poolNetwork({ sip, listen }: EdgeDocument): Step {
  return {
    title: "network and certificates",
    remarks: [
      `Firewall: pool -> ${sip.fqdn} TCP ${listen.sipPort}; gateway -> ${nextHops(sip)};`,
      `internet -> gateway TCP ${xmppPorts(listen)}; gateway -> internet TCP 5269 and DNS.`,
      `The pool must resolve ${sip.fqdn} to the gateway's address.`,
      `SIP certificate of the gateway: ${sip.fqdn} as CN and SAN, RSA, from an authority the pool trusts (the internal one).`,
      `The gateway must trust the authority of the pool's certificate, which shows ${nextHopNames(sip)} (sip.trustedAuthorities).`,
    ],
    commands: [`Resolve-DnsName ${quote(sip.fqdn)}`],
  };
}

function trustedApplication({ sip, listen }: EdgeDocument, { site }: LyncOptions): Step {
  return {
    title: "the gateway is a trusted application",
    remarks: [
      ...(site === undefined
        ? [`Replace ${SITE_PLACEHOLDER} by the SiteId that Get-CsSite shows for the pool (not its Identity), or pass --site.`]
        : []),
      `The registrar is the next hop of the edge document, ${sip.nextHop.fqdn}: it must be the Front End pool.`,
      "TreatAsAuthenticated lets the gateway speak for any sender: it alone enforces the partners' policy, and",
      "verification levels do not apply. Whether EnableFederationAccess counts on this way is not documented.",
    ],
    commands: [
      `New-CsTrustedApplicationPool -Identity ${quote(sip.fqdn)} -Registrar ${quote(sip.nextHop.fqdn)} -Site ${quote(site ?? SITE_PLACEHOLDER)} -RequiresReplication $false -OutboundOnly $false -ThrottleAsServer $true -TreatAsAuthenticated $true`,
      `New-CsTrustedApplication -ApplicationId ${quote(APPLICATION_ID)} -TrustedApplicationPoolFqdn ${quote(sip.fqdn)} -Port ${listen.sipPort}`,
      "Enable-CsTopology",
    ],
  };
}

function staticRoutes(document: EdgeDocument): Step {
  const { sip, listen } = document;
  return {
    title: "each partner domain has a static route to the gateway",
    remarks: ["A routing configuration of a site overrides the global one. A static route does not fail over."],
    commands: eachDomain(document, (domain) => [
      `$route = New-CsStaticRoute -TLSRoute -Destination ${quote(sip.fqdn)} -Port ${listen.sipPort} -MatchUri ${quote(domain)} -UseDefaultCertificate $true`,
      "Set-CsStaticRoutingConfiguration -Identity global -Route @{Add=$route}",
    ]),
  };
}

function withoutStaticRoutes(document: EdgeDocument): Step {
  return {
    title: "the static routes go",
    remarks: [
      "From here on users no longer reach the partners. Look at $route before its removal: a route for the same domain to",
      "another destination would go with it.",
    ],
    commands: eachDomain(document, (domain) => [
      `$route = Get-CsStaticRoutingConfiguration -Identity global | Select-Object -ExpandProperty Route | Where-Object { $_.MatchUri -eq ${quote(domain)} }`,
      "if ($route) { Set-CsStaticRoutingConfiguration -Identity global -Route @{Remove=$route} }",
    ]),
  };
}

function withoutTrustedApplication({ sip }: EdgeDocument): Step {
  return {
    title: "the trusted application goes",
    remarks: [],
    commands: [
      `Remove-CsTrustedApplication -Identity ${quote(`${sip.fqdn}/${APPLICATION_ID}`)}`,
      `Remove-CsTrustedApplicationPool -Identity ${quote(sip.fqdn)}`,
      "Enable-CsTopology",
    ],
  };
}

// ---- the pool's own XMPP gateway (Lync Server 2013, Skype for Business Server 2015) --------------------------------

function formerPartners(document: EdgeDocument): Step {
  return {
    title: "the pool's own XMPP gateway lets go of the partners",
    remarks: ["Lync Server 2013 and Skype for Business Server 2015 only; later versions have no such command and skip this."],
    commands: [
      "if (Get-Command Get-CsXmppAllowedPartner -ErrorAction SilentlyContinue) {",
      "  Get-CsXmppAllowedPartner | Export-Clixml -Path .\\xmpp-allowed-partners.xml",
      ...document.partners.map(
        (partner) => `  Get-CsXmppAllowedPartner | Where-Object { $_.Identity -eq ${quote(partner.domain)} } | Remove-CsXmppAllowedPartner`,
      ),
      "}",
    ],
  };
}

function formerPartnersAgain(document: EdgeDocument): Step {
  return {
    title: "the pool's own XMPP gateway serves the partners again, where there is one",
    remarks: [
      "Lync Server 2013 and Skype for Business Server 2015 only, and only what is wanted back; the settings are the edge",
      "document's. What the pool had before stands in xmpp-allowed-partners.xml.",
      ...document.partners.map((partner) => `  ${xmppAllowedPartner(partner)}`),
    ],
    commands: [],
  };
}

/** New-CsXmppAllowedPartner with a partner's settings, by Lync's names. */
export function xmppAllowedPartner(partner: Partner): string {
  const { additionalDomains, connectionLimit, description, proxyFqdn } = partner;
  return [
    `New-CsXmppAllowedPartner -Domain ${quote(partner.domain)}`,
    ...(additionalDomains.length > 0 ? [`-AdditionalDomains ${additionalDomains.map(quote).join(",")}`] : []),
    `-PartnerType ${capital(partner.partnerType)} -TlsNegotiation ${capital(partner.tlsNegotiation)}`,
    `-SaslNegotiation ${capital(partner.saslNegotiation)} -SupportDialbackNegotiation ${bool(partner.supportDialbackNegotiation)}`,
    `-EnableKeepAlive ${bool(partner.enableKeepAlive)}`,
    ...(connectionLimit === undefined ? [] : [`-ConnectionLimit ${connectionLimit}`]),
    ...(proxyFqdn === undefined ? [] : [`-ProxyFqdn ${quote(proxyFqdn)}`]),
    ...(description === "" ? [] : [`-Description ${quote(description)}`]),
  ].join(" ");
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function eachDomain(document: EdgeDocument, commands: (domain: string, partner: Partner) => string[]): string[] {
  const lines = document.partners.flatMap((partner) => partnerDomains(partner).flatMap((domain) => commands(domain, partner)));
  return lines.length > 0 ? lines : [comment("no partner is configured")];
}

const remarkOf = ({ partnerType, description }: Partner): string =>
  ["xmpp-edge", partnerType, description.replace(/[\s\p{Cc}]+/gu, " ").trim()]
    .filter((part) => part !== "")
    .join(": ")
    .slice(0, COMMENT_LENGTH);
