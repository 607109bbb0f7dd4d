import assert from "node:assert/strict";
import { STANZA_ERRORS, type StanzaErrorCondition } from "../xmpp/stanza-errors.ts";
import { conditionOfStatus, statusOfCondition, textOfStatus } from "./errors.ts";

const CONDITIONS = Object.keys(STANZA_ERRORS) as StanzaErrorCondition[];

describe("an XMPP error as SIP status", () => {
  // biome-ignore format: RFC 7247 table 2 with its corrections: full JID, bare JID
  const rows: readonly (readonly [StanzaErrorCondition, number, number])[] = [
    ["bad-request", 400, 400], ["conflict", 400, 400], ["feature-not-implemented", 405, 501], ["forbidden", 403, 403],
    ["gone", 410, 410], ["internal-server-error", 500, 500], ["item-not-found", 404, 404], ["jid-malformed", 400, 400],
    ["not-acceptable", 406, 406], ["not-allowed", 403, 403], ["not-authorized", 403, 403], ["policy-violation", 403, 403],
    ["recipient-unavailable", 480, 480], ["redirect", 480, 480], ["registration-required", 403, 403], ["remote-server-not-found", 404, 404],
    ["remote-server-timeout", 504, 504], ["resource-constraint", 500, 500], ["service-unavailable", 403, 403],
    ["subscription-required", 400, 400], ["undefined-condition", 400, 400], ["unexpected-request", 400, 400],
  ];
  for (const [condition, full, bare] of rows) {
    it(`${condition} is ${full} for a device and ${bare} for a user`, () => {
      assert.deepEqual([statusOfCondition(condition), statusOfCondition(condition, true)], [full, bare]);
    });
  }

  it("has a row for every condition there is", () =>
    assert.deepEqual(rows.map(([condition]) => condition).toSorted(), CONDITIONS.toSorted()));

  it("is never one that SIP forbids here, challenges without a challenge, redirects without an address, or ends forking", () => {
    for (const condition of CONDITIONS) {
      for (const bare of [false, true]) {
        const status = statusOfCondition(condition, bare);
        assert.ok(status >= 400 && status < 600 && ![401, 407, 408, 503].includes(status), `${condition} ${status}`);
      }
    }
  });
});

describe("a SIP status as XMPP error", () => {
  // biome-ignore format: RFC 7247 table 3, then its classes
  const rows: Readonly<Partial<Record<StanzaErrorCondition, readonly number[]>>> = {
    "redirect":                [300, 302, 305, 399],
    "gone":                    [301, 410],
    "not-acceptable":          [380, 406, 415, 416, 421, 482, 483, 488, 505, 606],
    "bad-request":             [400, 402, 493, 499],
    "not-authorized":          [401],
    "forbidden":               [403],
    "item-not-found":          [404, 481, 484, 485, 604],
    "feature-not-implemented": [405, 420, 439, 501],
    "registration-required":   [407],
    "remote-server-timeout":   [408, 504],
    "policy-violation":        [413, 414, 440, 489, 513],
    "resource-constraint":     [423],
    "recipient-unavailable":   [430, 480, 486, 487, 600, 603, 699],
    "unexpected-request":      [491],
    "internal-server-error":   [500, 503, 599],
    "remote-server-not-found": [502],
    "undefined-condition":     [0, 100, 200, 299, 700, Number.NaN],
  };
  for (const [condition, statuses] of Object.entries(rows)) {
    it(`is ${condition} for ${statuses.join(", ")}`, () => {
      for (const status of statuses) assert.equal(conditionOfStatus(status), condition, String(status));
    });
  }

  it("keeps the reason phrase, except with gone, where it would be taken for a new address", () => {
    assert.equal(textOfStatus(486, "Busy Here"), "486 Busy Here");
    assert.equal(textOfStatus(480, ""), "480");
    assert.equal(textOfStatus(410, "Gone"), undefined);
  });

  it("comes back, for what means the same on both sides, after going over", () => {
    const kept = [
      "bad-request",
      "forbidden",
      "gone",
      "item-not-found",
      "not-acceptable",
      "recipient-unavailable",
      "internal-server-error",
      "remote-server-timeout",
      "feature-not-implemented",
    ] as const;
    for (const condition of kept) assert.equal(conditionOfStatus(statusOfCondition(condition)), condition);
  });
});
