import assert from "node:assert/strict";
import { element, type XmlElement } from "./element.ts";
import { NS } from "./namespaces.ts";
import {
  discoInfoResult,
  discoItemsResult,
  iqResult,
  isDiscoInfo,
  isDiscoItems,
  isPing,
  isStanza,
  messageBody,
  messageSubject,
  messageThread,
  messageType,
  pingRequest,
  pingResult,
  requestPayload,
  stanzaLang,
} from "./stanzas.ts";

const get = (payload: XmlElement): XmlElement =>
  element(NS.server, "iq", { from: "a.example", to: "b.example", id: "7", type: "get" }, payload);
const answer = (...payload: XmlElement[]): XmlElement =>
  element(NS.server, "iq", { from: "b.example", to: "a.example", id: "7", type: "result" }, ...payload);

describe("isStanza", () => {
  it("holds for message, presence and iq of the server namespace only", () => {
    for (const name of ["message", "presence", "iq"]) {
      assert.ok(isStanza(element(NS.server, name)));
      assert.ok(!isStanza(element(NS.client, name)));
    }
    assert.ok(!isStanza(element(NS.server, "error")));
  });
});

describe("a message", () => {
  const body = (text: string, lang?: string) => element(NS.server, "body", { "xml:lang": lang }, text);

  it("shows body, subject, thread and language", () => {
    const message = element(
      NS.server,
      "message",
      { "xml:lang": "de" },
      element("urn:x", "body", {}, "other"),
      body("first"),
      body("second", "fr"),
      element(NS.server, "subject", {}, "about"),
      element(NS.server, "thread", {}, "t1"),
    );
    assert.deepEqual(
      [messageBody(message), messageSubject(message), messageThread(message), stanzaLang(message)],
      ["first", "about", "t1", "de"],
    );
  });

  it("tells an empty body from none", () => {
    assert.equal(messageBody(element(NS.server, "message", {}, body(""))), "");
    const bare = element(NS.server, "message");
    assert.deepEqual([messageBody(bare), messageSubject(bare), messageThread(bare), stanzaLang(bare)], [null, null, null, null]);
  });

  it("is normal where its type is absent or unknown", () => {
    const typed = (type?: string) => messageType(element(NS.server, "message", { type }));
    assert.deepEqual([typed(), typed("odd"), typed("chat"), typed("error")], ["normal", "normal", "chat", "error"]);
  });
});

describe("a request", () => {
  it("has exactly one child element", () => {
    const ping = element(NS.ping, "ping");
    const request = (type: string, ...payload: XmlElement[]) => requestPayload(element(NS.server, "iq", { type }, ...payload));
    assert.equal(request("get", ping), ping);
    assert.equal(request("set", ping), ping);
    assert.equal(request("result", ping), undefined);
    assert.equal(request("get"), undefined);
    assert.equal(request("get", ping, ping), undefined);
    assert.equal(requestPayload(element(NS.server, "message", { type: "get" }, ping)), undefined);
  });

  it("is answered by its recipient to its sender under its id", () => {
    const payload = element("urn:x", "y");
    assert.deepEqual(iqResult(get(element(NS.ping, "ping")), payload), answer(payload));
  });
});

describe("ping (XEP-0199)", () => {
  it("is made, known and answered", () => {
    const ping = pingRequest("a.example", "b.example", "7");
    assert.ok(isPing(ping));
    assert.ok(!isPing(element(NS.server, "iq", { type: "set" }, element(NS.ping, "ping"))));
    assert.deepEqual(pingResult(ping), answer());
  });
});

describe("service discovery (XEP-0030)", () => {
  it("shows a gateway to SIMPLE with its features in order, each once", () => {
    const request = get(element(NS.discoInfo, "query"));
    assert.ok(isDiscoInfo(request));
    assert.deepEqual(
      discoInfoResult(request, [NS.ping, NS.discoInfo, NS.ping], "edge"),
      answer(
        element(
          NS.discoInfo,
          "query",
          {},
          element(NS.discoInfo, "identity", { category: "gateway", type: "simple", name: "edge" }),
          element(NS.discoInfo, "feature", { var: NS.discoInfo }),
          element(NS.discoInfo, "feature", { var: NS.ping }),
        ),
      ),
    );
  });

  it("shows no items", () => {
    const request = get(element(NS.discoItems, "query"));
    assert.ok(isDiscoItems(request) && !isDiscoInfo(request));
    assert.deepEqual(discoItemsResult(request), answer(element(NS.discoItems, "query")));
  });
});
