import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { startTestSandbox, type TestSandbox } from "../../test-sandbox.ts";
import { type Driven, drive } from "../drive.ts";
import { type Properties, UNKNOWN } from "../wire.ts";
import { cloudflare } from "./provider.ts";

const RECORD = "cloudflare:index/dnsRecord:DnsRecord";
const zoneId = "00000000000000000000000000000001";
const SRV: Properties = {
  zoneId,
  name: "_xmpp-server._tcp.contoso.example",
  type: "SRV",
  ttl: 300,
  priority: 10,
  data: { priority: 10, weight: 10, port: 5269, target: "sip.contoso.example" },
};
const A: Properties = { zoneId, name: "sip.contoso.example", type: "A", ttl: 60, content: "127.81.3.10" };

describe("the cloudflare stand-in", () => {
  let sandbox: TestSandbox;
  let engine: Driven;
  const resolver = new Resolver({ timeout: 1000, tries: 2 });

  before(async () => {
    sandbox = await startTestSandbox("127.81.3");
    resolver.setServers([sandbox.control.dns]);
    engine = await drive(cloudflare);
  });
  after(async () => {
    engine.close();
    await sandbox.stop();
  });

  // biome-ignore format: a table
  const refused = [
    [{ ...SRV, data: null },                                       /data is required for a SRV record and missing/],
    [{ ...SRV, data: { weight: 1, port: 5269, target: "a.example" }, priority: null }, /data.priority is required/],
    [{ ...SRV, data: { priority: 1, weight: 1, port: 70_000, target: "a.example" } },  /data.port is 70000; expected an integer from 0 to 65535/],
    [{ ...SRV, data: { priority: 1, weight: 1, port: 5269, target: "a b" } },          /data.target is "a b"; expected a host name/],
    [{ ...SRV, name: "contoso.example" },                          /an SRV record is named _SERVICE._PROTOCOL.DOMAIN/],
    [{ ...SRV, content: "1 5269 a.example" },                      /content is given; a SRV record takes data/],
    [{ ...SRV, proxied: true, ttl: 1 },                            /proxied cannot be true for SRV/],
    [{ ...A, ttl: 59 },                                            /ttl is 59; expected 1 \(automatic\) or 60 to 86400/],
    [{ ...A, ttl: 86_401 },                                        /ttl is 86401/],
    [{ ...A, proxied: true },                                      /a proxied record has 1 \(automatic\)/],
    [{ ...A, content: "2001:db8::1" },                             /content is "2001:db8::1"; expected an IPv4 address/],
    [{ ...A, type: "AAAA" },                                       /expected an IPv6 address/],
    [{ ...A, type: "SPF" },                                        /type is "SPF"; expected one of A, AAAA/],
    [{ ...A, content: null },                                      /content is required for a A record/],
    [{ ...A, name: "sip" },                                        /expected the full name of the record/],
    [{ ...A, zoneId: null },                                       /zoneId is required/],
  ] as const;
  for (const [inputs, expected] of refused) {
    it(`refuses: ${expected.source}`, async () => {
      const { failures } = await engine.check(RECORD, "r", inputs as Properties);
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.match(failures[0] ?? "", expected);
    });
  }

  it("takes unknown values in preview", async () => {
    const inputs: Properties = { ...A, content: UNKNOWN };
    assert.deepEqual((await engine.check(RECORD, "r", inputs)).failures, []);
    const preview = await engine.preview(RECORD, "r", inputs);
    assert.deepEqual([preview.content, preview.createdOn, preview.name], [UNKNOWN, UNKNOWN, A.name]);
  });

  it("has its records answered from the moment they exist until their end", async () => {
    const service = await engine.create(RECORD, "srv", SRV);
    const address = await engine.create(RECORD, "a", A);
    assert.match(service.id, /^[0-9a-f]{32}$/);
    assert.equal(service.outputs.content, "10 5269 sip.contoso.example");
    const expected = [{ priority: 10, weight: 10, port: 5269, name: "sip.contoso.example" }];
    assert.deepEqual(
      (await resolver.resolveSrv("_xmpp-server._tcp.contoso.example")).map(({ name, port, priority, weight }) => ({
        priority,
        weight,
        port,
        name,
      })),
      expected,
    );
    assert.deepEqual(await resolver.resolve4("SIP.contoso.example", { ttl: true }), [{ address: "127.81.3.10", ttl: 60 }]);
    assert.deepEqual(await engine.read(RECORD, "a", address), address);

    const moved = { ...address.inputs, content: "127.81.3.11" };
    assert.deepEqual(await engine.diff(RECORD, "a", address, moved), {
      detail: { content: "update" },
      replaces: [],
      deleteBeforeReplace: false,
    });
    const updated = await engine.update(RECORD, "a", address, moved);
    assert.equal(updated.outputs.createdOn, address.outputs.createdOn);
    assert.deepEqual(await resolver.resolve4("sip.contoso.example"), ["127.81.3.11"]);
    assert.deepEqual((await engine.diff(RECORD, "a", updated, { ...moved, zoneId: "another" })).replaces, ["zoneId"]);

    for (const each of [service, updated]) await engine.delete(RECORD, "r", each);
    await assert.rejects(resolver.resolve4("sip.contoso.example"), { code: "ENOTFOUND" });
    assert.equal(await engine.read(RECORD, "a", updated), null);
  });

  it("finds a record that is imported by its zone and id", async () => {
    const made = await engine.create(RECORD, "a", { ...A, name: "imported.contoso.example" });
    const found = await engine.read(RECORD, "a", { id: `${zoneId}/${made.id}`, inputs: {}, outputs: {} });
    assert.deepEqual([found?.id, found?.inputs], [made.id, made.inputs]);
  });

  it("keeps Cloudflare's rules between records of one name", async () => {
    const name = "rules.contoso.example";
    const first = await engine.create(RECORD, "a", { ...A, name });
    await assert.rejects(engine.create(RECORD, "b", { ...A, name }), /81058.*identical record/);
    await assert.rejects(engine.create(RECORD, "c", { ...A, name, type: "CNAME", content: "other.example" }), /81053/);
    await engine.create(RECORD, "d", { ...A, name, content: "127.81.3.12" });
    await engine.update(RECORD, "a", first, { ...first.inputs, ttl: 120 });
    const alias = "alias.contoso.example";
    await engine.create(RECORD, "e", { ...A, name: alias, type: "CNAME", content: name });
    await assert.rejects(engine.create(RECORD, "f", { ...A, name: alias }), /81054/);
    assert.deepEqual((await resolver.resolve4(alias)).sort(), ["127.81.3.10", "127.81.3.12"]);
  });

  it("says how to start the sandbox where it does not run", async () => {
    const before = process.env.XMPP_EDGE_SANDBOX_DIR;
    process.env.XMPP_EDGE_SANDBOX_DIR = `${sandbox.dir}/nowhere`;
    try {
      await assert.rejects(engine.create(RECORD, "a", A), /the sandbox process does not run .* `npm run up` starts it/);
    } finally {
      process.env.XMPP_EDGE_SANDBOX_DIR = before;
    }
  });
});
