/**
 * Negotiation in every cell: 18 rows of settings x both modes x the partner's TLS, SASL, certificate and dialback x whether it
 * accepts our certificate x who dials. What must come out is written here as two tables of their own, from the published rows and
 * from RFC 6120, RFC 7590, XEP-0178 and XEP-0220; nothing of it is taken from the gateway. Cells that the tables tell apart are
 * run over sockets against a partner's server with a will of its own; all of them are run through the bare machines.
 */
import assert from "node:assert/strict";
import { MATRIX, type Method, type Negotiation, type NegotiationMode } from "../../gateway/config/matrix.ts";
import { type InboundAction, type InboundEvent, type InboundState, stepInbound, stepPair } from "../../gateway/negotiation/inbound.ts";
import type { HeaderKnown, InboundKnown, OutboundKnown, PairKnown } from "../../gateway/negotiation/known.ts";
import { type Methods, methodsOf } from "../../gateway/negotiation/methods.ts";
import { offered } from "../../gateway/negotiation/offer.ts";
import { type OutboundAction, type OutboundEvent, type OutboundState, stepOutbound } from "../../gateway/negotiation/outbound.ts";
import type { XmlElement } from "../../gateway/xmpp/element.ts";
import { NS } from "../../gateway/xmpp/namespaces.ts";
import { type Introduction, keyOf, type Line, type Manner, type Names } from "../support/negotiation-peer.ts";
import { CERTIFICATE_OF_PARTNERS, domainOf, EDGE_SECRET, type Edge, GOOD_MANNER, US, US_TOO, World } from "../support/negotiation-world.ts";
import { eventually, message } from "../support/xmpp-world.ts";

// ---- the rows ------------------------------------------------------------------------------------------------------

/** What a row leaves: E = SASL EXTERNAL over TLS, D = dialback over TLS, P = dialback over plain TCP. */
const LEFT = ["E", "E D", "E D P", "D", "D P", "P", "none"] as const;
type Left = (typeof LEFT)[number];

// biome-ignore format: one row of the published table a line
const ROWS = [
  // row  TLS             SASL            dialback  lync-compat  strict
  [  1,  "required",     "required",     true,     "E",         "E"     ],
  [  2,  "required",     "required",     false,    "E",         "E"     ],
  [  3,  "optional",     "required",     true,     "E D P",     "E"     ],
  [  4,  "optional",     "required",     false,    "E",         "E"     ],
  [  5,  "notSupported", "required",     true,     "P",         "none"  ],
  [  6,  "notSupported", "required",     false,    "none",      "none"  ],
  [  7,  "required",     "optional",     true,     "E D",       "E D"   ],
  [  8,  "required",     "optional",     false,    "E",         "E"     ],
  [  9,  "optional",     "optional",     true,     "E D P",     "E D P" ],
  [ 10,  "optional",     "optional",     false,    "E",         "E"     ],
  [ 11,  "notSupported", "optional",     true,     "P",         "P"     ],
  [ 12,  "notSupported", "optional",     false,    "none",      "none"  ],
  [ 13,  "required",     "notSupported", true,     "D",         "D"     ],
  [ 14,  "required",     "notSupported", false,    "none",      "none"  ],
  [ 15,  "optional",     "notSupported", true,     "D P",       "D P"   ],
  [ 16,  "optional",     "notSupported", false,    "none",      "none"  ],
  [ 17,  "notSupported", "notSupported", true,     "P",         "P"     ],
  [ 18,  "notSupported", "notSupported", false,    "none",      "none"  ],
] as const satisfies readonly (readonly [number, Negotiation, Negotiation, boolean, Left, Left])[];

/** One row in one mode. */
interface Setting {
  readonly row: number;
  readonly mode: NegotiationMode;
  readonly left: Left;
}

const SETTINGS: readonly Setting[] = ROWS.flatMap(([row, , , , compat, strict]) => [
  { row, mode: "lync-compat", left: compat },
  { row, mode: "strict", left: strict },
]);

const leaves = (left: Left, method: "E" | "D" | "P"): boolean => left !== "none" && left.includes(method);

// ---- the oracle ------------------------------------------------------------------------------------------------------

type Direction = "in" | "out";

/** What the partner does, as far as it matters for who is proven how. */
interface Partner extends Omit<Manner, "style"> {
  /** It accepts the certificate of this edge. */
  readonly accepts: boolean;
}

const PARTNERS: readonly Partner[] = (["none", "optional", "required"] as const).flatMap((tls) =>
  (["offered", "notOffered", "refused"] as const).flatMap((sasl) =>
    (["none", "invalid", "valid"] as const).flatMap((certificate) =>
      [true, false].flatMap((dialback) => [true, false].map((accepts) => ({ tls, sasl, certificate, dialback, accepts }))),
    ),
  ),
);

/** `taken` EXTERNAL is offered, used and granted where both certificates allow it, `refused` tried in vain, `missing` not tried. */
type External = "taken" | "refused" | "missing";

const externalOf = ({ sasl, accepts }: Partner): External => {
  if (sasl === "notOffered" || !accepts) return "missing";
  return sasl === "offered" ? "taken" : "refused";
};

type Cell<T extends string> = T | readonly T[] | "*";
type Rule = readonly [
  left: Cell<Left>,
  tls: Cell<Manner["tls"]>,
  certificate: Cell<Manner["certificate"]>,
  external: Cell<External>,
  dialback: Cell<"on" | "off">,
  outcome: string,
  because: string,
];

const WITH_D = ["E D", "E D P", "D", "D P"] as const;
const WITH_P = ["E D P", "D P"] as const;
const WITH_E_AND_D = ["E D", "E D P"] as const;

/** Methods stand for proofs; anything else is the code of the refusal, and behind a slash a word its sentence must have. */
// biome-ignore format: the first line that fits is the outcome
const OUT: readonly Rule[] = [
  // left        its TLS     its certificate  EXTERNAL   dialback outcome                                  because
  ["none",       "*",        "*",             "*",       "*",     "no-method",                             "a row without method makes no connection"],
  ["P",          "required", "*",             "*",       "*",     "tls-demanded-by-peer",                  "RFC 6120 5.3.1: it goes on with TLS only, which the row has not"],
  ["P",          "*",        "*",             "*",       "on",    "tcp-dialback",                          "STARTTLS is left alone where the row has no TLS"],
  ["P",          "*",        "*",             "*",       "off",   "dialback-not-offered",                  "nothing else is left"],
  [WITH_P,       "none",     "*",             "*",       "on",    "tcp-dialback",                          "in clear only where STARTTLS is not advertised"],
  ["D P",        "none",     "*",             "*",       "off",   "dialback-not-offered",                  "nothing else is left"],
  ["E D P",      "none",     "*",             "*",       "off",   "dialback-not-offered/TLS",              "EXTERNAL is left, and needs the TLS that it does not offer"],
  ["*",          "none",     "*",             "*",       "*",     "starttls-not-offered",                  "RFC 7590 3.1: tried all the same, and refused"],
  ["*",          "*",        "none",          "*",       "*",     "tls-handshake-failed",                  "never in clear after STARTTLS was offered"],
  ["E",          "*",        "invalid",       "*",       "*",     "server-certificate-invalid",            "RFC 6120 13.7.2"],
  [["E", ...WITH_E_AND_D], "*", "valid",      "taken",   "*",     "sasl-over-tls",                         "XEP-0178 3: the best method comes first"],
  ["E",          "*",        "valid",         "refused", "*",     "external-refused/not-authorized",       "RFC 6120 6.4.5"],
  ["E",          "*",        "valid",         "missing", "*",     "external-not-offered/does not trust",   "XEP-0178 3: it probably does not trust our certificate"],
  [WITH_D,       "*",        "*",             "*",       "on",    "tls-dialback",                          "RFC 7590 3.4: encrypted, not authenticated, is better than nothing"],
  [WITH_E_AND_D, "*",        "invalid",       "*",       "off",   "dialback-not-offered/certificate",      "EXTERNAL is left, and its certificate stands in the way"],
  [WITH_E_AND_D, "*",        "valid",         "refused", "off",   "external-refused/not-authorized",       "RFC 6120 6.4.5; there is no dialback to go on with"],
  [WITH_E_AND_D, "*",        "valid",         "missing", "off",   "dialback-not-offered/EXTERNAL",         "neither of the two that are left"],
  ["*",          "*",        "*",             "*",       "*",     "dialback-not-offered",                  "nothing else is left"],
];

/** `stream-closed`: the partner found nothing it could use and left. */
// biome-ignore format: the first line that fits is the outcome
const IN: readonly Rule[] = [
  // left        its TLS     its certificate        EXTERNAL   dialback outcome                                because
  ["none",       "*",        "*",                   "*",       "*",     "no-method",                           "a row without method admits nobody"],
  ["P",          "required", "*",                   "*",       "*",     "stream-closed",                       "no STARTTLS is offered, and it does not go on without"],
  ["P",          "*",        "*",                   "*",       "on",    "tcp-dialback",                        "XEP-0220; the row has no TLS to offer"],
  ["P",          "*",        "*",                   "*",       "off",   "stream-closed",                       "nothing else is offered"],
  [WITH_P,       "none",     "*",                   "*",       "on",    "tcp-dialback",                        "STARTTLS is offered and not required"],
  ["E",          "none",     "*",                   "*",       "on",    "dialback-not-allowed",                "dialback, which the row has not, in clear"],
  ["*",          "none",     "*",                   "*",       "on",    "tls-required",                        "dialback, which the row has over TLS only, in clear"],
  ["*",          "none",     "*",                   "*",       "*",     "stream-closed",                       "nothing is offered in clear"],
  ["E",          "*",        ["none", "invalid"],   "*",       "*",     "certificate-not-proven",              "XEP-0178 3: not-authorized, nothing is left to offer"],
  [["E", ...WITH_E_AND_D], "*", "valid",            "taken",   "*",     "sasl-over-tls",                       "XEP-0178 3"],
  ["E",          "*",        "valid",               "refused", "*",     "mechanism-refused/invalid-authzid",   "RFC 6120 6.5.6, and the stream ends"],
  ["E",          "*",        "valid",               "*",       "on",    "dialback-not-allowed",                "dialback, which the row has not"],
  [WITH_D,       "*",        "*",                   "*",       "on",    "tls-dialback",                        "XEP-0220; also after EXTERNAL was refused"],
  [WITH_E_AND_D, "*",        "valid",               "refused", "off",   "mechanism-refused/invalid-authzid",   "RFC 6120 6.5.6; it has no dialback to go on with"],
  ["*",          "*",        "*",                   "*",       "*",     "stream-closed",                       "it uses nothing of what is offered"],
];

const METHODS = ["sasl-over-tls", "tls-dialback", "tcp-dialback"] as const satisfies readonly Method[];

interface Expected {
  readonly proven: Method | null;
  /** Code of the refusal; empty where the partner is proven. */
  readonly code: string;
  /** What its sentence must speak of. */
  readonly word: string;
  readonly because: string;
  /** The rule and the answers that led to it: cells with the same ones are of one kind. */
  readonly kind: string;
}

const fits = (cell: Cell<string>, value: string): boolean =>
  cell === "*" || cell === value || (Array.isArray(cell) && cell.includes(value));

/** Walks the rules from the first, and remembers what it had to ask the cell. */
function expected(direction: Direction, left: Left, partner: Partner): Expected {
  const asked = new Map<string, string>();
  const ask = (cell: Cell<string>, names: readonly (keyof Partner)[], value: string): boolean => {
    if (cell !== "*") for (const name of names) asked.set(name, String(partner[name]));
    return fits(cell, value);
  };
  const rules = direction === "out" ? OUT : IN;
  const index = rules.findIndex(
    (rule) =>
      fits(rule[0], left) &&
      ask(rule[1], ["tls"], partner.tls) &&
      ask(rule[2], ["certificate"], partner.certificate) &&
      ask(rule[3], ["sasl", "accepts"], externalOf(partner)) &&
      ask(rule[4], ["dialback"], partner.dialback ? "on" : "off"),
  );
  const rule = rules[index];
  assert.ok(rule, "the tables cover every cell");
  const [code = "", word = ""] = rule[5].split("/");
  const proven = METHODS.find((method) => method === code) ?? null;
  const answers = [...asked].map(([name, value]) => `${name} ${value}`).toSorted();
  return {
    proven,
    code: proven ? "" : code,
    word,
    because: rule[6],
    kind: [direction, left, `rule ${index + 1}`, ...answers].join(", "),
  };
}

/** What the sentence of a refusal says, about whom. */
// biome-ignore format: one code, one line
const SENTENCES: Readonly<Record<string, (peer: string) => string>> = {
  "no-method":                  (peer) => `the negotiation settings for ${peer} leave no method to prove it`,
  "tls-demanded-by-peer":       (peer) => `${peer} demands TLS, and the policy for it has TLS not supported`,
  "dialback-not-offered":       (peer) => `${peer} offers no dialback`,
  "starttls-not-offered":       (peer) => `${peer} does not offer TLS, and the policy for it demands TLS`,
  "tls-handshake-failed":       (peer) => `the TLS handshake with ${peer} failed: `,
  "server-certificate-invalid": (peer) => `the certificate that ${peer} shows does not prove it: `,
  "external-refused":           (peer) => `${peer} offered SASL EXTERNAL and then refused it: `,
  "external-not-offered":       (peer) => `${peer} offers no SASL EXTERNAL: `,
  "stream-closed":              (peer) => `${peer} closed the stream`,
  "dialback-not-allowed":       (peer) => `the policy for ${peer} does not admit dialback`,
  "tls-required":               (peer) => `the policy for ${peer} demands TLS before dialback`,
  "tls-not-allowed":            (peer) => `the policy for ${peer} admits dialback over plain TCP only`,
  "certificate-not-proven":     (peer) => `the certificate does not prove ${peer}, `,
  "mechanism-refused":          () => "SASL failed with ",
};

/** What the dialling partner hears of a refusal; nothing where it left by itself. */
// biome-ignore format: one code, one line
const HEARD: Readonly<Record<string, string>> = {
  "no-method":              "stream policy-violation",
  "dialback-not-allowed":   "dialback policy-violation",
  "tls-required":           "dialback policy-violation",
  "certificate-not-proven": "stream not-authorized",
  "mechanism-refused":      "sasl invalid-authzid",
  "stream-closed":          "",
};

// ---- cells and kinds -------------------------------------------------------------------------------------------------

interface ProductCell {
  readonly setting: Setting;
  readonly direction: Direction;
  readonly partner: Partner;
  readonly expected: Expected;
}

const CELLS: readonly ProductCell[] = SETTINGS.flatMap((setting) =>
  (["in", "out"] as const).flatMap((direction) =>
    PARTNERS.map((partner) => ({ setting, direction, partner, expected: expected(direction, setting.left, partner) })),
  ),
);

interface Run extends ProductCell {
  readonly style: Manner["style"];
}

/**
 * Of every kind two cells, one in each style, as different as the kind allows. Rows and modes that have the same methods take
 * turns; those whose turn does not come are run once more at the end.
 */
function runs(): readonly Run[] {
  const left = new Map((["in", "out"] as const).map((direction) => [direction, new Set(SETTINGS)]));
  const run = (cell: ProductCell | undefined, style: Run["style"]): Run[] => {
    if (cell === undefined) return [];
    const alike = SETTINGS.filter((setting) => setting.left === cell.setting.left);
    const setting = alike.find((one) => left.get(cell.direction)?.has(one)) ?? cell.setting;
    left.get(cell.direction)?.delete(setting);
    return [{ ...cell, setting, style }];
  };
  const kinds = [...Map.groupBy(CELLS, (cell) => cell.expected.kind).values()];
  const chosen = kinds.flatMap((kind) => [...run(kind.at(0), "polite"), ...run(kind.at(-1), "rude")]);
  const others = [...left].flatMap(([direction, settings]) =>
    [...settings].flatMap((setting) =>
      run(
        CELLS.find((cell) => cell.setting === setting && cell.direction === direction),
        "polite",
      ),
    ),
  );
  return [...chosen, ...others];
}

const RUNS = runs();

/** A rule's cells in one direction and for one M are one test. */
const titleOf = ({ direction, setting, expected: { kind, proven, code, because } }: Run): string =>
  `${direction}, ${setting.left}, ${kind.split(", ")[2]}: ${proven ?? code} (${because})`;

const markOf = (group: readonly Run[]): string => {
  const listed = group.map((run) => contradictionOf("sockets", run)).find((row) => row !== undefined);
  return listed ? `CONTRADICTED, ${listed.what}: ` : "";
};

const describeRun = ({ setting, partner, style }: Run): string =>
  `row ${setting.row} ${setting.mode}, ${style} partner: ${Object.entries(partner)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")}`;

// ---- one run over sockets ----------------------------------------------------------------------------------------------

/** The refused run left a record of its cause, by code and by sentence. */
function assertRecorded(edge: Edge, { direction, setting, expected: { code, word } }: Run): void {
  const peer = domainOf(setting.row);
  const records = edge.attempts();
  const all = JSON.stringify(records.map((record) => `${record.code}: ${record.text}`));
  const found = records.find((record) => record.code === code && record.direction === direction);
  assert.ok(found, `no record ${code}, but ${all}`);
  assert.equal(found.peer, peer);
  assert.ok(found.text.includes(SENTENCES[code]?.(peer) ?? assert.fail(code)), found.text);
  const sentence = found.text.replaceAll(peer, "");
  assert.ok(sentence.includes(word), `the sentence does not speak of ${word}: ${found.text}`);
}

const FRIENDLY_RECORDS = new Set(["mechanism-refused", "external-refused"]);

/** A proven run left nothing but the method that was tried before. */
function assertNoOtherRecord(edge: Edge): void {
  const others = edge.attempts().filter(({ code }) => !FRIENDLY_RECORDS.has(code));
  assert.deepEqual(others, []);
}

async function runOut(world: World, run: Run): Promise<void> {
  const { setting, partner, style } = run;
  const { proven, code } = run.expected;
  const edge = await world.edge(setting.mode, { accepted: partner.accepts, manner: { ...partner, style } });
  const domain = domainOf(setting.row);
  const sent = await edge.side.send(message(`ann@${US}`, `bob@${domain}`, "x"), Date.now() + 4000);
  assert.equal(sent.sent ? sent.proof.by : sent.because.code, proven ?? code);
  if (proven) {
    const has = (name: string) => world.peer.heard.find(({ element }) => element.name === name);
    await eventually(() => has("message") !== undefined, "the message");
    assert.equal(has("message")?.over, proven === "tcp-dialback" ? "tcp" : "tls");
    const security = edge.side.connections().find(({ method }) => method !== null)?.security ?? "";
    const words = { "sasl-over-tls": "certificate valid", "tls-dialback": "TLS", "tcp-dialback": "none" }[proven];
    assert.ok(security.includes(words), security);
    assert.equal(security.includes("not authenticated"), proven === "tls-dialback" && partner.certificate !== "valid");
    assertNoOtherRecord(edge);
  } else assertRecorded(edge, run);
  assertNothingForbiddenWasSent(world, run);
}

/** Whatever came out: what the edge may never say. */
function assertNothingForbiddenWasSent(world: World, { setting: { left }, partner, expected: { proven } }: Run): void {
  for (const { over, element } of world.peer.heard) {
    const said = `${over} ${element.name}`;
    if (element.name === "auth") assert.ok(over === "tls" && partner.certificate === "valid" && leaves(left, "E"), said);
    if (element.name === "result") assert.ok(leaves(left, over === "tls" ? "D" : "P"), said);
    if (element.name === "result" && over === "tcp") assert.ok(partner.tls === "none" || left === "P", "in clear although TLS was offered");
    if (element.name === "message") assert.ok(proven, said);
  }
}

async function runIn(world: World, run: Run): Promise<void> {
  const { setting, partner, style } = run;
  const { proven, code } = run.expected;
  const manner = { ...partner, style };
  // Without client certificate it still has one for its own listener, where its authoritative server is asked.
  const server: Manner = { ...manner, certificate: partner.certificate === "none" ? "invalid" : partner.certificate };
  const edge = await world.edge(setting.mode, { accepted: partner.accepts, manner: server });
  const names = { from: domainOf(setting.row), to: US };
  const introduction = await world.peer.introduce(names, manner);
  assert.equal(introduction.proven, proven !== null, introduction.refusals.join());
  if (proven) {
    introduction.line.say(names);
    await eventually(() => edge.received.length > 0, "the message");
    const proof = edge.received[0]?.proof;
    assert.deepEqual([proof?.by, proof?.partnerDomain, proof?.localDomain], [proven, names.from, US]);
    assertNoOtherRecord(edge);
    return;
  }
  assertHeard(introduction, HEARD[code] ?? assert.fail(code));
  await edge.quiet();
  assert.equal(edge.received.length, 0);
  assertRecorded(edge, run);
}

function assertHeard({ refusals }: Introduction, wanted: string): void {
  if (wanted === "") assert.deepEqual(refusals, []);
  else assert.ok(refusals.includes(wanted), `heard ${refusals.join() || "nothing"}, not ${wanted}`);
}

// ---- the bare machines -------------------------------------------------------------------------------------------------

const HEADER: HeaderKnown = {
  from: "fabrikam.example",
  to: US,
  fromInvalid: false,
  toInvalid: false,
  contentNamespace: NS.server,
  version: "1.0",
  dialbackDeclared: true,
};
const NO_MANAGEMENT = { allowed: false, enabled: false, tooHigh: false, unreadable: false } as const;
const NO_BIDI = { allowed: false, requested: false } as const;

/** How a machine ended: proven by a method, or refused with a code. */
type End = Method | (string & {});

/** The initiating machine against a partner, without sockets. */
function endOut(methods: Methods, partner: Partner): End {
  const first = connectOut(methods, partner, false);
  return first === "retryWithoutExternal" ? connectOut(methods, partner, true) : first;
}

function connectOut(methods: Methods, partner: Partner, second: boolean): End {
  let known: OutboundKnown = {
    purpose: "stanzas",
    methods,
    tls: false,
    plainForbidden: second,
    header: null,
    features: null,
    certificate: "none",
    externalSkipped: second,
    externalRefused: false,
    starttlsUnadvertised: false,
    bytesFollow: false,
    answerMatches: true,
    management: NO_MANAGEMENT,
    bidi: NO_BIDI,
    stanzaAddressed: true,
    stanzaOfPair: true,
    resumable: false,
    hostUnknown: false,
  };
  const { tls, sasl, certificate, dialback, accepts } = partner;
  const features = () => ({
    starttls: !known.tls && tls !== "none",
    starttlsRequired: !known.tls && tls === "required",
    external: known.tls && sasl !== "notOffered" && accepts,
    dialback: dialback && (known.tls || tls !== "required"),
    bidi: false,
    management: false,
  });
  /** What the partner, or the driver, does next because of an action; a string without event ends the run. */
  const answers: Readonly<Partial<Record<OutboundAction, () => OutboundEvent>>> = {
    wait: () => {
      known = { ...known, features: features() };
      return "features";
    },
    choose: () => "next",
    starttls: () => "proceed",
    startTlsUnadvertised: () => {
      known = { ...known, starttlsUnadvertised: true };
      return tls === "none" ? "tlsFailure" : "proceed";
    },
    secure: () => {
      known = { ...known, tls: true, certificate };
      return certificate === "none" ? "handshakeFailed" : "secured";
    },
    restart: () => "header",
    authExternal: () => {
      known = { ...known, externalRefused: sasl === "refused" };
      return sasl === "refused" ? "saslFailure" : "success";
    },
    sendKey: () => (dialback ? "verdictValid" : "verdictError"),
    sendKeyAfterRefusal: () => (dialback ? "verdictValid" : "verdictError"),
  };
  known = { ...known, header: { ...HEADER, dialbackDeclared: dialback } };
  let [state, event]: [OutboundState, OutboundEvent] = ["awaitHeader", "header"];
  for (let steps = 0; steps < 30; steps++) {
    const step = stepOutbound(state, event, known);
    if (!step.found) return step.text;
    state = step.next;
    if (step.act === "proveExternal") return "sasl-over-tls";
    if (step.act === "proveDialback") return known.tls ? "tls-dialback" : "tcp-dialback";
    const answer = answers[step.act];
    if (answer === undefined) return step.act.replace(/^fail:/, "");
    event = answer();
  }
  return "no end";
}

/** The receiving machine, and that of the pair, against a partner that dials. */
function endIn(methods: Methods, { tls, sasl, certificate, dialback, accepts }: Partner): End {
  const pair: PairKnown = { addressesValid: true, listed: true, served: true, methods, proven: false, partnerProven: false };
  let known: InboundKnown = {
    tls: false,
    header: HEADER,
    earlier: null,
    listed: true,
    served: true,
    methods,
    certificate: "none",
    authenticated: false,
    saslFailures: 0,
    bytesFollow: false,
    limitReached: false,
    pairsProven: 0,
    pairsOpen: 0,
    auth: { mechanism: "EXTERNAL", authzid: sasl === "refused" ? "other" : "same" },
    pair,
    management: NO_MANAGEMENT,
    bidi: NO_BIDI,
  };
  let state: InboundState = "awaitHeader";
  const step = (event: InboundEvent): InboundAction => {
    const found = stepInbound(state, event, known);
    assert.ok(found.found, `${event} in ${state}`);
    state = found.next;
    return found.act;
  };
  const failed = (act: string): string => act.replace(/^(fail|refuse):/, "");
  let act = step("header");
  if (act !== "offer") return failed(act);
  if (tls !== "none" && offered(known).includes("starttls")) {
    assert.equal(step("starttls"), "proceed");
    known = { ...known, tls: true, certificate, earlier: HEADER };
    assert.equal(step("secured"), "restart");
    act = step("header");
    if (act !== "offer") return failed(act);
  }
  let refused = "";
  if (known.tls && sasl !== "notOffered" && accepts && offered(known).includes("external")) {
    act = step("auth");
    if (act === "acceptExternal") {
      known = { ...known, authenticated: true };
      return step("header") === "proveExternal" ? "sasl-over-tls" : state;
    }
    assert.equal(act, "sasl:invalid-authzid");
    refused = "mechanism-refused";
    known = { ...known, saslFailures: 1 };
    if (step("next") === "closeAfterSasl") return refused;
  }
  if (!dialback || (tls === "required" && !known.tls)) return refused || "stream-closed";
  assert.equal(step("dialbackKey"), "judgePair");
  const asked = stepPair("unknown", "key", known);
  assert.ok(asked.found);
  if (asked.act !== "askAuthority") return failed(asked.act);
  const answered = stepPair(asked.next, "keyValid", known);
  assert.ok(answered.found && answered.act === "provePair");
  return known.tls ? "tls-dialback" : "tcp-dialback";
}

// ---- where the gateway and the tables differ -----------------------------------------------------------------------------

/**
 * Cells that contradict the tables above today, with what would be right. A cell listed here must contradict them, so that a
 * line whose cause is gone is noticed, and taken out.
 */
interface Contradiction {
  readonly where: "machine" | "sockets";
  readonly applies: (run: Pick<Run, "direction" | "expected"> & { readonly style?: Manner["style"] }) => boolean;
  /** How it fails today, and nothing else. */
  readonly today: RegExp;
  readonly what: string;
}

const CONTRADICTIONS: readonly Contradiction[] = [];

const contradictionOf = (where: Contradiction["where"], run: Parameters<Contradiction["applies"]>[0]): Contradiction | undefined =>
  CONTRADICTIONS.find((row) => row.where === where && row.applies(run));

/** What does not hold, one line a cell; `wrong` is what is wrong with it, or nothing. */
function judged(run: Run, where: Contradiction["where"], wrong: string): string[] {
  const listed = contradictionOf(where, run);
  const found = `${describeRun(run)}: ${wrong || "as the tables say"}`;
  if (listed === undefined) return wrong === "" ? [] : [found];
  return listed.today.test(wrong) ? [] : [`${found}; its line among CONTRADICTIONS must go: ${listed.what}`];
}

// ---- the tests -----------------------------------------------------------------------------------------------------------

describe("negotiation in every cell", () => {
  let world: World;
  before(() => {
    world = new World();
    return world.start();
  });
  after(() => world.stop());

  it("the rows written out here are the gateway's rows", () => {
    assert.deepEqual(
      ROWS.map(([row, tls, sasl, dialback]) => [row, tls, sasl, dialback]),
      MATRIX.map(({ row, tls, sasl, dialback }) => [row, tls, sasl, dialback]),
    );
  });

  it(`the bare machines agree with the tables in all ${CELLS.length} cells`, () => {
    const wrong: string[] = [];
    for (const cell of CELLS) {
      const [, tlsNegotiation, saslNegotiation, supportDialbackNegotiation] = ROWS[cell.setting.row - 1] ?? assert.fail();
      const methods = methodsOf({ tlsNegotiation, saslNegotiation, supportDialbackNegotiation }, cell.setting.mode);
      const end = cell.direction === "out" ? endOut(methods, cell.partner) : endIn(methods, cell.partner);
      // An empty M is refused before any connection is made; the machine must at least prove nothing.
      const holds =
        cell.setting.left === "none" && cell.direction === "out"
          ? !(METHODS as readonly string[]).includes(end)
          : end === (cell.expected.proven ?? cell.expected.code);
      wrong.push(...judged({ ...cell, style: "polite" }, "machine", holds ? "" : end));
    }
    assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} cells`);
  });

  it(`${new Set(CELLS.map(({ expected: { kind } }) => kind)).size} kinds of cells are told apart, ${RUNS.length} runs over sockets, every row in both modes among them`, () => {
    assert.equal(CELLS.length, 18 * 2 * 3 * 3 * 3 * 2 * 2 * 2);
    const run = new Set(RUNS.map(({ setting: { row, mode }, direction }) => `${direction} ${row} ${mode}`));
    assert.equal(run.size, 18 * 2 * 2);
  });

  for (const [title, group] of Map.groupBy(RUNS, titleOf)) {
    it(markOf(group) + title, async () => {
      const wrong: string[] = [];
      for (const run of group) {
        const error = await (run.direction === "out" ? runOut(world, run) : runIn(world, run)).then(
          () => "",
          (thrown: Error) => thrown.message,
        );
        wrong.push(...judged(run, "sockets", error));
      }
      assert.deepEqual(wrong, []);
    });
  }
});

// ---- one stream, many pairs ------------------------------------------------------------------------------------------------

/** A pair asked for by dialback on a stream that stands: its own row decides, whatever the stream was opened for. */
// biome-ignore format: one M a line
const PAIRS: Readonly<Record<Left, Readonly<Record<"tcp" | "tls", string>>>> = {
  "E":     { tcp: "dialback-not-allowed", tls: "dialback-not-allowed" },
  "E D":   { tcp: "tls-required",         tls: "tls-dialback"         },
  "E D P": { tcp: "tcp-dialback",         tls: "tls-dialback"         },
  "D":     { tcp: "tls-required",         tls: "tls-dialback"         },
  "D P":   { tcp: "tcp-dialback",         tls: "tls-dialback"         },
  "P":     { tcp: "tcp-dialback",         tls: "tls-not-allowed"      },
  "none":  { tcp: "dialback-not-allowed", tls: "dialback-not-allowed" },
};

/** A row for each M that leaves something. */
const ROW_OF = { E: 2, "E D": 7, "E D P": 9, D: 13, "D P": 15, P: 17 } as const satisfies Partial<Record<Left, number>>;
const LEFT_AND_ROW = Object.entries(ROW_OF) as [keyof typeof ROW_OF, number][];

const isMethod = (outcome: string): boolean => (METHODS as readonly string[]).includes(outcome);
const codesOf = (edge: Edge): string[] => edge.attempts().map(({ code }) => code);

/** Asks for the pair; what must come of it comes: proof and a stanza that passes, or an error, a record, and the stream stays. */
async function assertPair(edge: Edge, line: Line, names: Names, outcome: string): Promise<void> {
  edge.mark();
  const answer = await line.askDialback(names);
  const about = `${names.from} ${names.to}`;
  if (isMethod(outcome)) {
    assert.equal(answer, "valid", about);
    line.say(names);
    await eventually(() => edge.received.length > 0, `the message of ${about}`);
    const proof = edge.received[0]?.proof;
    assert.deepEqual([proof?.partnerDomain, proof?.localDomain, proof?.by], [names.from, names.to, outcome]);
    return;
  }
  assert.equal(answer, "dialback policy-violation", about);
  const [record] = edge.attempts();
  assert.deepEqual([record?.code, record?.peer, record?.direction], [outcome, names.from, "in"]);
  assert.ok(record?.text.includes(SENTENCES[outcome]?.(names.from) ?? assert.fail(outcome)), record?.text);
}

describe("negotiation beside the cells", () => {
  let world: World;
  before(() => {
    world = new World();
    return world.start();
  });
  after(() => world.stop());

  const CARRIERS = [
    ["SASL EXTERNAL over TLS", "tls", 7, GOOD_MANNER],
    ["dialback over TLS", "tls", 13, GOOD_MANNER],
    ["dialback over TCP", "tcp", 15, { ...GOOD_MANNER, tls: "none" }],
  ] as const satisfies readonly (readonly [string, "tcp" | "tls", number, Manner])[];

  for (const mode of ["lync-compat", "strict"] as const) {
    for (const [name, over, row, manner] of CARRIERS) {
      it(`further pairs on a stream proven by ${name} are judged by their own rows (${mode})`, async () => {
        const edge = await world.edge(mode, { manner });
        const carrier = { from: domainOf(row), to: US };
        const { line, proven } = await world.peer.introduce(carrier, manner);
        assert.ok(proven);
        for (const setting of SETTINGS.filter((one) => one.mode === mode)) {
          const names = { from: `more.${domainOf(setting.row)}`, to: setting.row % 2 === 0 ? US : US_TOO };
          await assertPair(edge, line, names, PAIRS[setting.left][over]);
        }
        assert.equal(await line.askDialback({ from: "evil.example", to: US }), "dialback policy-violation");
        assert.equal(await line.askDialback({ from: domainOf(row), to: "nobody.example" }), "dialback item-not-found");
        assert.equal(await line.askDialback({ from: domainOf(row), to: US_TOO }, "not the key"), "dialback forbidden");
        edge.mark();
        line.say(carrier);
        await eventually(() => edge.received.length === 1, "the message of the first pair, after all that was refused");
      });
    }
  }

  it("a further pair that is refused proves nothing: its stanza ends the stream", async () => {
    const edge = await world.edge("lync-compat");
    const { line } = await world.peer.introduce({ from: domainOf(7), to: US }, GOOD_MANNER);
    const names = { from: domainOf(2), to: US };
    assert.equal(await line.askDialback(names), "dialback policy-violation");
    line.say(names);
    assert.equal(await line.answer("result", names), "stream invalid-from");
    assert.equal(edge.received.length, 0);
  });

  // ---- who does not say who it is ------------------------------------------------------------------------------------------

  for (const [left, row] of LEFT_AND_ROW) {
    it(`a header without 'from', where all partners have ${left}: offers what may be of use, never EXTERNAL; each key by its own pair`, async () => {
      const nobody = { from: null, to: US } as const;
      const edge = await world.edge("lync-compat", { rows: [row] });
      const names = { from: domainOf(row), to: US };
      const overTls = leaves(left, "E") || leaves(left, "D");
      const plain = await world.peer.dial(US);
      const { offers } = await plain.greet(nobody);
      assert.deepEqual(offers, [...(overTls ? ["starttls"] : []), ...(leaves(left, "P") ? ["dialback"] : [])]);
      await assertPair(edge, plain, names, PAIRS[left].tcp);
      if (!overTls) return;
      const secure = await world.peer.dial(US);
      await secure.greet(nobody);
      await secure.startTls(CERTIFICATE_OF_PARTNERS, US);
      edge.mark();
      const after = await secure.greet(nobody);
      if (leaves(left, "D")) {
        assert.deepEqual(after.offers, ["dialback"]);
        await assertPair(edge, secure, names, PAIRS[left].tls);
      } else {
        assert.equal(after.error, "not-authorized");
        assert.deepEqual(codesOf(edge), ["certificate-not-proven"]);
      }
    });

    it(`a header without version, where the row has ${left}: no features, plain dialback or nothing`, async () => {
      const edge = await world.edge("lync-compat", { rows: [row] });
      const names = { from: domainOf(row), to: US };
      const line = await world.peer.dial(US);
      line.open(names, { version: "" });
      if (!leaves(left, "P")) {
        assert.equal(await line.answer("result", names), "stream policy-violation");
        assert.deepEqual(codesOf(edge), ["tls-required"]);
        assert.ok(edge.attempts()[0]?.text.includes(`the policy for ${names.from} demands TLS`));
        return;
      }
      const event = await line.next();
      assert.ok(event.kind === "header");
      line.id = event.header.attributes.get("id") ?? "";
      await assertPair(edge, line, names, "tcp-dialback");
    });
  }

  it("rule by rule: partners of different rows on one nameless stream get what their own rows say", async () => {
    const edge = await world.edge("lync-compat");
    for (const over of ["tcp", "tls"] as const) {
      const line = await world.peer.dial(US);
      await line.greet({ from: null, to: US });
      if (over === "tls") {
        await line.startTls(CERTIFICATE_OF_PARTNERS, US);
        assert.deepEqual((await line.greet({ from: null, to: US })).offers, ["dialback"]);
      }
      for (const { row, left } of SETTINGS.filter(({ mode }) => mode === "lync-compat")) {
        await assertPair(edge, line, { from: domainOf(row), to: US }, PAIRS[left][over]);
      }
    }
  });

  // ---- restarts --------------------------------------------------------------------------------------------------------------

  for (const [left, row] of LEFT_AND_ROW.filter(([left]) => left !== "P")) {
    // biome-ignore format: one change a line
    const changes = [
      ["'from' is another partner's",  { from: domainOf(3), to: US },          "invalid-from", "from-changed", `${domainOf(row)} became ${domainOf(3)}`],
      ["'from' is another of its own", { from: `more.${domainOf(row)}`, to: US }, "invalid-from", "from-changed", `${domainOf(row)} became more.`],
      ["'from' is gone",               { from: null, to: US },                 "invalid-from", "from-changed", `${domainOf(row)} became nothing`],
      ["'to' is another of ours",      { from: domainOf(row), to: US_TOO },    "host-unknown", "to-changed",   `${US} became ${US_TOO}`],
    ] as const;
    for (const [what, changed, condition, code, sentence] of changes) {
      it(`${left}: ${what} after TLS, which is ${condition}`, async () => {
        const edge = await world.edge("lync-compat");
        const line = await world.peer.dial(US);
        await line.greet({ from: domainOf(row), to: US });
        await line.startTls(CERTIFICATE_OF_PARTNERS, US);
        assert.equal((await line.greet(changed)).error, condition);
        assert.deepEqual(codesOf(edge), [code]);
        assert.ok(edge.attempts()[0]?.text.includes(sentence), edge.attempts()[0]?.text);
      });
    }
  }

  it("'from' changed after SASL is invalid-from, and nothing is proven", async () => {
    const edge = await world.edge("lync-compat");
    const names = { from: domainOf(7), to: US };
    const { line } = await world.peer.approach(names, GOOD_MANNER);
    assert.equal(await line.authenticate(names, names.from, { from: domainOf(9), to: US }), "stream invalid-from");
    assert.deepEqual(codesOf(edge), ["from-changed"]);
    assert.equal(edge.side.connections().filter(({ method }) => method !== null).length, 0);
  });

  it("'from' that comes only after TLS is judged then: what was known before is forgotten", async () => {
    const edge = await world.edge("lync-compat");
    const names = { from: domainOf(2), to: US };
    const line = await world.peer.dial(US);
    await line.greet({ from: null, to: US });
    await line.startTls(CERTIFICATE_OF_PARTNERS, US);
    assert.deepEqual((await line.greet(names)).offers, ["EXTERNAL"]);
    assert.equal(await line.authenticate(names, names.from), "");
    line.say(names);
    await eventually(() => edge.received[0]?.proof.by === "sasl-over-tls", "the message");
  });

  it("a pair proven before STARTTLS is not proven behind it", async () => {
    const edge = await world.edge("lync-compat");
    const names = { from: domainOf(9), to: US };
    const line = await world.peer.dial(US);
    await line.greet(names);
    assert.equal(await line.askDialback(names), "valid");
    await line.startTls(CERTIFICATE_OF_PARTNERS, US);
    await line.greet(names);
    line.say(names);
    assert.equal(await line.answer("result", names), "stream not-authorized");
    assert.equal(edge.received.length, 0);
  });

  // ---- db:verify, authoritative ------------------------------------------------------------------------------------------------

  for (const over of ["tcp", "tls"] as const) {
    it(`authoritative, over ${over}: every row in both modes; TLS is demanded exactly where the row has no plain dialback`, async () => {
      for (const mode of ["lync-compat", "strict"] as const) {
        const edge = await world.edge(mode);
        const line = await world.peer.dial(US);
        await line.greet({ from: null, to: US });
        if (over === "tls") {
          await line.startTls(null, US);
          await line.greet({ from: null, to: US });
        }
        for (const { row, left } of SETTINGS.filter((setting) => setting.mode === mode && setting.left !== "none")) {
          const names = { from: domainOf(row), to: US };
          const right = keyOf({ receiving: names.from, originating: US, id: "stream1" }, EDGE_SECRET);
          const admitted = over === "tls" || leaves(left, "P");
          edge.mark();
          assert.equal(
            await line.askVerify(names, "stream1", right),
            admitted ? "valid" : "dialback policy-violation",
            `row ${row} ${mode}`,
          );
          assert.equal(await line.askVerify(names, "stream2", right), admitted ? "invalid" : "dialback policy-violation");
          const codes = admitted ? ["key-not-ours"] : ["tls-required", "tls-required"];
          assert.deepEqual(codesOf(edge), codes);
          assert.ok(edge.attempts()[0]?.text.includes(names.from));
        }
        const names = { from: domainOf(17), to: US };
        assert.equal(await line.askVerify({ ...names, from: "evil.example" }, "stream1", "x"), "dialback policy-violation");
        assert.equal(await line.askVerify({ ...names, to: "nobody.example" }, "stream1", "x"), "dialback item-not-found");
        assert.equal(await line.askVerify({ ...names, to: US_TOO }, "stream1", "x"), "invalid");
      }
    });
  }

  // ---- db:verify, receiving ----------------------------------------------------------------------------------------------------

  const verifyAnswer = (found: XmlElement, changes: Readonly<Record<string, string>>, inner = "", name = "verify"): string => {
    const said = { from: found.attributes.get("to"), to: found.attributes.get("from"), id: found.attributes.get("id"), ...changes };
    const written = Object.entries(said).map(([key, value]) => ` ${key}='${value}'`);
    return `<db:${name}${written.join("")}>${inner}</db:${name}>`;
  };
  const stanzaError = (name: string): string => `<error type='cancel'><${name} xmlns='${NS.stanzaErrors}'/></error>`;
  const NO_TIME = "dialback remote-server-timeout";

  // biome-ignore format: what the authoritative server answers, what the partner hears, the record; one case a line
  const ANSWERS: readonly (readonly [string, (found: XmlElement) => string | null, told: string, code: string])[] = [
    ["invalid",                          (v) => verifyAnswer(v, { type: "invalid" }),                                         "invalid",                          "dialback-key-invalid"],
    ["that it does not know the domain", (v) => verifyAnswer(v, { type: "error" }, stanzaError("item-not-found")),            "dialback remote-server-not-found", "authority-not-found"],
    ["another error",                    (v) => verifyAnswer(v, { type: "error" }, stanzaError("internal-server-error")),     "dialback remote-server-not-found", "authority-refused"],
    ["valid for another stream",         (v) => verifyAnswer(v, { type: "valid", id: "another" }),                            NO_TIME,                            "unsolicited-dialback"],
    ["valid for another domain",         (v) => verifyAnswer(v, { type: "valid", from: "row9.example" }),                     NO_TIME,                            "unsolicited-dialback"],
    ["valid to another of ours",         (v) => verifyAnswer(v, { type: "valid", to: US_TOO }),                               NO_TIME,                            "unsolicited-dialback"],
    ["valid as db:result",               (v) => verifyAnswer(v, { type: "valid" }, "", "result"),                             NO_TIME,                            "unsolicited-dialback"],
    ["nothing and closes",               () => null,                                                                          NO_TIME,                            "stream-closed"],
  ];

  for (const [over, row] of [
    ["tcp", 17],
    ["tls", 13],
  ] as const) {
    for (const [what, lie, told, code] of ANSWERS) {
      it(`receiving, over ${over}: the authoritative server says ${what}`, async () => {
        const edge = await world.edge("lync-compat");
        world.peer.lie = lie;
        const names = { from: domainOf(row), to: US };
        const { line } = await world.peer.approach(names, { ...GOOD_MANNER, tls: over === "tcp" ? "none" : "required" });
        assert.equal(await line.askDialback(names), told);
        assert.ok(codesOf(edge).includes(code), codesOf(edge).join());
        assert.equal(edge.received.length, 0);
        // An invalid key ends a stream on which nothing is proven (XEP-0220 2.2.1), an error does not (2.5).
        line.say(names);
        assert.equal(await line.answer("result", names), told === "invalid" ? "" : "stream not-authorized");
        assert.equal(edge.received.length, 0);
      });
    }
  }

  // biome-ignore format: one case a line
  const AUTHORITIES = [
    // M      row  the authoritative server            told                                   record
    ["D",     13,  { tls: "none" },                    "dialback remote-connection-failed",   "starttls-not-offered"],
    ["D",     13,  { certificate: "none" },            "dialback remote-connection-failed",   "tls-handshake-failed"],
    ["D",     13,  { certificate: "invalid" },         "valid",                               ""],
    ["E D P", 9,   { certificate: "none" },            "dialback remote-connection-failed",   "tls-handshake-failed"],
    ["E D P", 9,   { certificate: "invalid" },         "valid",                               ""],
    ["D P",   15,  { tls: "none" },                    "valid",                               ""],
    ["P",     17,  { tls: "optional" },                "valid",                               ""],
    ["P",     17,  { tls: "required" },                "dialback remote-connection-failed",   "tls-demanded-by-peer"],
  ] as const satisfies readonly (readonly [Left, number, Partial<Manner>, string, string])[];

  for (const [left, row, authority, told, code] of AUTHORITIES) {
    const [[what, how] = []] = Object.entries(authority);
    it(`receiving, ${left}: an authoritative server with ${what} ${how} is ${told}`, async () => {
      const edge = await world.edge("lync-compat", { manner: { ...GOOD_MANNER, ...authority } });
      const names = { from: domainOf(row), to: US };
      const { line } = await world.peer.approach(names, GOOD_MANNER);
      assert.equal(line.tls, left !== "P");
      assert.equal(await line.askDialback(names), told);
      assert.deepEqual(codesOf(edge).toSorted(), code === "" ? [] : ["authority-unreachable", code].toSorted());
      if (code !== "") assert.ok(edge.attempts()[0]?.text.includes(names.from));
    });
  }

  // ---- db:verify, originating --------------------------------------------------------------------------------------------------

  // biome-ignore format: one case a line
  const VERDICTS: readonly (readonly [string, (found: XmlElement) => string | null, code: string])[] = [
    ["invalid",                   (r) => resultAnswer(r, { type: "invalid" }),                                             "dialback-invalid"],
    ["an error",                  (r) => resultAnswer(r, { type: "error" }, stanzaError("remote-connection-failed")),      "dialback-error"],
    ["valid from another domain", (r) => resultAnswer(r, { type: "valid", from: "row9.example" }),                         "unsolicited-dialback"],
    ["valid to another of ours",  (r) => resultAnswer(r, { type: "valid", to: US_TOO }),                                   "unsolicited-dialback"],
    ["valid as db:verify",        (r) => verifyAnswer(r, { type: "valid" }),                                               "unsolicited-dialback"],
    ["nothing and closes",        () => null,                                                                              "stream-closed"],
  ];
  const resultAnswer = (found: XmlElement, changes: Readonly<Record<string, string>>, inner = ""): string =>
    verifyAnswer(found, changes, inner, "result").replace(" id='undefined'", "");

  for (const [over, row] of [
    ["tcp", 17],
    ["tls", 13],
  ] as const) {
    for (const [what, lie, code] of VERDICTS) {
      it(`originating, over ${over}: the receiving server says ${what}`, async () => {
        const edge = await world.edge("lync-compat");
        world.peer.lie = lie;
        const sent = await edge.side.send(message(`ann@${US}`, `bob@${domainOf(row)}`, "x"), Date.now() + 4000);
        assert.equal(sent.sent ? sent.proof.by : sent.because.code, code);
        const [record] = edge.attempts();
        assert.deepEqual([record?.code, record?.peer, record?.direction], [code, domainOf(row), "out"]);
        assert.ok(!world.peer.heard.some(({ element }) => element.name === "message"));
      });
    }

    it(`originating, over ${over}: the key is good for the one stream and the one pair it was made for`, async () => {
      const edge = await world.edge("lync-compat");
      const from = domainOf(row);
      const sent = await edge.side.send(message(`ann@${US}`, `bob@${from}`, "x"), Date.now() + 4000);
      assert.ok(sent.sent);
      const result = world.peer.heard.find(({ element }) => element.name === "result")?.element ?? assert.fail();
      const key = result.children.join("");
      for (const [names, id] of [
        [{ from, to: US }, "another"],
        [{ from: `more.${from}`, to: US }, world.peer.lastId],
        [{ from, to: US_TOO }, world.peer.lastId],
      ] as const) {
        assert.equal(await world.peer.verify(names, id, key), "invalid");
      }
      assert.equal(await world.peer.verify({ from, to: US }, world.peer.lastId, key), "valid");
    });
  }

  // ---- the partner hangs up ----------------------------------------------------------------------------------------------------

  /** A partner that drops the connection when it has seen our certificate, `when` it is up on its side or on ours too. */
  async function hangUp(edge: Edge, when: "at once" | "later"): Promise<void> {
    const line = await world.peer.dial(US);
    await line.greet({ from: domainOf(2), to: US });
    await line.startTls(CERTIFICATE_OF_PARTNERS, US);
    assert.equal(line.trusted, false);
    if (when === "later") await eventually(() => edge.side.connections()[0]?.state === "awaitSecureHeader", "TLS on our side");
    line.drop();
    await edge.quiet();
  }

  it("a partner that hangs up in the handshake, as one that rejects our certificate does, leaves a record", async () => {
    const edge = await world.edge("lync-compat", { accepted: false });
    await hangUp(edge, "at once");
    const [record] = edge.attempts();
    assert.ok(record === undefined || record.code === "tls-handshake-failed");
    if (record) assert.ok(record.text.includes(SENTENCES["tls-handshake-failed"]?.(domainOf(2)) ?? assert.fail()), record.text);
  });

  it("a partner that hangs up right after the handshake leaves a record that names it", async () => {
    const edge = await world.edge("lync-compat", { accepted: false });
    await hangUp(edge, "later");
    assert.deepEqual(codesOf(edge), ["stream-closed"]);
    assert.equal(edge.attempts()[0]?.peer, domainOf(2));
  });
});
