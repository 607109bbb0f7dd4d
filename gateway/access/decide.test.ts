import assert from "node:assert/strict";
import { PARTNER_TYPES, type PartnerType } from "../config/schema.ts";
import { STANZA_ERRORS } from "../xmpp/stanza-errors.ts";
import { type Ask, decide } from "./decide.ts";
import { WISHES, type Wish } from "./partner-types.ts";
import { REFUSALS, type Reason } from "./refusals.ts";

const ASK: Ask = { direction: "fromPartner", partner: { partnerType: "federated" }, served: true, wish: "sendMessage", hasConsent: false };
const outcome = (changes: Partial<Ask>): "allow" | Reason => {
  const decision = decide({ ...ASK, ...changes });
  return decision.verdict === "allow" ? "allow" : decision.because;
};

describe("a partner's user", () => {
  // biome-ignore format: the page's three types, each wish without and with consent
  const rows: readonly (readonly [PartnerType, Wish, "allow" | Reason, "allow" | Reason])[] = [
    // type               wish            a stranger         a contact
    ["federated",        "seePresence",  "allow",           "allow"         ],
    ["federated",        "sendMessage",  "allow",           "allow"         ],
    ["federated",        "seeNote",      "allow",           "allow"         ],
    ["publicVerified",   "seePresence",  "allow",           "allow"         ],
    ["publicVerified",   "sendMessage",  "allow",           "allow"         ],
    ["publicVerified",   "seeNote",      "never-for-type",  "never-for-type"],
    ["publicUnverified", "seePresence",  "not-a-contact",   "allow"         ],
    ["publicUnverified", "sendMessage",  "not-a-contact",   "allow"         ],
    ["publicUnverified", "seeNote",      "never-for-type",  "never-for-type"],
  ];
  for (const [partnerType, wish, stranger, contact] of rows) {
    it(`of type ${partnerType}: ${wish} is ${stranger} for a stranger and ${contact} for a contact`, () => {
      assert.equal(outcome({ partner: { partnerType }, wish, hasConsent: false }), stranger);
      assert.equal(outcome({ partner: { partnerType }, wish, hasConsent: true }), contact);
    });
  }

  it("has every type and wish in the table above", () => {
    assert.equal(new Set(rows.map(([type, wish]) => `${type} ${wish}`)).size, PARTNER_TYPES.length * WISHES.length);
  });

  it("of a domain that nobody lists gets nothing, with or without consent", () => {
    for (const wish of WISHES) assert.equal(outcome({ partner: null, wish, hasConsent: true }), "partner-not-listed");
  });

  it("reaches only domains that are served", () => assert.equal(outcome({ served: false }), "domain-not-served"));

  it("reaches only users who are enabled", () => {
    assert.equal(outcome({ userEnabled: false }), "user-not-enabled");
    assert.equal(outcome({ userEnabled: true }), "allow");
  });

  it("may answer in a session that the user here opened, and sees no presence by it", () => {
    const partner = { partnerType: "publicUnverified" } as const;
    assert.equal(outcome({ partner, inOwnSession: true }), "allow");
    assert.equal(outcome({ partner, inOwnSession: false }), "not-a-contact");
    assert.equal(outcome({ partner, inOwnSession: true, wish: "seePresence" }), "not-a-contact");
  });

  it("is told the first reason in the order listed, served, enabled, type, contact", () => {
    const all: Partial<Ask> = { partner: null, served: false, userEnabled: false, wish: "seeNote" };
    const partner = { partnerType: "publicUnverified" } as const;
    assert.equal(outcome(all), "partner-not-listed");
    assert.equal(outcome({ ...all, partner }), "domain-not-served");
    assert.equal(outcome({ ...all, partner, served: true }), "user-not-enabled");
    assert.equal(outcome({ ...all, partner, served: true, userEnabled: true }), "never-for-type");
  });
});

describe("a user here", () => {
  it("may reach the users of every listed partner, whatever its type, and nobody else", () => {
    for (const partnerType of PARTNER_TYPES) assert.equal(outcome({ direction: "toPartner", partner: { partnerType } }), "allow");
    assert.equal(outcome({ direction: "toPartner", partner: null }), "partner-not-listed");
    assert.equal(outcome({ direction: "toPartner", served: false }), "domain-not-served");
    assert.equal(outcome({ direction: "toPartner", userEnabled: false }), "user-not-enabled");
  });
});

describe("refusals", () => {
  it("have a condition of RFC 6120, a final failure of SIP that ends no search, and a sentence", () => {
    for (const [reason, { condition, status, text }] of Object.entries(REFUSALS)) {
      assert.ok(condition in STANZA_ERRORS, reason);
      assert.ok(status >= 400 && status < 500 && ![401, 407, 408].includes(status), reason);
      assert.match(text, /^[a-z].{20,}/, reason);
    }
  });
});
