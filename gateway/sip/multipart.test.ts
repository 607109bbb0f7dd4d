import assert from "node:assert/strict";
import fc from "fast-check";
import { LIMITS } from "./limits.ts";
import { headerOf } from "./message.ts";
import { boundaryOf, readParts } from "./multipart.ts";

const parts = (text: string, boundary = "b") => {
  const read = readParts(Buffer.from(text, "latin1"), boundary);
  return read.ok
    ? read.value.map(({ headers, body }) => [headers.map(({ key, value }) => `${key}=${value}`).join(), `${body}`])
    : read.fault.code;
};

describe("a body of several parts", () => {
  it("is cut at its boundary lines; what stands around them is no part", () => {
    const text = "preamble\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\n\r\n--b  \r\n\r\ntwo\r\n--b--\r\nepilogue\r\n--b--";
    assert.deepEqual(parts(text), [
      ["content-type=text/plain", "one\r\n"],
      ["", "two"],
    ]);
    assert.deepEqual(parts("--b\r\n\r\n\r\n--b--"), [["", ""]]);
    assert.deepEqual(parts("--b\r\nc: a/b\r\n--b--"), [["content-type=a/b", ""]]);
    assert.deepEqual(parts("--b--"), []);
  });
  it("is not cut at a line that only starts like its boundary, nor in the middle of one", () => {
    assert.deepEqual(parts("--b\r\n\r\n--bc\r\nx--b--\r\n--b--"), [["", "--bc\r\nx--b--"]]);
  });
  it("reads the headers of a part like those of a message: folds, compact names, case", () => {
    assert.deepEqual(parts("--b\r\nC:\r\n text/plain;\r\n\tcharset=x\r\ne: identity\r\n\r\n1\r\n--b--"), [
      ["content-type=text/plain; charset=x,content-encoding=identity", "1"],
    ]);
  });
  it("may hold another one", () => {
    const inner = "--in\r\n\r\ndeep\r\n--in--";
    const outer = readParts(Buffer.from(`--out\r\nContent-Type: multipart/mixed;boundary=in\r\n\r\n${inner}\r\n--out--`), "out");
    assert.ok(outer.ok && outer.value[0]);
    assert.equal(headerOf(outer.value[0], "content-type"), "multipart/mixed;boundary=in");
    assert.deepEqual(parts(`${outer.value[0].body}`, "in"), [["", "deep"]]);
  });
  it("is a fault where it does not close, has no boundary line, too many parts or broken headers", () => {
    for (const text of ["", "x", "--b", "--b\r\n\r\none", "--b\r\n\r\none\r\n--bx"]) assert.equal(parts(text), "body-malformed", text);
    assert.equal(parts(`${"--b\r\n\r\nx\r\n".repeat(LIMITS.bodyParts + 1)}--b--`), "body-malformed");
    assert.equal(parts(`${"--b\r\n\r\nx\r\n".repeat(LIMITS.bodyParts)}--b--`).length, LIMITS.bodyParts);
    assert.equal(parts("--b\r\nno colon\r\n\r\nx\r\n--b--"), "header-malformed");
    assert.equal(parts(`--b\r\nx: ${"y".repeat(LIMITS.headBytes)}\r\n\r\nx\r\n--b--`), "head-too-large");
  });
  it("has a boundary of RFC 2046, quoted or not", () => {
    for (const text of ["a", "a b", "=_'()+,-./:?", "x".repeat(70)]) assert.ok(boundaryOf([["boundary", `"${text}"`]]).ok, text);
    assert.ok(boundaryOf([["boundary", "plain"]]).ok);
    for (const text of ["", "a ", "x".repeat(71), "a;b", "a\u00e4"]) assert.ok(!boundaryOf([["boundary", `"${text}"`]]).ok, text);
    assert.ok(!boundaryOf([]).ok);
  });
  it("made of any parts is read as those parts", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: LIMITS.bodyParts }), (bodies) => {
        const pieces = bodies.flatMap((body) => [Buffer.from("\r\n--b0undary\r\n\r\n"), Buffer.from(body)]);
        const read = readParts(Buffer.concat([...pieces, Buffer.from("\r\n--b0undary--")]), "b0undary");
        assert.ok(read.ok);
        assert.deepEqual(
          read.value.map(({ body }) => [...body]),
          bodies.map((body) => [...body]),
        );
      }),
    );
  });
  it("made of any bytes is parts or a typed fault", () => {
    const piece = fc.constantFrom("--b", "--b--", "\r\n", " ", "x: y", "\r", "\xff", "-");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const read = readParts(Buffer.from(pieces.join(""), "latin1"), "b");
        assert.ok(read.ok || (read.fault.what !== "" && read.fault.where !== "" && read.fault.clause !== ""));
      }),
      { numRuns: 1000 },
    );
  });
  it("is read in bounded time, however it is made", () => {
    for (const piece of ["\r\n--b", "\r\n--b ", "\r\n--b\r\n", "\r\n--b\r\n\r\n", "-"]) {
      const started = performance.now();
      parts(piece.repeat(LIMITS.bodyBytes / piece.length));
      assert.ok(performance.now() - started < 250, JSON.stringify(piece));
    }
  });
});
