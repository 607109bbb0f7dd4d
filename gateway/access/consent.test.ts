import assert from "node:assert/strict";
import fc from "fast-check";
import { type Consent, type ConsentEvent, consentAfter, consentSince } from "./consent.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-06-01T00:00:00Z");
const GIVEN: Consent = { grantedAt: NOW - 20 * DAY, renewedAt: NOW - 10 * DAY };
const next = (event: ConsentEvent, previous: Consent | null, now = NOW) => consentAfter(event, previous, now, 30);

describe("consent", () => {
  it("is given by a subscription, and renewed by the next", () => {
    assert.deepEqual(next({ kind: "subscribe", expires: 3600 }, null), { grantedAt: NOW, renewedAt: NOW });
    assert.deepEqual(next({ kind: "subscribe", expires: 1 }, GIVEN), { grantedAt: GIVEN.grantedAt, renewedAt: NOW });
  });

  it("is neither given nor ended by a fetch", () => {
    assert.equal(next({ kind: "subscribe", expires: 0 }, null), null);
    assert.deepEqual(next({ kind: "subscribe", expires: 0 }, GIVEN), GIVEN);
  });

  it("outlives the subscription and the sign-out, which do not give it either", () => {
    for (const kind of ["subscriptionEnded", "signedOut"] as const) {
      assert.deepEqual(next({ kind }, GIVEN), GIVEN);
      assert.equal(next({ kind }, null), null);
    }
  });

  it("is ended by an operator", () => assert.equal(next({ kind: "revoked" }, GIVEN), null));

  it("ends after its days without a subscription, and begins anew with the next", () => {
    const last = GIVEN.renewedAt + 30 * DAY;
    assert.deepEqual(next({ kind: "signedOut" }, GIVEN, last), GIVEN);
    assert.equal(next({ kind: "signedOut" }, GIVEN, last + 1), null);
    assert.deepEqual(next({ kind: "subscribe", expires: 60 }, GIVEN, last + 1), { grantedAt: last + 1, renewedAt: last + 1 });
    assert.equal(consentSince(last, 30), GIVEN.renewedAt);
  });

  it("exists, whatever happened, only if a subscription came and no revocation after it", () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant("subscribe" as const), expires: fc.nat(10) }),
      fc.record({ kind: fc.constantFrom("subscriptionEnded" as const, "signedOut" as const, "revoked" as const) }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const end = events.reduce<Consent | null>((consent, each) => next(each, consent), null);
        const expected = events.reduce(
          (given, each) => (each.kind === "revoked" ? false : given || (each.kind === "subscribe" && each.expires > 0)),
          false,
        );
        assert.equal(end !== null, expected);
      }),
    );
  });
});
