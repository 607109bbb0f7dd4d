import assert from "node:assert/strict";
import { request, respond } from "./compose.ts";
import type { Dialog } from "./dialogs.ts";
import { asClient, asServer, dialogKey, firstHop, keyOf, keyOfRequest, nextRequest, takeRequest, withoutTag } from "./dialogs.ts";
import { parseMessage, type ReceivedRequest, type ReceivedResponse } from "./parse.ts";
import { serialize } from "./serialize.ts";

const OWN = { branch: "z9hG4bKn", fqdn: "xmppgw.contoso.example", port: 5061 };
const SIGNED = "<sip:fe1.contoso.example:5061;transport=tls;ms-fe=x;opaque=state:F:Ci.R1;lr;ms-route-sig=aB+/=>;tag=77";

function received(headers: readonly [string, string][], changes: Partial<Parameters<typeof request>[0]> = {}): ReceivedRequest {
  const made = request({
    method: "INVITE",
    uri: "sip:romeo@fabrikam.example",
    branch: "z9hG4bKa",
    fqdn: "lync.contoso.example",
    port: 5061,
    from: '"A;tag=x" <sip:alice@contoso.example>;epid=01;tag=a',
    to: "<sip:romeo@fabrikam.example>",
    callId: "c",
    cseq: 5,
    headers,
    ...changes,
  });
  const parsed = parseMessage(serialize(made));
  assert.ok(parsed.ok);
  return parsed.received as ReceivedRequest;
}

const invite = received([
  ["Record-Route", `${SIGNED},<sip:edge;lr>`],
  ["Record-Route", "<sip:pool;lr>"],
  ["Contact", "<sip:alice@host;gruu>"],
]);

function server(): Dialog {
  const made = asServer(invite, "me");
  assert.ok(made.ok);
  return made.value;
}

describe("a dialog", () => {
  it("of the server has the routes in the order of the request, byte for byte", () => {
    assert.deepEqual(server().routeSet, [SIGNED, "<sip:edge;lr>", "<sip:pool;lr>"]);
    assert.equal(server().remoteTarget, "sip:alice@host;gruu");
    assert.equal(keyOf(server()), dialogKey("c", "me", "a"));
    assert.deepEqual(firstHop(server()), { host: "fe1.contoso.example", port: 5061 });
  });

  it("of the client has them in reverse", () => {
    const response = respond(
      invite.message,
      {
        status: 200,
        tag: "b",
        headers: [
          ["Record-Route", `${SIGNED},<sip:b;lr>`],
          ["Contact", "<sip:c@d>"],
        ],
      },
      null,
    );
    const parsed = parseMessage(serialize(response));
    assert.ok(parsed.ok);
    const made = asClient(parsed.received as ReceivedResponse);
    assert.ok(made.ok);
    assert.deepEqual(made.value.routeSet, ["<sip:b;lr>", SIGNED]);
    assert.equal(keyOf(made.value), dialogKey("c", "a", "b"));
    assert.equal(made.value.localCseq, 5);
  });

  it("needs exactly one Contact", () => {
    assert.equal(asServer(received([]), "me").ok, false);
    assert.equal(asServer(received([["Contact", "<sip:a@b>,<sip:c@d>"]]), "me").ok, false);
  });

  it("counts its requests and keeps both addresses as they were written", () => {
    const first = nextRequest(server(), "MESSAGE", OWN);
    assert.equal(first.parts.uri, "sip:alice@host;gruu");
    assert.equal(first.parts.from, "<sip:romeo@fabrikam.example>;tag=me");
    assert.equal(first.parts.to, '"A;tag=x" <sip:alice@contoso.example>;epid=01;tag=a');
    assert.deepEqual(first.parts.routes, [SIGNED, "<sip:edge;lr>", "<sip:pool;lr>"]);
    assert.deepEqual([first.parts.cseq, nextRequest(first.dialog, "BYE", OWN).parts.cseq], [1, 2]);
    assert.equal(nextRequest(first.dialog, "ACK", OWN, [], 9).dialog.localCseq, 1);
  });

  it("puts a strict router into the Request-URI (RFC 3261 12.2.1.1)", () => {
    const { parts } = nextRequest({ ...server(), routeSet: ["<sip:strict>", "<sip:b;lr>"] }, "BYE", OWN);
    assert.equal(parts.uri, "sip:strict");
    assert.deepEqual(parts.routes, ["<sip:b;lr>", "<sip:alice@host;gruu>"]);
  });

  it("takes requests whose CSeq rises, and a new target from those that may bring one", () => {
    const again = (method: string, cseq: number) =>
      received([["Contact", "<sip:new@host>"]], { method, cseq, to: "<sip:romeo@fabrikam.example>;tag=me" });
    assert.deepEqual(takeRequest(server(), again("INVITE", 5)), { ok: false, status: 500, fault: null });
    const message = takeRequest(server(), again("MESSAGE", 6));
    const reinvite = takeRequest(server(), again("INVITE", 6));
    assert.ok(message.ok && reinvite.ok);
    assert.equal(message.dialog.remoteTarget, "sip:alice@host;gruu");
    assert.equal(reinvite.dialog.remoteTarget, "sip:new@host");
    assert.equal(keyOfRequest(again("BYE", 7)), keyOf(server()));
    assert.equal(keyOfRequest(invite), null);
  });

  it("loses only the tag from an address", () => {
    assert.equal(withoutTag('"x;tag=1" <sip:a@b;tag=2> ; TAG=3;epid=4'), '"x;tag=1" <sip:a@b;tag=2>;epid=4');
    assert.equal(withoutTag("sip:a@b;tag=1"), "sip:a@b");
    assert.equal(withoutTag("<sip:a@b>"), "<sip:a@b>");
  });
});
