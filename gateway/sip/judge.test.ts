import assert from "node:assert/strict";
import { request } from "./compose.ts";
import { DIALECTS } from "./dialect.ts";
import { accepts, judge, METHODS, type Role } from "./judge.ts";
import { parseMessage, type ReceivedRequest } from "./parse.ts";
import { serialize } from "./serialize.ts";

const ROLE: Role = { fqdn: "xmppgw.contoso.example", sipDomains: ["contoso.example"], dialect: DIALECTS.lync };

function received(
  changes: Partial<Parameters<typeof request>[0]> = {},
  replace: readonly [string | RegExp, string] = ["", ""],
): ReceivedRequest {
  const made = request({
    method: "MESSAGE",
    uri: "sip:romeo@fabrikam.example",
    branch: "z9hG4bKa",
    fqdn: "lync.contoso.example",
    port: 5061,
    from: "<sip:alice@contoso.example>;tag=a",
    to: "<sip:romeo@fabrikam.example>",
    callId: "c",
    cseq: 5,
    ...changes,
  });
  const parsed = parseMessage(
    Buffer.from(
      serialize(made)
        .toString()
        .replace(...replace),
    ),
  );
  assert.ok(parsed.ok);
  return parsed.received as ReceivedRequest;
}
const statusOf = (...args: Parameters<typeof received>): number | undefined => judge(received(...args), ROLE)?.status;

describe("a request", () => {
  it("that nothing speaks against may be looked at", () => assert.equal(statusOf(), undefined));
  it("is refused by method, and the answer names those that are taken", () => {
    for (const [method, verdict] of Object.entries(METHODS)) {
      if (verdict === "taken") assert.equal(statusOf({ method }), undefined, method);
      else if (method !== "NOTIFY") assert.equal(statusOf({ method }), 405, method);
    }
    const unknown = judge(received({ method: "SERVICE" }), ROLE);
    assert.equal(unknown?.status, 501);
    assert.match(unknown?.headers[0]?.[1] ?? "", /INVITE, MESSAGE/);
  });
  it("is refused where it makes no sense", () => {
    assert.equal(statusOf({}, ["CSeq: 5 MESSAGE", "CSeq: 5 INVITE"]), 400);
    assert.equal(statusOf({ branch: "z9hG4bK" }), 400);
    assert.equal(statusOf({ uri: "tel:+1" }), 416);
    assert.equal(statusOf({}, ["Max-Forwards: 70", "Max-Forwards: 0"]), 483);
    assert.equal(statusOf({ fqdn: "xmppgw.contoso.example" }), 482);
    assert.equal(statusOf({ method: "NOTIFY" }), 481);
  });
  it("is refused where it requires an extension, but CANCEL is not", () => {
    const require: readonly (readonly [string, string])[] = [["Require", "100rel"]];
    assert.deepEqual(judge(received({ headers: require }), ROLE)?.headers, [["Unsupported", "100rel"]]);
    assert.equal(statusOf({ method: "CANCEL", headers: require }), undefined);
  });
  it("is refused where the peer may not speak for its sender, unless the peer speaks for itself", () => {
    for (const from of [
      "<sip:alice@fabrikam.example>;tag=a",
      "<sip:contoso.example>;tag=a",
      "<tel:+1>;tag=a",
      "<sip:alice@sub.contoso.example>;tag=a",
    ]) {
      assert.equal(statusOf({ from }), 403, from);
      assert.equal(statusOf({ from, method: "OPTIONS" }), undefined, from);
    }
    assert.equal(statusOf({ from: "<sip:alice@CONTOSO.example:5061>;tag=a" }), undefined);
  });
  it("says what it accepts, or accepts all", () => {
    const accept = (value: string | null): boolean =>
      accepts(received({ headers: value === null ? [] : [["Accept", value]] }), "application/sdp");
    for (const value of [null, "text/x, Application/SDP;q=1", "*/*", "application/*"]) assert.ok(accept(value), String(value));
    assert.ok(!accept("text/*, application/sdpx"));
  });
});
