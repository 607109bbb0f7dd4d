import assert from "node:assert/strict";
import { type Declared, stackReportsOf } from "../test/support/policy-args.ts";
import { COMPONENTS } from "./component-inputs.ts";
import { srvTargetAccessEdge } from "./srv-target-access-edge.ts";

const edge: Declared = { type: COMPONENTS.federationEdge, name: "edge", props: { accessEdgeFqdn: "sip.contoso.example" } };
const record = (target: string, name = "_xmpp-server._tcp.contoso.example"): Declared => ({
  type: "cloudflare:index/dnsRecord:DnsRecord",
  name: "srv",
  props: { type: "SRV", name, priority: 10, data: { priority: 10, weight: 10, port: 5269, target } },
});

describe("policy srv-target-access-edge", () => {
  it("stays quiet on a record that leads to the Access Edge, whatever way the name is written", async () => {
    assert.deepEqual(await stackReportsOf(srvTargetAccessEdge, [edge, record("SIP.contoso.example.")]), []);
  });

  it("fires for a record that leads elsewhere, and names it", async () => {
    assert.deepEqual(await stackReportsOf(srvTargetAccessEdge, [edge, record("xmpp.contoso.example")]), [
      "srv: _xmpp-server._tcp.contoso.example: target is xmpp.contoso.example; expected sip.contoso.example",
    ]);
  });

  it("judges a record for direct TLS by the same name", async () => {
    const direct = (target: string) => record(target, "_xmpps-server._tcp.contoso.example");
    assert.deepEqual(await stackReportsOf(srvTargetAccessEdge, [edge, direct("sip.contoso.example")]), []);
    assert.equal((await stackReportsOf(srvTargetAccessEdge, [edge, direct("xmpp.contoso.example")])).length, 1);
  });

  it("stays quiet on other records, and in a stack without an edge", async () => {
    assert.deepEqual(await stackReportsOf(srvTargetAccessEdge, [edge, record("lync.contoso.example", "_sip._tls.contoso.example")]), []);
    assert.deepEqual(await stackReportsOf(srvTargetAccessEdge, [record("xmpp.contoso.example")]), []);
  });
});
