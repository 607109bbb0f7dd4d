import assert from "node:assert/strict";
import {
  INITIAL,
  MACHINES,
  ROWS,
  responseEvent,
  serverKey,
  step,
  TIMERS,
  type TransactionEvent,
  type TransactionState,
} from "./transactions.ts";

const EVENTS: readonly TransactionEvent[] = [
  "request",
  "again",
  "ack",
  "provisional",
  "success",
  "failure",
  "transportError",
  "timerB",
  "timerD",
  "timerF",
  "timerH",
  "timerI",
  "timerJ",
  "timerK",
  "timerL",
  "timerM",
];

/** The states that a sequence of events passes through. */
function walk(machine: (typeof MACHINES)[number], ...events: TransactionEvent[]): string {
  let state: TransactionState = INITIAL[machine];
  return events
    .map((event) => {
      const taken = step(machine, state, event);
      state = taken?.next ?? state;
      return `${state}${taken ? ` ${taken.effects.join("+")}` : " -"}`;
    })
    .join(" | ");
}

describe("the transaction machines", () => {
  for (const machine of MACHINES) {
    it(`${machine}: one row for a state and event, each state reached and left`, () => {
      const seen = new Set<string>();
      for (const [state, on] of ROWS[machine]) {
        assert.ok(!seen.has(`${state} ${on}`), `${state} ${on} stands twice`);
        seen.add(`${state} ${on}`);
      }
      const reached = new Set<string>([INITIAL[machine], ...ROWS[machine].map((row) => row[3])]);
      const left = new Set<string>([...ROWS[machine].map((row) => row[0]), "terminated"]);
      assert.deepEqual([...reached].sort(), [...left].sort());
    });
    it(`${machine}: every timer that is started is awaited where it may end`, () => {
      for (const [, , effects, next] of ROWS[machine]) {
        for (const effect of effects) {
          if (effect.startsWith("start"))
            assert.ok(step(machine, next, `timer${effect.slice(5)}` as TransactionEvent), `${effect} in ${next}`);
        }
      }
    });
    it(`${machine}: nothing happens after the end`, () => {
      for (const event of EVENTS) assert.equal(step(machine, "terminated", event), null);
    });
  }

  it("an INVITE of ours is acknowledged when it fails, and its 2xx are all told", () => {
    assert.equal(
      walk("inviteClient", "request", "provisional", "failure", "timerD"),
      "calling send+startB | proceeding stopB+tell | completed sendAck+tell+startD | terminated ",
    );
    assert.equal(walk("inviteClient", "success", "success", "timerM"), "accepted stopB+tell+startM | accepted tell | terminated ");
    assert.equal(walk("inviteClient", "timerB"), "terminated tellTimeout");
  });
  it("a request of ours ends with its answer or with Timer F, also after a provisional answer", () => {
    assert.equal(walk("nonInviteClient", "request", "success", "timerK"), "trying send+startF | completed stopF+tell+startK | terminated ");
    assert.equal(walk("nonInviteClient", "provisional", "timerF"), "proceeding tell | terminated tellTimeout");
  });
  it("an INVITE of the peer that came again gets the last answer, and none once it was accepted (RFC 6026)", () => {
    assert.equal(
      walk("inviteServer", "request", "again", "failure", "again", "ack", "timerI"),
      "proceeding tell | proceeding sendLast | completed send+startH | completed sendLast | confirmed stopH+startI | terminated ",
    );
    assert.equal(
      walk("inviteServer", "success", "again", "success", "ack", "timerL"),
      "accepted send+startL | accepted  | accepted send | accepted tell | terminated ",
    );
  });
  it("a request of the peer is told once", () => {
    assert.equal(
      walk("nonInviteServer", "request", "again", "success", "again", "timerJ"),
      "trying tell | trying  | completed send+startJ | completed sendLast | terminated ",
    );
  });
  it("has the timers of a reliable transport", () =>
    assert.deepEqual(TIMERS, { B: 64, D: 0, F: 64, H: 64, I: 0, J: 0, K: 0, L: 64, M: 64 }));
  it("tells responses by class", () =>
    assert.deepEqual([100, 199, 200, 299, 300, 699].map(responseEvent), [
      "provisional",
      "provisional",
      "success",
      "success",
      "failure",
      "failure",
    ]));

  it("finds a request by its branch, or by all the rest where an RFC 2543 element made that", () => {
    const address = { display: null, uri: { scheme: "sip", text: "sip:a" }, parameters: [] };
    const essentials = (branch: string | null, callId: string) => ({
      via: [{ transport: "TLS", host: "h", port: 5061, parameters: [], branch }] as const,
      from: address,
      fromTag: "f",
      to: address,
      toTag: null,
      callId,
      cseq: { number: 1, method: "INVITE" },
      maxForwards: null,
    });
    assert.equal(serverKey(essentials("z9hG4bK1", "c"), "ACK"), serverKey(essentials("z9hG4bK1", "d"), "INVITE"));
    assert.notEqual(serverKey(essentials("z9hG4bK1", "c"), "CANCEL"), serverKey(essentials("z9hG4bK1", "c"), "INVITE"));
    assert.notEqual(serverKey(essentials("1", "c"), "INVITE"), serverKey(essentials("1", "d"), "INVITE"));
    assert.notEqual(serverKey(essentials(null, "c"), "INVITE"), serverKey(essentials(null, "d"), "INVITE"));
  });
});
