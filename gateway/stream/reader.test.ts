import assert from "node:assert/strict";
import type { XmlElement } from "../xmpp/element.ts";
import { element } from "../xmpp/element.ts";
import { isStreamHeader, type StreamEvent, StreamReader } from "./reader.ts";

const HEADER = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const SERVER = "jabber:server";

const bytes = (text: string): Buffer => Buffer.from(text);

/** A reader with its header behind it. */
function opened(): StreamReader {
  const reader = new StreamReader();
  assert.equal(reader.write(bytes(HEADER))[0]?.kind, "header");
  return reader;
}

const kinds = (events: readonly StreamEvent[]): string[] => events.map((event) => event.kind);

/** What the text after a header gives: `ok` for exactly one stanza, else the error's condition. */
function verdict(chunks: readonly Uint8Array[]): string {
  const reader = opened();
  const events = chunks.flatMap((chunk) => reader.write(chunk)).filter((event) => event.kind !== "whitespace");
  const error = events.find((event) => event.kind === "error");
  if (error) return error.condition;
  return events.length === 1 && events[0]?.kind === "element" ? "ok" : `silent (${kinds(events).join(", ")})`;
}

function stanzaOf(text: string): XmlElement {
  const [event] = opened().write(bytes(text));
  assert.equal(event?.kind, "element", JSON.stringify(event));
  return event.element;
}

const whole = (text: string): Buffer[] => [bytes(text)];
const inMessage = (content: string): Buffer[] => whole(`<message><body>${content}</body></message>`);
const everyByte = (text: string): Buffer[] => [...bytes(text)].map((byte) => Buffer.from([byte]));
const withRaw = (...raw: number[]): Buffer[] => [bytes("<message><body>"), Buffer.from(raw), bytes("</body></message>")];

// biome-ignore format: one case a line
const CONFORMANCE: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ["a plain valid stanza",                             whole("<message from='a.example' to='b.example'><body>hi</body></message>"), "ok"],
  ["a split inside a multi-byte character",            [bytes("<message><body>\u20ac").subarray(0, 16), bytes("<message><body>\u20ac</body></message>").subarray(16)], "ok"],
  ["one byte per write",                               everyByte("<message from='a.example'><body>tsch\u00fcss</body></message>"),  "ok"],
  ["CDATA in a body",                                  inMessage("<![CDATA[<x>&]]>"),                                              "ok"],
  ["/> and > inside an attribute value",               whole("<message id='a/>b>c'/>"),                                            "ok"],
  ["white space between stanzas",                      whole(" \n<message/>\t "),                                                  "ok"],
  ["a comment",                                        inMessage("<!-- x -->"),                                                    "restricted-xml"],
  ["a processing instruction",                         inMessage("<?php x ?>"),                                                    "restricted-xml"],
  ["a DOCTYPE in mid-stream with an internal entity",  whole("<!DOCTYPE m [<!ENTITY a 'b'>]><message/>"),                           "restricted-xml"],
  ["an undeclared entity",                             inMessage("&foo;"),                                                         "restricted-xml"],
  ["a bare ampersand",                                 inMessage("a & b; c"),                                                      "not-well-formed"],
  ["a mismatched end tag",                             whole("<message><body>x</message>"),                                        "not-well-formed"],
  ["a duplicate attribute",                            whole("<message from='a' from='b'/>"),                                      "not-well-formed"],
  ["an unbound prefix",                                whole("<x:message/>"),                                                      "bad-namespace-prefix"],
  ["an attribute without quotes",                      whole("<message from=a/>"),                                                 "not-well-formed"],
  ["< in an attribute value",                          whole("<message from='a<b'/>"),                                             "not-well-formed"],
  ["the control character U+0001 in text",             inMessage("\u0001"),                                                        "not-well-formed"],
  ["a NUL byte in text",                               inMessage("\u0000"),                                                        "not-well-formed"],
  ["a reference to NUL",                               inMessage("&#0;"),                                                          "not-well-formed"],
  ["a reference to U+FFFF",                            inMessage("&#xFFFF;"),                                                      "not-well-formed"],
  ["a reference to a surrogate",                       inMessage("&#xD800;"),                                                      "not-well-formed"],
  ["the invalid UTF-8 bytes C0 AF",                    withRaw(0xc0, 0xaf),                                                        "not-well-formed"],
  ["a lone UTF-8 lead byte before <",                  withRaw(0xc3),                                                              "not-well-formed"],
  ["]]> in text",                                      inMessage("a ]]> b"),                                                       "not-well-formed"],
  ["the element name 1a",                              whole("<message><1a/></message>"),                                          "not-well-formed"],
  ["no space between attributes",                      whole("<message from='a'to='b'/>"),                                         "not-well-formed"],
  ["text at stream level",                             whole("hello <message/>"),                                                  "invalid-xml"],
  ["a second XML declaration in mid-stream",           whole("<?xml version='1.0'?><message/>"),                                   "restricted-xml"],
  ["an extra close tag",                               whole("<message/></message>"),                                              "not-well-formed"],
  ["an xmlns value holding a quote and a newline",     whole(`<message xmlns='jabber:client"&#10;x'/>`),                           "ok"],
  ["a redefinition of the xml prefix",                 whole("<message xmlns:xml='urn:x'/>"),                                      "bad-namespace-prefix"],
];

// biome-ignore format: one case a line
const MORE: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ["an overlong encoding of /",                        withRaw(0xe0, 0x80, 0xaf),                                                  "not-well-formed"],
  ["a surrogate encoded in UTF-8",                     withRaw(0xed, 0xa0, 0x80),                                                  "not-well-formed"],
  ["a code point beyond U+10FFFF",                     withRaw(0xf4, 0x90, 0x80, 0x80),                                            "not-well-formed"],
  ["the noncharacter U+FFFE",                          inMessage("\uFFFE"),                                                        "not-well-formed"],
  ["a private-use and an astral character",            inMessage("\uE000\u{1F600}"),                                               "ok"],
  ["the references of XML 1.0",                        inMessage("&lt;&gt;&amp;&apos;&quot;&#9;&#x1F600;"),                        "ok"],
  ["a reference too large for any character",          inMessage("&#x99999999999999;"),                                            "not-well-formed"],
  ["a reference just beyond U+10FFFF",                 inMessage("&#x110000;"),                                                    "not-well-formed"],
  ["an entity name that is no name",                   inMessage("&1;"),                                                           "not-well-formed"],
  ["a reference without semicolon",                    inMessage("&amp"),                                                          "not-well-formed"],
  ["CDATA between stanzas",                            whole("<![CDATA[ ]]>"),                                                     "restricted-xml"],
  ["an unknown marked section",                        inMessage("<![INCLUDE[ ]]>"),                                               "restricted-xml"],
  ["a control character in CDATA",                     inMessage("<![CDATA[\u0008]]>"),                                            "not-well-formed"],
  ["U+007F and U+0085, which XML 1.0 allows",          inMessage("\u007F\u0085"),                                                  "ok"],
  ["two prefixes for one attribute",                   whole("<message xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2'/>"),         "not-well-formed"],
  ["the same local name in two namespaces",            whole("<message xmlns:a='urn:x' xmlns:b='urn:y' a:c='1' b:c='2' c='3'/>"),   "ok"],
  ["a prefix declared twice",                          whole("<message xmlns:a='urn:x' xmlns:a='urn:y'/>"),                         "not-well-formed"],
  ["a default namespace declared twice",               whole("<message xmlns='urn:x' xmlns='urn:y'/>"),                             "not-well-formed"],
  ["a prefix undeclared",                              whole("<message xmlns:a=''/>"),                                             "bad-namespace-prefix"],
  ["the prefix xmlns declared",                        whole("<message xmlns:xmlns='urn:x'/>"),                                    "bad-namespace-prefix"],
  ["the namespace of xml under another prefix",        whole("<message xmlns:a='http://www.w3.org/XML/1998/namespace'/>"),          "bad-namespace-prefix"],
  ["the namespace of xml as default",                  whole("<message xmlns='http://www.w3.org/XML/1998/namespace'/>"),            "bad-namespace-prefix"],
  ["the namespace of xmlns under a prefix",            whole("<message xmlns:a='http://www.w3.org/2000/xmlns/'/>"),                 "bad-namespace-prefix"],
  ["the xml prefix declared as it is",                 whole("<message xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"),        "ok"],
  ["a prefix of a sibling, out of scope",              whole("<message><a:x xmlns:a='urn:x'/><a:y/></message>"),                   "bad-namespace-prefix"],
  ["an unbound attribute prefix",                      whole("<message a:b='c'/>"),                                                "bad-namespace-prefix"],
  ["two colons in a name",                             whole("<message><a:b:c xmlns:a='urn:x'/></message>"),                       "not-well-formed"],
  ["a colon at the start of a name",                   whole("<message><:b/></message>"),                                          "not-well-formed"],
  ["a local part that begins with a digit",            whole("<message><a:1 xmlns:a='urn:x'/></message>"),                         "not-well-formed"],
  ["a name beyond ASCII",                              whole("<message><\u00e9\u00b7/></message>"),                                "ok"],
  ["a name that begins with a combining mark",         whole("<message><\u0301a/></message>"),                                     "not-well-formed"],
  ["a name with the multiplication sign",              whole("<message><a\u00d7/></message>"),                                     "not-well-formed"],
  ["another case in the closing tag",                  whole("<message></Message>"),                                               "not-well-formed"],
  ["another prefix in the closing tag",                whole("<a:m xmlns:a='urn:x' xmlns:b='urn:x'></b:m>"),                        "not-well-formed"],
  ["attributes in a closing tag",                      whole("<message></message a='b'>"),                                         "not-well-formed"],
  ["a name in a closing tag after the name",           whole("<message></message a>"),                                             "not-well-formed"],
  ["space before the end of tags",                     whole("<message ><body\n></body\t></message >"),                            "ok"],
  ["space before a name",                              whole("< message/>"),                                                       "not-well-formed"],
  ["space between slash and end",                      whole("<message / >"),                                                      "not-well-formed"],
  ["space around =",                                   whole("<message id = 'x'/>"),                                               "ok"],
  ["an attribute without value",                       whole("<message id/>"),                                                     "not-well-formed"],
  ["a quote that no = precedes",                       whole("<message a'/>"),                                                     "not-well-formed"],
  ["a quote as value delimiter left open",             whole("<message id='x/><message/>"),                                        "not-well-formed"],
  ["]] > and ]] at the border of CDATA",               inMessage("]]<![CDATA[>]]]>&gt;"),                                          "ok"],
  ["a control character between stanzas",              whole("\u0001"),                                                            "not-well-formed"],
];

describe("the stream reader", () => {
  describe("passes the conformance cases", () => {
    for (const [name, chunks, expected] of [...CONFORMANCE, ...MORE]) {
      it(`gives ${expected} for ${name}`, () => assert.equal(verdict(chunks), expected));
    }

    it("has all 31 of the published list", () => assert.equal(CONFORMANCE.length, 31));
  });

  it("reads header, stanzas, white space and closing tag as events in order", () => {
    const events = new StreamReader().write(bytes(`<?xml version='1.0'?>${HEADER}<iq id='1'/> <iq id='2'/></stream:stream>`));
    assert.deepEqual(kinds(events), ["header", "element", "whitespace", "element", "close"]);
  });

  it("reports white space at once, so that a keep-alive is seen", () => {
    const reader = opened();
    assert.deepEqual(reader.write(bytes(" ")), [{ kind: "whitespace" }]);
    assert.equal(reader.pending, 0);
  });

  it("gives a stanza's size on the wire", () => {
    const text = "<message id='\u00e9'><body>&amp;\u{1F600}</body></message>";
    const [first, space, second] = opened().write(bytes(`${text} ${text}`));
    assert.equal(first?.kind === "element" && first.bytes, Buffer.byteLength(text));
    assert.equal(space?.kind, "whitespace");
    assert.equal(second?.kind === "element" && second.bytes, Buffer.byteLength(text));
  });

  it("keeps nothing of a chunk that its owner may overwrite", () => {
    const reader = opened();
    const chunk = bytes("<message><body>on");
    reader.write(chunk);
    chunk.fill(0x78);
    const [event] = reader.write(bytes("e</body></message>"));
    assert.deepEqual(event?.kind === "element" && event.element.children, [element(SERVER, "body", {}, "one")]);
  });

  describe("builds elements", () => {
    it("with resolved names", () => {
      const message = stanzaOf("<message xmlns:a='urn:a'><a:x><y xmlns='urn:y'><z/><w xmlns=''/></y></a:x><xml:v/></message>");
      assert.deepEqual(
        message,
        element(
          SERVER,
          "message",
          {},
          element("urn:a", "x", {}, element("urn:y", "y", {}, element("urn:y", "z"), element("", "w"))),
          element("http://www.w3.org/XML/1998/namespace", "v"),
        ),
      );
    });

    it("with attribute keys by local name, xml prefix or namespace", () => {
      const { attributes } = stanzaOf("<message id='1' xml:lang='de' a:b='2' xmlns:a='urn:a'/>");
      assert.deepEqual(
        attributes,
        new Map([
          ["id", "1"],
          ["xml:lang", "de"],
          ["{urn:a}b", "2"],
        ]),
      );
    });

    it("with prefixes as the innermost declaration has them", () => {
      const message = stanzaOf("<message xmlns:a='urn:1'><a:x xmlns:a='urn:2'><a:y/></a:x><a:z/></message>");
      assert.deepEqual(message, element(SERVER, "message", {}, element("urn:2", "x", {}, element("urn:2", "y")), element("urn:1", "z")));
    });

    it("with attribute values normalised as XML 1.0 section 3.3.3 says", () => {
      assert.equal(stanzaOf("<m a='1\t2\n3\r\n4\r5&#9;&#10;&#13;6&amp;lt;'/>").attributes.get("a"), "1 2 3 4 5\t\n\r6&lt;");
      for (const space of ["\t", "\n", "\r", "\r\n"]) assert.equal(stanzaOf(`<m a='1${space}2'/>`).attributes.get("a"), "1 2");
    });

    it("with line ends normalised as XML 1.0 section 2.11 says", () => {
      assert.deepEqual(stanzaOf("<m>1\r\n2\r3\n4&#13;<![CDATA[5\r\n6\r7]]></m>").children, ["1\n2\n3\n4\r5\n6\n7"]);
    });

    it("with texts and CDATA sections that stand side by side as one text", () => {
      assert.deepEqual(stanzaOf("<m>a<![CDATA[<b>&amp;]]>c<![CDATA[]]>&lt;<x/>d</m>").children, ["a<b>&amp;c<", element(SERVER, "x"), "d"]);
    });

    it("with white space inside a stanza kept", () => {
      assert.deepEqual(stanzaOf("<m> <x/>\n</m>").children, [" ", element(SERVER, "x"), "\n"]);
    });

    it("with no U+FEFF lost", () => assert.deepEqual(stanzaOf("<m>\uFEFFa</m>").children, ["\uFEFFa"]));
  });

  describe("reads the header", () => {
    const headerOf = (text: string) => {
      const [event] = new StreamReader().write(bytes(text));
      assert.equal(event?.kind, "header", JSON.stringify(event));
      return event.header;
    };

    it("with attributes, default namespace and prefixes", () => {
      const header = headerOf(
        "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' from='a.example' xml:lang='en'>",
      );
      assert.deepEqual(header, {
        name: "stream",
        namespace: "http://etherx.jabber.org/streams",
        attributes: new Map([
          ["from", "a.example"],
          ["xml:lang", "en"],
        ]),
        defaultNamespace: "jabber:server",
        namespaces: new Map([
          ["db", "jabber:server:dialback"],
          ["stream", "http://etherx.jabber.org/streams"],
        ]),
      });
      assert.ok(isStreamHeader(header));
    });

    it("whatever its names, which are not the reader's to judge", () => {
      const header = headerOf("<html>");
      assert.deepEqual([header.name, header.namespace, header.defaultNamespace, isStreamHeader(header)], ["html", "", null, false]);
    });

    it("and the close of a stream that is empty", () => {
      assert.deepEqual(kinds(new StreamReader().write(bytes("<a/>"))), ["header", "close"]);
    });

    // biome-ignore format: one case a line
    const STARTS: readonly (readonly [string, Uint8Array, string])[] = [
      ["an XML declaration",                        bytes("<?xml version='1.0'?><a>"),                                      "header"],
      ["an XML declaration with everything",        bytes(`<?xml version="1.0"  encoding='utf-8' standalone = "yes" ?>\n<a>`), "header"],
      ["white space before the header",             bytes("\r\n <a>"),                                                     "header"],
      ["another encoding",                          bytes("<?xml version='1.0' encoding='ISO-8859-1'?><a>"),                "unsupported-encoding"],
      ["UTF-16 with a byte order mark, big end",    Buffer.from([0xfe, 0xff, 0, 0x3c]),                                    "unsupported-encoding"],
      ["UTF-16 with a byte order mark, little end", Buffer.from([0xff, 0xfe, 0x3c, 0]),                                    "unsupported-encoding"],
      ["UTF-16 without a mark, big end",            Buffer.from([0, 0x3c]),                                                "unsupported-encoding"],
      ["UTF-16 without a mark, little end",         Buffer.from([0x3c, 0]),                                                "unsupported-encoding"],
      ["U+FEFF, which is a character here",         bytes("\uFEFF<a>"),                                                    "not-well-formed"],
      ["XML 1.1",                                   bytes("<?xml version='1.1'?><a>"),                                      "not-well-formed"],
      ["a declaration without version",             bytes("<?xml encoding='UTF-8'?><a>"),                                  "not-well-formed"],
      ["a declaration after white space",           bytes(" <?xml version='1.0'?><a>"),                                    "restricted-xml"],
      ["a second declaration",                      bytes("<?xml version='1.0'?><?xml version='1.0'?><a>"),                "restricted-xml"],
      ["a DTD",                                     bytes("<?xml version='1.0'?><!DOCTYPE a><a>"),                         "restricted-xml"],
      ["a comment",                                 bytes("<!---->"),                                                      "restricted-xml"],
      ["a processing instruction",                  bytes("<?xml-stylesheet href='x'?><a>"),                               "restricted-xml"],
      ["text",                                      bytes("GET / HTTP/1.1\r\n"),                                           "not-well-formed"],
      ["a TLS record",                              Buffer.from([0x16, 3, 1]),                                             "not-well-formed"],
      ["a closing tag",                             bytes("</a>"),                                                         "not-well-formed"],
    ];
    for (const [name, text, expected] of STARTS) {
      it(`with ${expected} for ${name}`, () => {
        const [event] = new StreamReader().write(text);
        assert.equal(event?.kind === "error" ? event.condition : event?.kind, expected);
      });
    }
  });

  describe("ends", () => {
    it("with the closing tag, after which only white space may come", () => {
      const reader = opened();
      assert.deepEqual(kinds(reader.write(bytes("</stream:stream>\n "))), ["close"]);
      assert.deepEqual(kinds(reader.write(bytes("<message/>"))), ["error"]);
    });

    it("with not-well-formed where the closing tag is another's", () => {
      assert.deepEqual(kinds(opened().write(bytes("</stream>"))), ["error"]);
    });

    it("for good after an error, even when restarted", () => {
      const reader = opened();
      assert.deepEqual(kinds(reader.write(bytes("<iq/><!"))), ["element", "error"]);
      assert.deepEqual(reader.write(bytes("<iq/>")), []);
      reader.restart();
      assert.deepEqual(reader.write(bytes(HEADER)), []);
    });
  });

  describe("restarts", () => {
    it("with everything forgotten, and says how many unread bytes were thrown away", () => {
      const reader = opened();
      assert.deepEqual(kinds(reader.write(bytes("<message><body>secret"))), []);
      assert.equal(reader.restart(), "<message><body>secret".length);
      assert.equal(reader.pending, 0);
      assert.deepEqual(kinds(reader.write(bytes(`<?xml version='1.0'?>${HEADER}<iq/>`))), ["header", "element"]);
    });

    it("with an unfinished tag forgotten, its open quote included", () => {
      const reader = opened();
      reader.write(bytes("<message id='a"));
      reader.restart();
      assert.deepEqual(kinds(reader.write(bytes(`${HEADER}<iq/>`))), ["header", "element"]);
    });

    it("with an element that was begun counted, though each of its tokens was whole", () => {
      const reader = opened();
      reader.write(bytes("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/> <message><body/>"));
      assert.equal(reader.pending, "<message><body/>".length);
      assert.equal(reader.restart(), "<message><body/>".length);
    });

    it("with 0 thrown away where all was read", () => {
      const reader = opened();
      reader.write(bytes("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
      assert.equal(reader.restart(), 0);
    });

    it("without the prefixes of the stream before", () => {
      const reader = new StreamReader();
      reader.write(bytes("<a:s xmlns:a='urn:a' xmlns:b='urn:b'>"));
      reader.restart();
      assert.deepEqual(kinds(reader.write(bytes("<a:s xmlns:a='urn:a'><b:x/>"))), ["header", "error"]);
    });
  });
});
