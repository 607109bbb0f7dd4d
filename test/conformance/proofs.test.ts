/**
 * Whatever a partner says on its streams and answers on ours, in whatever order: a pair is proven only by EXTERNAL with a
 * certificate that proves it, or by a dialback answer to our own question. The partner is played on real sockets by two actors
 * that know the protocol and choose at random, often rightly: one connects to the edge, the other takes the edge's connections.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Method } from "../../gateway/config/matrix.ts";
import { NS } from "../../gateway/xmpp/namespaces.ts";
import type { Issued } from "../support/certificates.ts";
import { ConformanceWorld } from "../support/transcript.ts";
import { message, type RawPeer, ROWS, type TestEdge } from "../support/xmpp-world.ts";

const US = "contoso.example";
const PARTNER = "fabrikam.example";
const OTHER = "woodgrove.example";

const STARTTLS = `<starttls xmlns='${NS.tls}'/>`;
const EXTERNAL = `<mechanisms xmlns='${NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>`;
const DIALBACK = `<dialback xmlns='${NS.dialbackFeature}'><errors/></dialback>`;

type Direction = "in" | "out";

/** Chooses from a tape of random numbers, so that a run can be repeated and made shorter. */
class Chance {
  readonly #tape: readonly number[];
  #at = 0;

  constructor(tape: readonly number[]) {
    this.#tape = tape;
  }

  /** The first choice, which is the right one in most moves of the actors, three times out of four. */
  pick<T>(right: T, ...others: readonly T[]): T {
    const number = this.#tape[this.#at++ % this.#tape.length] ?? 0;
    return number % 4 === 0 ? (others[(number >> 2) % others.length] ?? right) : right;
  }
}

/** What has truly been proven, by the actors' own knowledge. */
class Truth {
  readonly proven = new Set<`${Direction} ${Method}`>();
  /** Ids of the edge's streams on which a key was sent, and the method that it is. */
  readonly keys = new Map<string, "tls-dialback" | "tcp-dialback">();
}

type CertificateName = "good" | "none" | "other" | "self-signed" | "expired";

function certificates(world: ConformanceWorld): Readonly<Record<CertificateName, Issued | undefined>> {
  return {
    good: world.issue(PARTNER),
    none: undefined,
    other: world.issue(OTHER),
    "self-signed": world.issue(PARTNER, { selfSigned: true }),
    expired: world.issue(PARTNER, { notAfter: new Date("2021-01-01") }),
  };
}

// ---- the partner's server, as receiving and as authoritative server -------------------------------------------------

/** One connection of the edge: answers whatever it asks, until it or we end it. */
async function serve(peer: RawPeer, chance: Chance, truth: Truth, shown: ReturnType<typeof certificates>): Promise<void> {
  let certificate: CertificateName | null = null;
  let streams = 0;
  for (;;) {
    const heard = await peer.expect(
      /<stream:stream[^>]*>|<starttls[^>]*>|<\/auth>|<\/db:result>|<\/db:verify>|<\/message>|<\/stream:stream>/,
    );
    if (heard.endsWith("</stream:stream>")) return peer.close();
    if (heard.includes("<stream:stream ")) {
      const offered =
        certificate === null
          ? chance.pick(STARTTLS + DIALBACK, DIALBACK, STARTTLS, "")
          : chance.pick(EXTERNAL + DIALBACK, EXTERNAL, DIALBACK);
      peer.answer(PARTNER, US, `s${++streams}`, offered);
    } else if (heard.includes("<starttls")) {
      const begins = chance.pick("proceed", "failure");
      peer.send(`<${begins} xmlns='${NS.tls}'/>`);
      if (begins === "failure") continue;
      certificate = chance.pick<CertificateName>("good", "other", "self-signed", "expired");
      await peer.acceptTls(shown[certificate] as Issued);
    } else if (heard.includes("<auth")) {
      const answer = chance.pick("success", "failure", "verdict");
      if (answer === "success" && certificate === "good") truth.proven.add("out sasl-over-tls");
      if (answer === "success") peer.send(`<success xmlns='${NS.sasl}'/>`);
      if (answer === "failure") peer.send(`<failure xmlns='${NS.sasl}'><not-authorized/></failure>`);
      if (answer === "verdict") peer.send(`<db:result from='${PARTNER}' to='${US}' type='valid'/>`);
    } else if (heard.includes("<db:result")) {
      const [from, to, type, name] = chance.pick<readonly [string, string, string, string]>(
        [PARTNER, US, "valid", "result"],
        [OTHER, US, "valid", "result"],
        [PARTNER, OTHER, "valid", "result"],
        [PARTNER, US, "invalid", "result"],
        [PARTNER, US, "error", "result"],
        [PARTNER, US, "valid", "verify"],
      );
      if (from === PARTNER && to === US && type === "valid" && name === "result")
        truth.proven.add(certificate === null ? "out tcp-dialback" : "out tls-dialback");
      peer.send(`<db:${name} from='${from}' to='${to}' id='s${streams}' type='${type}'/>`);
    } else if (heard.includes("<db:verify")) answerVerify(peer, heard, chance, truth);
  }
}

function answerVerify(peer: RawPeer, heard: string, chance: Chance, truth: Truth): void {
  const asked = /<db:verify [^>]*id='([^']*)'/.exec(heard)?.[1] ?? "";
  const [from, to, id, type] = chance.pick<readonly [string, string, string, string]>(
    [PARTNER, US, asked, "valid"],
    [OTHER, US, asked, "valid"],
    [PARTNER, OTHER, asked, "valid"],
    [PARTNER, US, "another", "valid"],
    [PARTNER, US, asked, "invalid"],
    [PARTNER, US, asked, "error"],
  );
  const method = truth.keys.get(id);
  if (from === PARTNER && to === US && type === "valid" && method) truth.proven.add(`in ${method}`);
  peer.send(`<db:verify from='${from}' to='${to}' id='${id}' type='${type}'/>`);
}

// ---- the partner as initiating server ------------------------------------------------------------------------------

const FEATURES = /<stream:features\/>|<\/stream:features>|<\/stream:stream>/;

/** One stream of the partner: moves at random until they are used up or the edge ends it. */
class Initiator {
  readonly #peer: RawPeer;
  readonly #truth: Truth;
  #certificate: CertificateName | null = null;
  #id = "";
  #features = "";

  constructor(peer: RawPeer, truth: Truth) {
    this.#peer = peer;
    this.#truth = truth;
  }

  async open(from = PARTNER): Promise<void> {
    this.#peer.open(from, US);
    const answer = await this.#peer.expect(FEATURES);
    this.#id = / id='([0-9a-f]+)'/.exec(answer)?.[1] ?? "";
    this.#features = answer;
  }

  /** What a partner that means well would do next. */
  get sensible(): "tls" | "external" | "key" {
    if (this.#certificate === null && this.#features.includes("<starttls")) return "tls";
    return this.#features.includes("EXTERNAL") ? "external" : "key";
  }

  async tls(certificate: CertificateName, shown: ReturnType<typeof certificates>): Promise<void> {
    this.#peer.send(STARTTLS);
    const answer = await this.#peer.expect(/<proceed[^>]*>|<\/stream:stream>/);
    if (!answer.includes("<proceed")) return;
    await this.#peer.secure(shown[certificate]);
    this.#certificate = certificate;
    await this.open();
  }

  async external(authzid: string): Promise<void> {
    this.#peer.send(`<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>${authzid}</auth>`);
    const answer = await this.#peer.expect(/<success[^>]*>|<\/failure>|<\/stream:stream>/);
    if (!answer.includes("<success")) return;
    assert.equal(this.#certificate, "good", "EXTERNAL succeeded");
    this.#truth.proven.add("in sasl-over-tls");
    await this.open();
  }

  key(from: string): void {
    if (from === PARTNER) this.#truth.keys.set(this.#id, this.#certificate === null ? "tcp-dialback" : "tls-dialback");
    this.#peer.send(`<db:result from='${from}' to='${US}'>0123456789abcdef</db:result>`);
  }

  say(text: string): void {
    this.#peer.send(text);
  }
}

const stanza = (from: string): string => `<message from='eve@${from}' to='ann@${US}'><body>x</body></message>`;

async function initiate(
  edge: TestEdge,
  peer: RawPeer,
  chance: Chance,
  truth: Truth,
  shown: ReturnType<typeof certificates>,
): Promise<void> {
  const initiator = new Initiator(peer, truth);
  await initiator.open(chance.pick(PARTNER, OTHER));
  for (let move = 0; move < 7 && !peer.ended; move++) {
    const moves = {
      tls: () => initiator.tls(chance.pick<CertificateName>("good", "none", "other", "self-signed", "expired"), shown),
      external: () => initiator.external(chance.pick("=", Buffer.from(OTHER).toString("base64"), "*")),
      key: () => initiator.key(chance.pick(PARTNER, OTHER)),
      result: () => initiator.say(`<db:result from='${PARTNER}' to='${US}' type='valid'/>`),
      verification: () => initiator.say(`<db:verify from='${PARTNER}' to='${US}' id='x' type='valid'/>`),
      success: () => initiator.say(`<success xmlns='${NS.sasl}'/>`),
      forged: () => initiator.say(stanza(OTHER)),
      header: () => peer.open(OTHER, US),
      send: () => void edge.side.send(message(`ann@${US}`, `bob@${PARTNER}`, "x"), Date.now() + 500),
    };
    await moves[chance.pick(initiator.sensible, ...(Object.keys(moves) as (keyof typeof moves)[]))]();
    // Mostly the edge's answer is waited for; sometimes the next move comes at once.
    await new Promise((resolve) => setTimeout(resolve, chance.pick(4, 0, 1)));
    initiator.say(chance.pick("", stanza(PARTNER)));
  }
}

// ---- the property ----------------------------------------------------------------------------------------------------

/** What the edge believes. */
function believed(edge: TestEdge, sent: readonly Method[]): readonly string[] {
  for (const { proof, stanza } of edge.received) {
    assert.equal(`${proof.partnerDomain} ${proof.localDomain}`, `${PARTNER} ${US}`);
    assert.equal(stanza.attributes.get("from"), `eve@${PARTNER}`);
  }
  const streams = edge.side.connections().flatMap(({ direction, method, partnerDomain }) => {
    if (method !== null) assert.equal(partnerDomain, PARTNER);
    return method === null ? [] : [`${direction} ${method}`];
  });
  return [...streams, ...edge.received.map(({ proof }) => `in ${proof.by}`), ...sent.map((by) => `out ${by}`)];
}

describe("a proof", () => {
  it("exists only where something was proven, whatever is said on the streams of both directions in whatever order", async () => {
    const reached = new Set<string>();
    const run = async (row: keyof typeof ROWS, tape: readonly number[]): Promise<void> => {
      const world = new ConformanceWorld();
      const [truth, chance, shown] = [new Truth(), new Chance(tape), certificates(world)];
      const partners = [
        { domain: PARTNER, ...ROWS[row] },
        { domain: OTHER, ...ROWS.anything },
      ];
      const edge = await world.edge({ domain: US, partners });
      await world.serve(PARTNER, (peer) => serve(peer, chance, truth, shown));
      const sent: Method[] = [];
      try {
        const outcome = edge.side.send(message(`ann@${US}`, `bob@${PARTNER}`, "x"), Date.now() + 500).then((one) => {
          if (one.sent) sent.push(one.proof.by);
        });
        // An actor that waits in vain for an answer has lost its stream; what counts is what the edge believes then.
        await Promise.all([outcome, initiate(edge, await world.dial(edge), chance, truth, shown).catch(rethrowAssertions)]);
        for (const claim of believed(edge, sent)) {
          reached.add(claim);
          assert.ok(
            truth.proven.has(claim as `${Direction} ${Method}`),
            `${claim} was not proven; ${[...truth.proven].join(", ") || "nothing"} was`,
          );
        }
      } finally {
        await world.stop();
      }
    };
    const tapes = fc.array(fc.nat({ max: 999 }), { minLength: 16, maxLength: 16 });
    const rows = fc.constantFrom(...(Object.keys(ROWS) as (keyof typeof ROWS)[]));
    await fc.assert(fc.asyncProperty(rows, tapes, run), { numRuns: 120, seed: 3920, endOnFailure: true });
    const all = ["in", "out"].flatMap((direction) => ["sasl-over-tls", "tls-dialback", "tcp-dialback"].map((by) => `${direction} ${by}`));
    assert.deepEqual([...reached].toSorted(), all.toSorted(), "each kind of proof was reached, so that the runs prove something");
  });
});

function rethrowAssertions(error: unknown): void {
  if (error instanceof assert.AssertionError) throw error;
}
