import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { decode, encode, type Packet, RECURSION_DESIRED, TRUNCATED_RESPONSE } from "dns-packet";
import fc from "fast-check";
import { answer, type DnsServer, startDns } from "./dns.ts";
import { LIMITS } from "./limits.ts";
import { makeZone } from "./zone.ts";

const many = Array.from({ length: 30 }, (_, index) => ({ name: "many.example.test", type: "A" as const, data: `127.0.1.${index}` }));
const zone = makeZone([{ name: "one.example.test", type: "A", data: "127.0.0.9" }, ...many]);

const question = (name: string, extra: Partial<Packet> = {}): Buffer =>
  encode({ type: "query", id: 7, flags: RECURSION_DESIRED, questions: [{ type: "A", name }], ...extra });
const edns = (udpPayloadSize: number, ednsVersion = 0): Partial<Packet> => ({
  additionals: [{ type: "OPT", name: ".", udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0, flag_do: false, options: [] }],
});
const ask = (query: Buffer, transport: "udp" | "tcp" = "udp") => {
  const bytes = answer(query, zone, transport);
  assert.ok(bytes !== null);
  const packet = decode(bytes);
  return { bytes, packet, rcode: (packet.flags ?? 0) & 15, truncated: ((packet.flags ?? 0) & TRUNCATED_RESPONSE) !== 0 };
};

describe("the DNS server", () => {
  it("repeats identifier and question and says that recursion is there", () => {
    const { packet, rcode } = ask(question("ONE.example.test"));
    assert.deepEqual([packet.id, rcode, packet.flag_rd, packet.flag_ra, packet.flag_aa], [7, 0, true, true, true]);
    assert.equal(packet.questions?.[0]?.name, "ONE.example.test");
    assert.deepEqual(
      packet.answers?.map((record) => "data" in record && record.data),
      ["127.0.0.9"],
    );
  });

  it("cuts an answer that is too big for UDP, at the client's size, and gives the whole by TCP", () => {
    const plain = ask(question("many.example.test"));
    assert.deepEqual([plain.truncated, plain.packet.answers?.length], [true, 0]);
    assert.ok(plain.bytes.length <= LIMITS.dnsPlainBytes);
    const larger = ask(question("many.example.test", edns(4096)));
    assert.deepEqual([larger.truncated, larger.bytes.length <= LIMITS.dnsUdpBytes], [false, true]);
    assert.equal(ask(question("many.example.test", edns(600))).truncated, true);
    assert.equal(ask(question("many.example.test"), "tcp").packet.answers?.length, 30);
  });

  it("answers EDNS with EDNS and refuses a version it does not know", () => {
    assert.equal(ask(question("one.example.test", edns(1232))).packet.additionals?.[0]?.type, "OPT");
    assert.equal(ask(question("one.example.test")).packet.additionals?.length, 0);
    const [opt] = ask(question("one.example.test", edns(1232, 1))).packet.additionals ?? [];
    assert.equal(opt?.type === "OPT" && opt.extendedRcode, 1);
  });

  // biome-ignore format: a table
  const refused = [
    ["two questions",        { questions: [{ type: "A", name: "a" }, { type: "A", name: "b" }] }, 1],
    ["no question",          { questions: [] },                                                   1],
    ["another class",        { questions: [{ type: "A", name: "one.example.test", class: "CH" }] }, 5],
    ["a transfer of zones",  { questions: [{ type: "AXFR", name: "example.test" }] },             4],
    ["an update",            { flags: 5 << 11 },                                                  4],
  ] as const;
  for (const [what, extra, rcode] of refused) {
    it(`refuses ${what}`, () => assert.equal(ask(question("one.example.test", extra as unknown as Partial<Packet>)).rcode, rcode));
  }

  it("is silent to answers and to scraps, and reports a broken question", () => {
    assert.equal(answer(encode({ type: "response", id: 1 }), zone, "udp"), null);
    assert.equal(answer(Buffer.from("abc"), zone, "udp"), null);
    assert.equal(answer(Buffer.alloc(LIMITS.dnsQueryBytes + 1), zone, "udp"), null);
    assert.equal(ask(question("one.example.test").subarray(0, 16)).rcode, 1);
  });

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void answer(Buffer.from(bytes), zone, "udp")),
      { numRuns: 500 },
    );
  });

  describe("on the network", () => {
    let server: DnsServer & { readonly port: number };
    before(async () => {
      server = await startDns("127.81.4.1", 0, () => zone);
    });
    after(() => server.close());

    it("answers by UDP", async () => {
      const socket = createSocket("udp4");
      socket.send(question("one.example.test"), server.port, "127.81.4.1");
      const [message] = (await once(socket, "message")) as [Buffer];
      assert.equal(decode(message).answers?.length, 1);
      socket.close();
    });

    it("answers several questions on one TCP connection, however they are cut", async () => {
      const socket = connect(server.port, "127.81.4.1");
      const framed = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
      const both = Buffer.concat([framed(question("one.example.test")), framed(question("many.example.test"))]);
      socket.write(both.subarray(0, 9));
      setTimeout(() => socket.write(both.subarray(9)), 20);
      let received = Buffer.alloc(0);
      const answers: number[] = [];
      for await (const part of socket as AsyncIterable<Buffer>) {
        received = Buffer.concat([received, part]);
        while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          const length = received.readUInt16BE(0);
          answers.push(decode(received.subarray(2, 2 + length)).answers?.length ?? 0);
          received = received.subarray(2 + length);
        }
        if (answers.length === 2) break;
      }
      assert.deepEqual(answers, [1, 30]);
    });

    it("ends a connection that announces too much", async () => {
      const socket = connect(server.port, "127.81.4.1");
      socket.write(Buffer.from([0xff, 0xff]));
      await once(socket, "close");
    });
  });
});
