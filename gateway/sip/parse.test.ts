import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { FAULTS } from "./faults.ts";
import { HEADERS } from "./headers.ts";
import { LIMITS } from "./limits.ts";
import { bytesOf, headerKey, headerOf, utf8Of } from "./message.ts";
import { parseMessage } from "./parse.ts";
import { serialize } from "./serialize.ts";

const REQUEST = [
  "MESSAGE sip:romeo@fabrikam.example SIP/2.0",
  "Via: SIP/2.0/TLS lync.contoso.example:5061;branch=z9hG4bK1",
  "From: <sip:alice@contoso.example>;tag=1",
  "To: <sip:romeo@fabrikam.example>",
  "Call-ID: c1",
  "CSeq: 1 MESSAGE",
];
const bytes = (lines: readonly string[], body = ""): Buffer => Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`, "latin1");
const parse = (lines: readonly string[], body = "") => parseMessage(bytes(lines, body));
/** The code of the fault of the request with one line more, or another line for an old one. */
const codeOf = (line: string): string => {
  const name = line.split(":")[0] ?? "";
  const rest = REQUEST.filter((other) => !other.startsWith(`${name}:`));
  const result = parse([...rest, line]);
  return result.ok ? "none" : `${result.fault.code} in ${result.fault.where}`;
};

describe("a message", () => {
  it("gives what is needed to handle it", () => {
    const result = parse([...REQUEST, "l: 2", "Max-Forwards: 70"], "hi and more");
    assert.ok(result.ok);
    const { essentials, message } = result.received;
    assert.equal(essentials.via[0].branch, "z9hG4bK1");
    assert.equal(essentials.fromTag, "1");
    assert.equal(essentials.toTag, null);
    assert.deepEqual(essentials.cseq, { number: 1, method: "MESSAGE" });
    assert.equal(message.body.toString(), "hi");
  });

  it("with a fault says what is wrong, where, and by which clause", () => {
    const faults: Readonly<Record<string, string>> = {
      "CSeq: 1": "header-malformed in CSeq",
      "CSeq: 4294967296 MESSAGE": "number-out-of-range in CSeq",
      "Max-Forwards: 256": "number-out-of-range in Max-Forwards",
      "Call-ID: a b": "header-malformed in Call-ID",
      "Via: SIP/2.0/TLS": "header-malformed in Via",
      "Via: SIP/3.0/TLS host": "header-malformed in Via",
      "From: <sip:a@b>;tag": "header-malformed in From",
      "To: sip:a b": "uri-malformed in To",
      "Contact: <sip:a@b>,": "header-malformed in Contact",
      "No colon": "header-malformed in headers",
      "Bad name: x": "header-malformed in headers",
      "X: a\rb": "line-end-malformed in headers",
      "X: a\nb": "line-end-malformed in headers",
      "Content-Length: 1e1": "content-length-malformed in Content-Length",
      "Content-Length: 5": "body-truncated in Content-Length",
    };
    for (const [line, expected] of Object.entries(faults)) assert.equal(codeOf(line), expected, line);
    assert.equal(codeOf("f: <sip:a@b>;tag=2"), "header-repeated in f");
    const missing = parse(REQUEST.filter((line) => !line.startsWith("Call-ID")));
    assert.ok(!missing.ok);
    assert.deepEqual(missing.fault, {
      code: "header-missing",
      where: "Call-ID",
      what: "is missing",
      status: 400,
      clause: "RFC 3261 8.1.1",
    });
  });

  it("that is faulty can be answered only if it is a request, no ACK, with a Via", () => {
    const answerable = (lines: readonly string[]): boolean => {
      const result = parse(lines);
      return !result.ok && result.answerable !== null;
    };
    const faulty = [...REQUEST, "Max-Forwards: x"];
    assert.ok(answerable(faulty));
    assert.ok(answerable(["nonsense", ...REQUEST.slice(1)]));
    assert.ok(!answerable(["SIP/2.0 200 OK", ...faulty.slice(1)]));
    assert.ok(!answerable(faulty.map((line) => line.replace("MESSAGE", "ACK"))));
    assert.ok(!answerable(["nonsense", ...faulty.slice(1).map((line) => line.replace("MESSAGE", "ACK"))]));
    assert.ok(!answerable(faulty.filter((line) => !line.startsWith("Via"))));
  });

  it("has limits on its head and on its headers", () => {
    assert.equal(codeOf(`X: ${"x".repeat(LIMITS.headBytes)}`), "head-too-large in headers");
    const many = parse([...REQUEST, ...Array<string>(LIMITS.headers).fill("X: y")]);
    assert.ok(!many.ok && many.fault.code === "head-too-large");
  });

  it("knows every compact name, in any case", () => {
    for (const [key, { name, compact }] of Object.entries(HEADERS)) {
      assert.equal(headerKey(name.toUpperCase()), key);
      if (compact !== null) assert.equal(headerKey(compact.toUpperCase()), key);
    }
    for (const name of ["__proto__", "constructor", "toString"]) assert.equal(headerKey(name), name.toLowerCase());
  });

  it("keeps unknown headers byte for byte, in any encoding", () => {
    const value = "\xff\xfe ;;,, \xc3\xa4";
    const result = parse([...REQUEST, `X-Odd:  ${value}\t`]);
    assert.ok(result.ok);
    assert.equal(headerOf(result.received.message, "x-odd"), value);
    assert.ok(serialize(result.received.message).includes(Buffer.from(`X-Odd: ${value}\r\n`, "latin1")));
    assert.equal(utf8Of("\xff"), null);
    assert.equal(utf8Of(bytesOf("ä\r\nVia: x\u0000")), "ä Via: x");
  });

  it("may bring IPv6 in Via, with and without brackets in received (RFC 5118 4.4, 4.5)", () => {
    for (const received of ["[2001:db8::9:255]", "2001:db8::9:255"]) {
      const via = `Via: SIP/2.0/UDP [2001:db8::9:1];received=${received};branch=z9hG4bKas3-111`;
      const result = parse([...REQUEST.filter((line) => !line.startsWith("Via")), via]);
      assert.ok(result.ok, received);
      assert.equal(result.received.essentials.via[0].host, "[2001:db8::9:1]");
    }
  });

  it("parsed, written and parsed is the same, whatever its headers", () => {
    const value = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 40 });
    const header = fc.tuple(fc.stringMatching(/^X-[A-Za-z0-9!%*_+`'~.-]{1,12}$/), value).map(([name, text]) => `${name}: ${text}`);
    fc.assert(
      fc.property(fc.array(header, { maxLength: 8 }), fc.uint8Array({ maxLength: 64 }), (headers, body) => {
        const first = parseMessage(Buffer.concat([bytes([...REQUEST, ...headers]), body]));
        assert.ok(first.ok);
        const written = serialize(first.received.message);
        const second = parseMessage(written);
        assert.ok(second.ok);
        assert.deepEqual(serialize(second.received.message), written);
        assert.deepEqual(second.received.essentials, first.received.essentials);
        assert.deepEqual(second.received.message.body, Buffer.from(body));
      }),
    );
  });
});

describe("any bytes", () => {
  const folder = new URL("../../test/data/rfc4475/", import.meta.url);
  const seeds = [
    bytes(REQUEST),
    ...readdirSync(folder).flatMap((name) => (name.endsWith(".dat") ? [readFileSync(new URL(name, folder))] : [])),
  ];
  const check = (input: Buffer): void => {
    const result = parseMessage(input);
    if (result.ok) {
      const again = parseMessage(serialize(result.received.message));
      assert.ok(again.ok);
      assert.deepEqual(again.received.essentials, result.received.essentials);
    } else assert.ok(result.fault.code in FAULTS && result.fault.what !== "" && result.fault.clause !== "");
  };

  it("are a message or a typed fault", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 512 }), (input) => check(Buffer.from(input))));
  });

  it("are so when they look like SIP", () => {
    const piece = fc.constantFrom(
      "SIP/2.0",
      " ",
      "\r\n",
      "\r\n ",
      ":",
      ";",
      ",",
      "<",
      ">",
      '"',
      "\\",
      "=",
      "@",
      "%",
      "sip:a@b",
      "Via",
      "CSeq",
      "1",
      "MESSAGE",
      "[::1]",
      "\xff",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.nat(5), (pieces, line) => {
        check(bytes(REQUEST.with(line, `${(REQUEST[line] ?? "").split(" ")[0]} ${pieces.join("")}`)));
      }),
      { numRuns: 500 },
    );
  });

  it("are so when a real message is damaged", () => {
    const damage = fc.record({
      seed: fc.nat(seeds.length - 1),
      at: fc.nat(3000),
      drop: fc.nat(8),
      insert: fc.uint8Array({ maxLength: 8 }),
    });
    fc.assert(
      fc.property(damage, ({ seed, at, drop, insert }) => {
        const original = seeds[seed] ?? Buffer.alloc(0);
        const place = at % (original.length + 1);
        check(Buffer.concat([original.subarray(0, place), insert, original.subarray(place + drop)]));
      }),
      { numRuns: 1500 },
    );
  });

  it("are read in bounded time, however they are made", () => {
    const long = LIMITS.headBytes - 1000;
    const hostile = [
      `Via: SIP/2.0/TLS ${"a.".repeat(long / 2)}`,
      `Via: SIP/2.0/TLS h${" ".repeat(long)}x`,
      `To: "${'\\"'.repeat(long / 2)}`,
      `To: ${"a ".repeat(long / 2)}`,
      `To: <sip:${"%41".repeat(long / 3)}`,
      `To: <sip:a@${"a".repeat(long)}->`,
      `To: <sip:a@b>${";a".repeat(long / 2)}`,
      `To: <sip:a@b;${"a=".repeat(long / 2)}>`,
      `Contact: ${"<sip:a@b>,".repeat(long / 10)}`,
      `Call-ID: ${"a".repeat(long)}@`,
      `CSeq: ${"1".repeat(long)} MESSAGE`,
      `X: ${"y\r\n ".repeat(long / 4)}`,
      `${"X: y\r\n".repeat(400)}X: ${"z".repeat(1000)}`,
    ];
    for (const line of hostile) {
      const started = performance.now();
      codeOf(line);
      assert.ok(performance.now() - started < 250, `${line.slice(0, 30)} took ${performance.now() - started} ms`);
    }
  });
});
