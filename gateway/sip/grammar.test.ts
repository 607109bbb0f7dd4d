import assert from "node:assert/strict";
import fc from "fast-check";
import { isCallId, parameter, parseNumber, parseParameters, splitList, tokensOf, unquote } from "./grammar.ts";
import { LIMITS } from "./limits.ts";

describe("a list", () => {
  const list = (text: string) => {
    const split = splitList(text, "X");
    return split.ok ? split.value : split.fault.code;
  };

  it("is split at its commas, but not inside quotes or brackets", () => {
    assert.deepEqual(list('"a, \\", b" <sip:a,b@x;c=d,e> , sip:c@d'), ['"a, \\", b" <sip:a,b@x;c=d,e>', "sip:c@d"]);
  });
  it("has no empty element and closes what it opens", () => {
    for (const text of ["", ",a", "a,,b", "a,", '"a, b', "<a, b"]) assert.equal(list(text), "header-malformed", text);
  });
  it("has a limited number of elements", () => {
    assert.equal(
      list(
        Array(LIMITS.listElements + 1)
          .fill("a")
          .join(","),
      ),
      "header-malformed",
    );
    assert.equal(list(Array(LIMITS.listElements).fill("a").join(",")).length, LIMITS.listElements);
  });
  it("joined again is the same, whatever its elements", () => {
    const element = fc.oneof(
      fc.stringMatching(/^[a-z0-9]{1,8}$/),
      fc.stringMatching(/^[a-z ,<>]{0,8}$/).map((text) => `"${text}"`),
      fc.stringMatching(/^[a-z,]{1,8}$/).map((text) => `<${text}>`),
    );
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 6 }), (elements) => assert.deepEqual(list(elements.join(" , ")), elements)),
    );
  });
});

describe("parameters", () => {
  const read = (text: string) => {
    const parsed = parseParameters(text, 0, "X");
    return parsed.ok ? parsed.value : parsed.fault.code;
  };

  it("are tokens, quoted strings, hosts, or nothing, with names in lower case", () => {
    assert.deepEqual(read(';TAG=a ; lr;x = "q;\\"u" ;received=[2001:db8::1]; epid=0a1b='), [
      ["tag", "a"],
      ["lr", null],
      ["x", '"q;\\"u"'],
      ["received", "[2001:db8::1]"],
      ["epid", "0a1b="],
    ]);
  });
  it("stand once each", () => assert.equal(read(";tag=a;Tag=b"), "header-repeated"));
  it("are not empty", () => {
    for (const text of [";", ";;a", ";a=", "a=b", ';a="b', ";a=b c"]) assert.equal(read(text), "header-malformed", text);
  });
  it("are limited", () => {
    const many = Array.from({ length: LIMITS.parameters + 1 }, (_, index) => `;p${index}`).join("");
    assert.equal(read(many), "header-malformed");
  });
  it("named like members of Object are only names", () => {
    const parsed = parseParameters(";__proto__=1;constructor", 0, "X");
    assert.ok(parsed.ok);
    assert.equal(parameter(parsed.value, "__proto__"), "1");
    assert.equal(parameter(parsed.value, "hasownproperty"), undefined);
  });
});

describe("small pieces", () => {
  it("a Call-ID is a word, or two with @", () => {
    for (const text of ["a", "a@b", 'x(<>:\\"/[]?{}@y', "f81d4fae-7dec@foo.bar"]) assert.ok(isCallId(text), text);
    for (const text of ["", "@", "a@", "a b", "a@b@c", "ä", "a\r\nb"]) assert.ok(!isCallId(text), text);
  });
  it("a number is digits within its range", () => {
    assert.equal(parseNumber("0068", 255), 68);
    for (const text of ["", "-1", "1.5", "256", "0x1", " 1", "9".repeat(65)]) assert.equal(parseNumber(text, 255), null, text);
  });
  it("tokens are in lower case and without parameters", () =>
    assert.deepEqual(tokensOf(["Timer, 100rel;x=y", " ,A"]), ["timer", "100rel", "a"]));
  it("a quoted string loses its escapes once", () => assert.equal(unquote('"a\\\\\\"b"'), 'a\\"b'));
});
