import assert from "node:assert/strict";
import fc from "fast-check";
import { LIMITS } from "./limits.ts";
import { makeHeader, type SipRequest } from "./message.ts";
import { parseMediaType, readEmbedded, readText } from "./text.ts";

const message = (contentType: string | null, body: string | Buffer, more: readonly [string, string][] = []): SipRequest => ({
  kind: "request",
  method: "MESSAGE",
  uri: "sip:a@b",
  headers: [
    ...(contentType === null ? [] : [makeHeader("Content-Type", contentType)]),
    ...more.map(([name, value]) => makeHeader(name, value)),
  ],
  body: Buffer.from(body as string),
});
const read = (...args: Parameters<typeof message>) => {
  const result = readText(message(...args));
  return result.ok ? `${result.text.contentType} ${result.text.body}` : result.status;
};
const part = (type: string, body: string, more = ""): string => `--b\r\nContent-Type: ${type}\r\n${more}\r\n${body}\r\n`;

describe("the text of a MESSAGE", () => {
  it("is UTF-8, plain or HTML, with whatever parameters Lync adds", () => {
    assert.equal(read("text/plain; charset=UTF-8; msgr=WAAtAE0A", "grüß ☺"), "text/plain grüß ☺");
    assert.equal(read('Text/HTML;charset="utf-8"', "<b>x</b>"), "text/html <b>x</b>");
    assert.equal(read(null, ""), "text/plain ");
    assert.equal(read("text/plain", Buffer.from("\ufeffx")), "text/plain \ufeffx");
  });
  it("is refused in another type, charset or encoding", () => {
    assert.equal(read("application/x-ms-ink", "x"), 415);
    assert.equal(read("text/plain;charset=utf-16", "x"), 415);
    assert.equal(read("text/plain", "x", [["Content-Encoding", "gzip"]]), 415);
    assert.equal(read("text/plain", "x", [["Content-Encoding", "identity"]]), "text/plain x");
  });
  it("is refused where it is malformed", () => {
    assert.equal(read("text", "x"), 400);
    assert.equal(read(null, "x"), 400);
    assert.equal(read("text/plain", Buffer.from([0xe2, 0x28, 0xa1])), 400);
    assert.equal(read("text/plain", Buffer.from([0xed, 0xa0, 0x80])), 400);
  });
  it("is refused above the limit", () => {
    assert.equal(read("text/plain", "x".repeat(LIMITS.bodyBytes + 1)), 413);
    assert.notEqual(read("text/plain", "x".repeat(LIMITS.bodyBytes)), 413);
  });
  it("is the plain part of alternatives, else the HTML one", () => {
    assert.equal(
      read("multipart/alternative;boundary=b", `preamble\r\n${part("text/html", "<i>")}${part("text/plain", "a\r\nb")}--b--`),
      "text/plain a\r\nb",
    );
    assert.equal(
      read("multipart/alternative;boundary=b", `${part("image/gif", "x")}${part("text/html", "<i>")}--b--\r\n`),
      "text/html <i>",
    );
    assert.equal(read("multipart/alternative;boundary=b", "--b\r\n\r\nbare\r\n--b--"), "text/plain bare");
    const base64 = part("text/plain", Buffer.from("ä").toString("base64"), "Content-Transfer-Encoding: base64\r\n");
    assert.equal(read("multipart/alternative;boundary=b", `${base64}--b--`), "text/plain ä");
  });
  it("is refused where no alternative can be read", () => {
    assert.equal(read("multipart/alternative;boundary=b", `${part("image/gif", "x")}--b--`), 415);
    assert.equal(
      read("multipart/alternative;boundary=b", `${part("text/plain", "x", "Content-Transfer-Encoding: quoted-printable\r\n")}--b--`),
      415,
    );
    assert.equal(read("multipart/alternative;boundary=b", part("text/plain", "x")), 400);
    assert.equal(read("multipart/alternative", part("text/plain", "x")), 400);
    assert.equal(read("multipart/alternative;boundary=b", `${part("text/plain", "x").repeat(LIMITS.bodyParts + 1)}--b--`), 400);
    assert.equal(read("multipart/mixed;boundary=b", `${part("text/plain", "x")}--b--`), 415);
  });
  it("of any bytes and type never fails", () => {
    const type = fc.constantFrom(
      "text/plain",
      "multipart/alternative;boundary=b",
      'multipart/alternative;boundary="--"',
      "text/html;charset=x",
    );
    fc.assert(fc.property(type, fc.uint8Array({ maxLength: 200 }), (contentType, body) => void read(contentType, Buffer.from(body))));
  });
});

describe("the message inside an INVITE", () => {
  const body = Buffer.from("first ä").toString("base64");
  it("is read from ms-body", () => {
    assert.deepEqual(readEmbedded(`text/plain; charset=UTF-8;msgr=WAA=;ms-body=${body}`), { body: "first ä", contentType: "text/plain" });
    assert.deepEqual(readEmbedded(`text/html;ms-body="${body}"`), { body: "first ä", contentType: "text/html" });
  });
  it("is left to the sender where it is missing, empty or in a type that we do not read", () => {
    for (const value of [
      "text/plain",
      "text/plain;ms-body",
      "text/plain;ms-body=",
      `text/rtf;ms-body=${body}`,
      "text/plain;ms-body=/w==",
      "x",
    ]) {
      assert.equal(readEmbedded(value), null, value);
    }
  });
});

describe("a media type", () => {
  it("is type, subtype and parameters", () => {
    assert.equal(parseMediaType("application/SDP ;call-type=im")?.type, "application/sdp");
    for (const value of ["", "text", "text/", "/plain", "text/plain x", "text/plain;"]) assert.equal(parseMediaType(value), null, value);
  });
});
