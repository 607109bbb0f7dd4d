import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, it } from "mocha";
import { changeLines, diff, policyLines, warningsOf } from "./changes.ts";
import { type EngineEvent, parseEvents, progressText, readReport } from "./events.ts";

const urn = (type: string, name: string): string => `urn:pulumi:sandbox::xmpp-edge::xmpp-edge:index:FederationEdge$${type}::${name}`;
const BLOB = "azure-native:storage:Blob";

const step = (op: string, type: string, name: string, old?: object, next?: object) => ({
  metadata: { op, urn: urn(type, name), type, old: old ? { inputs: old } : null, new: next ? { inputs: next } : null },
});
const pre = (...args: Parameters<typeof step>): EngineEvent => ({ resourcePreEvent: step(...args) }) as EngineEvent;
const done = (...args: Parameters<typeof step>): EngineEvent => ({ resOutputsEvent: step(...args) }) as EngineEvent;
const violation = (level: string, message: string): EngineEvent => ({
  policyEvent: { resourceUrn: urn(BLOB, "doc"), message, policyName: "weak-row", enforcementLevel: level },
});
const said = (severity: string, message: string): EngineEvent => ({ diagnosticEvent: { severity, message } });

describe("the engine's event log", () => {
  it("is read line by line; what is torn or no event is left out", () => {
    const text = `${JSON.stringify(said("error", "a"))}\n\nnull\n"x"\n{"diagnosticEvent": {"sev`;
    assert.deepEqual(parseEvents(text), [said("error", "a")]);
  });

  it("never fails, whatever the text", () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(readReport(parseEvents(text)).changes)));
  });

  it("tells each changed resource once and counts those that stay", () => {
    const events = [
      pre("same", BLOB, "a"),
      done("same", BLOB, "a"),
      pre("update", BLOB, "doc", { x: 1 }, { x: 2 }),
      done("update", BLOB, "doc", { x: 1 }, { x: 2 }),
    ];
    const report = readReport(events);
    assert.equal(report.same, 1);
    assert.deepEqual(
      report.changes.map(({ operation, name, type, before, after }) => ({ operation, name, type, before, after })),
      [{ operation: "update", name: "doc", type: BLOB, before: { x: 1 }, after: { x: 2 } }],
    );
  });

  it("tells a replacement as one change, and leaves out reads, refreshes and the SDK's own providers", () => {
    const events = [
      pre("create-replacement", BLOB, "doc", {}, {}),
      pre("replace", BLOB, "doc", {}, {}),
      pre("delete-replaced", BLOB, "doc", {}),
      pre("refresh", BLOB, "other", {}),
      pre("create", "pulumi:providers:tls", "default_5_6_1"),
    ];
    assert.deepEqual(
      readReport(events).changes.map(({ operation }) => operation),
      ["replace"],
    );
  });

  it("marks what the engine tried and could not do", () => {
    const events = [pre("create", BLOB, "doc", undefined, {}), { resOpFailedEvent: step("create", BLOB, "doc") } as EngineEvent];
    assert.match(changeLines(readReport(events))[0] ?? "", /\+ {2}create {3}doc {2}\(azure-native:storage:Blob\) {2}FAILED/);
  });

  it("takes the outputs of the stack", () => {
    const event = {
      resOutputsEvent: { metadata: { op: "same", urn: "u", type: "pulumi:pulumi:Stack", new: { outputs: { warnings: ["w"] } } } },
    };
    assert.deepEqual(readReport([event as EngineEvent]).outputs, { warnings: ["w"] });
  });

  it("tells a finding of the policy pack once, without the policy's own description", () => {
    const message = "Rows that are weak\npartner a.example: row 1\n";
    const report = readReport([violation("advisory", message), violation("advisory", message)]);
    assert.deepEqual(policyLines(report), ["  passed, 1 advice", "  [advisory] weak-row (doc): partner a.example: row 1"]);
  });

  it("says refused when a finding is mandatory", () => {
    assert.match(
      policyLines(readReport([violation("mandatory", "d\nx"), violation("mandatory", "d\ny")]))[0] ?? "",
      /refused: 2 violations/,
    );
  });

  it("hides where plugins come from and that a failed run has failed, and keeps the rest", () => {
    const report = readReport([
      said("warning", "using pulumi-language-nodejs from $PATH at /x/pulumi-language-nodejs\n"),
      said("error", "preview failed\n"),
      said("debug", "Registering resource"),
      said("error", "PortUnavailable\n"),
      said("info#err", "from the program\n"),
      said("warning", "careful"),
      said("warning", "careful"),
    ]);
    assert.deepEqual(
      report.diagnostics.map(({ severity, message }) => `${severity} ${message}`),
      ["error PortUnavailable", "error from the program", "warning careful"],
    );
    assert.deepEqual(warningsOf(report, ["the stack's own", "careful"]), ["the stack's own", "careful"]);
  });

  it("leaves out where the SDK met an error", () => {
    const report = readReport([said("error", 'error serializing property "outputs": the issued certificate has 1 problem')]);
    assert.equal(report.diagnostics[0]?.message, "the issued certificate has 1 problem");
  });

  it("tells what is going on", () => {
    assert.equal(progressText(pre("create", BLOB, "doc")), `create doc (${BLOB})`);
    assert.equal(progressText({ policyLoadEvent: {} }), "loading the policy pack");
    assert.equal(progressText(said("info", "x")), null);
  });
});

describe("what a change changes", () => {
  const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "[secret]" };

  it("tells partners apart by their domain, not by their place in the list", () => {
    const before = { partners: [{ domain: "b.example", tls: "optional" }] };
    const after = { partners: [{ domain: "a.example" }, { domain: "b.example", tls: "required" }] };
    assert.deepEqual(diff(before, after, ""), [
      'partners[b.example].tls: "optional" -> "required"',
      'partners[a.example]: (none) -> {"domain":"a.example"}',
    ]);
  });

  it("never shows a secret", () => {
    assert.deepEqual(diff({ key: "old" }, { key: SECRET }, ""), ['key: "old" -> [secret]']);
  });

  it("says that a value is not known yet", () => {
    assert.match(diff({ a: 1 }, { a: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" }, "")[0] ?? "", /known after the update/);
  });

  it("leaves out what two long texts share at their start", () => {
    const [line = ""] = diff(`${"x".repeat(200)}left`, `${"x".repeat(200)}right`, "image");
    assert.match(line, /^image: "\.\.\.x{20}left" -> "\.\.\.x{20}right"$/);
  });

  it("is nothing for equal values, and something for different ones", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        assert.deepEqual(diff(before, before, "x"), []);
        if (!isDeepStrictEqual(before, after)) assert.notEqual(diff(before, after, "x").length, 0);
      }),
    );
  });

  it("says no changes when there are none", () => assert.deepEqual(changeLines(readReport([])), ["  no changes"]));
});
