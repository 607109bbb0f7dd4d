import assert from "node:assert/strict";
import { issue, makeIntermediate } from "../../test/support/certificates.ts";
import { makeTestClock } from "../../test/support/clock.ts";
import { eventually, message, ROWS, type TestEdge, XmppWorld } from "../../test/support/xmpp-world.ts";
import type { PartnerInput } from "../config/schema.ts";
import { textOf } from "../xmpp/element.ts";
import { isPing } from "../xmpp/stanzas.ts";

type RowName = keyof typeof ROWS;

describe("two edges that talk to each other", () => {
  let world: XmppWorld;
  beforeEach(() => {
    world = new XmppWorld();
  });
  afterEach(() => world.stop());

  async function both(contosoRow: RowName, fabrikamRow: RowName, more: { readonly fabrikam?: object; readonly contoso?: object } = {}) {
    const partner = (domain: string, row: RowName): PartnerInput => ({
      domain,
      partnerType: "federated",
      // One way, so that each direction negotiates for itself; and no acknowledgements, which are signs of life.
      bidirectionalStreams: false,
      streamManagement: false,
      ...ROWS[row],
    });
    const contoso = await world.edge({ domain: "contoso.example", partners: [partner("fabrikam.example", contosoRow)], ...more.contoso });
    const fabrikam = await world.edge({
      domain: "fabrikam.example",
      partners: [partner("contoso.example", fabrikamRow)],
      ...more.fabrikam,
    });
    return { contoso, fabrikam };
  }

  const say = (edge: TestEdge, to: TestEdge, body: string) =>
    edge.side.send(message(`ann@${edge.domain}`, `bob@${to.domain}`, body), Date.now() + 3000);

  for (const [ours, theirs, by] of [
    ["external", "external", "sasl-over-tls"],
    ["externalOrDialback", "anything", "sasl-over-tls"],
    ["tlsDialback", "tlsDialback", "tls-dialback"],
    ["externalOrDialback", "tlsDialback", "tls-dialback"],
    ["anything", "anyDialback", "tls-dialback"],
    ["tcpDialback", "tcpDialback", "tcp-dialback"],
    ["tcpDialback", "anyDialback", "tcp-dialback"],
    ["anything", "tcpDialback", "tcp-dialback"],
  ] as const) {
    it(`${ours} and ${theirs} agree on ${by} in both directions`, async () => {
      const { contoso, fabrikam } = await both(ours, theirs);
      const there = await say(contoso, fabrikam, "there");
      const back = await say(fabrikam, contoso, "back");
      assert.ok(there.sent, JSON.stringify(there));
      assert.ok(back.sent, JSON.stringify(back));
      assert.equal(there.proof.by, by);
      assert.equal(back.proof.by, by);
      await eventually(() => fabrikam.received.length === 1 && contoso.received.length === 1, "both messages");
      assert.equal(fabrikam.received[0]?.proof.by, by);
      assert.deepEqual(
        { partner: fabrikam.received[0]?.proof.partnerDomain, local: fabrikam.received[0]?.proof.localDomain },
        { partner: "contoso.example", local: "fabrikam.example" },
      );
    });
  }

  it("later stanzas use the same stream and arrive in order", async () => {
    const { contoso, fabrikam } = await both("external", "external");
    const sent = await Promise.all(Array.from({ length: 200 }, (_, index) => say(contoso, fabrikam, `${index}`)));
    assert.ok(sent.every(({ sent }) => sent));
    await eventually(() => fabrikam.received.length === 200);
    assert.deepEqual(
      fabrikam.received.map(({ stanza }) => textOf(stanza.children[0] as never)),
      Array.from({ length: 200 }, (_, index) => `${index}`),
    );
    assert.equal(contoso.side.connections().length, 1);
    assert.equal(contoso.side.connections()[0]?.stanzasOut, 200);
  });

  it("a partner that demands SASL and one that refuses it find no method, and both say why", async () => {
    const { contoso, fabrikam } = await both("external", "tlsDialback");
    const there = await say(contoso, fabrikam, "x");
    assert.ok(!there.sent);
    assert.equal(there.because.code, "external-not-offered");
    const back = await say(fabrikam, contoso, "x");
    assert.ok(!back.sent);
    assert.equal(back.because.code, "dialback-error");
    assert.match(back.because.text, /policy-violation \(the policy for fabrikam\.example does not admit dialback/);
  });

  it("TLS required here and not supported there: no plain fall-back", async () => {
    const { contoso, fabrikam } = await both("externalOrDialback", "tcpDialback");
    const there = await say(contoso, fabrikam, "x");
    assert.ok(!there.sent);
    assert.equal(there.because.code, "starttls-not-offered");
    const back = await say(fabrikam, contoso, "x");
    assert.ok(!back.sent);
    assert.equal(back.because.code, "tls-demanded-by-peer");
    assert.equal(fabrikam.received.length + contoso.received.length, 0);
  });

  it("a certificate for another name is no proof: EXTERNAL only fails, EXTERNAL or dialback goes on with dialback", async () => {
    const certificate = world.issue("other.example");
    const strict = await both("external", "external", { fabrikam: { certificate } });
    const there = await say(strict.contoso, strict.fabrikam, "x");
    assert.ok(!there.sent);
    assert.equal(there.because.code, "server-certificate-invalid");
    assert.match(there.because.text, /made out to other\.example, not to fabrikam\.example/);
    strict.contoso.reload({ partners: [{ domain: "fabrikam.example", ...ROWS.externalOrDialback }] });
    strict.fabrikam.reload({ partners: [{ domain: "contoso.example", ...ROWS.externalOrDialback }] });
    const again = await say(strict.contoso, strict.fabrikam, "y");
    assert.ok(again.sent, JSON.stringify(again));
    assert.equal(again.proof.by, "tls-dialback");
    assert.match(
      strict.contoso.side.connections().find(({ direction }) => direction === "out")?.security ?? "",
      /encrypted, not authenticated/,
    );
  });

  it("intermediate authorities that are sent along complete the chain in both directions; without them it is broken", async () => {
    const intermediate = makeIntermediate(world.authority);
    const issued = (domain: string) => issue(intermediate, { dnsNames: [domain], extendedKeyUsage: ["serverAuth"] });
    const whole = await both("external", "external", {
      contoso: { certificate: issued("contoso.example") },
      fabrikam: { certificate: issued("fabrikam.example") },
    });
    assert.ok((await say(whole.contoso, whole.fabrikam, "x")).sent);
    const { certificateChain, privateKey } = issued("fabrikam.example");
    const leaf = certificateChain.slice(0, certificateChain.indexOf("-----END") + "-----END CERTIFICATE-----\n".length);
    whole.fabrikam.reload({ certificate: { certificateChain: leaf, privateKey } });
    const back = await say(whole.fabrikam, whole.contoso, "x");
    assert.ok(!back.sent);
    assert.match(back.because.text, /not-authorized \(.*no intermediate certificate was sent/);
  });

  it("an unlisted domain is refused with a stream error that names the policy, and the sender learns it", async () => {
    const contoso = await world.edge({ domain: "contoso.example", partners: [{ domain: "fabrikam.example", ...ROWS.external }] });
    const fabrikam = await world.edge({ domain: "fabrikam.example", partners: [{ domain: "woodgrove.example", ...ROWS.external }] });
    const there = await say(contoso, fabrikam, "x");
    assert.ok(!there.sent);
    assert.match(there.because.text, /policy-violation \(contoso\.example is not a federated partner of this edge\)/);
    assert.equal(fabrikam.side.attempts()[0]?.code, "partner-not-listed");
  });

  it("a certificate and key change without dropping a stream, and new handshakes show the new ones", async () => {
    const { contoso, fabrikam } = await both("external", "external");
    assert.ok((await say(contoso, fabrikam, "one")).sent);
    const [before] = contoso.side.connections();
    fabrikam.reload({ certificate: world.issue("elsewhere.example") });
    assert.ok((await say(contoso, fabrikam, "two")).sent);
    assert.equal(contoso.side.connections()[0]?.id, before?.id);
    const back = await say(fabrikam, contoso, "three");
    assert.ok(!back.sent, "the new certificate proves nothing, so the new stream fails");
  });

  it("a reload closes streams that are no longer admitted with policy-violation and leaves the others", async () => {
    const contoso = await world.edge({
      domain: "contoso.example",
      partners: [
        { domain: "fabrikam.example", ...ROWS.external },
        { domain: "woodgrove.example", ...ROWS.external },
      ],
    });
    const partners: PartnerInput[] = [{ domain: "contoso.example", ...ROWS.external }];
    const fabrikam = await world.edge({ domain: "fabrikam.example", partners });
    const woodgrove = await world.edge({ domain: "woodgrove.example", partners });
    assert.ok((await say(fabrikam, contoso, "x")).sent);
    assert.ok((await say(woodgrove, contoso, "x")).sent);
    contoso.reload({ partners: [{ domain: "woodgrove.example", ...ROWS.external }] });
    await eventually(() => fabrikam.side.connections().length === 0, "the end of the stream");
    assert.match(fabrikam.side.attempts()[0]?.text ?? "", /policy-violation \(.*no longer admitted/);
    assert.equal(woodgrove.side.connections().length, 1);
  });

  // Time runs a hundred times faster here: 10 seconds are 100 milliseconds.
  async function inFastTime(answersPings: boolean) {
    const clock = makeTestClock();
    const gateway = { keepAliveInterval: 10, streamInactivityTimeout: 86_400 };
    const { contoso, fabrikam } = await both("external", "external", {
      contoso: { clock, gateway },
      // One that shows no life lives slowly too: it sends no white space in time.
      fabrikam: {
        ...(answersPings ? { clock } : {}),
        gateway: { keepAliveInterval: 86_400, streamInactivityTimeout: 86_400 },
        answersPings,
      },
    });
    const late = Math.max(clock.now(), Date.now()) + 3_600_000;
    assert.ok((await contoso.side.send(message("a@contoso.example", "b@fabrikam.example", "x"), late)).sent);
    assert.ok((await fabrikam.side.send(message("b@fabrikam.example", "a@contoso.example", "x"), late)).sent);
    clock.speed = 100;
    return { contoso, fabrikam };
  }

  it("a quiet partner that answers pings keeps both streams, and the answers go no further", async () => {
    const { contoso, fabrikam } = await inFastTime(true);
    contoso.reload({});
    await eventually(() => fabrikam.received.filter(({ stanza }) => isPing(stanza)).length >= 4, "four pings");
    assert.equal(contoso.side.connections().length, 2);
    assert.deepEqual(
      contoso.received.map(({ stanza }) => stanza.name),
      ["message"],
    );
  });

  it("a quiet partner that answers no ping loses its streams, after having been asked", async () => {
    const { contoso, fabrikam } = await inFastTime(false);
    contoso.reload({});
    await eventually(() => contoso.side.connections().length === 0, "the end of both streams");
    assert.ok(fabrikam.received.some(({ stanza }) => isPing(stanza)));
    assert.ok(contoso.side.attempts().some(({ code, text }) => code === "no-life" && text.includes("10 seconds")));
  });

  it("drain closes the listener and every stream, refuses what comes later, and leaves nothing", async () => {
    const { contoso, fabrikam } = await both("external", "external");
    assert.ok((await say(contoso, fabrikam, "x")).sent);
    assert.ok((await say(fabrikam, contoso, "x")).sent);
    const started = Date.now();
    await contoso.side.drain(2000);
    assert.ok(Date.now() - started < 1000, "peers that close are not waited for longer");
    assert.equal(contoso.side.connections().length, 0);
    const late = await say(contoso, fabrikam, "late");
    assert.ok(!late.sent);
    assert.equal(late.because.code, "edge-stopping");
    await assert.rejects(world.dial(contoso));
    await eventually(() => fabrikam.side.connections().length === 0);
  });
});
