import assert from "node:assert/strict";
import fc from "fast-check";
import { bareJid, type Jid, JidError, type JidErrorCode, type JidPart, jidOf, jidToString, LIMITS, parseJid } from "./jid.ts";
import { escapeLocalpart } from "./jid-escaping.ts";

function parsed(text: string): Jid {
  const jid = parseJid(text);
  assert.ok(!(jid instanceof JidError), jid instanceof JidError ? jid.text : "");
  return jid;
}

describe("parseJid", () => {
  // biome-ignore format: one case a line; most from RFC 7622 section 3.5
  const VALID: readonly (readonly [string, string])[] = [
    ["juliet@example.com",                "juliet@example.com"],
    ["Juliet@Example.COM/Foo",            "juliet@example.com/Foo"],
    ["juliet@example.com/foo bar",        "juliet@example.com/foo bar"],
    ["juliet@example.com/foo@bar",        "juliet@example.com/foo@bar"],
    ["juliet@example.com/a/b",            "juliet@example.com/a/b"],
    ["foo\\20bar@example.com",            "foo\\20bar@example.com"],
    ["fussball@example.com",              "fussball@example.com"],
    ["fu\u00dfball@example.com",          "fu\u00dfball@example.com"],
    ["\u03c0@example.com",                "\u03c0@example.com"],
    ["\u03a3@example.com/foo",            "\u03c3@example.com/foo"],
    ["king@example.com/\u265a",           "king@example.com/\u265a"],
    ["example.com",                       "example.com"],
    ["example.com/foobar",                "example.com/foobar"],
    ["a.example.com/b@example.net",       "a.example.com/b@example.net"],
    ["romeo@b\u00fccher.example.",        "romeo@xn--bcher-kva.example"],
    ["o\\27malley@sip.example",           "o\\27malley@sip.example"],
  ];
  for (const [text, expected] of VALID) it(`takes ${text}`, () => assert.equal(jidToString(parsed(text)), expected));

  // biome-ignore format: one case a line; most from RFC 7622 section 3.5
  const INVALID: readonly (readonly [string, JidPart, JidErrorCode])[] = [
    ['"juliet"@example.com',                       "localpart",    "not-allowed"],
    ["foo bar@example.com",                        "localpart",    "not-allowed"],
    ["juliet@example.com/",                        "resourcepart", "empty"],
    ["@example.com",                               "localpart",    "empty"],
    ["@example.com/",                              "localpart",    "empty"],
    ["henry\u2163@example.com",                    "localpart",    "not-allowed"],
    ["\u265a@example.com",                         "localpart",    "not-allowed"],
    ["juliet@",                                    "domainpart",   "empty"],
    ["juliet@/foobar",                             "domainpart",   "empty"],
    ["/foobar",                                    "domainpart",   "empty"],
    ["",                                           "domainpart",   "empty"],
    ["a@b@example.com",                            "domainpart",   "not-allowed"],
    ["juliet@localhost",                           "domainpart",   "not-allowed"],
    ["juliet@192.0.2.1",                           "domainpart",   "not-allowed"],
    ["a&b@example.com",                            "localpart",    "not-allowed"],
    ["a'b@example.com",                            "localpart",    "not-allowed"],
    ["a:b@example.com",                            "localpart",    "not-allowed"],
    ["a<b@example.com",                            "localpart",    "not-allowed"],
    ["a\uff20b@example.com",                       "localpart",    "not-allowed"],
    ["\\20a@example.com",                          "localpart",    "not-allowed"],
    ["a\\20@example.com",                          "localpart",    "not-allowed"],
    ["a@example.com/\u0007",                       "resourcepart", "not-allowed"],
    [`${"a".repeat(1024)}@example.com`,            "localpart",    "too-long"],
    [`a@${"a.".repeat(510)}example`,               "domainpart",   "too-long"],
    [`a@example.com/${"\u20ac".repeat(342)}`,      "resourcepart", "too-long"],
  ];
  for (const [text, part, code] of INVALID) {
    it(`refuses ${text.slice(0, 40)} for its ${part}`, () => {
      const jid = parseJid(text);
      assert.ok(jid instanceof JidError);
      assert.deepEqual([jid.part, jid.code], [part, code]);
      assert.match(jid.text, new RegExp(`^${part} `));
      assert.ok(jid.text.length < 200);
    });
  }

  it("takes parts of the largest size", () => {
    const largest = "a".repeat(LIMITS.partBytes);
    assert.equal(jidToString(parsed(`${largest}@example.com/${largest}`)).length, 2 * LIMITS.partBytes + "@example.com/".length);
  });

  it("leaves what it made as it is", () => {
    const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(part, part, (local, resource) => {
        const jid = parseJid(`${local}@example.com/${resource}`);
        if (!(jid instanceof JidError)) assert.deepEqual(parseJid(jidToString(jid)), jid);
      }),
    );
  });

  it("takes every printable ASCII user name once it is escaped, save for spaces at the ends", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))), minLength: 1 }),
        (user) => assert.equal(jidOf(escapeLocalpart(user), "example.com", null) instanceof JidError, user !== user.trim()),
      ),
    );
  });
});

describe("bareJid", () => {
  it("drops the resourcepart only", () => {
    assert.equal(jidToString(bareJid(parsed("juliet@example.com/balcony"))), "juliet@example.com");
    assert.equal(jidToString(bareJid(parsed("example.com/x"))), "example.com");
  });
});

describe("jidOf", () => {
  it("lets no part hold what separates parts", () => {
    for (const [local, domain] of [
      ["a@b", "example.com"],
      ["a/b", "example.com"],
      ["a", "example.com/x"],
      ["a", "x@example.com"],
    ] as const) {
      assert.ok(jidOf(local, domain, null) instanceof JidError);
    }
  });
});
