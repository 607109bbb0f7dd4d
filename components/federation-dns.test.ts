import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { MOCK_ADDRESS, resolved, settled, startMocks } from "../test/support/pulumi-mocks.ts";
import { FederationDns, type FederationDnsArgs } from "./federation-dns.ts";

const args = (changes: Partial<FederationDnsArgs> = {}): FederationDnsArgs => ({
  accessEdgeFqdn: "sip.contoso.example",
  sipDomains: ["contoso.example"],
  addressNames: [],
  gatewayAddress: MOCK_ADDRESS,
  zoneIds: { "contoso.example": "zone-contoso", "litware.example": "zone-litware" },
  ...changes,
});

const records = async (changes: Partial<FederationDnsArgs> = {}) => {
  const mocks = await startMocks();
  const dns = new FederationDns("dns", args(changes));
  await settled();
  return { dns, made: mocks.ofType("DnsRecord").map((record) => record.inputs) };
};

describe("FederationDns", () => {
  it("makes an SRV record per SIP domain, each in its zone, to the Access Edge FQDN on port 5269", async () => {
    const { dns, made } = await records({ sipDomains: ["contoso.example", "emea.litware.example"] });
    const data = { priority: 10, weight: 10, port: 5269, target: "sip.contoso.example" };
    assert.deepEqual(made, [
      { name: "_xmpp-server._tcp.contoso.example", type: "SRV", priority: 10, data, zoneId: "zone-contoso", ttl: 300 },
      { name: "_xmpp-server._tcp.emea.litware.example", type: "SRV", priority: 10, data, zoneId: "zone-litware", ttl: 300 },
    ]);
    assert.deepEqual((await resolved(dns.srvRecords))?.[0], { name: "_xmpp-server._tcp.contoso.example", ...data });
  });

  it("makes a second record per SIP domain for direct TLS where it has a port, and none where it has not", async () => {
    const { dns, made } = await records({ xmppTlsPort: 5270 });
    const data = { priority: 10, weight: 10, port: 5270, target: "sip.contoso.example" };
    assert.deepEqual(made[1], {
      name: "_xmpps-server._tcp.contoso.example",
      type: "SRV",
      priority: 10,
      data,
      zoneId: "zone-contoso",
      ttl: 300,
    });
    assert.deepEqual(
      (await resolved(dns.srvRecords))?.map(({ name, port }) => `${name} ${port}`),
      ["_xmpp-server._tcp.contoso.example 5269", "_xmpps-server._tcp.contoso.example 5270"],
    );
    assert.equal((await records()).made.length, 1);
  });

  it("makes an address record for each name that is ours, and none where none is", async () => {
    const { made } = await records({ addressNames: ["sip.contoso.example"], ttl: 60 });
    const address = { name: "sip.contoso.example", type: "A", content: MOCK_ADDRESS, zoneId: "zone-contoso", ttl: 60, proxied: false };
    assert.deepEqual(
      made.filter((record) => record.type === "A"),
      [address],
    );
    assert.equal((await records()).made.filter((record) => record.type === "A").length, 0);
  });

  it("names its records after what they stand for, so that a further domain changes no other", async () => {
    const mocks = await startMocks();
    new FederationDns("dns", args({ sipDomains: ["litware.example", "contoso.example"] }));
    await settled();
    assert.equal(mocks.named("dns-srv-contoso.example").inputs.zoneId, "zone-contoso");
    const more = await startMocks();
    new FederationDns("dns", args({ xmppTlsPort: 5270 }));
    await settled();
    assert.equal(more.named("dns-srv-tls-contoso.example").inputs.data.port, 5270);
  });

  it("refuses a name that no zone holds, and says which zones there are", async () => {
    await startMocks();
    assert.throws(
      () => new FederationDns("dns", args({ sipDomains: ["fabrikam.example"] })),
      (error) =>
        pulumi.ResourceError.isInstance(error) && /holds fabrikam\.example; it has contoso\.example, litware\.example/.test(error.message),
    );
  });
});
