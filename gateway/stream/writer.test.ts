import assert from "node:assert/strict";
import fc from "fast-check";
import { element, type XmlElement, type XmlNode } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { streamError } from "../xmpp/stream-errors.ts";
import { READER_LIMITS, type StreamEvent, StreamReader } from "./reader.ts";
import { CLOSE, stripInvalid, WriteError, type WriteErrorCode, writeElement, writeHeader } from "./writer.ts";

const bytes = (text: string): Buffer => Buffer.from(text);
const LIMITS = { ...READER_LIMITS, elementBytes: 10_000_000, attributeBytes: 100_000, depth: 1000, namespaces: 1000 };

const refuses = (code: WriteErrorCode, act: () => unknown, message: RegExp) =>
  assert.throws(act, (error) => error instanceof WriteError && error.code === code && message.test(error.message));

// ---- arbitrary elements -------------------------------------------------------------------------------------------

const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom("&", "<", ">", "'", '"', "]", "\r", "\n", "\t", " ", "\u{1F600}", "\uFEFF"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
  })
  .map(stripInvalid);
const name = fc.oneof(fc.constantFrom("message", "body", "x", "_a-1.b", "\u00e9t\u00e9"), fc.stringMatching(/^[A-Za-z_][\w.-]{0,8}$/));
const namespace = fc.constantFrom(NS.server, NS.streams, NS.dialback, NS.xml, "", "urn:a", "urn:a}b", `jabber:client"\nx`, "urn:'&<>");
const key = fc.oneof(
  name.filter((one) => one !== "xmlns"),
  name.map((one) => `xml:${one}`),
  fc.tuple(fc.constantFrom("urn:a", "urn:a}b", NS.server, NS.dialback, `"\n'`), name).map(([space, one]) => `{${space}}${one}`),
);

const { node } = fc.letrec<{ node: XmlElement; children: XmlNode[] }>((tie) => ({
  node: fc
    .tuple(namespace, name, fc.dictionary(key, text, { maxKeys: 4 }), tie("children"))
    .map(([space, local, attributes, children]) => element(space, local, attributes, ...merged(children))),
  children: fc.array(fc.oneof({ depthSize: "small", withCrossShrink: true }, text, tie("node")), { maxLength: 4 }),
}));

/** Texts side by side as one, as any XML processor has them. */
function merged(children: readonly XmlNode[]): XmlNode[] {
  const nodes: XmlNode[] = [];
  for (const child of children) {
    const last = nodes.at(-1);
    if (typeof child === "string" && typeof last === "string") nodes[nodes.length - 1] = last + child;
    else nodes.push(child);
  }
  return nodes;
}

/** A run of white space is as many events as it was cut into. */
function collapsed(events: readonly StreamEvent[]): StreamEvent[] {
  return events.filter((event, index) => event.kind !== "whitespace" || events[index - 1]?.kind !== "whitespace");
}

function eventsOf(input: Buffer, cuts: readonly number[]): StreamEvent[] {
  const reader = new StreamReader();
  const borders = [0, ...cuts.map((cut) => cut % (input.length + 1)).toSorted((one, other) => one - other), input.length];
  return collapsed(borders.slice(1).flatMap((border, index) => reader.write(input.subarray(borders[index], border))));
}

describe("the stream writer", () => {
  it("writes a header with the namespaces of a server-to-server stream", () => {
    assert.equal(
      writeHeader({ from: "contoso.example", to: "fabrikam.example", version: "1.0", "xml:lang": "en" }),
      "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'" +
        " from='contoso.example' to='fabrikam.example' version='1.0' xml:lang='en'>",
    );
  });

  it("escapes what stands in a header", () => {
    const [event] = new StreamReader().write(bytes(writeHeader({ from: "a'b", id: "<&>" })));
    assert.deepEqual(event?.kind === "header" && [...event.header.attributes], [
      ["from", "a'b"],
      ["id", "<&>"],
    ]);
  });

  it("demands an id of the receiving entity and refuses one from the initiating", () => {
    assert.match(writeHeader({ id: "1" }, "receiving"), / id='1'/);
    assert.doesNotMatch(writeHeader({ to: "a.example" }, "initiating"), / id=/);
    refuses("invalid-header", () => writeHeader({}, "receiving"), /receiving entity needs id/);
    refuses("invalid-header", () => writeHeader({ id: "1" }, "initiating"), /initiating entity has no id/);
  });

  it("writes a stanza without prefixes or declarations", () => {
    const message = element(NS.server, "message", { to: "a@b.example" }, element(NS.server, "body", {}, "hi"));
    assert.equal(writeElement(message), "<message to='a@b.example'><body>hi</body></message>");
  });

  it("writes dialback with the prefix db", () => {
    const result = element(NS.dialback, "result", { from: "a.example", to: "b.example" }, "key");
    assert.equal(writeElement(result), "<db:result from='a.example' to='b.example'>key</db:result>");
  });

  it("writes features and errors with the prefix stream", () => {
    const features = element(NS.streams, "features", {}, element(NS.tls, "starttls", {}, element(NS.tls, "required")));
    assert.equal(
      writeElement(features),
      "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
    );
    assert.equal(
      writeElement(streamError("host-unknown")),
      "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    );
  });

  it("declares a namespace again where the default was changed in between", () => {
    const inner = element("urn:a", "a", {}, element(NS.server, "message", {}, element("urn:a", "b")));
    assert.equal(writeElement(inner), "<a xmlns='urn:a'><message xmlns='jabber:server'><b xmlns='urn:a'/></message></a>");
  });

  it("writes into another context where one is given", () => {
    const context = { defaultNamespace: "", prefixes: new Map([["urn:a", "ns1"]]) };
    const one = element("urn:a", "x", { "{urn:b}y": "1", "{urn:a}z": "2" }, element("", "w"));
    assert.equal(writeElement(one, context), "<ns1:x xmlns:ns1_='urn:b' ns1_:y='1' ns1:z='2'><w/></ns1:x>");
  });

  it("writes what the reader reads as the same element", () => {
    fc.assert(
      fc.property(node, (one) => {
        const reader = new StreamReader(LIMITS);
        reader.write(bytes(writeHeader({})));
        const written = writeElement(one);
        assert.deepEqual(reader.write(bytes(written)), [{ kind: "element", element: one, bytes: Buffer.byteLength(written) }]);
      }),
      { numRuns: 500 },
    );
  });

  it("closes a stream that it opened", () => {
    const events = new StreamReader().write(bytes(writeHeader({}) + CLOSE));
    assert.deepEqual(
      events.map((event) => event.kind),
      ["header", "close"],
    );
  });

  // biome-ignore format: one case a line
  const REFUSED: readonly (readonly [string, WriteErrorCode, XmlElement, RegExp])[] = [
    ["a control character in text",         "invalid-character", element(NS.server, "m", {}, "a\u0000b"),            /U\+0000 at 1/],
    ["a control character in an attribute", "invalid-character", element(NS.server, "m", { a: "\u001B" }),           /U\+001B at 0/],
    ["a noncharacter",                      "invalid-character", element(NS.server, "m", {}, "\uFFFF"),              /U\+FFFF/],
    ["a lone surrogate",                    "invalid-character", element(NS.server, "m", {}, "\u{1F600}\uD800"),     /U\+D800 at 2/],
    ["markup in an element name",           "invalid-name",      element(NS.server, "m/><evil"),                     /no XML name/],
    ["a prefix in an element name",         "invalid-name",      element(NS.server, "stream:error"),                 /no XML name/],
    ["an empty element name",               "invalid-name",      element(NS.server, ""),                             /no XML name/],
    ["markup in an attribute name",         "invalid-name",      element(NS.server, "m", { "a='' b": "" }),          /no XML name/],
    ["an undeclared attribute prefix",      "invalid-name",      element(NS.server, "m", { "a:b": "" }),             /no XML name/],
    ["an attribute called xmlns",           "invalid-name",      element(NS.server, "m", { xmlns: "urn:x" }),        /xmlns/],
    ["an attribute in no namespace braced", "invalid-name",      element(NS.server, "m", { "{}a": "" }),             /empty namespace/],
    ["an element in the xmlns namespace",   "invalid-name",      element(NS.xmlns, "m"),                             /xmlns/],
  ];
  for (const [what, code, one, message] of REFUSED) {
    it(`refuses ${what}`, () => refuses(code, () => writeElement(one), message));
  }
});

describe("stripInvalid", () => {
  it("removes what XML cannot carry and nothing else", () => {
    assert.equal(
      stripInvalid("a\u0000\u0008\u000B\u001F\uFFFE\uFFFF\uD800b\uDC00\u{1F600}\t\n\r\u007F\uFEFF"),
      "ab\u{1F600}\t\n\r\u007F\uFEFF",
    );
  });

  it("gives texts that the writer takes", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (any) => void writeElement(element(NS.server, "body", {}, stripInvalid(`${any}\uD800\u0000`))),
      ),
    );
  });
});

describe("the stream reader's events", () => {
  const documentOf = fc
    .array(
      fc.oneof(
        node.map((one) => writeElement(one)),
        fc.constantFrom(" ", "\n\t ", "<m>a<![CDATA[b]]>&#65;</m>", "<m a = '1\r\n2' />"),
      ),
      { maxLength: 4 },
    )
    .map((parts) => bytes(`${writeHeader({ from: "a.example" })}${parts.join("")}${CLOSE}`));
  const cuts = fc.array(fc.nat(), { maxLength: 12 });

  it("are the same however the bytes are cut", () => {
    fc.assert(
      fc.property(documentOf, cuts, (input, where) => {
        const expected = eventsOf(input, []);
        assert.equal(expected.at(-1)?.kind, "close");
        assert.deepEqual(eventsOf(input, where), expected);
        assert.deepEqual(eventsOf(input, [...input.keys()]), expected);
      }),
    );
  });

  it("are the same however the bytes are cut when some are damaged", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...bytes("<>&'\"=/!?[] \u0000")))), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(documentOf, damage, cuts, (input, changes, where) => {
        const damaged = Buffer.from(input);
        for (const [at, byte] of changes) damaged[at % damaged.length] = byte;
        const expected = eventsOf(damaged, []);
        assert.deepEqual(eventsOf(damaged, where), expected);
        assert.deepEqual(eventsOf(damaged, [...damaged.keys()]), expected);
      }),
      { numRuns: 400 },
    );
  });

  it("come back, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const reader = new StreamReader();
        reader.write(bytes(writeHeader({})));
        reader.write(noise);
        reader.write(bytes("<m>"));
        reader.write(noise);
      }),
    );
  });
});
