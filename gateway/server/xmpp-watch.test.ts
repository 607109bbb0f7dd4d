import assert from "node:assert/strict";
import { documentInput } from "../../test/support/edge-document.ts";
import { parseDocument } from "../config/parse.ts";
import type { Partner, PartnerInput } from "../config/schema.ts";
import type { Clock } from "./ports.ts";
import type { XmppContext } from "./xmpp-context.ts";
import { Watch } from "./xmpp-watch.ts";

/** Time that passes only when told; timers fire in their order. */
function steppedClock(): Clock & { pass(seconds: number): void; readonly waiting: number } {
  let now = 1_000_000;
  let timers: { readonly at: number; readonly act: () => void }[] = [];
  return {
    now: () => now,
    after(milliseconds, act) {
      const timer = { at: now + milliseconds, act };
      timers.push(timer);
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    get waiting() {
      return timers.length;
    },
    pass(seconds) {
      const until = now + seconds * 1000;
      for (;;) {
        const [due] = timers.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
        if (!due) break;
        timers = timers.filter((other) => other !== due);
        now = due.at;
        due.act();
      }
      now = until;
    },
  };
}

const PAIR = { local: "contoso.example", partner: "fabrikam.example" };

/** A watched stream whose facts the test sets, on gateway settings of its own. */
function watched(partnerSettings: Partial<PartnerInput> = {}) {
  const clock = steppedClock();
  const document = parseDocument(
    documentInput({
      partners: [{ domain: "fabrikam.example", ...partnerSettings }],
      gateway: { streamEstablishmentTimeout: 60, keepAliveInterval: 300, streamInactivityTimeout: 600 },
    }),
  );
  const acted: string[] = [];
  const stream = {
    lastHeard: clock.now(),
    lastStanza: clock.now(),
    proven: true,
    otherHeard: 0,
    lastWritten: clock.now(),
    peerIdleSeconds: null as number | null,
  };
  const context = {
    surroundings: { clock },
    current: () => ({ state: { document } }),
    streams: { lastHeard: () => stream.otherHeard },
  } as unknown as XmppContext;
  const begin = (): Watch =>
    new Watch(
      context,
      {
        get lastHeard() {
          return stream.lastHeard;
        },
        get lastStanza() {
          return stream.lastStanza;
        },
        get lastWritten() {
          return stream.lastWritten;
        },
        get peerIdleSeconds() {
          return stream.peerIdleSeconds;
        },
        pairs: () => (stream.proven ? [PAIR] : []),
        partners: () => new Set<Partner>(stream.proven ? document.partners : []),
      },
      {
        timedOut: (seconds) => acted.push(`timedOut ${seconds}`),
        probe: () => acted.push("probe"),
        lifeless: (seconds) => acted.push(`lifeless ${seconds}`),
        quiet: () => {
          acted.push("quiet");
          stream.lastWritten = clock.now();
        },
        inactive: (seconds) => acted.push(`inactive ${seconds}`),
      },
    );
  return { clock, stream, acted, begin };
}

describe("the times of a stream", () => {
  it("a stream that proves nothing ends after the establishment timeout", () => {
    const { clock, stream, acted, begin } = watched();
    stream.proven = false;
    begin();
    clock.pass(59);
    assert.deepEqual(acted, []);
    clock.pass(1);
    assert.deepEqual(acted, ["timedOut 60"]);
    assert.equal(clock.waiting, 0);
  });

  it("a silent partner is asked for life once, shortly before the interval ends, and then ended", () => {
    const { clock, acted, begin } = watched();
    begin();
    clock.pass(269);
    assert.deepEqual(acted, []);
    clock.pass(30);
    assert.deepEqual(acted, ["probe"]);
    clock.pass(1);
    assert.deepEqual(acted, ["probe", "lifeless 300"]);
  });

  it("bytes on this stream count, and so do those on the other stream of the pair", () => {
    const { clock, stream, acted, begin } = watched();
    begin();
    clock.pass(275);
    stream.otherHeard = clock.now();
    clock.pass(265);
    assert.deepEqual(acted, ["probe"]);
    stream.lastHeard = clock.now();
    clock.pass(50);
    assert.deepEqual(acted, ["probe"]);
  });

  it("a partner without keep-alive is never asked nor ended for silence, only for inactivity", () => {
    const { clock, acted, begin } = watched({ enableKeepAlive: false });
    begin();
    clock.pass(599);
    assert.deepEqual(acted, []);
    clock.pass(1);
    assert.deepEqual(acted, ["inactive 600"]);
  });

  it("a peer that closes silent streams hears white space in time", () => {
    const { clock, stream, acted, begin } = watched({ enableKeepAlive: false });
    stream.peerIdleSeconds = 100;
    begin();
    clock.pass(74);
    assert.deepEqual(acted, []);
    clock.pass(1);
    assert.deepEqual(acted, ["quiet"]);
    clock.pass(75);
    assert.deepEqual(acted, ["quiet", "quiet"]);
  });

  it("life signs that are no stanzas do not keep an inactive stream", () => {
    const { clock, stream, acted, begin } = watched();
    begin();
    for (let minute = 0; minute < 10; minute++) {
      stream.lastHeard = clock.now();
      clock.pass(60);
    }
    assert.deepEqual(acted, ["inactive 600"]);
  });

  it("a stream that is gone has no timer", () => {
    const { clock, begin } = watched();
    const watch = begin();
    assert.equal(clock.waiting, 1);
    watch.stop();
    watch.check();
    assert.equal(clock.waiting, 0);
  });
});
