import assert from "node:assert/strict";
import fc from "fast-check";
import type { Method } from "../config/matrix.ts";
import { NS } from "../xmpp/namespaces.ts";
import { FAILURES, failure } from "./failures.ts";
import { INBOUND, type InboundState, PAIR, type PairState, stepInbound, stepPair } from "./inbound.ts";
import type { HeaderKnown, InboundKnown, OutboundKnown, PairKnown } from "./known.ts";
import { offered } from "./offer.ts";
import { OUTBOUND, type OutboundState, stepOutbound } from "./outbound.ts";
import { makeMachine, rowsByEvent, type Table } from "./step.ts";

type AnyTable = Table<string, string, string, string, string, never>;
const TABLES = { inbound: INBOUND, pair: PAIR, outbound: OUTBOUND } as unknown as Record<string, AnyTable>;

// ---- what may be known -------------------------------------------------------------------------------------------

const methods = fc.subarray<Method>(["sasl-over-tls", "tls-dialback", "tcp-dialback"]).map((some) => new Set(some));
const certificate = fc.constantFrom("none", "invalid", "valid");
const domain = fc.constantFrom("fabrikam.example", "woodgrove.example", null);

const header: fc.Arbitrary<HeaderKnown> = fc.record({
  from: domain,
  to: fc.constantFrom("contoso.example", null),
  fromInvalid: fc.boolean(),
  toInvalid: fc.boolean(),
  contentNamespace: fc.constantFrom(NS.server, NS.client, null),
  version: fc.constantFrom("none", "1.0", "unsupported"),
  dialbackDeclared: fc.boolean(),
});

const pair: fc.Arbitrary<PairKnown> = fc.record({
  addressesValid: fc.boolean(),
  listed: fc.boolean(),
  served: fc.boolean(),
  methods,
  proven: fc.boolean(),
  partnerProven: fc.boolean(),
});

const management = fc.record({ allowed: fc.boolean(), enabled: fc.boolean(), tooHigh: fc.boolean(), unreadable: fc.boolean() });
const bidi = fc.record({ allowed: fc.boolean(), requested: fc.boolean() });

const inboundKnown: fc.Arbitrary<InboundKnown> = fc.record({
  tls: fc.boolean(),
  header: fc.option(header),
  earlier: fc.option(header),
  listed: fc.boolean(),
  served: fc.boolean(),
  methods,
  certificate,
  authenticated: fc.boolean(),
  saslFailures: fc.nat({ max: 4 }),
  bytesFollow: fc.boolean(),
  limitReached: fc.boolean(),
  pairsProven: fc.nat({ max: 2 }),
  pairsOpen: fc.nat({ max: 101 }),
  auth: fc.option(fc.record({ mechanism: fc.constantFrom("EXTERNAL", "PLAIN"), authzid: fc.constantFrom("same", "other", "malformed") })),
  pair: fc.option(pair),
  management,
  bidi,
});

const outboundKnown: fc.Arbitrary<OutboundKnown> = fc.record({
  purpose: fc.constantFrom("stanzas", "verify"),
  methods,
  tls: fc.boolean(),
  plainForbidden: fc.boolean(),
  header: fc.option(header),
  features: fc.option(
    fc.record({
      starttls: fc.boolean(),
      starttlsRequired: fc.boolean(),
      external: fc.boolean(),
      dialback: fc.boolean(),
      bidi: fc.boolean(),
      management: fc.boolean(),
    }),
  ),
  certificate,
  externalSkipped: fc.boolean(),
  externalRefused: fc.boolean(),
  starttlsUnadvertised: fc.boolean(),
  bytesFollow: fc.boolean(),
  answerMatches: fc.boolean(),
  hostUnknown: fc.boolean(),
  management,
  resumable: fc.boolean(),
  bidi,
  stanzaAddressed: fc.boolean(),
  stanzaOfPair: fc.boolean(),
});

const moves = <E extends string, K>(events: readonly E[], known: fc.Arbitrary<K>) =>
  fc.array(fc.tuple(fc.constantFrom(...events), known), { minLength: 1, maxLength: 40 });

// ---- the tables --------------------------------------------------------------------------------------------------

describe("the negotiation tables", () => {
  for (const [name, table] of Object.entries(TABLES)) {
    it(`${name}: every guarded event has rows for all cases`, () => {
      for (const state of table.states) {
        for (const [event, rows] of rowsByEvent(table, state)) {
          const guarded = rows.filter(([, , when]) => when !== "else");
          assert.ok(guarded.length === 0 || rows.some(([, , when]) => when === "else"), `${state} ${event} has no else`);
        }
      }
    });

    it(`${name}: no row is written twice, and none stands behind an else`, () => {
      const keys = table.rows.map(([state, on, when]) => `${state} ${on} ${when}`);
      assert.deepEqual(keys, [...new Set(keys)]);
      for (const state of table.states) {
        for (const [event, rows] of rowsByEvent(table, state)) {
          const own = rows.filter(([written]) => written === state);
          const last = own.findIndex(([, , when]) => when === "else");
          assert.ok(last === -1 || last === own.length - 1, `${state} ${event} goes on after else`);
        }
      }
    });

    it(`${name}: every state can be reached and every row cites a clause`, () => {
      const reached = new Set(table.rows.map(([, , , , then]) => then));
      for (const state of table.states.slice(1)) assert.ok(reached.has(state), `${state} is never entered`);
      for (const row of table.rows) assert.match(row[5], /^(RFC \d{4}|XEP-\d{4}) \d+(\.\d+)*$/);
    });

    it(`${name}: each failure it names is in the failure table`, () => {
      for (const [, , , act] of table.rows) {
        const code = /^(?:fail|refuse|verifyError):(.*)$/.exec(act)?.[1];
        if (code !== undefined) assert.ok(Object.hasOwn(FAILURES, code), code);
      }
    });
  }

  it("a stream that was failed is closed", () => {
    for (const row of [...INBOUND.rows, ...OUTBOUND.rows]) if (row[3].startsWith("fail:")) assert.equal(row[4], "closed");
  });

  it("nothing happens on a closed stream", () => {
    fc.assert(fc.property(fc.constantFrom(...INBOUND.events), inboundKnown, (event, known) => !stepInbound("closed", event, known).found));
    fc.assert(
      fc.property(fc.constantFrom(...OUTBOUND.events), outboundKnown, (event, known) => !stepOutbound("closed", event, known).found),
    );
  });

  it("an event without a row says what came and what was expected", () => {
    fc.assert(
      fc.property(inboundKnown, (known) => {
        const step = stepInbound("awaitHeader", "starttls", known);
        assert.ok(!step.found);
        assert.match(step.text, /^got starttls in state awaitHeader; expected header, /);
      }),
    );
  });
});

// ---- what they promise -------------------------------------------------------------------------------------------

describe("whatever comes in whatever order", () => {
  it("the receiving side is authenticated only after EXTERNAL over TLS with a certificate that proves from", () => {
    fc.assert(
      fc.property(moves(INBOUND.events, inboundKnown), (events) => {
        let state: InboundState = "awaitHeader";
        let accepted = false;
        for (const [event, known] of events) {
          const step = stepInbound(state, event, known);
          if (!step.found) break;
          if (step.act === "acceptExternal") {
            accepted = true;
            assert.ok(known.tls && known.certificate === "valid" && known.methods.has("sasl-over-tls") && known.header?.from);
            assert.deepEqual(known.auth, { mechanism: "EXTERNAL", authzid: "same" });
          }
          if (step.next === "awaitAuthenticatedHeader" || step.next === "authenticated")
            assert.ok(accepted, `${step.next} without acceptExternal`);
          state = step.next;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("a stanza is routed only where its own pair is proven", () => {
    fc.assert(
      fc.property(fc.constantFrom(...INBOUND.states), inboundKnown, (state, known) => {
        const step = stepInbound(state, "stanza", known);
        if (step.found && step.act === "route") assert.ok(known.pair?.proven && known.pair.addressesValid && known.pair.served);
        if (!known.pair?.proven) assert.ok(!step.found || step.next === "closed");
      }),
      { numRuns: 2000 },
    );
  });

  it("a pair is proven only by a valid answer while it was being verified, and while its row still admits dialback here", () => {
    fc.assert(
      fc.property(fc.constantFrom(...PAIR.states), fc.constantFrom(...PAIR.events), inboundKnown, (state: PairState, event, known) => {
        const step = stepPair(state, event, known);
        if (!step.found || step.next !== "proven" || state === "proven") return;
        assert.equal(`${state} ${event} ${step.act}`, "verifying keyValid provePair");
        assert.ok(known.pair?.listed && known.pair.served && known.pair.methods.has(known.tls ? "tls-dialback" : "tcp-dialback"));
      }),
      { numRuns: 3000 },
    );
  });

  it("the initiating side is ready only by EXTERNAL's success or an answer that matches, never in clear where the row has no P", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...OUTBOUND.states),
        fc.constantFrom(...OUTBOUND.events),
        outboundKnown,
        (state: OutboundState, event, known) => {
          const step = stepOutbound(state, event, known);
          if (!step.found) return;
          if (step.next === "ready") assert.ok(["proven", "awaitResumption", "ready"].includes(state));
          if (step.next === "proven" && state !== "proven") {
            const external = state === "awaitAuthenticatedFeatures" && step.act === "proveExternal";
            const dialback = state === "awaitVerdict" && event === "verdictValid" && known.answerMatches && step.act === "proveDialback";
            assert.ok(external || dialback);
          }
          if (step.act === "route") assert.ok(known.bidi.requested && known.stanzaOfPair && ["ready", "awaitResumption"].includes(state));
          if (step.act === "requestBidi")
            assert.ok(known.certificate === "valid" || known.methods.has(known.tls ? "tls-dialback" : "tcp-dialback"));
          if (step.act === "authExternal") assert.ok(known.tls && known.certificate === "valid" && known.methods.has("sasl-over-tls"));
          if (step.act.startsWith("send") && state === "choosePlain") {
            assert.ok(known.methods.has("tcp-dialback") && !known.tls && !known.plainForbidden);
          }
          if (step.act === "sendKey" && state !== "choosePlain") assert.ok(known.methods.has("tls-dialback"));
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it("each state of the initiating side is entered from its own predecessors only", () => {
    const into = (state: OutboundState) => [...new Set(OUTBOUND.rows.filter((row) => row[4] === state).map((row) => row[0]))].toSorted();
    assert.deepEqual(into("ready"), ["awaitResumption", "proven"]);
    assert.deepEqual(into("awaitResumption"), ["proven"]);
    assert.deepEqual(into("proven"), ["awaitAuthenticatedFeatures", "awaitVerdict"]);
    assert.deepEqual(into("awaitAuthenticatedFeatures"), ["awaitAuthenticatedHeader"]);
    assert.deepEqual(into("awaitAuthenticatedHeader"), ["awaitSaslOutcome"]);
    assert.deepEqual(into("awaitSaslOutcome"), ["chooseSecure"]);
    assert.deepEqual(into("chooseSecure"), ["awaitSecureFeatures"]);
    assert.deepEqual(into("awaitSecureFeatures"), ["awaitSecureHeader"]);
    assert.deepEqual(into("awaitSecureHeader"), ["awaitHandshake"]);
  });

  it("what is offered is what is admitted", () => {
    fc.assert(
      fc.property(inboundKnown, (known) => {
        const offers = offered(known);
        const starttls = stepInbound("awaitChoice", "starttls", { ...known, bytesFollow: false });
        assert.equal(starttls.found && starttls.act === "proceed", offers.includes("starttls"));
        const asked = { ...known, bytesFollow: false, auth: { mechanism: "EXTERNAL", authzid: "same" } as const };
        const auth = stepInbound("awaitSecureChoice", "auth", asked);
        assert.equal(auth.found && auth.act === "acceptExternal", offers.includes("external"));
        const own = { addressesValid: true, listed: true, served: true, methods: known.methods, proven: false, partnerProven: false };
        const key = stepPair("unknown", "key", { ...known, pair: own, limitReached: false, pairsOpen: 0 });
        assert.equal(key.found && key.act === "askAuthority", offers.includes("dialback"));
        const bidi = stepInbound(known.tls ? "awaitSecureChoice" : "awaitChoice", "bidi", known);
        assert.equal(bidi.found && bidi.act === "enableBidi", offers.includes("bidi"));
      }),
      { numRuns: 2000 },
    );
  });

  it("streams are managed and resumed only by a peer that is proven, and where the settings admit it", () => {
    fc.assert(
      fc.property(fc.constantFrom(...INBOUND.states), fc.constantFrom("smEnable", "smResume"), inboundKnown, (state, event, known) => {
        const step = stepInbound(state, event, known);
        if (!step.found || !["enableManagement", "resume"].includes(step.act)) return;
        assert.ok(known.pairsProven > 0 && known.management.allowed && !known.management.enabled);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the walker", () => {
  it("takes the first row that fits, groups included", () => {
    const step = makeMachine<"a" | "b", "all", "x", "yes", "one" | "two", boolean>({
      states: ["a", "b"],
      events: ["x"],
      groups: { all: ["a", "b"] },
      guards: { yes: (known) => known },
      rows: [
        ["a", "x", "yes", "one", "b", "RFC 0000 1"],
        ["all", "x", "else", "two", "same", "RFC 0000 2"],
      ],
    });
    assert.deepEqual(step("a", "x", true), { found: true, act: "one", next: "b", because: "RFC 0000 1" });
    assert.deepEqual(step("a", "x", false), { found: true, act: "two", next: "a", because: "RFC 0000 2" });
    assert.deepEqual(step("b", "x", true), { found: true, act: "two", next: "b", because: "RFC 0000 2" });
  });
});

describe("failures", () => {
  it("every sentence is filled in, also where facts are missing", () => {
    for (const code of Object.keys(FAILURES) as (keyof typeof FAILURES)[]) {
      assert.doesNotMatch(failure(code).text, /\{|undefined/);
      assert.doesNotMatch(failure(code, { peer: "a.example", local: "b.example", detail: "why" }).text, /unknown|\{/);
    }
  });

  it("the unlisted partner's names the policy", () => {
    assert.equal(
      failure("partner-not-listed", { peer: "partner.example" }).text,
      "partner.example is not a federated partner of this edge",
    );
  });
});
