import assert from "node:assert/strict";
import { parseDocument } from "../config/parse.ts";
import { partnerIndex } from "./partners.ts";

const document = parseDocument({
  accessEdgeFqdn: "sip.contoso.com",
  sipDomains: ["contoso.com", "contoso.net"],
  partners: [
    { domain: "fabrikam.com", additionalDomains: ["hr.fabrikam.com", "Tschüss.example"], partnerType: "federated" },
    { domain: "public.example" },
  ],
  sip: { fqdn: "xmppgw.contoso.com", nextHop: { fqdn: "lync.contoso.com" } },
});
const index = partnerIndex(document);

describe("the index of partners", () => {
  it("finds a partner by its primary and by its additional domains", () => {
    for (const domain of ["fabrikam.com", "hr.fabrikam.com", "xn--tschss-6ya.example"])
      assert.equal(index.partnerOf(domain)?.domain, "fabrikam.com");
    assert.equal(index.partnerOf("public.example")?.partnerType, "publicUnverified");
  });

  it("finds nobody for a child or parent of a listed domain, a domain of ours, or a word of the language", () => {
    for (const domain of ["it.fabrikam.com", "com", "contoso.com", "", "constructor", "__proto__"])
      assert.equal(index.partnerOf(domain), null, domain);
  });

  it("knows the SIP domains, and only those", () => {
    assert.equal(index.serves("contoso.net"), true);
    for (const domain of ["sip.contoso.com", "fabrikam.com", "constructor"]) assert.equal(index.serves(domain), false, domain);
  });
});
