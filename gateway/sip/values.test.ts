import assert from "node:assert/strict";
import fc from "fast-check";
import { FAULTS } from "./faults.ts";
import { HEADERS, type KnownHeader } from "./headers.ts";
import { makeHeader } from "./message.ts";
import { readValues } from "./values.ts";

const read = <K extends KnownHeader>(key: K, ...values: string[]) =>
  readValues({ headers: values.map((value) => makeHeader(HEADERS[key].name, value)) }, key);
/** How many values were read, or the fault. */
const count = (key: KnownHeader, ...values: string[]): number | string => {
  const result = read(key, ...values);
  return result.ok ? result.value.length : result.fault.code;
};

const KEYS = Object.keys(HEADERS) as KnownHeader[];

/** Values as RFC 3261 section 20 describes them, with the number of values in each. */
// biome-ignore format: one row a line
const SAMPLES: Readonly<Partial<Record<KnownHeader, readonly (readonly [value: string, values: number])[]>>> = {
  "accept":              [["application/sdp;level=1, text/html;q=0.5, */*", 3], ["text/*", 1], ["", 0]],
  "accept-encoding":     [["gzip, identity;q=0.3", 2], ["", 0]],
  "accept-language":     [["da, en-gb;q=0.8, en;q=0.7", 3]],
  "alert-info":          [["<http://www.example.com/sounds/moo.wav>", 1]],
  "allow":               [["INVITE, ACK, BYE", 3], ["", 0]],
  "authorization":       [['Digest username="Alice", realm="a, b", nonce="84a4", response="7587"', 1]],
  "call-id":             [["f81d4fae-7dec-11d0@biloxi.example", 1]],
  "call-info":           [['<http://www.example.com/alice/photo.jpg>;purpose=icon, <http://www.example.com/alice/>;purpose="info"', 2]],
  "contact":             [['"Mr. W, jr" <sip:w@worcester.example>;q=0.7;expires=3600, "W" <mailto:w@bell.example> ;q=0.1', 2]],
  "content-disposition": [["session;handling=optional", 1]],
  "content-encoding":    [["gzip", 1]],
  "content-language":    [["fr, en-gb", 2]],
  "content-length":      [["349", 1]],
  "content-type":        [["text/html; charset=ISO-8859-4", 1], ["multipart / mixed ;boundary=\"a b\"", 1]],
  "cseq":                [["4711 INVITE", 1]],
  "error-info":          [["<sip:not-in-service@atlanta.example>", 1]],
  "expires":             [["5", 1]],
  "from":                [['"A. G. Bell" <sip:agb@bell.example>;tag=a48s', 1], ["sip:+12125551212@server.example;tag=887s", 1], ["Anonymous <sip:c8@[2001:db8::1]>", 1]],
  "in-reply-to":         [["70710@saturn.example, 17320@saturn.example", 2]],
  "priority":            [["non-urgent", 1]],
  "proxy-authenticate":  [['Digest realm="atlanta.example", qop="auth,auth-int", stale=FALSE', 1]],
  "record-route":        [["<sip:server10.biloxi.example;lr>, <sip:bigbox3.example;lr>", 2]],
  "retry-after":         [["18000;duration=3600", 1], ["120 (I'm in a (long\\) ) meeting)", 1]],
  "supported":           [["", 0], ["100rel", 1]],
  "user-agent":          [["Softphone Beta1.5 (with, commas)", 1]],
  "via":                 [["SIP / 2.0 / UDP first.example: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6, SIP/2.0/TLS [2001:db8::1]", 2]],
  "warning":             [['307 isi.example "Session parameter, \\"foo\\""', 1], ['301 a.example "x", 302 b.example:5060 "y"', 2]],
  "www-authenticate":    [['Digest realm="a", domain="sip:b", nonce="f84f1cec", opaque="", stale=FALSE, algorithm=MD5', 1]],
  "reason":              [['SIP ;cause=580 ;text="Precondition Failure", Q.850;cause=16', 2]],
  "session-expires":     [["4000;refresher=uac", 1]],
  "subscription-state":  [["terminated;reason=noresource;retry-after=5", 1]],
  "ms-diagnostics":      [['1003;reason="User does not exist";source="pool.example"', 1]],
  "ms-text-format":      [["text/plain; charset=UTF-8;msgr=WAAt;ms-body=aGk=", 1]],
};

/** What must be refused, one or more for each kind of value. */
// biome-ignore format: one row a line
const BAD: Readonly<Partial<Record<KnownHeader, readonly string[]>>> = {
  "accept":       ["text", "/plain", "text/", "text/plain x"],
  "allow":        ["INVITE,,ACK", ",", "IN VITE", "(x)"],
  "alert-info":   ["http://x", "<http://x", "<x>", "<http://x y>", "<http://x>x"],
  "authorization":["Digest", "Digest ", "Digest a=1, a=2", "Digest a=1,,b=2", 'Digest a="'],
  "call-id":      ["", "a b", "a@b@c"],
  "contact":      ["", "<sip:a@b>,", "<sip:a@b", "a b@c", "<sip:a@[2001:db8]>"],
  "cseq":         ["", "1", "x INVITE", "1INVITE", "4294967296 INVITE"],
  "expires":      ["", "-1", "x", "4294967296", "1 (", "1 ((a)", "1 x"],
  "in-reply-to":  ["a@b@c", "a,,b"],
  "require":      ["", "a,"],
  "via":          ["", "SIP/2.0/TLS", "SIP/2.0/TLS [::1", "SIP/2.0/TLS a:b", "SIP/2.0/TLS 2001:db8::1", "SIP/2.0/TLS a;;"],
  "warning":      ["307 a", '30 a "x"', '307 a "x', '307 "x"', '307 a "x" y'],
};

describe("the table of headers", () => {
  it("has every header of RFC 3261 section 20, each once", () => {
    const sections = Object.values(HEADERS).flatMap(({ cite }) => (cite.startsWith("RFC 3261 20.") ? [Number(cite.slice(12))] : []));
    assert.deepEqual(
      sections,
      Array.from({ length: 44 }, (_, index) => index + 1),
    );
  });
  it("has keys that are its names in lower case, and no compact name twice", () => {
    for (const [key, { name }] of Object.entries(HEADERS)) assert.equal(name.toLowerCase(), key);
    const compact = Object.values(HEADERS).flatMap((row) => (row.compact === null ? [] : [row.compact]));
    assert.equal(compact.toSorted().join(""), "abcdefijklmnorstuvxy");
  });
});

describe("the values of a header", () => {
  it("are read as section 20 describes them", () => {
    for (const [key, rows] of Object.entries(SAMPLES))
      for (const [value, values] of rows) assert.equal(count(key as KnownHeader, value), values, `${key}: ${value}`);
  });
  it("are refused where they are malformed, with the header's name", () => {
    for (const [key, values] of Object.entries(BAD)) {
      for (const value of values) {
        const result = read(key as KnownHeader, value);
        assert.ok(!result.ok, `${key}: ${value}`);
        assert.equal(result.fault.where, HEADERS[key as KnownHeader].name);
      }
    }
  });
  it("of a list may stand in several lines, and mean the same (RFC 3261 7.3.1)", () => {
    const whole = read("route", '"a, b" <sip:a@b;lr>, <sip:c,d@e;lr>;x="y,z", <sip:[2001:db8::1]:5061;lr>');
    const lines = read("route", '"a, b" <sip:a@b;lr>', '<sip:c,d@e;lr>;x="y,z", <sip:[2001:db8::1]:5061;lr>');
    assert.ok(whole.ok && lines.ok);
    assert.equal(whole.value.length, 3);
    assert.deepEqual(lines.value, whole.value);
  });
  it("keep escapes where they are not theirs to resolve, and bytes of UTF-8", () => {
    const from = read("from", '"\\"J\\\\ \xc3\xa4" <sip:%61%20b@example.com>;tag=1');
    assert.ok(from.ok && from.value[0]);
    assert.equal(from.value[0].display, '"J\\ \xc3\xa4');
    assert.equal(from.value[0].uri.text, "sip:%61%20b@example.com");
    const after = read("retry-after", "120 (a \\) b);duration=5");
    assert.deepEqual(after.ok && after.value, [{ number: 120, comment: "a \\) b", parameters: [["duration", "5"]] }]);
    const warning = read("warning", '399 pool.example "a \\"b\\" \xc3\xa4"');
    assert.deepEqual(warning.ok && warning.value, [{ code: 399, agent: "pool.example", text: 'a "b" \xc3\xa4' }]);
    const login = read("authorization", 'Digest realm="a, b", nonce=x');
    assert.deepEqual(login.ok && login.value, [
      {
        scheme: "Digest",
        parameters: [
          ["realm", '"a, b"'],
          ["nonce", "x"],
        ],
      },
    ]);
  });
  it("of a header that is absent are none", () => {
    for (const key of KEYS) assert.deepEqual(readValues({ headers: [] }, key), { ok: true, value: [] });
  });
  it("made of any text are values or a typed fault, in every header", () => {
    const piece = fc.constantFrom(
      "a",
      "1",
      " ",
      ",",
      ";",
      "=",
      '"',
      "\\",
      "<",
      ">",
      "(",
      ")",
      "/",
      "@",
      ":",
      "%",
      "sip:a@b",
      "[::1]",
      "SIP/2.0/TLS h",
      "\xff",
      "*",
    );
    fc.assert(
      fc.property(fc.constantFrom(...KEYS), fc.array(piece, { maxLength: 30 }), (key, pieces) => {
        const result = read(key, pieces.join(""));
        assert.ok(result.ok || (result.fault.code in FAULTS && result.fault.what !== "" && result.fault.where !== ""));
      }),
      { numRuns: 3000 },
    );
  });
  it("are read in bounded time, however they are made", () => {
    const long = 60_000;
    for (const key of KEYS) {
      for (const piece of ["(", "\\", '"', '"\\', "a,", ";a", "<", " ", '1 a "', "a=", "%41", "<sip:"]) {
        const started = performance.now();
        read(key, piece.repeat(long / piece.length), `300 a "${"\\".repeat(long)}`);
        assert.ok(performance.now() - started < 250, `${key}: ${piece}`);
      }
    }
  });
});
