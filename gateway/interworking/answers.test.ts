import assert from "node:assert/strict";
import { childElements, childOf, element, type XmlElement, type XmlNode } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { errorElement, readStanzaError, STANZA_ERRORS, type StanzaErrorCondition } from "../xmpp/stanza-errors.ts";
import { GATEWAY_FEATURES } from "../xmpp/stanzas.ts";
import { bounceToText, LIMITS } from "./bounce.ts";
import { answerIq } from "./iq.ts";
import { answerPresence } from "./presence.ts";

const stanza = (name: string, attributes: Readonly<Record<string, string | undefined>>, ...children: readonly XmlNode[]): XmlElement =>
  element(NS.server, name, { from: "bob@fabrikam.com/phone", to: "contoso.com", id: "1", ...attributes }, ...children);

/** Type and, of an error, its condition. */
const told = (answer: XmlElement | null): string => {
  if (answer === null) return "nothing";
  assert.equal(answer.attributes.get("to"), "bob@fabrikam.com/phone");
  const type = answer.attributes.get("type") ?? "";
  return type === "error" ? `error ${readStanzaError(answer)?.condition}` : type;
};

describe("a request from a partner", () => {
  const iq = (attributes: Readonly<Record<string, string | undefined>>, ...children: readonly XmlNode[]) =>
    answerIq(stanza("iq", attributes, ...children));
  const ping = element(NS.ping, "ping");
  const info = (node?: string) => element(NS.discoInfo, "query", { node });
  const items = (node?: string) => element(NS.discoItems, "query", { node });

  it("to a domain of ours gets the answers that every server owes", () => {
    assert.equal(told(iq({ type: "get" }, ping)), "result");
    assert.equal(told(iq({ type: "get" }, items())), "result");
    const query = childOf(iq({ type: "get" }, info()) ?? assert.fail(), NS.discoInfo, "query") ?? assert.fail();
    const features = childElements(query).flatMap((child) => child.attributes.get("var") ?? []);
    assert.deepEqual(features, [...GATEWAY_FEATURES].toSorted());
  });

  it("for a node, which we have none of, finds nothing", () => {
    assert.equal(told(iq({ type: "get" }, info("x"))), "error item-not-found");
    assert.equal(told(iq({ type: "get" }, items("x"))), "error item-not-found");
  });

  it("that is not known is refused, and so is a ping by set", () => {
    assert.equal(told(iq({ type: "get" }, element("jabber:iq:roster", "query"))), "error service-unavailable");
    assert.equal(told(iq({ type: "set" }, ping)), "error service-unavailable");
  });

  it("to a user is refused alike, whatever it asks: who is there is told to nobody", () => {
    for (const payload of [ping, info(), items(), element("vcard-temp", "vCard")]) {
      assert.equal(told(iq({ type: "get", to: "alice@contoso.com" }, payload)), "error service-unavailable");
    }
  });

  it("that is malformed is told so", () => {
    assert.equal(told(iq({ type: "get" })), "error bad-request");
    assert.equal(told(iq({ type: "get" }, ping, ping)), "error bad-request");
    assert.equal(told(iq({ type: "strange" }, ping)), "error bad-request");
    assert.equal(told(iq({ type: undefined }, ping)), "error bad-request");
    assert.equal(told(iq({ type: "get", id: undefined }, ping)), "error bad-request");
  });

  it("that is an answer is never answered", () => {
    assert.equal(told(iq({ type: "result" })), "nothing");
    assert.equal(told(iq({ type: "error" }, ping, errorElement(NS.server, "gone"))), "nothing");
  });
});

describe("presence from a partner", () => {
  // biome-ignore format: a table
  const rows: readonly (readonly [string | undefined, string])[] = [
    [undefined,      "error feature-not-implemented"],
    ["probe",        "error feature-not-implemented"],
    ["subscribe",    "error feature-not-implemented"],
    ["strange",      "error bad-request"            ],
    ["constructor",  "error bad-request"            ],
    ["subscribed",   "nothing"                      ],
    ["unsubscribe",  "nothing"                      ],
    ["unsubscribed", "nothing"                      ],
    ["unavailable",  "nothing"                      ],
    ["error",        "nothing"                      ],
  ];
  for (const [type, expected] of rows) {
    it(`of type ${type ?? "available"} is answered with ${expected}`, () =>
      assert.equal(told(answerPresence(stanza("presence", { type }))), expected));
  }
});

describe("a message that comes back", () => {
  const bounced = (condition: StanzaErrorCondition, text?: string, from = "bob@fabrikam.com/phone") =>
    bounceToText(
      element(
        NS.server,
        "message",
        { from, to: "alice@contoso.com", id: "1", type: "error" },
        errorElement(NS.server, condition, { text }),
      ),
    );

  it("tells its sender whom it did not reach and why, for every condition", () => {
    for (const condition of Object.keys(STANZA_ERRORS) as StanzaErrorCondition[]) {
      const { body, why } = bounced(condition);
      assert.equal(why, condition);
      assert.equal(body, `Your message to bob@fabrikam.com was not delivered: ${STANZA_ERRORS[condition].meaning}.`);
    }
  });

  it("shows the partner's words, on one line and shortened", () => {
    assert.match(bounced("recipient-unavailable", "Bob is\r\n away\u202e").body, /\("Bob is away"\)\.$/);
    assert.match(bounced("recipient-unavailable", "x".repeat(1000)).body, new RegExp(`\\("x{${LIMITS.textLength}}\\.\\.\\."\\)\\.$`));
  });

  it("tells what it can where the error says little", () => {
    const { body, why } = bounceToText(element(NS.server, "message", { type: "error" }));
    assert.equal(why, "undefined-condition");
    assert.match(body, /^Your message to this contact was not delivered: /);
  });
});
