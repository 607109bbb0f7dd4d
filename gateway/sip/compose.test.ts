import assert from "node:assert/strict";
import { follow, recordRoutes, request, respond } from "./compose.ts";
import { headerOf, headersOf, type SipRequest } from "./message.ts";
import { parseMessage } from "./parse.ts";
import { serialize } from "./serialize.ts";

const INVITE = request({
  method: "INVITE",
  uri: "sip:alice@contoso.example",
  branch: "z9hG4bKa",
  fqdn: "xmppgw.contoso.example",
  port: 5061,
  from: "<sip:romeo@fabrikam.example>;tag=1",
  to: "<sip:alice@contoso.example>",
  callId: "c",
  cseq: 7,
  routes: ["<sip:a;lr>", "<sip:b;lr>"],
  headers: [["Subject", "s"]],
});

const with_ = (changes: Readonly<Record<string, string>>): SipRequest => ({
  ...INVITE,
  headers: INVITE.headers.map((header) => ({ ...header, value: changes[header.key] ?? header.value })),
});

describe("a response", () => {
  it("mirrors its request and adds a tag where there is none", () => {
    const response = respond(INVITE, { status: 200, tag: "t", headers: [["Contact", "<sip:x>"]] }, null);
    assert.deepEqual(
      response.headers.map(({ name, value }) => `${name}: ${value}`),
      [
        "Via: SIP/2.0/TLS xmppgw.contoso.example:5061;branch=z9hG4bKa",
        "From: <sip:romeo@fabrikam.example>;tag=1",
        "To: <sip:alice@contoso.example>;tag=t",
        "Call-ID: c",
        "CSeq: 7 INVITE",
        "Contact: <sip:x>",
      ],
    );
    assert.equal(response.reason, "OK");
    assert.equal(headerOf(respond(with_({ to: "<sip:a@b> ; Tag=old" }), { status: 200, tag: "t" }, null), "to"), "<sip:a@b> ; Tag=old");
  });
  it("tells the address that the request came from in its top Via only", () => {
    const via = "SIP/2.0/TLS a;branch=z9hG4bK1, SIP/2.0/TLS b;branch=z9hG4bK2";
    const value = (text: string) => headerOf(respond(with_({ via: text }), { status: 200 }, "192.0.2.1"), "via");
    assert.equal(value(via), "SIP/2.0/TLS a;branch=z9hG4bK1;received=192.0.2.1, SIP/2.0/TLS b;branch=z9hG4bK2");
    assert.equal(value("SIP/2.0/TLS a;received=192.0.2.9"), "SIP/2.0/TLS a;received=192.0.2.9");
  });
  it("takes the Record-Route headers as they are", () => {
    const recorded = { headers: [{ name: "record-route", key: "record-route", value: "<sip:a;lr>,  <sip:b;lr>" }] };
    assert.deepEqual(recordRoutes(recorded), [["record-route", "<sip:a;lr>,  <sip:b;lr>"]]);
  });
});

describe("a request", () => {
  it("is one that we would take", () => {
    const parsed = parseMessage(serialize(INVITE));
    assert.ok(parsed.ok);
    assert.equal(parsed.received.essentials.maxForwards, 70);
  });
  it("that follows an INVITE has its Via, Route and number (RFC 3261 9.1, 17.1.1.3)", () => {
    const ack = follow(INVITE, "ACK", "<sip:alice@contoso.example>;tag=9");
    assert.deepEqual(headersOf(ack, "via"), headersOf(INVITE, "via"));
    assert.deepEqual(headersOf(ack, "route"), headersOf(INVITE, "route"));
    assert.equal(headerOf(ack, "cseq"), "7 ACK");
    assert.equal(headerOf(ack, "to"), "<sip:alice@contoso.example>;tag=9");
    assert.equal(headerOf(ack, "subject"), undefined);
    assert.equal(headerOf(follow(INVITE, "CANCEL", null), "to"), "<sip:alice@contoso.example>");
  });
});
