import assert from "node:assert/strict";
import type { Surroundings } from "./ports.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { Resumption } from "./xmpp-management.ts";
import { Resumptions } from "./xmpp-resumptions.ts";

const PAIR = { local: "contoso.example", partner: "fabrikam.example" };
const left = (previd: string): Resumption => ({ previd, handled: 3, acknowledged: 0, pending: [], until: 0 });

function made() {
  const timers: { at: number; act: () => void; cancelled: boolean }[] = [];
  const clock = {
    now: () => 0,
    after: (at: number, act: () => void) => {
      const timer = { at, act, cancelled: false };
      timers.push(timer);
      return { cancel: () => (timer.cancelled = true) };
    },
  };
  const expired: string[] = [];
  const resumptions = new Resumptions({ clock } as unknown as Surroundings, ({ previd }) => expired.push(previd));
  const pass = (): void => {
    for (const timer of timers.splice(0)) if (!timer.cancelled) timer.act();
  };
  return { resumptions, expired, timers, pass };
}

describe("what is left of lost streams", () => {
  it("is given once, and only to a peer that has proven one of its pairs", () => {
    const { resumptions } = made();
    resumptions.lost(left("a"), [PAIR]);
    assert.equal(resumptions.claim("a", []), null);
    assert.equal(resumptions.claim("a", [{ ...PAIR, partner: "woodgrove.example" }]), null);
    assert.equal(resumptions.claim("a", [{ ...PAIR, local: "other.example" }]), null);
    assert.equal(resumptions.claim("b", [PAIR]), null);
    assert.equal(resumptions.claim("a", [PAIR])?.handled, 3);
    assert.equal(resumptions.claim("a", [PAIR]), null);
  });

  it("is taken from a stream that still stands", () => {
    const { resumptions } = made();
    resumptions.stands("a", [PAIR], { surrender: () => left("a") });
    assert.equal(resumptions.claim("a", [PAIR])?.previd, "a");
    assert.equal(resumptions.size, 0);
  });

  it("is not there for a stream that ended for good", () => {
    const { resumptions, expired } = made();
    resumptions.stands("a", [PAIR], { surrender: () => left("a") });
    resumptions.ended("a");
    assert.equal(resumptions.claim("a", [PAIR]), null);
    assert.deepEqual(expired, []);
  });

  it("is kept for its time, told when nobody came, and forgotten", () => {
    const { resumptions, expired, timers, pass } = made();
    resumptions.lost(left("a"), [PAIR]);
    assert.equal(timers[0]?.at, XMPP_LIMITS.resumption);
    pass();
    assert.deepEqual(expired, ["a"]);
    assert.equal(resumptions.claim("a", [PAIR]), null);
  });

  it("is bounded: the oldest goes first, streams that stand stay", () => {
    const { resumptions, expired } = made();
    resumptions.stands("standing", [PAIR], { surrender: () => left("standing") });
    for (let index = 0; index <= XMPP_LIMITS.resumptions; index++) resumptions.lost(left(`${index}`), [PAIR]);
    assert.deepEqual(expired, ["0"]);
    assert.equal(resumptions.size, XMPP_LIMITS.resumptions + 1);
    resumptions.clear();
    assert.equal(expired.length, XMPP_LIMITS.resumptions + 1);
    assert.equal(resumptions.size, 0);
  });
});
