import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { Framer, type FramerLimits } from "./framing.ts";

const message = (body: string, length: string | number = Buffer.byteLength(body)): string =>
  `OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nContent-Length: ${length}\r\n\r\n${body}`;

const LIMITS: FramerLimits = { headBytes: 200, bodyBytes: 50, skippedBodyBytes: 1000 };

/** What a framer gives, one word each. */
function frames(pieces: readonly (string | Uint8Array)[], limits: FramerLimits = LIMITS): string[] {
  const framer = new Framer(limits);
  return pieces.flatMap((piece) =>
    framer.push(Buffer.from(piece as string)).map((framed) => {
      if (framed.kind === "message") return `message ${framed.body}`;
      return framed.kind === "lost" ? `lost ${framed.fault.code}` : framed.kind;
    }),
  );
}

describe("a stream", () => {
  it("is cut by Content-Length", () => {
    assert.deepEqual(frames([message("one") + message("") + message("\r\n\r\ntwo")]), ["message one", "message ", "message \r\n\r\ntwo"]);
  });
  it("is cut the same however it arrives", () => {
    const whole = Buffer.from(`\r\n\r\n${message("one")}${message("x".repeat(60))}\r\n${message("zwei ä")}`);
    const expected = frames([whole]);
    assert.deepEqual(expected, ["crlf", "crlf", "message one", "oversized", "crlf", "message zwei ä"]);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 20 }), (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), whole.length];
        assert.deepEqual(frames(cuts.slice(1).map((end, index) => whole.subarray(cuts[index], end))), expected);
      }),
    );
    assert.deepEqual(frames([...whole].map((byte) => Uint8Array.of(byte))), expected);
  });
  it("says whether a message is incomplete", () => {
    const framer = new Framer();
    const whole = Buffer.from(message("body"));
    assert.equal(framer.isInside, false);
    framer.push(whole.subarray(0, 5));
    assert.equal(framer.isInside, true);
    framer.push(whole.subarray(5, whole.length - 1));
    assert.equal(framer.isInside, true);
    framer.push(whole.subarray(whole.length - 1));
    assert.equal(framer.isInside, false);
  });
  it("is lost without a usable Content-Length, and nothing follows", () => {
    assert.deepEqual(frames([`${message("", -1)}${message("x")}`, message("y")]), ["lost content-length-malformed"]);
    assert.deepEqual(frames([message("").replace(/Content-Length.*\r\n/, "")]), ["lost content-length-missing"]);
    assert.deepEqual(frames([message("", "5\r\nl: 5")]), ["lost content-length-malformed"]);
    assert.deepEqual(frames([message("", "0\nX: y")]), ["lost line-end-malformed"]);
  });
  it("reads past a body that is too long, and ends at one that is far too long", () => {
    assert.deepEqual(frames([message("x".repeat(51)) + message("ok")]), ["oversized", "message ok"]);
    assert.deepEqual(frames([message("x", 1001)]), ["lost body-too-large"]);
  });
  it("ends at a head that is too long, complete or not", () => {
    assert.deepEqual(frames(["x".repeat(201)]), ["lost head-too-large"]);
    assert.deepEqual(frames([message("").replace("a@b", "a".repeat(200))]), ["lost head-too-large"]);
  });
  it("of any bytes never fails", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (pieces) => void frames(pieces)));
  });
  it("of anything that looks like SIP gives the same at every cut, and faults that say what, where and by which clause", () => {
    const piece = fc.constantFrom(
      message("one"),
      message(""),
      message("x".repeat(60)),
      message("", 4),
      message("", "-1"),
      "OPTIONS sip:a@b SIP/2.0\r\n",
      "SIP/2.0 200 OK\r\n",
      "l: 3\r\n",
      "Content-Length:\r\n 2\r\n",
      "X: y\r\n",
      "\r\n",
      "\r",
      "\n",
      " ",
      "\xff\x00",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.nat(), (pieces, seed) => {
        const whole = Buffer.from(pieces.join(""), "latin1");
        const expected = frames([whole]);
        const place = seed % (whole.length + 1);
        assert.deepEqual(frames([whole.subarray(0, place), whole.subarray(place)]), expected);
        assert.deepEqual(frames([...whole].map((byte) => Uint8Array.of(byte))), expected);
        for (const framed of new Framer(LIMITS).push(whole)) {
          if (framed.kind === "lost") assert.ok(framed.fault.what !== "" && framed.fault.where !== "" && framed.fault.clause !== "");
        }
      }),
      { numRuns: 500 },
    );
  });
  it("of every message of RFC 4475 gives the same wherever it is cut in two", () => {
    const folder = new URL("../../test/data/rfc4475/", import.meta.url);
    const limits = { headBytes: 65_536, bodyBytes: 65_536, skippedBodyBytes: 65_536 };
    for (const name of readdirSync(folder).filter((file) => file.endsWith(".dat"))) {
      const whole = readFileSync(new URL(name, folder));
      const expected = frames([whole], limits);
      for (let place = 1; place < whole.length; place += 7)
        assert.deepEqual(frames([whole.subarray(0, place), whole.subarray(place)], limits), expected, `${name} at ${place}`);
    }
  });
  it("holds no more than one message, in bounded time, whatever arrives", () => {
    const started = performance.now();
    const framer = new Framer(LIMITS);
    for (let count = 0; count < 20_000; count++) {
      assert.equal(framer.push(Buffer.from("\r\n")).length, 1);
      assert.equal(framer.isInside, false);
    }
    const small = new Framer({ headBytes: 65_536, bodyBytes: 65_536, skippedBodyBytes: 65_536 });
    let lost = 0;
    for (let count = 0; count < 70_000; count++) lost += small.push(Buffer.from("x")).length;
    assert.equal(lost, 1);
    assert.equal(small.isInside, false);
    assert.ok(performance.now() - started < 1000, `took ${performance.now() - started} ms`);
  });
});
