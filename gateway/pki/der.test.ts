import assert from "node:assert/strict";
import fc from "fast-check";
import * as der from "./der.ts";

const hex = (value: der.Der) => der.encode(value).toString("hex");

describe("DER", () => {
  it("writes what X.690 and RFC 5280 write", () => {
    assert.equal(hex(der.integer(0)), "020100");
    assert.equal(hex(der.integer(127)), "02017f");
    assert.equal(hex(der.integer(128)), "02020080");
    assert.equal(hex(der.oid("2.5.29.17")), "0603551d11");
    assert.equal(hex(der.namedBits([0, 2])), "030205a0");
    assert.equal(hex(der.namedBits([5])), "03020204");
    assert.equal(hex(der.bmpString("Ab")), "1e0400410062");
    assert.equal(hex(der.utf8String("é")), "0c02c3a9");
    assert.equal(hex(der.boolean(true)), "0101ff");
    assert.equal(hex(der.time(new Date("2049-12-31T23:59:59Z"))), `170d${Buffer.from("491231235959Z").toString("hex")}`);
    assert.equal(hex(der.time(new Date("2050-01-01T00:00:00Z"))), `180f${Buffer.from("20500101000000Z").toString("hex")}`);
  });

  it("orders a SET OF by its encodings", () => {
    const items = der.inSetOrder([der.utf8String("long text"), der.integer(1), der.utf8String("b")]);
    assert.deepEqual(items.map(hex), ["020101", "0c0162", hex(der.utf8String("long text"))]);
  });

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.string({ unit: "grapheme" }), fc.uint8Array(), (number, text, bytes) => {
        const value = der.sequence(der.integer(number), der.utf8String(text), der.octetString(Buffer.from(bytes)), der.bmpString(text));
        const [one, two, three, four] = der.itemsOf(der.decode(der.encode(value)), "sequence");
        assert.equal(der.numberOf(one), number);
        assert.equal(der.textOfString(two), text);
        assert.deepEqual(der.bytesOf(three, "octetString"), Buffer.from(bytes));
        assert.equal(der.textOfString(four), text);
      }),
    );
    assert.deepEqual([...der.bitsOf(der.namedBits([0, 2, 8]))], [0, 2, 8]);
  });

  it("refuses bytes that are none, with its own error", () => {
    for (const bytes of ["", "30", "3002", "0101", "3080", "020101ff"]) {
      assert.throws(() => der.decode(Buffer.from(bytes, "hex")), { code: "der-malformed" }, bytes);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          der.encode(der.decode(Buffer.from(bytes)));
        } catch (error) {
          assert.equal((error as Error).name, "DerError");
        }
      }),
    );
  });

  it("survives a nesting made to exhaust the stack", () => {
    // Each level says it is as long as the rest of the bytes.
    const deep = Buffer.concat(
      Array.from({ length: 15_000 }, (_, level) =>
        Buffer.from([0x30, 0x82, (60_000 - 4 * (level + 1)) >> 8, (60_000 - 4 * (level + 1)) & 0xff]),
      ),
    );
    assert.throws(() => der.decode(deep), { code: "der-malformed", message: /depth/i });
  });

  it("reads no other type than the one that was expected", () => {
    assert.throws(() => der.bytesOf(der.utf8String("x"), "octetString"), /expected octetString/);
    assert.throws(() => der.itemsOf(der.utf8String("x")), /expected a constructed value/);
    assert.throws(() => der.oidOf(der.integer(1)), /expected oid/);
    assert.throws(() => der.numberOf(der.integer(2n ** 40n)), /small whole number/);
    assert.equal(der.textOfString(der.decode(Buffer.from("0c01ff", "hex"))), null);
  });
});
