import assert from "node:assert/strict";
import fc from "fast-check";
import { NOT_A_CHARACTER } from "../stream/characters.ts";
import { childOf, element, textOf, type XmlElement, type XmlNode } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { LIMITS, messageToSip, textToMessage } from "./message.ts";
import type { SipText } from "./text.ts";

const body = (text: string, language?: string) => element(NS.server, "body", { "xml:lang": language }, text);
const message = (attributes: Readonly<Record<string, string | undefined>>, ...children: readonly XmlNode[]): XmlElement =>
  element(NS.server, "message", { from: "bob@fabrikam.com/phone", to: "alice@contoso.com", ...attributes }, ...children);

function text(stanza: XmlElement): SipText {
  const mapped = messageToSip(stanza);
  assert.equal(mapped.kind, "text");
  return mapped.kind === "text" ? mapped.text : assert.fail();
}

const refusal = (stanza: XmlElement): string => {
  const mapped = messageToSip(stanza);
  return mapped.kind === "refuse" ? `${mapped.condition}: ${mapped.text}` : mapped.kind;
};

describe("a message from a partner", () => {
  it("is a text with all its parts", () => {
    const stanza = message(
      { id: "1", type: "chat", "xml:lang": "en" },
      element(NS.server, "subject", {}, "Lunch"),
      body("Hi\nAlice"),
      element(NS.server, "thread", {}, "t1"),
      element(NS.chatStates, "active"),
      element(NS.xhtmlIm, "html", {}, "<ignored>"),
    );
    assert.deepEqual(text(stanza), {
      from: "sip:bob@fabrikam.com;gr=phone",
      to: "sip:alice@contoso.com",
      body: "Hi\r\nAlice",
      contentType: "text/plain",
      chat: true,
      thread: "t1",
      subject: "Lunch",
      language: "en",
    });
  });

  it("is a text for every type that is for one person, unknown ones included", () => {
    for (const type of [undefined, "normal", "chat", "headline", "strange"]) {
      assert.deepEqual(text(message({ type }, body("Hi"))), {
        from: "sip:bob@fabrikam.com;gr=phone",
        to: "sip:alice@contoso.com",
        body: "Hi",
        contentType: "text/plain",
        chat: type === "chat",
        thread: null,
        subject: null,
        language: null,
      });
    }
  });

  it("has the language of its body, else its own, and none that is no language tag", () => {
    assert.equal(text(message({ "xml:lang": "en" }, body("Hallo", "de-AT"))).language, "de-AT");
    assert.equal(text(message({ "xml:lang": "en" }, body("Hi"))).language, "en");
    assert.equal(text(message({ "xml:lang": "en\r\nVia: x" }, body("Hi"))).language, null);
  });

  it("has a subject of one line and a bounded length", () => {
    const subject = (written: string) => text(message({}, element(NS.server, "subject", {}, written), body("Hi"))).subject;
    assert.equal(subject("Lunch\r\nX-Forged: yes\u2028!"), "Lunch X-Forged: yes !");
    assert.equal(subject(" \n "), null);
    assert.equal(subject("😀".repeat(LIMITS.subjectLength + 1)), "😀".repeat(LIMITS.subjectLength));
  });

  it("loses a thread that is too long, and nothing else", () => {
    const thread = (length: number) => text(message({}, body("Hi"), element(NS.server, "thread", {}, "t".repeat(length)))).thread;
    assert.equal(thread(LIMITS.threadLength)?.length, LIMITS.threadLength);
    assert.equal(thread(LIMITS.threadLength + 1), null);
  });

  it("may have as many bytes as a SIP body, and no more", () => {
    assert.equal(text(message({}, body("x".repeat(LIMITS.bodyBytes)))).body.length, LIMITS.bodyBytes);
    assert.match(
      refusal(message({}, body("x".repeat(LIMITS.bodyBytes + 1)))),
      /^policy-violation: the text has 65537 bytes; at most 65536/,
    );
    assert.match(refusal(message({}, body("\n".repeat(LIMITS.bodyBytes / 2 + 1)))), /^policy-violation/);
  });

  it("for a room is refused", () => assert.match(refusal(message({ type: "groupchat" }, body("Hi"))), /^service-unavailable: group chat/));

  it("without a text is refused as not implemented, and says what is", () => {
    assert.match(refusal(message({ type: "chat" }, element(NS.chatStates, "composing"))), /^feature-not-implemented: typing notifications/);
    assert.match(refusal(message({}, element(NS.receipts, "received", { id: "1" }))), /^feature-not-implemented: delivery receipts/);
    assert.match(refusal(message({}, element(NS.server, "subject", {}, "x"))), /^feature-not-implemented: only messages with a text/);
    assert.match(refusal(message({}, body(""))), /^feature-not-implemented: only messages with a text/);
    assert.match(refusal(message({}, element("urn:other", "body", {}, "not ours"))), /^feature-not-implemented/);
  });

  it("from or to an address that has no counterpart is refused", () => {
    assert.match(refusal(message({ from: "\\5commas@fabrikam.com" }, body("Hi"))), /^jid-malformed: localpart/);
    assert.match(refusal(message({ to: "a@b@contoso.com" }, body("Hi"))), /^jid-malformed/);
    assert.match(refusal(message({ to: undefined }, body("Hi"))), /^jid-malformed/);
  });

  it("of type error is nothing here, so that nobody answers it", () => {
    assert.deepEqual(messageToSip(message({ type: "error" }, body("Hi"))), { kind: "nothing" });
  });
});

const TEXT: SipText = {
  from: "sip:alice@contoso.com",
  to: "sip:bob@fabrikam.com;gr=phone",
  body: "Hi\r\nBob",
  contentType: "text/plain",
  chat: true,
  thread: "call-1",
  subject: "Lunch",
  language: "en",
};

function stanzaOf(changes: Partial<SipText>): XmlElement {
  const mapped = textToMessage({ ...TEXT, ...changes }, { id: "m1" });
  return mapped.kind === "message" ? mapped.stanza : assert.fail(mapped.text);
}

const bodyOf = (stanza: XmlElement): string => textOf(childOf(stanza, NS.server, "body") ?? assert.fail());
const answer = (changes: Partial<SipText>): string => {
  const mapped = textToMessage({ ...TEXT, ...changes }, { id: "m1" });
  return mapped.kind === "refuse" ? `${mapped.status} ${mapped.text}` : mapped.kind;
};

describe("a text from the SIP side", () => {
  it("of a conversation is a chat message with its thread", () => {
    assert.deepEqual(
      stanzaOf({}),
      element(
        NS.server,
        "message",
        { from: "alice@contoso.com", to: "bob@fabrikam.com/phone", id: "m1", type: "chat", "xml:lang": "en" },
        element(NS.server, "subject", {}, "Lunch"),
        element(NS.server, "body", {}, "Hi\nBob"),
        element(NS.server, "thread", {}, "call-1"),
      ),
    );
  });

  it("that stands alone has no type, and nothing it was not given", () => {
    assert.equal(stanzaOf({ chat: false }).attributes.get("type"), undefined);
    assert.equal(textOf(childOf(stanzaOf({ chat: false }), NS.server, "thread") ?? assert.fail()), "call-1");
    assert.deepEqual(
      stanzaOf({ chat: false, thread: null, subject: null, language: null }),
      element(
        NS.server,
        "message",
        { from: "alice@contoso.com", to: "bob@fabrikam.com/phone", id: "m1" },
        element(NS.server, "body", {}, "Hi\nBob"),
      ),
    );
  });

  it("in HTML arrives as plain text", () =>
    assert.equal(bodyOf(stanzaOf({ contentType: "text/html", body: "<p>1 &lt; 2</p><p>so</p>" })), "1 < 2\nso"));

  it("of another kind is refused", () =>
    assert.match(answer({ contentType: "text/rtf" }), /^415 text\/rtf is not supported; expected text\/plain or text\/html/));

  it("from or to an address that is no JID is refused, by the side that is wrong", () => {
    assert.match(answer({ from: "sip:f%FF@contoso.com" }), /^400 From: .*not UTF-8/);
    assert.match(answer({ to: "tel:123" }), /^404 To: /);
  });

  it("keeps only what XML can hold, in body, subject and thread", () => {
    const stanza = stanzaOf({ body: "a\0b\u000bc\uffff", subject: "s\u0001", thread: "t\u0002" });
    assert.equal(bodyOf(stanza), "a\ufffdb\ufffdc\ufffd");
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (written) => {
        const made = stanzaOf({ body: written, subject: written, thread: written });
        for (const child of made.children) assert.ok(typeof child !== "string" && !NOT_A_CHARACTER.test(textOf(child)));
      }),
    );
  });
});

describe("a text that goes to the other side and back", () => {
  it("is the same", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.option(fc.stringMatching(/^[a-z0-9-]{1,40}$/)), (written, thread) => {
        const original = { ...TEXT, body: written, thread, from: TEXT.to, to: TEXT.from };
        const stanza = stanzaOf(original);
        assert.deepEqual(text(stanza), original);
      }),
    );
  });
});

describe("a text to or from a domain with letters of its own", () => {
  it("has U-labels in the stanza", () => {
    const stanza = stanzaOf({ from: "sip:alice@xn--bcher-kva.example", to: "sip:bob@fabrikam.com" });
    assert.equal(stanza.attributes.get("from"), "alice@bücher.example");
    assert.equal(stanza.attributes.get("to"), "bob@fabrikam.com");
  });
});
