import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import fc from "fast-check";
import { isIpv6 } from "./ipv6.ts";

describe("an IPv6 address", () => {
  it("has eight groups, or fewer around ::, with an IPv4 address for the last two", () => {
    const good = ["::", "::1", "1::", "2001:db8::10:5070", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:192.0.2.1", "::ffff:192.0.2.1", "A:b::C"];
    for (const text of good) assert.ok(isIpv6(text), text);
    const bad = [
      "",
      ":",
      "1",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1::2::3",
      ":::",
      "12345::",
      "g::",
      "192.0.2.1",
      "::192.0.2",
      "192.0.2.1::",
    ];
    for (const text of bad) assert.ok(!isIpv6(text), text);
  });
  it("may have a third colon before an IPv4 address, and nowhere else (RFC 5118 4.10)", () => {
    for (const text of ["2001:db8:::192.0.2.1", ":::192.0.2.1"]) assert.ok(isIpv6(text), text);
    for (const text of ["2001:db8:::1", "::1:::192.0.2.1", "::::192.0.2.1"]) assert.ok(!isIpv6(text), text);
  });
  it("is what Node's own check says, whatever the text", () => {
    const piece = fc.constantFrom("::", ":", "0", "1f", "ffff", "12345", "192.0.2.1", "256.0.2.1", "01.2.3.4", "1.2.3");
    const text = fc.oneof(
      fc.ipV6(),
      fc.array(piece, { maxLength: 18 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (address) => {
        if (!address.includes(":::")) assert.equal(isIpv6(address), isIPv6(address), address);
      }),
      { numRuns: 2000 },
    );
  });
});
