import assert from "node:assert/strict";
import { parameter } from "./grammar.ts";
import { addressOf, bareAddress, instanceOf, isSipUri, parseNameAddress, parseUri, type SipUri, tagOf } from "./uri.ts";

const uri = (text: string) => {
  const parsed = parseUri(text, "X");
  return parsed.ok ? parsed.value : parsed.fault.code;
};
const sip = (text: string): SipUri => {
  const parsed = uri(text);
  assert.ok(typeof parsed !== "string" && isSipUri(parsed), text);
  return parsed;
};
const address = (text: string) => {
  const parsed = parseNameAddress(text, "To");
  return parsed.ok ? parsed.value : parsed.fault.code;
};

describe("a URI", () => {
  it("has user, password, host, port, parameters and headers", () => {
    const { text, parameters, ...parts } = sip(
      "SIPS:al%20ice;x=1:pa$$@Host.Example.:5061;Transport=tls;lr;opaque=user:epid:a%25b=?Subject=x&y=z",
    );
    assert.deepEqual(parts, {
      scheme: "sips",
      user: "al%20ice;x=1",
      password: "pa$$",
      host: "host.example.",
      port: 5061,
      headers: "Subject=x&y=z",
    });
    assert.deepEqual(parameters, [
      ["transport", "tls"],
      ["lr", null],
      ["opaque", "user:epid:a%25b="],
    ]);
    assert.match(text, /^SIPS:/);
  });
  it("may have an IPv6 reference (RFC 5118 4.1), which needs its brackets (4.2)", () => {
    assert.equal(sip("sip:[2001:db8::10]").host, "[2001:db8::10]");
    assert.equal(sip("sip:[2001:db8::10]:5070").port, 5070);
    assert.equal(sip("sip:user@[::ffff:192.0.2.10]:19823").host, "[::ffff:192.0.2.10]");
    assert.equal(uri("sip:2001:db8::10"), "uri-malformed");
  });
  it("with a port inside the brackets is one with another address (RFC 5118 4.3)", () =>
    assert.equal(sip("sip:[2001:db8::10:5070]").port, null));
  it("is refused where it is malformed", () => {
    const wrong = [
      "",
      "sip:",
      "sip:a@",
      "sip:a b@c",
      "sip:a@b@c",
      "sip:a%2@b",
      "sip:a@b:99999",
      "sip:a@b;",
      "sip:a@b;x;x",
      "sip:a@b?",
      "sip:@b",
      "user@host",
      "sip:a<b@c",
      "sip:ä@b",
    ];
    for (const text of wrong) assert.equal(uri(text), "uri-malformed", text);
  });
  it("of another scheme is kept whole", () => {
    assert.deepEqual(uri("soap.beep://192.0.2.103:3002"), { scheme: "soap.beep", text: "soap.beep://192.0.2.103:3002" });
    assert.deepEqual(uri("TEL:+1;phone-context=x"), { scheme: "tel", text: "TEL:+1;phone-context=x" });
  });
  it("gives the address of record, with the instance where it names one", () => {
    const full = sip("sips:f%C3%BC@SIP.example:5061;transport=tls;gr=b%20c");
    assert.equal(addressOf(full), "sip:f%C3%BC@sip.example");
    assert.equal(instanceOf(full), "sip:f%C3%BC@sip.example;gr=b%20c");
    assert.equal(instanceOf(sip("sip:a@b;gr")), "sip:a@b");
    assert.equal(addressOf(sip("sip:host")), null);
    assert.equal(bareAddress("sip:user;par=x@host;gr=y"), "sip:user;par=x@host");
  });
});

describe("a name-addr", () => {
  it("has a display name, a URI, and parameters that are the header's", () => {
    const parsed = address('"A. \\"B\\" <x@y>" <sip:a@b;x=1> ; tag = t1;epid=01');
    assert.ok(typeof parsed !== "string");
    assert.equal(parsed.display, 'A. "B" <x@y>');
    assert.deepEqual(parsed.parameters, [
      ["tag", "t1"],
      ["epid", "01"],
    ]);
    assert.deepEqual(tagOf(parsed), { ok: true, value: "t1" });
  });
  it("may stand without brackets, where every parameter is the header's", () => {
    const parsed = address("sip:a@b;tag=t1");
    assert.ok(typeof parsed !== "string" && isSipUri(parsed.uri));
    assert.equal(parsed.uri.text, "sip:a@b");
    assert.equal(parameter(parsed.parameters, "tag"), "t1");
  });
  it("is refused where it is malformed", () => {
    for (const text of [
      '"a <sip:a@b>',
      "A, B <sip:a@b>",
      "<sip:a@b",
      "< sip:a@b >",
      "sip:a@b?x=y",
      "sip:a@b,c",
      '"a" sip:a@b',
      "<sip:a@b>x",
      "ä <sip:a@b>",
    ]) {
      assert.equal(typeof address(text), "string", text);
    }
  });
  it("has a tag that is a token", () => {
    const parsed = address('<sip:a@b>;tag="x"');
    assert.ok(typeof parsed !== "string");
    assert.equal(tagOf(parsed).ok, false);
  });
});
