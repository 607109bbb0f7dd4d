import assert from "node:assert/strict";
import { element } from "./element.ts";
import { NS } from "./namespaces.ts";
import { isStreamErrorCondition, readStreamError, STREAM_ERRORS, type StreamErrorCondition, streamError } from "./stream-errors.ts";

describe("the table of stream errors", () => {
  it("has the 25 conditions of RFC 6120 in the RFC's order", () => {
    const rows = Object.entries(STREAM_ERRORS);
    assert.deepEqual(
      rows.map(([, row]) => row.cite),
      Array.from({ length: 25 }, (_, index) => `4.9.3.${index + 1}`),
    );
    assert.deepEqual(
      rows.map(([name]) => name),
      rows.map(([name]) => name).toSorted(),
    );
  });

  it("knows its conditions and no property of Object", () => {
    assert.ok(isStreamErrorCondition("reset"));
    assert.ok(!isStreamErrorCondition("toString"));
  });
});

describe("streamError", () => {
  it("has condition, text and application's condition in the order of RFC 6120 section 4.9.2", () => {
    const application = element("urn:x", "detail");
    assert.deepEqual(
      streamError("policy-violation", "too much", application),
      element(
        NS.streams,
        "error",
        {},
        element(NS.streamErrors, "policy-violation"),
        element(NS.streamErrors, "text", { "xml:lang": "en" }, "too much"),
        application,
      ),
    );
  });

  it("has no text where none is given", () => assert.equal(streamError("reset").children.length, 1));

  it("is read as it was written, for every condition", () => {
    for (const condition of Object.keys(STREAM_ERRORS) as StreamErrorCondition[]) {
      assert.deepEqual(readStreamError(streamError(condition, "why")), { condition, text: "why", application: null });
    }
  });
});

describe("readStreamError", () => {
  it("takes an unknown or missing condition for undefined-condition", () => {
    const read = (...children: ReturnType<typeof element>[]) => readStreamError(element(NS.streams, "error", {}, ...children));
    assert.equal(read()?.condition, "undefined-condition");
    assert.equal(read(element(NS.streamErrors, "xml-not-well-formed"))?.condition, "undefined-condition");
    const application = element("urn:x", "reset");
    assert.deepEqual(read(application), { condition: "undefined-condition", text: "", application });
  });

  it("gives null for any other element", () => {
    assert.equal(readStreamError(element(NS.server, "error")), null);
    assert.equal(readStreamError(element(NS.streams, "features")), null);
  });
});
