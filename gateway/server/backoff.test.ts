import assert from "node:assert/strict";
import fc from "fast-check";
import { eventually, message, ROWS, type TestEdge, XmppWorld } from "../../test/support/xmpp-world.ts";
import { failure } from "../negotiation/failures.ts";
import { Backoff, waitAfter } from "./backoff.ts";
import type { Sent } from "./ports.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

const refused = failure("connect-failed", { peer: "fabrikam.example", detail: "ECONNREFUSED" });

describe("the wait between attempts", () => {
  it("doubles from one second to sixty", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => waitAfter(failures, 0) / 1000);
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it("is never below its step, and by chance up to a quarter above", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, random) => {
        const step = waitAfter(failures, 0);
        const wait = waitAfter(failures, random);
        assert.ok(wait >= step && wait <= step * (1 + XMPP_LIMITS.backoffJitter));
        assert.ok(step >= XMPP_LIMITS.backoffShortest && step <= XMPP_LIMITS.backoffLongest);
      }),
    );
  });
});

describe("the back-off of a pair", () => {
  it("lets the first attempt start at once", () => {
    const backoff = new Backoff();
    assert.deepEqual([backoff.left(0), backoff.refusal(0, 100), backoff.active], [0, null, false]);
  });

  it("holds the next one back, longer with each failure, and counts from the failure", () => {
    const backoff = new Backoff();
    backoff.failed(refused, 10_000, 0);
    assert.deepEqual([backoff.left(10_000), backoff.left(10_999), backoff.left(11_000)], [1000, 1, 0]);
    backoff.failed(refused, 20_000, 0.5);
    assert.equal(backoff.left(20_000), 2250);
  });

  it("begins anew after a success", () => {
    const backoff = new Backoff();
    for (const at of [0, 1, 2, 3]) backoff.failed(refused, at, 0);
    backoff.reset();
    assert.equal(backoff.left(3), 0);
    backoff.failed(refused, 4, 0);
    assert.equal(backoff.left(4), 1000);
  });

  it("does not count what this edge refused before it asked the partner anything", () => {
    const backoff = new Backoff();
    for (const code of ["edge-full", "partner-limit", "host-not-served", "no-method", "edge-stopping"] as const)
      backoff.failed(failure(code), 0, 0);
    assert.deepEqual([backoff.left(0), backoff.active], [0, false]);
  });

  it("lets a stanza wait that the next attempt can still serve, and refuses others with the last failure and a time", () => {
    const backoff = new Backoff();
    for (const _ of [1, 2, 3]) backoff.failed(refused, 0, 0);
    assert.equal(backoff.left(0), 4000);
    assert.equal(backoff.refusal(2000, 4001), null);
    assert.equal(backoff.refusal(2000, 4000)?.code, "connect-failed");
    assert.equal(backoff.refusal(1999, 60_000)?.text, `${refused.text}; the next attempt is in 3 seconds`);
    assert.equal(backoff.refusal(0, 60_000)?.condition, refused.condition);
    assert.equal(backoff.refusal(4000, 4001), null);
  });
});

describe("the back-off on the way to a partner", () => {
  let world: XmppWorld;
  let shortest: number;
  const limits: { -readonly [K in keyof typeof XMPP_LIMITS]: number } = XMPP_LIMITS;
  beforeEach(() => {
    world = new XmppWorld();
    shortest = limits.backoffShortest;
  });
  afterEach(() => {
    limits.backoffShortest = shortest;
    return world.stop();
  });

  const partner = { domain: "fabrikam.example", ...ROWS.tcpDialback };
  const contoso = () => world.edge({ domain: "contoso.example", partners: [partner] });
  const say = (edge: TestEdge, milliseconds = 3000): Promise<Sent> =>
    edge.side.send(message("ann@contoso.example", "bob@fabrikam.example", "x"), Date.now() + milliseconds);
  /** A server that hangs up until told otherwise; counts its connections. */
  async function hangsUp() {
    const seen = { connections: 0 };
    await world.serve("fabrikam.example", async (peer) => {
      seen.connections++;
      peer.close();
    });
    return seen;
  }
  const fabrikam = () => world.edge({ domain: "fabrikam.example", partners: [{ domain: "contoso.example", ...ROWS.tcpDialback }] });

  it("a stanza behind a failure waits for the next attempt, which starts by itself and no earlier than it may", async () => {
    const edge = await contoso();
    const seen = await hangsUp();
    assert.equal((await say(edge)).sent, false);
    const since = Date.now();
    const second = say(edge);
    assert.equal(seen.connections, 1);
    assert.equal((await second).sent, false);
    assert.equal(seen.connections, 2);
    assert.ok(Date.now() - since >= 990, `${Date.now() - since} ms`);
  });

  it("a stanza that cannot wait so long is refused at once with the cause and the time of the next attempt", async () => {
    limits.backoffShortest = 9000;
    const edge = await contoso();
    const seen = await hangsUp();
    const first = await say(edge);
    const second = await say(edge, 60_000);
    assert.ok(!first.sent && !second.sent);
    assert.equal(second.because.code, first.because.code);
    assert.match(second.because.text, /; the next attempt is in (9|1\d) seconds$/);
    assert.equal(seen.connections, 1);
  });

  it("a stanza whose deadline is before the next attempt is refused at once", async () => {
    const edge = await contoso();
    await hangsUp();
    await say(edge);
    const since = Date.now();
    const second = await say(edge, 500);
    assert.ok(!second.sent && /the next attempt is in/.test(second.because.text));
    assert.ok(Date.now() - since < 400);
  });

  it("a success ends it: a stream that is lost later is made anew without a wait", async () => {
    const edge = await contoso();
    await hangsUp();
    await say(edge);
    const other = await fabrikam();
    assert.equal((await say(edge)).sent, true);
    await other.side.drain(200);
    await eventually(() => edge.side.connections().length === 0);
    await fabrikam();
    const since = Date.now();
    assert.equal((await say(edge)).sent, true);
    assert.ok(Date.now() - since < 900);
  });

  it("a reload that touches the partner ends it, and what waits is tried now", async () => {
    const edge = await contoso();
    await hangsUp();
    await say(edge);
    await fabrikam();
    const since = Date.now();
    const second = say(edge);
    edge.reload({ partners: [{ ...partner, description: "called them" }] });
    assert.equal((await second).sent, true);
    assert.ok(Date.now() - since < 900);
  });

  it("another certificate of ours ends it too", async () => {
    limits.backoffShortest = 9000;
    const edge = await contoso();
    await hangsUp();
    await say(edge);
    await fabrikam();
    edge.reload({ certificate: world.issue("contoso.example") });
    assert.equal((await say(edge)).sent, true);
  });

  it("a reload that changes something else does not", async () => {
    limits.backoffShortest = 9000;
    const edge = await contoso();
    await hangsUp();
    await say(edge);
    edge.reload({ partners: [partner, { domain: "litware.example", ...ROWS.external }] });
    const second = await say(edge);
    assert.ok(!second.sent && /the next attempt is in/.test(second.because.text));
  });
});
