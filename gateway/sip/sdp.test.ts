import assert from "node:assert/strict";
import fc from "fast-check";
import { DIALECTS, diagnostics } from "./dialect.ts";
import { LIMITS } from "./limits.ts";
import { answer, carriesMessages, offer, readMedia } from "./sdp.ts";

const LYNC = DIALECTS.lync;
const read = (text: string) => {
  const media = readMedia(Buffer.from(text));
  assert.ok(media.ok, text);
  return media.value;
};
const HEAD = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=session\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

describe("a session description", () => {
  it("carries messages in Lync's way and in that of OCS 2005", () => {
    assert.ok(carriesMessages(read(`${HEAD}m=message 5060 sip null\r\na=accept-types:text/plain\r\n`), LYNC));
    assert.ok(carriesMessages(read(`${HEAD}m=x-ms-message 5060 sip null\r\n`), LYNC));
    assert.ok(!carriesMessages(read(`${HEAD}m=x-ms-message 5060 sip null\r\n`), DIALECTS.rfc));
    assert.ok(!carriesMessages(read(`${HEAD}m=message 0 sip null\r\n`), LYNC));
    assert.ok(!carriesMessages(read(`${HEAD}m=audio 5060 RTP/AVP 0\r\n`), LYNC));
  });
  it("of ours is one that we would take", () => {
    const text = offer({ address: "192.0.2.7" }, LYNC).toString();
    assert.match(text, /^c=IN IP4 192\.0\.2\.7\r$/m);
    assert.match(text, /^m=message 5060 sip null\r\na=accept-types:text\/plain text\/html multipart\/alternative\r$/m);
    assert.ok(carriesMessages(read(text), LYNC));
    assert.match(offer({ address: "2001:db8::1" }, LYNC).toString(), /^c=IN IP6 2001:db8::1\r$/m);
  });
  it("answers each media in its place and takes one (RFC 3264 6)", () => {
    const offered = read(`${HEAD}m=audio 4000 RTP/AVP 0\r\nm=x-ms-message 5060 sip null\r\nm=message 5060 sip null\r\n`);
    const lines = answer(offered, { address: "192.0.2.7" }, LYNC)
      .toString()
      .split("\r\n")
      .filter((line) => line.startsWith("m="));
    assert.deepEqual(lines, ["m=audio 0 RTP/AVP 0", "m=x-ms-message 5060 sip null", "m=message 0 sip null"]);
  });
  it("is refused where it is malformed", () => {
    const wrong = [
      "",
      "nothing",
      "v=1\r\n",
      `${HEAD}m=message\r\n`,
      `${HEAD}m =video 1 x y\r\n`,
      HEAD + "m=a 1 b c\r\n".repeat(LIMITS.media + 1),
    ];
    for (const text of wrong) assert.equal(readMedia(Buffer.from(text)).ok, false, text.slice(0, 40));
  });
  it("of any bytes never fails", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof readMedia(Buffer.from(bytes)).ok === "boolean"));
  });
});

describe("a dialect", () => {
  it("explains refusals only where it has a header for them, without breaking its quotes", () => {
    assert.deepEqual(diagnostics(LYNC, 403, 'No "x"\\ä'), [["ms-diagnostics-public", "0;reason=\"No 'x''?\""]]);
    assert.deepEqual(diagnostics(LYNC, 404, "x"), [["ms-diagnostics-public", '1003;reason="x"']]);
    assert.deepEqual(diagnostics(LYNC, 200, "x"), []);
    assert.deepEqual(diagnostics(DIALECTS.rfc, 403, "x"), []);
  });
});
