import assert from "node:assert/strict";
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
});
