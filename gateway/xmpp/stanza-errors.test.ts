import assert from "node:assert/strict";
import { element } from "./element.ts";
import { NS } from "./namespaces.ts";
import {
  errorElement,
  errorReply,
  mayAnswerWithError,
  readStanzaError,
  STANZA_ERROR_TYPES,
  STANZA_ERRORS,
  type StanzaErrorCondition,
  stanzaError,
} from "./stanza-errors.ts";

const MESSAGE = element(
  NS.server,
  "message",
  { from: "a@a.example/x", to: "b@b.example", id: "7", type: "chat" },
  element(NS.server, "body", {}, "hi"),
);

describe("the table of stanza errors", () => {
  it("has the 22 conditions of RFC 6120 in the RFC's order", () => {
    const rows = Object.entries(STANZA_ERRORS);
    assert.deepEqual(
      rows.map(([, row]) => row.cite),
      Array.from({ length: 22 }, (_, index) => `8.3.3.${index + 1}`),
    );
    assert.deepEqual(
      rows.map(([name]) => name),
      rows.map(([name]) => name).toSorted(),
    );
  });

  it("uses only types of RFC 6120 section 8.3.2", () => {
    for (const row of Object.values(STANZA_ERRORS)) assert.ok(STANZA_ERROR_TYPES.includes(row.type));
  });
});

describe("stanzaError", () => {
  it("answers a stanza: addresses swapped, id kept, content left out", () => {
    assert.deepEqual(
      stanzaError(MESSAGE, "remote-server-timeout", "no answer within 30 s", "b.example"),
      element(
        NS.server,
        "message",
        { from: "b@b.example", to: "a@a.example/x", id: "7", type: "error" },
        element(
          NS.server,
          "error",
          { type: "wait", by: "b.example" },
          element(NS.stanzaErrors, "remote-server-timeout"),
          element(NS.stanzaErrors, "text", { "xml:lang": "en" }, "no answer within 30 s"),
        ),
      ),
    );
  });

  it("adds no attribute that the stanza did not have", () => {
    assert.deepEqual([...stanzaError(element(NS.server, "iq", { type: "get" }), "bad-request").attributes], [["type", "error"]]);
  });

  it("is read as it was written, for every condition", () => {
    for (const condition of Object.keys(STANZA_ERRORS) as StanzaErrorCondition[]) {
      assert.deepEqual(readStanzaError(stanzaError(MESSAGE, condition, "why", "b.example")), {
        type: STANZA_ERRORS[condition].type,
        condition,
        text: "why",
        by: "b.example",
        address: null,
        application: null,
      });
    }
  });
});

describe("errorElement", () => {
  it("carries a new address with gone and redirect, and with nothing else", () => {
    const address = "xmpp:c@c.example";
    const read = (condition: StanzaErrorCondition) =>
      readStanzaError(errorReply(MESSAGE, errorElement(NS.server, condition, { address })))?.address;
    assert.deepEqual([read("gone"), read("redirect"), read("forbidden")], [address, address, null]);
  });

  it("carries another type and an application's condition", () => {
    const application = element("urn:x", "too-long");
    const error = readStanzaError(errorReply(MESSAGE, errorElement(NS.server, "policy-violation", { type: "wait", application })));
    assert.deepEqual([error?.type, error?.application], ["wait", application]);
  });
});

describe("readStanzaError", () => {
  const read = (...content: Parameters<typeof element>[3][]) =>
    readStanzaError(element(NS.server, "message", { type: "error" }, element(NS.server, "error", { type: "odd" }, ...content)));

  it("takes an unknown or missing condition for undefined-condition, with the type of the table", () => {
    assert.deepEqual([read()?.condition, read()?.type], ["undefined-condition", "cancel"]);
    assert.equal(read(element(NS.stanzaErrors, "constructor"))?.condition, "undefined-condition");
    assert.equal(read(element("urn:x", "forbidden"))?.condition, "undefined-condition");
  });

  it("gives null for a stanza without error", () => assert.equal(readStanzaError(MESSAGE), null));
});

describe("mayAnswerWithError", () => {
  it("refuses to answer errors and results, so that none goes round and round", () => {
    const may = (name: string, type: string | undefined) => mayAnswerWithError(element(NS.server, name, { type }));
    assert.deepEqual(
      [may("message", "error"), may("iq", "error"), may("presence", "error"), may("iq", "result")],
      [false, false, false, false],
    );
    assert.deepEqual([may("message", undefined), may("iq", "get"), may("iq", "set"), may("presence", "probe")], [true, true, true, true]);
  });
});
