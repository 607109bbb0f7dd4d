/**
 * Transcripts: what goes over the wire between a partner's server and the edge, as text, played over real sockets. The player is
 * the partner; the edge under test serves contoso.example.
 *
 *     # first line: the clause; more lines: why
 *     partner: fabrikam.example external connectionLimit=2      settings before the first step, see HEADERS
 *     > <message/>      sent; lines that follow one another are one piece
 *     < <message/>      expected next, byte for byte; lines that follow one another are one text
 *     ! closed          a directive, see DIRECTIVES
 *
 * \n \r \t \\ and \xHH stand for bytes. In expected text `{name}` is any run without < > ' ", kept and meant literally from then on, also in sent lines; `{...}` is
 * anything, `{features}` the stream features whatever they are. At the end nothing may be left: no text unread, no stanza and no
 * failure unmentioned.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { PartnerInput } from "../../gateway/config/schema.ts";
import type { Sent } from "../../gateway/server/ports.ts";
import { childOf, textOf } from "../../gateway/xmpp/element.ts";
import { NS } from "../../gateway/xmpp/namespaces.ts";
import type { Issued } from "./certificates.ts";
import { makeTestClock, type TestClock } from "./clock.ts";
import { eventually, message, type RawPeer, ROWS, type TestEdge, XmppWorld } from "./xmpp-world.ts";

type StepKind = ">" | "<" | "!";

interface Step {
  readonly kind: StepKind;
  readonly text: string;
  readonly line: number;
}

export interface Transcript {
  readonly name: string;
  /** The first comment line. */
  readonly title: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly steps: readonly Step[];
}

/** Reads one transcript. @throws where a line is of no known kind */
export function readTranscript(name: string, text: string): Transcript {
  const headers: [string, string][] = [];
  const steps: Step[] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const header = /^([a-z]+): (.*)$/.exec(line);
    const step = /^([<>!]) (.*)$/.exec(line);
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (step) addStep(steps, { kind: step[1] as StepKind, text: step[2] ?? "", line: index + 1 }, lines[index - 1] ?? "");
    else if (header && steps.length === 0) headers.push([header[1] ?? "", header[2] ?? ""]);
    else throw new Error(`${name}:${index + 1}: expected a comment, a header before the first step, or a step; got ${line}`);
  }
  return { name, title: /^# (.*)$/m.exec(text)?.[1] ?? name, headers, steps };
}

/** Lines of one kind that touch are one piece. */
function addStep(steps: Step[], step: Step, lineBefore: string): void {
  const last = steps.at(-1);
  if (last && last.kind === step.kind && step.kind !== "!" && lineBefore.startsWith(`${step.kind} `))
    steps.splice(-1, 1, { ...last, text: last.text + step.text });
  else steps.push(step);
}

/** One transcript for each value of its `each: name = a b c`, which stands for `{name}` in it; itself where it has none. */
export function variants(transcript: Transcript): readonly Transcript[] {
  const each = transcript.headers.find(([name]) => name === "each")?.[1];
  if (each === undefined) return [transcript];
  const [name = "", values = ""] = each.split(" = ");
  return values.split(" ").map((value) => ({
    ...transcript,
    title: `${transcript.title} (${value})`,
    steps: transcript.steps.map((step) => ({ ...step, text: step.text.replaceAll(`{${name}}`, value) })),
  }));
}

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

const BYTES = /\\(?:x([0-9A-F]{2})|([nrt\\]))/g;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\" };

/** What a sent line stands for. */
export function bytesOf(text: string): Buffer {
  const latin1 = Buffer.from(text, "utf8").toString("latin1");
  const raw = latin1.replace(BYTES, (_, hex: string | undefined, letter: string | undefined) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (ESCAPES[letter ?? ""] ?? ""),
  );
  return Buffer.from(raw, "latin1");
}

/** The pattern of expected text, from where reading stands; `names` are its new captures in order. */
export function patternOf(
  text: string,
  known: ReadonlyMap<string, string>,
): { readonly pattern: RegExp; readonly names: readonly string[] } {
  const names: string[] = [];
  const source = text.split(/(\{(?:\.\.\.|[a-z]+)\})/).map((part) => {
    const name = /^\{(\.\.\.|[a-z]+)\}$/.exec(part)?.[1];
    if (name === undefined) return literally(part);
    if (name === "...") return "[^]*?";
    if (name === "features") return "<stream:features(?:/>|>[^]*?</stream:features>)";
    const value = known.get(name);
    if (value !== undefined) return literally(value);
    if (names.includes(name)) return `\\k<${name}>`;
    names.push(name);
    return `(?<${name}>[^<>'"]*)`;
  });
  return { pattern: new RegExp(`^${source.join("")}`), names };
}

/** A world on addresses of this file's own. */
export class ConformanceWorld extends XmppWorld {
  #next = 10;

  override address(): string {
    this.#next = this.#next < 250 ? this.#next + 1 : 10;
    return `127.86.${process.pid % 250}.${this.#next}`;
  }
}

const OUR_DOMAIN = "contoso.example";
const PARTNER = "fabrikam.example";
const OUR_USER = `ann@${OUR_DOMAIN}`;

/** How the partner's domain looks in DNS: a server of the player, a port where nothing listens, no record at all. */
type Reachable = "listens" | "refuses" | "unknown";

interface Settings {
  readonly partners: PartnerInput[];
  readonly gateway: Record<string, number>;
  serves: readonly string[];
  dns: Reachable;
}

/** `fabrikam.example external connectionLimit=2 additionalDomains=a.example,b.example` */
function partnerOf(text: string): PartnerInput {
  const [domain = "", row = "", ...settings] = text.split(" ");
  const negotiation = ROWS[row as keyof typeof ROWS];
  if (negotiation === undefined) throw new Error(`unknown row ${row}; expected ${Object.keys(ROWS).join(", ")}`);
  const more = settings.map((setting) => {
    const [name = "", value = ""] = setting.split("=");
    if (name === "additionalDomains") return [name, value.split(",")];
    return [name, ["true", "false"].includes(value) ? value === "true" : Number(value)];
  });
  return { domain, ...negotiation, ...Object.fromEntries(more) };
}

/** Lines before the first step. `each` and `pending` are for the one who plays. */
const HEADERS: Readonly<Record<string, (settings: Settings, value: string) => void>> = {
  /** `partner: DOMAIN ROW [setting=value ...]`; may stand several times. */
  partner: (settings, value) => settings.partners.push(partnerOf(value)),
  /** `gateway: setting=number` */
  gateway: (settings, value) => {
    const [name = "", number] = value.split("=");
    settings.gateway[name] = Number(number);
  },
  /** `serves: DOMAIN ...` */
  serves: (settings, value) => {
    settings.serves = value.split(" ");
  },
  /** `dns: listens|refuses|unknown`, of every partner's domain */
  dns: (settings, value) => {
    settings.dns = value as Reachable;
  },
  each: () => {},
  pending: () => {},
};

function settingsOf({ headers, name }: Transcript): Settings {
  const settings: Settings = { partners: [], gateway: {}, serves: [OUR_DOMAIN], dns: "listens" };
  for (const [header, value] of headers) {
    const read = HEADERS[header];
    if (read === undefined) throw new Error(`${name}: unknown header ${header}; expected ${Object.keys(HEADERS).join(", ")}`);
    read(settings, value);
  }
  return settings;
}

/** Plays one transcript. @throws where something else happens, with file and line */
export async function play(transcript: Transcript): Promise<void> {
  const player = await Player.start(settingsOf(transcript));
  try {
    await player.run(transcript);
    await player.nothingLeft();
  } finally {
    await player.stop();
  }
}

type Side = "client" | "server";

class Player {
  readonly #world: ConformanceWorld;
  readonly #clock: TestClock;
  readonly #edge: TestEdge;
  readonly #settings: Settings;
  readonly #peers = new Map<string, { readonly peer: RawPeer; readonly side: Side }>();
  readonly #waiting: RawPeer[];
  readonly #sent: Promise<Sent>[] = [];
  readonly #known = new Map<string, string>();
  #current = "";
  #streamName: string | undefined;
  #unsent: Buffer[] = [];
  #routed = 0;
  #recorded = 0;

  private constructor(world: ConformanceWorld, clock: TestClock, edge: TestEdge, settings: Settings, waiting: RawPeer[]) {
    this.#world = world;
    this.#clock = clock;
    this.#edge = edge;
    this.#settings = settings;
    this.#waiting = waiting;
  }

  static async start(settings: Settings): Promise<Player> {
    const world = new ConformanceWorld();
    const clock = makeTestClock();
    const waiting: RawPeer[] = [];
    const { partners, gateway, serves } = settings;
    const edge = await world.edge({ domain: OUR_DOMAIN, sipDomains: serves, partners, gateway, clock });
    const domains = partners.flatMap(({ domain, additionalDomains }) => [domain, ...(additionalDomains ?? [])]);
    for (const domain of domains) {
      if (settings.dns === "listens") await world.serve(domain, async (peer) => void waiting.push(peer));
      if (settings.dns === "refuses") world.publish(domain, world.address());
    }
    return new Player(world, clock, edge, settings, waiting);
  }

  async run(transcript: Transcript): Promise<void> {
    for (const step of transcript.steps) {
      try {
        await this.#step(step);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`${transcript.name}:${step.line}: ${step.kind} ${step.text}\n${why}`, { cause: error });
      }
    }
    this.#flush();
  }

  async #step({ kind, text }: Step): Promise<void> {
    if (kind === ">") {
      this.#flush();
      this.#unsent.push(bytesOf(this.#filled(text)));
      return;
    }
    if (kind === "<") {
      this.#flush();
      await this.#expect(text);
      return;
    }
    const [name = "", ...words] = text.split(" ");
    const directive = this.#directives[name];
    if (directive === undefined) throw new Error(`unknown directive; expected ${Object.keys(this.#directives).join(", ")}`);
    // What precedes TLS leaves in the same turn in which the plain socket is taken over, so that no byte of the handshake is missed.
    this.#flush();
    await directive(words);
  }

  #flush(): void {
    for (const bytes of this.#unsent.splice(0)) this.#peer.send(bytes);
  }

  get #peer(): RawPeer {
    const found = this.#peers.get(this.#current);
    if (!found) throw new Error("no stream yet: ! connect or ! accept comes first");
    return found.peer;
  }

  #filled(text: string): string {
    return text.replace(/\{([a-z]+)\}/g, (whole, name: string) => this.#known.get(name) ?? whole);
  }

  async #expect(text: string): Promise<void> {
    const { pattern, names } = patternOf(bytesOf(text).toString("utf8"), this.#known);
    const taken = await this.#peer.expect(pattern);
    const groups = pattern.exec(taken)?.groups ?? {};
    for (const name of names) this.#known.set(name, groups[name] ?? "");
  }

  #enter(name: string, peer: RawPeer, side: Side): void {
    this.#peers.set(name, { peer, side });
    this.#current = name;
  }

  readonly #directives: Readonly<Record<string, (words: readonly string[]) => void | Promise<void>>> = {
    /** A connection to the edge. */
    connect: async ([name = this.#streamName ?? "in"]) => this.#enter(name, await this.#world.dial(this.#edge), "client"),
    /** The next connection that the edge makes to the partner. */
    accept: async ([name = this.#streamName ?? "out"]) => {
      await eventually(() => this.#waiting.length > 0, "a connection by the edge");
      this.#enter(name, this.#waiting.shift() as RawPeer, "server");
    },
    /** The next steps are on that stream. */
    on: ([name = ""]) => {
      this.#current = name;
    },
    /** The TLS handshake, with a certificate: `none`, `self-signed`, `expired`, `for DOMAIN`; default: a good one for the partner. */
    tls: (words) => this.#tls(words),
    /** The same, where the edge may break off the handshake; then only `leave` can follow on this stream. */
    trytls: (words) => this.#tls(words).catch(() => {}),
    /** Steps that stand in parts/NAME.txt, on a new stream of the name given. `{id}` is the id that it ends with. */
    play: async ([name = "", stream]) => {
      const outer = this.#streamName;
      this.#streamName = stream ?? outer;
      this.#known.delete("id");
      await this.run(readPart(name));
      this.#streamName = outer;
    },
    /** Our user sends a message to the user bob of the partner, or to the address given first. */
    send: (words) => {
      const to = words[0]?.includes("@") ? words[0] : `bob@${PARTNER}`;
      const body = words.filter((word) => word !== to).join(" ");
      this.#sent.push(this.#edge.side.send(message(OUR_USER, to, body), this.#clock.now() + 3_600_000));
    },
    /** The oldest message whose outcome is not known went out, by that method. */
    sent: async ([method]) => {
      const sent = await this.#sent.shift();
      assert.equal(sent?.sent ? sent.proof.by : sent?.because.text, method);
    },
    /** The oldest message whose outcome is not known was refused for that reason, and with that stanza error condition. */
    refused: async ([code, condition]) => {
      const sent = await this.#sent.shift();
      assert.ok(sent && !sent.sent, "it was sent");
      assert.equal(sent.because.code, code);
      if (condition !== undefined) assert.equal(sent.because.condition, condition);
    },
    /** The next stanza that reached the router: `KIND FROM TO BODY`. */
    routed: async (words) => {
      await eventually(() => this.#edge.received.length > this.#routed, "a stanza for the router");
      const stanza = this.#edge.received[this.#routed++]?.stanza;
      const body = stanza && childOf(stanza, NS.server, "body");
      const shown = [stanza?.name, stanza?.attributes.get("from"), stanza?.attributes.get("to"), body ? textOf(body) : undefined];
      assert.equal(shown.filter((part) => part !== undefined).join(" "), words.join(" "));
    },
    /** How the pair of the last routed stanza was proven. */
    by: ([method]) => assert.equal(this.#edge.received[this.#routed - 1]?.proof.by, method),
    /** The next failures on record. */
    recorded: async (codes) => {
      await eventually(() => this.#edge.side.attempts().length >= this.#recorded + codes.length, `the record of ${codes.join(", ")}`);
      const all = this.#codes();
      assert.deepEqual(all.slice(this.#recorded, this.#recorded + codes.length), codes);
      this.#recorded += codes.length;
    },
    /** What those names stand for is not the same. */
    differ: (names) => assert.equal(new Set(names.map((name) => this.#known.get(name))).size, names.length),
    /** The edge closed the connection and said nothing more. */
    closed: async () => assert.equal(await this.#peer.end(), ""),
    /** The edge closed the connection and said nothing in XML; TLS may have said a word. */
    dropped: async () => void (await this.#peer.end()),
    /** We close the connection without a word. */
    leave: () => {
      this.#peer.close();
      this.#peers.delete(this.#current);
    },
    /** As many streams as that, in both directions. */
    streams: ([count = "0"]) => eventually(() => this.#edge.side.connections().length === Number(count), `${count} streams`),
    /** Other settings come into force: the partners as in the header. */
    reload: (words) => this.#edge.reload({ partners: [partnerOf(words.join(" "))], sipDomains: this.#settings.serves }),
    /** Time runs that many times faster from here on. */
    speed: ([times = "1"]) => {
      this.#clock.speed = Number(times);
    },
    /** The edge stops, as at the end of its process. */
    stop: () => void this.#edge.side.drain(60_000),
  };

  async #tls([kind = "good", domain = PARTNER]: readonly string[]): Promise<void> {
    const { peer, side } = this.#peers.get(this.#current) ?? {};
    const certificate = this.#certificate(kind, domain);
    if (side === "client") await peer?.secure(certificate);
    else if (certificate) await peer?.acceptTls(certificate);
    else throw new Error("a server has a certificate");
  }

  #certificate(kind: string, domain: string): Issued | undefined {
    if (kind === "none") return undefined;
    if (kind === "self-signed") return this.#world.issue(domain, { selfSigned: true });
    if (kind === "expired") return this.#world.issue(domain, { notAfter: new Date("2021-01-01") });
    if (kind === "good" || kind === "for") return this.#world.issue(domain);
    throw new Error(`unknown certificate ${kind}`);
  }

  #codes(): readonly string[] {
    return this.#edge.side
      .attempts()
      .map(({ code }) => code)
      .toReversed();
  }

  /**
   * Nothing may have happened that the transcript does not mention. Streams that stand are ended first, so that all has been said
   * and done; a loss that is recorded for that reason is not counted.
   */
  async nothingLeft(): Promise<void> {
    let lost = 0;
    for (const [name, { peer }] of this.#peers) {
      if (!peer.ended) lost++;
      peer.finish();
      assert.equal(await peer.end(), "", `unread on stream ${name}`);
    }
    await eventually(() => this.#edge.side.connections().every(({ direction }) => direction === "out"), "the end of the streams");
    const left = this.#codes().slice(this.#recorded);
    const others = left.filter((code) => code !== "stream-closed");
    assert.ok(others.length === 0 && left.length <= lost, `failures that the transcript does not mention: ${left.join(", ")}`);
    assert.equal(this.#edge.received.length, this.#routed, "stanzas that the transcript does not mention");
    assert.equal(this.#waiting.length, 0, "connections that the transcript does not mention");
    assert.equal(this.#sent.length, 0, "outcomes that the transcript does not mention");
  }

  stop(): Promise<void> {
    for (const { peer } of this.#peers.values()) peer.close();
    for (const peer of this.#waiting) peer.close();
    return this.#world.stop();
  }
}

const PARTS = new URL("../transcripts/s2s/parts/", import.meta.url);

const readPart = (name: string): Transcript => readTranscript(`parts/${name}.txt`, readFileSync(new URL(`${name}.txt`, PARTS), "utf8"));
