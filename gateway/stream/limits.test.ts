import assert from "node:assert/strict";
import { READER_LIMITS, type ReaderLimits, type StreamEvent, StreamReader, UNAUTHENTICATED_LIMITS } from "./reader.ts";

const HEADER = "<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams'>";
const SMALL: ReaderLimits = {
  elementBytes: 400,
  depth: 3,
  attributes: 4,
  nameBytes: 12,
  attributeBytes: 60,
  children: 6,
  namespaces: 3,
  headerBytes: 200,
};

const bytes = (text: string): Buffer => Buffer.from(text);

function opened(limits: ReaderLimits): StreamReader {
  const reader = new StreamReader(limits);
  assert.equal(reader.write(bytes(HEADER))[0]?.kind, "header");
  return reader;
}

function errorOf(events: readonly StreamEvent[]): string | undefined {
  const error = events.find((event) => event.kind === "error");
  return error && `${error.condition}: ${error.text}`;
}

/** Feeds `piece` until the reader refuses or `pieces` are through; the most it held, and what it said. */
function flood(reader: StreamReader, piece: Uint8Array, pieces: number): { held: number; error: string | undefined; fed: number } {
  let held = 0;
  for (let fed = 1; fed <= pieces; fed++) {
    const error = errorOf(reader.write(piece));
    held = Math.max(held, reader.pending);
    if (error) return { held, error, fed };
  }
  return { held, error: undefined, fed: pieces };
}

/** A stanza of exactly so many bytes. */
const stanzaOf = (size: number): string => `<m>${"x".repeat(size - 7)}</m>`;

describe("the reader's limits", () => {
  // biome-ignore format: one limit a line
  const CASES: readonly (readonly [keyof ReaderLimits, string, string, string])[] = [
    ["elementBytes",   stanzaOf(400),                                      stanzaOf(401),                                        "a stanza exceeds the limit of 400 bytes"],
    ["depth",          "<a><b><c/></b></a>",                               "<a><b><c><d/></c></b></a>",                          "a stanza exceeds the limit of 3 levels of elements"],
    ["attributes",     "<a b='' c='' d='' e=''/>",                         "<a b='' c='' d='' e='' f=''/>",                      "a tag exceeds the limit of 4 attributes"],
    ["nameBytes",      "<abcdefghijkl/>",                                  "<abcdefghijklm/>",                                   "a name exceeds the limit of 12 bytes"],
    ["nameBytes",      "<a \u00e9\u00e9\u00e9\u00e9\u00e9\u00e9=''/>",     "<a \u00e9\u00e9\u00e9\u00e9\u00e9\u00e9b=''/>",       "a name exceeds the limit of 12 bytes"],
    ["attributeBytes", `<a b='${"&#65;".repeat(60)}'/>`,                   `<a b='${"x".repeat(61)}'/>`,                         "an attribute value exceeds the limit of 60 bytes"],
    ["attributeBytes", `<a b='${"\u20ac".repeat(20)}'/>`,                  `<a b='${"\u20ac".repeat(20)}x'/>`,                   "an attribute value exceeds the limit of 60 bytes"],
    ["children",       "<a><b/>1<b/>2<b/></a>",                            "<a><b/>1<b/>2<b/>3</a>",                             "a stanza exceeds the limit of 6 elements and texts"],
    ["namespaces",     "<a xmlns:b='u:1' xmlns='u:1'><c xmlns:d='u:2'/><c xmlns:d='u:2'/></a>", "<a xmlns:b='u:1'><c xmlns:d='u:2' xmlns:b='u:3'/></a>", "a place exceeds the limit of 3 namespace prefixes in force"],
  ];
  for (const [limit, allowed, refused, text] of CASES) {
    it(`${limit} lets the largest through, again and again: ${allowed.slice(0, 40)}`, () => {
      const events = opened(SMALL).write(bytes(allowed.repeat(3)));
      assert.deepEqual(
        events.map((event) => event.kind),
        ["element", "element", "element"],
        errorOf(events),
      );
    });
    it(`${limit} refuses the next larger: ${refused.slice(0, 40)}`, () => {
      assert.equal(errorOf(opened(SMALL).write(bytes(refused))), `policy-violation: ${text}`);
    });
  }

  it("headerBytes counts declaration and white space too", () => {
    const start = `<?xml version='1.0'?>\n${HEADER}`;
    const reader = (headerBytes: number) => new StreamReader({ ...SMALL, headerBytes });
    assert.equal(errorOf(reader(start.length).write(bytes(start))), undefined);
    assert.equal(
      errorOf(reader(start.length - 1).write(bytes(start))),
      `policy-violation: a stream header exceeds the limit of ${start.length - 1} bytes`,
    );
  });

  it("white space before the header is limited, white space between stanzas is not", () => {
    assert.match(errorOf(new StreamReader(SMALL).write(bytes(" ".repeat(201)))) ?? "", /header exceeds the limit of 200 bytes/);
    const reader = opened(SMALL);
    assert.equal(flood(reader, bytes(" ".repeat(1000)), 10).error, undefined);
    assert.equal(errorOf(reader.write(bytes(stanzaOf(400)))), undefined);
  });

  it("change with setLimits, for example once the peer is authenticated", () => {
    const reader = opened(SMALL);
    reader.setLimits({ ...SMALL, elementBytes: 500, depth: 4 });
    assert.equal(errorOf(reader.write(bytes(stanzaOf(500)))), undefined);
    assert.equal(errorOf(reader.write(bytes("<a><b><c><d/></c></b></a>"))), undefined);
  });

  it("allow the 10000 bytes that RFC 6120 section 13.12 demands, authenticated or not", () => {
    for (const limits of [READER_LIMITS, UNAUTHENTICATED_LIMITS]) {
      assert.ok(limits.elementBytes >= 10_000);
      assert.equal(errorOf(opened(limits).write(bytes(stanzaOf(10_000)))), undefined);
    }
  });
});

describe("attacks on the reader", () => {
  const HOSTILE = bytes("x".repeat(16_384));

  it("a DTD of nested entities is refused at the first byte of its markup", () => {
    const text = "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;'>]><lolz>&lol2;</lolz>";
    const reader = new StreamReader();
    const upTo = text.indexOf("<!") + 2;
    assert.deepEqual(reader.write(bytes(text.slice(0, upTo - 1))), []);
    assert.match(errorOf(reader.write(bytes(text.slice(upTo - 1, upTo)))) ?? "", /^restricted-xml/);
  });

  // biome-ignore format: one attack a line
  const ENDLESS: readonly (readonly [string, string])[] = [
    ["text",                  "<m>"],
    ["an attribute value",    "<m a='"],
    ["an element name",       "<"],
    ["an attribute name",     "<m "],
    ["a closing tag",         "<m></"],
    ["CDATA",                 "<m><![CDATA["],
  ];
  for (const [what, start] of ENDLESS) {
    for (const limits of [READER_LIMITS, UNAUTHENTICATED_LIMITS]) {
      it(`endless ${what} is refused at ${limits.elementBytes} bytes, with no more than those held`, () => {
        const reader = opened(limits);
        reader.write(bytes(start));
        const { held, error, fed } = flood(reader, HOSTILE, 100);
        assert.equal(error, `policy-violation: a stanza exceeds the limit of ${limits.elementBytes} bytes`);
        assert.ok(held <= limits.elementBytes);
        assert.ok(fed <= limits.elementBytes / HOSTILE.length + 1);
      });
    }
  }

  it("an endless header is refused, with no more than headerBytes held", () => {
    const reader = new StreamReader();
    reader.write(bytes("<stream to='"));
    const { held, error } = flood(reader, bytes("x".repeat(1000)), 100);
    assert.equal(error, `policy-violation: a stream header exceeds the limit of ${READER_LIMITS.headerBytes} bytes`);
    assert.ok(held <= READER_LIMITS.headerBytes);
  });

  it("an endless XML declaration is refused", () => {
    const reader = new StreamReader();
    reader.write(bytes("<?xml version='1.0' "));
    assert.match(flood(reader, bytes(" ".repeat(1000)), 100).error ?? "", /^policy-violation/);
  });

  it("100,000 attributes are refused", () => {
    const many = Array.from({ length: 100_000 }, (_, index) => `a${index}=''`).join(" ");
    assert.match(errorOf(opened(READER_LIMITS).write(bytes(`<m ${many}/>`))) ?? "", /^policy-violation/);
    assert.match(errorOf(opened({ ...READER_LIMITS, elementBytes: 10_000_000 }).write(bytes(`<m ${many}/>`))) ?? "", /64 attributes/);
  });

  it("deep nesting is refused at the level after the last allowed", () => {
    assert.match(errorOf(opened(READER_LIMITS).write(bytes("<a>".repeat(READER_LIMITS.depth)))) ?? "none", /none/);
    assert.match(errorOf(opened(READER_LIMITS).write(bytes("<a>".repeat(READER_LIMITS.depth + 1)))) ?? "", /64 levels/);
  });

  it("a stanza of many tiny nodes is refused", () => {
    assert.match(errorOf(opened(READER_LIMITS).write(bytes(`<m>${"<a/>".repeat(10_000)}</m>`))) ?? "", /8192 elements and texts/);
  });

  it("a huge name is refused", () => {
    assert.match(errorOf(opened(READER_LIMITS).write(bytes(`<${"n".repeat(100_000)}/>`))) ?? "", /a name exceeds the limit of 256 bytes/);
  });

  it("names from the peer are cut short in error texts", () => {
    for (const text of [`<m></${"n".repeat(250)}>`, `<${"n".repeat(200)}:x/>`, `<m ${"n".repeat(250)}='' ${"n".repeat(250)}=''/>`]) {
      assert.ok((errorOf(opened(READER_LIMITS).write(bytes(text))) ?? "").length < 200);
    }
  });

  it("one byte a write costs time in proportion to the bytes", () => {
    const stanza = bytes(`<m a='${"y".repeat(16_000)}'>${"x".repeat(200_000)}<![CDATA[${"z".repeat(40_000)}]]></m>`);
    const reader = opened(READER_LIMITS);
    const before = process.threadCpuUsage();
    let events: StreamEvent[] = [];
    for (let index = 0; index < stanza.length; index++) events = reader.write(stanza.subarray(index, index + 1));
    const { user, system } = process.threadCpuUsage(before);
    assert.equal(events[0]?.kind, "element");
    // Linear takes some 0.1 s here; looking again at what is held for every byte would take a hundred times as long.
    assert.ok(user + system < 2_000_000, `${user + system} microseconds`);
  });

  it("a buffer that grew for a large stanza is not kept", () => {
    const reader = opened(READER_LIMITS);
    for (let round = 0; round < 3; round++) {
      reader.write(bytes(stanzaOf(200_000).slice(0, -4)));
      assert.equal(reader.pending, 199_996);
      assert.equal(reader.write(bytes("</m>"))[0]?.kind, "element");
      assert.equal(reader.pending, 0);
    }
  });
});
