import assert from "node:assert/strict";
import { SENT_LIMITS, SentMessages } from "./sent-messages.ts";

const message = { from: "sip:juliet@contoso.example", to: "sip:romeo@fabrikam.example", chat: true, thread: null };

describe("the messages that were sent", () => {
  it("are told once", () => {
    const sent = new SentMessages();
    sent.remember("1", message, 0);
    assert.deepEqual(sent.take("1", 1), message);
    assert.equal(sent.take("1", 2), null);
  });
  it("are forgotten with age", () => {
    const sent = new SentMessages();
    sent.remember("1", message, 0);
    assert.equal(sent.take("1", SENT_LIMITS.age + 1), null);
    sent.remember("2", message, 0);
    sent.remember("3", message, SENT_LIMITS.age + 1);
    assert.equal(sent.size, 1);
  });
  it("are bounded: the oldest goes first", () => {
    const sent = new SentMessages(2);
    for (const id of ["1", "2", "3"]) sent.remember(id, message, 0);
    assert.equal(sent.size, 2);
    assert.equal(sent.take("1", 0), null);
    assert.ok(sent.take("3", 0));
  });
});
