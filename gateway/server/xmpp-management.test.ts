import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { eventually, message, PORT, ROWS, type TestEdge, XmppWorld } from "../../test/support/xmpp-world.ts";
import type { PartnerInput } from "../config/schema.ts";
import { failure } from "../negotiation/failures.ts";
import { textOf } from "../xmpp/element.ts";
import { type Pending, StanzaFlow } from "./xmpp-management.ts";

/** A connection between two edges that can lose what goes one way, and break. */
class Cable {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** What is lost on the way. */
  loses: "nothing" | "there" | "back" = "nothing";
  made = 0;

  constructor(host: string, target: string) {
    this.#server = createServer((near) => {
      this.made++;
      const far = connect({ host: target, port: PORT });
      for (const [from, to, way] of [
        [near, far, "there"],
        [far, near, "back"],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (chunk) => this.loses !== way && to.write(chunk));
        from.on("error", () => {});
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.#server.listen(PORT, host);
  }

  break(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.loses = "nothing";
  }

  close(): void {
    this.#server.close();
    this.break();
  }
}

describe("streams that are managed and go both ways", () => {
  let world: XmppWorld;
  let cable: Cable | null = null;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(async () => {
    cable?.close();
    cable = null;
    await world.stop();
  });

  async function pair(row: keyof typeof ROWS, ours: Partial<PartnerInput> = {}, theirs: Partial<PartnerInput> = {}) {
    const partner = (domain: string, more: Partial<PartnerInput>): PartnerInput => ({
      domain,
      partnerType: "federated",
      ...ROWS[row],
      ...more,
    });
    const contoso = await world.edge({ domain: "contoso.example", partners: [partner("fabrikam.example", ours)] });
    const fabrikam = await world.edge({ domain: "fabrikam.example", partners: [partner("contoso.example", theirs)] });
    return { contoso, fabrikam };
  }

  const say = (edge: TestEdge, to: TestEdge, body: string, milliseconds = 5000) =>
    edge.side.send(message(`ann@${edge.domain}`, `bob@${to.domain}`, body), Date.now() + milliseconds);
  const bodies = (edge: TestEdge) => edge.received.map(({ stanza }) => textOf(stanza.children[0] as never));

  /** The way from contoso to fabrikam, through a cable. */
  function lay(fabrikam: TestEdge): Cable {
    const host = world.address();
    world.publish(fabrikam.domain, host);
    cable = new Cable(host, fabrikam.address);
    return cable;
  }

  for (const [row, by] of [
    ["external", "sasl-over-tls"],
    ["tlsDialback", "tls-dialback"],
    ["tcpDialback", "tcp-dialback"],
  ] as const) {
    it(`${row}: an answer comes back on the same stream, and both are acknowledged`, async () => {
      const { contoso, fabrikam } = await pair(row);
      assert.ok((await say(contoso, fabrikam, "there")).sent);
      const back = await say(fabrikam, contoso, "back");
      assert.ok(back.sent);
      assert.equal(back.proof.by, by);
      await eventually(() => contoso.received.length === 1, "the answer");
      assert.equal(contoso.received[0]?.proof.by, by);
      for (const edge of [contoso, fabrikam]) {
        const live = edge.side.connections().filter(({ method }) => method !== null);
        assert.deepEqual(
          live.map(({ bidirectional, streamManagement }) => ({ bidirectional, streamManagement })),
          [{ bidirectional: true, streamManagement: true }],
        );
      }
    });
  }

  it("a partner's switches turn both off, on either side", async () => {
    for (const [ours, theirs] of [
      [{ bidirectionalStreams: false, streamManagement: false }, {}],
      [{}, { bidirectionalStreams: false, streamManagement: false }],
    ]) {
      const { contoso, fabrikam } = await pair("external", ours, theirs);
      assert.ok((await say(contoso, fabrikam, "there")).sent);
      assert.ok((await say(fabrikam, contoso, "back")).sent);
      await eventually(() => contoso.received.length === 1 && fabrikam.received.length === 1);
      const seen = contoso.side
        .connections()
        .map(({ direction, bidirectional, streamManagement }) => ({ direction, bidirectional, streamManagement }));
      assert.deepEqual(
        seen.toSorted((a, b) => a.direction.localeCompare(b.direction)),
        ["in", "out"].map((direction) => ({ direction, bidirectional: false, streamManagement: false })),
      );
      await world.stop();
      world = new XmppWorld();
    }
  });

  it("what was lost with the connection is sent again when the stream is resumed, once", async () => {
    const { contoso, fabrikam } = await pair("external");
    const wire = lay(fabrikam);
    assert.ok((await say(contoso, fabrikam, "first")).sent);
    wire.loses = "there";
    const lost = ["second", "third"].map((body) => say(contoso, fabrikam, body));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(bodies(fabrikam), ["first"]);
    wire.break();
    assert.deepEqual(
      (await Promise.all(lost)).map(({ sent }) => sent),
      [true, true],
    );
    assert.deepEqual(bodies(fabrikam), ["first", "second", "third"]);
    assert.equal(wire.made, 2);
    assert.ok((await say(contoso, fabrikam, "fourth")).sent);
    assert.deepEqual(bodies(fabrikam), ["first", "second", "third", "fourth"]);
  });

  it("what had arrived when only its acknowledgement was lost is not sent again", async () => {
    const { contoso, fabrikam } = await pair("tlsDialback");
    const wire = lay(fabrikam);
    assert.ok((await say(contoso, fabrikam, "first")).sent);
    wire.loses = "back";
    const second = say(contoso, fabrikam, "second");
    await eventually(() => fabrikam.received.length === 2);
    wire.break();
    assert.ok((await second).sent);
    assert.ok((await say(contoso, fabrikam, "third")).sent);
    assert.deepEqual(bodies(fabrikam), ["first", "second", "third"]);
  });

  it("the answer of the other direction is resumed too", async () => {
    const { contoso, fabrikam } = await pair("external");
    const wire = lay(fabrikam);
    assert.ok((await say(contoso, fabrikam, "first")).sent);
    wire.loses = "back";
    const [there, back] = [say(contoso, fabrikam, "second"), say(fabrikam, contoso, "answer")];
    await eventually(() => fabrikam.received.length === 2);
    wire.break();
    assert.ok((await there).sent);
    assert.ok((await back).sent);
    await eventually(() => contoso.received.length === 1);
    assert.deepEqual([bodies(contoso), bodies(fabrikam)], [["answer"], ["first", "second"]]);
  });

  it("a sender whose stanza may be lost is told so where the partner does not know the stream any more", async () => {
    const { contoso, fabrikam } = await pair("external");
    const wire = lay(fabrikam);
    assert.ok((await say(contoso, fabrikam, "first")).sent);
    wire.loses = "there";
    const second = say(contoso, fabrikam, "second");
    await new Promise((resolve) => setTimeout(resolve, 50));
    // A reload that admits nobody closes the partner's side of it for good.
    fabrikam.reload({ partners: [] });
    wire.break();
    fabrikam.reload({ partners: [{ domain: "contoso.example", partnerType: "federated", ...ROWS.external }] });
    const told = await second;
    assert.equal(told.sent ? "sent" : told.because.code, "not-acknowledged");
    assert.ok((await say(contoso, fabrikam, "third")).sent);
    assert.deepEqual(bodies(fabrikam), ["first", "third"]);
  });

  it("a partner that does not acknowledge in time has its stream ended, and the sender is told", async () => {
    const { contoso, fabrikam } = await pair("external");
    const wire = lay(fabrikam);
    assert.ok((await say(contoso, fabrikam, "first")).sent);
    wire.loses = "back";
    const second = await say(contoso, fabrikam, "second", 200);
    assert.equal(second.sent ? "sent" : second.because.code, "not-acknowledged");
    wire.break();
    assert.ok((await say(contoso, fabrikam, "third")).sent);
  });
});

describe("the flow of stanzas", () => {
  function flow() {
    const written: string[] = [];
    const callbacks: ((error: Error | null) => void)[] = [];
    const made = new StanzaFlow({
      write: (text, done) => {
        written.push(text);
        if (done) callbacks.push(done);
      },
      reason: () => failure("stream-closed"),
    });
    const results = new Map<string, string>();
    const pending = (text: string, cancelled = false): Pending => ({
      text,
      cancelled,
      taken: () => {},
      settled: (because) => {
        assert.ok(!results.has(text), `${text} settled twice`);
        results.set(text, because?.code ?? "sent");
      },
    });
    return { flow: made, written, callbacks, results, pending };
  }
  const REQUEST = "<r xmlns='urn:xmpp:sm:3'/>";

  it("without management a stanza is sent when the kernel has it, or failed with the stream", () => {
    const { flow: f, callbacks, results, pending } = flow();
    f.send(pending("a"));
    f.send(pending("b"));
    assert.equal(results.size, 0);
    callbacks[0]?.(null);
    callbacks[1]?.(new Error("gone"));
    assert.deepEqual(
      [...results],
      [
        ["a", "sent"],
        ["b", "stream-closed"],
      ],
    );
  });

  it("asks once at a time, and a stanza is sent when it is acknowledged", () => {
    const { flow: f, written, callbacks, results, pending } = flow();
    f.enable(true);
    for (const text of ["a", "b", "c"]) f.send(pending(text));
    for (const taken of callbacks) taken(null);
    assert.deepEqual(written, [`a${REQUEST}`, "b", "c"]);
    assert.equal(results.size, 0);
    f.acknowledge(1);
    assert.deepEqual([...results.keys()], ["a"]);
    assert.deepEqual(written.slice(3), [REQUEST]);
    f.acknowledge(3);
    assert.deepEqual([...results.keys()], ["a", "b", "c"]);
    assert.equal(written.length, 4);
    f.send(pending("d"));
    assert.equal(written.at(-1), `d${REQUEST}`);
    assert.equal(f.sent, 4);
  });

  it("what the kernel had is sent where management is refused, the rest when the kernel has it", () => {
    const { flow: f, callbacks, results, pending } = flow();
    f.enable(false);
    f.send(pending("a"));
    f.send(pending("b"));
    callbacks[0]?.(null);
    f.disable();
    assert.deepEqual([...results], [["a", "sent"]]);
    callbacks[1]?.(null);
    assert.deepEqual(
      [...results],
      [
        ["a", "sent"],
        ["b", "sent"],
      ],
    );
  });

  it("counts the peer's stanzas from the confirmation on", () => {
    const { flow: f } = flow();
    f.handle();
    f.enable(false);
    f.handle();
    f.confirmed("id", 60);
    f.handle();
    assert.equal(f.handled, 1);
    assert.equal(f.answer(), "<a xmlns='urn:xmpp:sm:3' h='1'/>");
  });

  it("is resumed where it stopped, without what nobody waits for", () => {
    const lost = flow();
    lost.flow.enable(true);
    lost.flow.confirmed("id", 60);
    for (const text of ["a", "b"]) lost.flow.send(lost.pending(text));
    lost.flow.send(lost.pending("late", true));
    lost.flow.send(lost.pending("d"));
    const { resumption, pending } = lost.flow.take(1000);
    assert.ok(resumption);
    assert.deepEqual(pending, []);
    assert.equal(resumption.until, 61_000);
    const again = flow();
    again.flow.resume(resumption, 1, 60);
    assert.deepEqual([...lost.results], [["a", "sent"]]);
    assert.deepEqual(again.written, [`b${REQUEST}`, "d"]);
    again.flow.acknowledge(3);
    assert.deepEqual([...lost.results.keys()], ["a", "b", "d"]);
  });

  it("that is not resumed sends again only what the peer says it has not handled", () => {
    for (const [h, unknown, written] of [
      [null, ["a", "b"], []],
      [1, [], ["b"]],
      [9, ["a", "b"], []],
    ] as const) {
      const lost = flow();
      lost.flow.enable(true);
      lost.flow.confirmed("id", 60);
      for (const text of ["a", "b"]) lost.flow.send(lost.pending(text));
      const { resumption } = lost.flow.take(0);
      const fresh = flow();
      const told: string[] = [];
      fresh.flow.recover(resumption ?? assert.fail(), h, ({ text }) => told.push(text));
      assert.deepEqual([told, fresh.written], [[...unknown], [...written]]);
    }
  });
});
