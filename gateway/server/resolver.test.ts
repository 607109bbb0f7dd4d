import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { decode, encode } from "dns-packet";
import { makeZone, startDns, type ZoneRecord } from "../../test/support/dns.ts";
import { documentInput } from "../../test/support/edge-document.ts";
import { parseDocument } from "../config/parse.ts";
import { makeResolver, RESOLVER_LIMITS } from "./resolver.ts";
import { findTargets } from "./xmpp-targets.ts";

const ADDRESS = "127.83.0.11";

const srv = (domain: string, index: number, priority = 10, service = "_xmpp-server._tcp"): ZoneRecord => ({
  name: `${service}.${domain}`,
  type: "SRV",
  data: `${priority} 0 5269 xmpp${index}.a-name-that-makes-the-answer-long.${domain}`,
});

const RECORDS: readonly ZoneRecord[] = [
  srv("few.example", 1),
  ...Array.from({ length: 40 }, (_, index) => srv("many.example", index)),
  ...Array.from({ length: 200 }, (_, index) => srv("flood.example", index, 20)),
  srv("flood.example", 999, 1),
  srv("xn--bcher-kva.example", 1),
  ...Array.from({ length: 100 }, (_, index): ZoneRecord => ({ name: "hosts.example", type: "A", data: `192.0.2.${index}` })),
  { name: "both.example", type: "A", data: "192.0.2.1" },
  { name: "both.example", type: "AAAA", data: "2001:db8::1" },
];

describe("the resolver", () => {
  let server: Awaited<ReturnType<typeof startDns>>;
  before(async () => {
    server = await startDns(ADDRESS, 0, () => makeZone(RECORDS));
  });
  after(() => server.close());

  const resolver = () => makeResolver([`${ADDRESS}:${server.port}`]);

  it("gives a record as it stands", async () => {
    const [record] = await resolver().srv("_xmpp-server._tcp.few.example");
    assert.deepEqual(record, { priority: 10, weight: 0, port: 5269, name: "xmpp1.a-name-that-makes-the-answer-long.few.example" });
  });

  it("asks by TCP where the answer did not fit into UDP", async () => {
    assert.equal((await resolver().srv("_xmpp-server._tcp.many.example")).length, 40);
  });

  it("bounds what it looks at, and keeps the records that come first by priority", async () => {
    const records = await resolver().srv("_xmpp-server._tcp.flood.example");
    assert.equal(records.length, RESOLVER_LIMITS.records);
    assert.equal(records[0]?.priority, 1);
    assert.equal((await resolver().addresses("hosts.example")).length, RESOLVER_LIMITS.records);
  });

  it("gives addresses of both families, IPv6 first", async () => {
    assert.deepEqual(await resolver().addresses("both.example"), ["2001:db8::1", "192.0.2.1"]);
    assert.deepEqual(await resolver().addresses("2001:db8::7"), ["2001:db8::7"]);
  });

  it("no such name and no such record are empty answers", async () => {
    assert.deepEqual(await resolver().srv("_xmpp-server._tcp.nobody.example"), []);
    assert.deepEqual(await resolver().srv("both.example"), []);
    assert.deepEqual(await resolver().addresses("nobody.example"), []);
  });

  it("gives NAPTR records by order and preference, and none where there are none", async () => {
    assert.deepEqual(await resolver().naptr?.("both.example"), []);
    const record = (order: number, preference: number, replacement: string) => ({
      type: "NAPTR" as const,
      name: "pool.example",
      data: { order, preference, flags: "s", services: "SIPS+D2T", regexp: "", replacement },
    });
    const answers = [record(20, 1, "c.example"), record(10, 2, "b.example"), record(10, 1, "a.example")];
    const socket = createSocket("udp4");
    socket.on("message", (message, { port, address }) => {
      const { id, questions } = decode(message);
      socket.send(encode({ type: "response", id: id ?? 0, questions: questions ?? [], answers }), port, address);
    });
    await new Promise<void>((resolve) => socket.bind(0, "127.88.0.13", resolve));
    const found = await makeResolver([`127.88.0.13:${socket.address().port}`]).naptr?.("pool.example");
    socket.close();
    assert.deepEqual(
      found?.map(({ replacement }) => replacement),
      ["a.example", "b.example", "c.example"],
    );
    assert.deepEqual(found?.[0], {
      order: 10,
      preference: 1,
      flags: "s",
      service: "SIPS+D2T",
      regexp: "",
      replacement: "a.example",
    });
  });

  it("a question that is too long for DNS has no answer", async () => {
    const label = "a".repeat(60);
    assert.deepEqual(await resolver().srv(`_xmpps-server._tcp.${label}.${label}.${label}.${label}.example`), []);
  });

  it("a server that is not there is a failure", async () => {
    const closed = createSocket("udp4");
    await new Promise<void>((resolve) => closed.bind(0, "127.83.0.12", resolve));
    const { port } = closed.address();
    await new Promise<void>((resolve) => closed.close(() => resolve()));
    await assert.rejects(makeResolver([`127.83.0.12:${port}`]).srv("_xmpp-server._tcp.few.example"), { code: "ECONNREFUSED" });
  });

  it("an international domain is asked for in A-labels", async () => {
    const [partner] = parseDocument(documentInput({ partners: [{ domain: "Bücher.example" }] })).partners;
    assert.ok(partner);
    const sought = { partner, methods: new Set(["sasl-over-tls"] as const) };
    const found = await findTargets(resolver(), partner.domain, sought, () => 0);
    assert.deepEqual(found.found && found.targets.map(({ name }) => name), [
      "xmpp1.a-name-that-makes-the-answer-long.xn--bcher-kva.example",
    ]);
  });
});
