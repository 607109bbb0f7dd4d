import assert from "node:assert/strict";
import { reportsOf } from "../test/support/policy-args.ts";
import { srvTargetAndPort } from "./srv-target-and-port.ts";

const record = (data: Record<string, unknown> = {}, props: Record<string, unknown> = {}) => ({
  type: "cloudflare:index/dnsRecord:DnsRecord",
  props: {
    type: "SRV",
    name: "_xmpp-server._tcp.contoso.example",
    priority: 10,
    data: { priority: 10, weight: 10, port: 5269, target: "sip.contoso.example", ...data },
    ...props,
  },
});

describe("policy srv-target-and-port", () => {
  it("stays quiet on a record that leads to a host on port 5269", async () => {
    assert.deepEqual(await reportsOf(srvTargetAndPort, record()), []);
  });

  const wrong: readonly (readonly [string, ReturnType<typeof record>, RegExp])[] = [
    ["another port", record({ port: 5222 }), /port is 5222; expected 5269/],
    ["an address as target", record({ target: "192.0.2.1" }), /target is "192\.0\.2\.1"/],
    ["no target", record({ target: "." }), /target is "\."/],
    ["a priority that stands in one place only", record({}, { priority: undefined }), /priority is undefined and data\.priority 10/],
  ];
  for (const [what, declared, expected] of wrong) {
    it(`fires for ${what}`, async () => {
      const reports = await reportsOf(srvTargetAndPort, declared);
      assert.equal(reports.length, 1);
      assert.match(reports[0] ?? "", expected);
    });
  }

  it("stays quiet on records of other services and types", async () => {
    assert.deepEqual(await reportsOf(srvTargetAndPort, record({ port: 5061 }, { name: "_sipfederationtls._tcp.contoso.example" })), []);
    assert.deepEqual(await reportsOf(srvTargetAndPort, record({ port: 1 }, { type: "A" })), []);
    assert.deepEqual(await reportsOf(srvTargetAndPort, { ...record({ port: 1 }), type: "random:index:Thing" }), []);
  });
});
