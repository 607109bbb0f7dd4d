import assert from "node:assert/strict";
import fc from "fast-check";
import type { Partner } from "../config/schema.ts";
import type { Pair } from "../negotiation/dialback.ts";
import type { Carrier, EdgeStream } from "./xmpp-context.ts";
import { Streams } from "./xmpp-streams.ts";

const US = "contoso.example";
const DOMAINS = ["a.example", "b.example", "c.example"] as const;
const HOSTS = ["192.0.2.1", "192.0.2.2"] as const;
/** One partner with two domains, one with the third. */
const PARTNERS = [
  { domain: "a.example", additionalDomains: ["b.example"] },
  { domain: "c.example", additionalDomains: [] },
] as unknown as readonly Partner[];

interface Fake extends EdgeStream {
  proofs: readonly Pair[];
}

function fake(direction: "in" | "out", host: string, lastHeard: number): Fake {
  const made = {
    direction,
    host,
    lastHeard,
    proofs: [] as readonly Pair[],
    pairs: (): readonly Pair[] => made.proofs,
    carrierFor: (pair: Pair) =>
      direction === "out" && made.proofs.some(({ partner }) => partner === pair.partner) ? ({ usable: true } as Carrier) : null,
  };
  return made as unknown as Fake;
}

describe("the list of streams", () => {
  it("answers as a look at each stream would, whatever comes and goes", () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("add" as const),
        direction: fc.constantFrom("in" as const, "out" as const),
        host: fc.constantFrom(...HOSTS),
      }),
      fc.record({ do: fc.constant("prove" as const), which: fc.nat(9), domains: fc.subarray([...DOMAINS]) }),
      fc.record({ do: fc.constant("delete" as const), which: fc.nat(9) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const streams = new Streams();
        const all: Fake[] = [];
        for (const [index, one] of steps.entries()) {
          if (one.do === "add") {
            const made = fake(one.direction, one.host, index + 1);
            all.push(made);
            streams.add(made);
          }
          const chosen = one.do === "add" ? undefined : all[one.which];
          if (one.do === "prove" && chosen) {
            chosen.proofs = one.domains.map((partner) => ({ local: US, partner }));
            streams.changed(chosen);
          }
          if (one.do === "delete" && chosen) {
            all.splice(all.indexOf(chosen), 1);
            streams.delete(chosen);
          }
        }
        const proves = (stream: Fake, ...domains: readonly string[]) => stream.proofs.some(({ partner }) => domains.includes(partner));
        assert.equal(streams.size, all.length);
        for (const partner of PARTNERS) {
          const own = all.filter((stream) => proves(stream, partner.domain, ...partner.additionalDomains));
          assert.equal(streams.ofPartner(partner), own.length);
          if (own[0]) assert.equal(streams.ofPartner(partner, own[0]), own.length - 1);
        }
        for (const host of HOSTS) {
          const silent = all.filter((stream) => stream.direction === "in" && stream.host === host && stream.proofs.length === 0);
          assert.equal(streams.unproven(host), silent.length);
          if (silent[0]) assert.equal(streams.unproven(host, silent[0]), silent.length - 1);
        }
        for (const partner of DOMAINS) {
          const own = all.filter((stream) => proves(stream, partner));
          assert.equal(streams.lastHeard({ local: US, partner }), Math.max(0, ...own.map(({ lastHeard }) => lastHeard)));
          assert.equal(
            streams.carrier({ local: US, partner }) !== null,
            own.some(({ direction }) => direction === "out"),
          );
        }
      }),
    );
  });

  it("says when it is empty, and forgets what is deleted", () => {
    const streams = new Streams();
    const stream = fake("in", HOSTS[0], 1);
    let empty = 0;
    streams.add(stream);
    streams.whenEmpty(() => empty++);
    assert.equal(empty, 0);
    streams.delete(stream);
    streams.changed(stream);
    streams.whenEmpty(() => empty++);
    assert.deepEqual([empty, streams.size, streams.unproven(HOSTS[0])], [2, 0, 0]);
  });
});
