import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDocument, partnerDomains } from "../../gateway/config/parse.ts";
import { type EdgeDocumentInput, PARTNER_TYPES } from "../../gateway/config/schema.ts";
import { anyDocumentInput } from "../../test/support/edge-document.ts";
import { lyncScript, type Script, scriptText, VERIFICATION_LEVELS, WAYS, xmppAllowedPartner } from "./commands.ts";

const DOCUMENT: EdgeDocumentInput = {
  accessEdgeFqdn: "sip.contoso.com",
  sipDomains: ["contoso.com"],
  partners: [
    {
      domain: "fabrikam.com",
      additionalDomains: ["research.fabrikam.com"],
      description: "Ken's team",
      partnerType: "federated",
      saslNegotiation: "optional",
    },
    { domain: "public.example", supportDialbackNegotiation: false },
  ],
  sip: { fqdn: "xmppgw.contoso.com", nextHop: { fqdn: "edge.contoso.com" } },
};

const document = (changes: Partial<EdgeDocumentInput> = {}) => parseDocument({ ...DOCUMENT, ...changes });

const commands = (script: Script): string[] => script.steps.flatMap((step) => step.commands);

describe("the commands through the Access Edge", () => {
  it("are these for two partners", () => {
    assert.equal(
      scriptText(lyncScript(document(), { via: "access-edge", undo: false })),
      `# xmpp-edge: Lync Server and Skype for Business Server, through the Access Edge
# 3 domains of 2 XMPP partners
#
# NOT TRIED ON A REAL POOL: made from Microsoft's documentation alone. Read every line, try with -WhatIf where a
# command has it, and keep the output. Run in the Management Shell as a member of CsAdministrator.
# Undo: the same command with --undo (npm run lync-commands -- --via access-edge --undo)

# ---- network and certificates
# Firewall: Edge -> xmppgw.contoso.com TCP 5061; gateway -> edge.contoso.com TCP 5061;
# internet -> gateway TCP 5269; gateway -> internet TCP 5269 and DNS.
# The Edge must resolve xmppgw.contoso.com to the gateway's address; mind NAT that does not turn round.
# SIP certificate of the gateway: xmppgw.contoso.com as CN and SAN, RSA, from an authority the Edge trusts (a public one).
# The gateway must trust the authority of the Edge's certificate, which shows edge.contoso.com (sip.trustedAuthorities).
Resolve-DnsName 'xmppgw.contoso.com'

# ---- federation is on, for the Edge and for the users
# The first two lines show what is set now: keep them for the undo. Federation that is on already stays as it is.
# The policy named Global reaches every user without a policy of their own; a policy per user or site does as well.
Get-CsAccessEdgeConfiguration
Get-CsExternalAccessPolicy
if (-not (Get-CsAccessEdgeConfiguration).AllowFederatedUsers) {
  Set-CsAccessEdgeConfiguration -AllowFederatedUsers $true -EnablePartnerDiscovery $false -UseDnsSrvRouting
}
Set-CsExternalAccessPolicy -Identity Global -EnableFederationAccess $true

# ---- the pool's own XMPP gateway lets go of the partners
# Lync Server 2013 and Skype for Business Server 2015 only; later versions have no such command and skip this.
if (Get-Command Get-CsXmppAllowedPartner -ErrorAction SilentlyContinue) {
  Get-CsXmppAllowedPartner | Export-Clixml -Path .\\xmpp-allowed-partners.xml
  Get-CsXmppAllowedPartner | Where-Object { $_.Identity -eq 'fabrikam.com' } | Remove-CsXmppAllowedPartner
  Get-CsXmppAllowedPartner | Where-Object { $_.Identity -eq 'public.example' } | Remove-CsXmppAllowedPartner
}

# ---- each partner domain is a federated SIP domain behind the gateway
# A domain may stand once on the allow list and the block list together, else its line fails.
# On Lync Server 2013 ask Get-Help New-CsAllowedDomain whether -VerificationLevel exists.
# AlwaysUnverifiable delivers only from people in the recipient's contacts; a user can override that.
New-CsAllowedDomain -Identity 'fabrikam.com' -ProxyFqdn 'xmppgw.contoso.com' -VerificationLevel AlwaysVerifiable -Comment 'xmpp-edge: federated: Ken''s team'
New-CsAllowedDomain -Identity 'research.fabrikam.com' -ProxyFqdn 'xmppgw.contoso.com' -VerificationLevel AlwaysVerifiable -Comment 'xmpp-edge: federated: Ken''s team'
New-CsAllowedDomain -Identity 'public.example' -ProxyFqdn 'xmppgw.contoso.com' -VerificationLevel AlwaysUnverifiable -Comment 'xmpp-edge: publicUnverified'
`,
    );
  });

  it("are undone by these", () => {
    assert.deepEqual(commands(lyncScript(document(), { via: "access-edge", undo: true })), [
      "Remove-CsAllowedDomain -Identity 'fabrikam.com'",
      "Remove-CsAllowedDomain -Identity 'research.fabrikam.com'",
      "Remove-CsAllowedDomain -Identity 'public.example'",
    ]);
  });

  it("name the port of direct TLS where there is one", () => {
    const text = scriptText(lyncScript(document({ listen: { xmppTlsPort: 5270 } }), { via: "access-edge", undo: false }));
    assert.match(text, /internet -> gateway TCP 5269 and 5270; gateway -> internet TCP 5269 and DNS\./);
  });

  it("say that the Edge knows no port but 5061 where the gateway listens on another", () => {
    const text = scriptText(lyncScript(document({ listen: { sipPort: 15061 } }), { via: "access-edge", undo: false }));
    assert.match(text, /^# The Edge connects to port 5061 and no parameter changes that: forward 5061 to 15061 of the gateway\.$/m);
  });

  it("verify as the partner type deserves, and never by the source's own word", () => {
    for (const type of PARTNER_TYPES) {
      const [line] = commands(
        lyncScript(document({ partners: [{ domain: "fabrikam.com", partnerType: type }] }), { via: "access-edge", undo: false }),
      ).filter((command) => command.startsWith("New-CsAllowedDomain"));
      assert.ok(line?.includes(`-VerificationLevel ${type === "publicUnverified" ? "AlwaysUnverifiable" : "AlwaysVerifiable"} `));
      assert.notEqual(VERIFICATION_LEVELS[type] as string, "UseSourceVerification");
    }
  });
});

describe("the commands by static route", () => {
  it("are these for two partners", () => {
    assert.deepEqual(commands(lyncScript(document(), { via: "static-route", undo: false, site: "Redmond" })).slice(6), [
      "New-CsTrustedApplicationPool -Identity 'xmppgw.contoso.com' -Registrar 'edge.contoso.com' -Site 'Redmond' -RequiresReplication $false -OutboundOnly $false -ThrottleAsServer $true -TreatAsAuthenticated $true",
      "New-CsTrustedApplication -ApplicationId 'xmpp-edge' -TrustedApplicationPoolFqdn 'xmppgw.contoso.com' -Port 5061",
      "Enable-CsTopology",
      "$route = New-CsStaticRoute -TLSRoute -Destination 'xmppgw.contoso.com' -Port 5061 -MatchUri 'fabrikam.com' -UseDefaultCertificate $true",
      "Set-CsStaticRoutingConfiguration -Identity global -Route @{Add=$route}",
      "$route = New-CsStaticRoute -TLSRoute -Destination 'xmppgw.contoso.com' -Port 5061 -MatchUri 'research.fabrikam.com' -UseDefaultCertificate $true",
      "Set-CsStaticRoutingConfiguration -Identity global -Route @{Add=$route}",
      "$route = New-CsStaticRoute -TLSRoute -Destination 'xmppgw.contoso.com' -Port 5061 -MatchUri 'public.example' -UseDefaultCertificate $true",
      "Set-CsStaticRoutingConfiguration -Identity global -Route @{Add=$route}",
    ]);
  });

  it("are undone by these, routes before the application they lead to", () => {
    assert.deepEqual(commands(lyncScript(document({ partners: [{ domain: "fabrikam.com" }] }), { via: "static-route", undo: true })), [
      "$route = Get-CsStaticRoutingConfiguration -Identity global | Select-Object -ExpandProperty Route | Where-Object { $_.MatchUri -eq 'fabrikam.com' }",
      "if ($route) { Set-CsStaticRoutingConfiguration -Identity global -Route @{Remove=$route} }",
      "Remove-CsTrustedApplication -Identity 'xmppgw.contoso.com/xmpp-edge'",
      "Remove-CsTrustedApplicationPool -Identity 'xmppgw.contoso.com'",
      "Enable-CsTopology",
    ]);
  });

  it("ask for the site where none is given", () => {
    const text = scriptText(lyncScript(document(), { via: "static-route", undo: false }));
    assert.match(text, /-Site 'SITEID'/);
    assert.match(text, /^# Replace SITEID by the SiteId that Get-CsSite shows/m);
  });

  it("use the port on which the gateway listens", () => {
    const text = scriptText(lyncScript(document({ listen: { sipPort: 15061 } }), { via: "static-route", undo: false }));
    assert.equal(text.match(/-Port 15061/g)?.length, 4);
    assert.doesNotMatch(text, /-Port 5061/);
  });
});

describe("all commands", () => {
  for (const via of WAYS) {
    for (const undo of [false, true]) {
      it(`${via}${undo ? " undo" : ""} say that none was tried on a real pool`, () => {
        assert.match(scriptText(lyncScript(document(), { via, undo })), /^# NOT TRIED ON A REAL POOL/m);
      });

      it(`${via}${undo ? " undo" : ""} name every domain, and are ASCII lines whatever the descriptions say`, () => {
        fc.assert(
          fc.property(anyDocumentInput, (input) => {
            const parsed = parseDocument(input);
            const text = scriptText(lyncScript(parsed, { via, undo }));
            assert.match(text, /^[ -~\n]*$/);
            for (const domain of parsed.partners.flatMap(partnerDomains)) assert.ok(text.includes(`'${domain}'`));
          }),
          { numRuns: 30 },
        );
      });

      it(`${via}${undo ? " undo" : ""} are no more than a remark where no partner is configured`, () => {
        const script = lyncScript(document({ partners: [] }), { via, undo });
        assert.ok(commands(script).includes("# no partner is configured"));
      });
    }
  }

  it("keep a hostile description inside its string", () => {
    const description = "x'\r\nRemove-CsUser -Identity *\n#\u2019; calc";
    const [line] = commands(
      lyncScript(document({ partners: [{ domain: "a.example", description }] }), { via: "access-edge", undo: false }),
    ).slice(-1);
    assert.equal(
      line?.split(" -Comment ")[1],
      "('xmpp-edge: publicUnverified: x'' Remove-CsUser -Identity * #' + [char]0x2019 + '; calc')",
    );
  });

  it("bring a partner back to the pool's own gateway with all its settings, by Lync's names", () => {
    const { partners } = document({
      partners: [
        {
          domain: "fabrikam.com",
          additionalDomains: ["a.example", "b.example"],
          description: "call Ken",
          partnerType: "publicVerified",
          tlsNegotiation: "notSupported",
          saslNegotiation: "notSupported",
          connectionLimit: 7,
          enableKeepAlive: false,
          proxyFqdn: "xmpp.fabrikam.com",
        },
      ],
    });
    assert.deepEqual(partners.map(xmppAllowedPartner), [
      "New-CsXmppAllowedPartner -Domain 'fabrikam.com' -AdditionalDomains 'a.example','b.example' -PartnerType PublicVerified -TlsNegotiation NotSupported -SaslNegotiation NotSupported -SupportDialbackNegotiation $true -EnableKeepAlive $false -ConnectionLimit 7 -ProxyFqdn 'xmpp.fabrikam.com' -Description 'call Ken'",
    ]);
  });
});
