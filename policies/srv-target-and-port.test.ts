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

  describe("of a record for direct TLS", () => {
    const direct = (data: Record<string, unknown> = {}) => record({ port: 5270, ...data }, { name: "_xmpps-server._tcp.contoso.example" });

    it("stays quiet on a host and a port of its own", async () => {
      assert.deepEqual(await reportsOf(srvTargetAndPort, direct()), []);
      assert.deepEqual(await reportsOf(srvTargetAndPort, direct({ port: 443 })), []);
    });

    it("fires for the port on which partners begin in clear, for no port, and for what it fires for elsewhere", async () => {
      assert.match(
        (await reportsOf(srvTargetAndPort, direct({ port: 5269 })))[0] ?? "",
        /port is 5269; expected the port of direct TLS, which is not 5269/,
      );
      assert.match((await reportsOf(srvTargetAndPort, direct({ port: 0 })))[0] ?? "", /port is 0/);
      assert.match((await reportsOf(srvTargetAndPort, direct({ target: "192.0.2.1" })))[0] ?? "", /target is "192\.0\.2\.1"/);
    });
  });

  it("stays quiet on records of other services and types", async () => {
    assert.deepEqual(await reportsOf(srvTargetAndPort, record({ port: 5061 }, { name: "_sipfederationtls._tcp.contoso.example" })), []);
    assert.deepEqual(await reportsOf(srvTargetAndPort, record({ port: 1 }, { type: "A" })), []);
    assert.deepEqual(await reportsOf(srvTargetAndPort, { ...record({ port: 1 }), type: "random:index:Thing" }), []);
  });
});
