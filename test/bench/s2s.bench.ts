/**
 * How the gateway's XMPP side compares with a real Prosody, both measured by turns in one run on one machine: streams opened,
 * stanzas through one stream, memory of idle streams. This process is the load: the partners' servers, and their DNS.
 * Run: node test/bench/s2s.bench.ts [--json] [--ten-thousand] [--only external,dialback,stanzas,memory] [--profile FOLDER]
 *      [--node-option OPTION]...
 * Needs Debian's prosody, lua-event, lua-unbound and lua-sec; takes addresses of 127.87.0.0/24 and less than three minutes,
 * with --ten-thousand less than ten.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { table } from "../../cli/table.ts";
import { prosodyMissing } from "../interop/peers/prosody.ts";
import { issue, makeAuthority } from "../support/certificates.ts";
import { makeZone, startDns, type ZoneRecord } from "../support/dns.ts";
import { descriptorLimit, processorSeconds, residentKilobytes } from "./process-usage.ts";
import { Authority, contextOf, type Opening, PartnerStream } from "./s2s-peer.ts";
import { TARGETS, Target, type TargetName, type TargetOptions } from "./s2s-targets.ts";

const NET = "127.87.0";
const PORT = 15_269;
const DNS = { host: `${NET}.1`, port: 15_353 } as const;
const LOAD_ADDRESS = `${NET}.2`;
const ADDRESSES: Readonly<Record<TargetName, string>> = { "xmpp-edge": `${NET}.10`, Prosody: `${NET}.20` };
const DOMAIN = "contoso.example";

/** How much of everything; the first round of each warms up and does not count. */
const LOAD = {
  rounds: 6,
  /** Streams that are being opened at the same time: enough that waiting for the network leaves no processor idle. */
  atOnce: 32,
  externalStreams: 200,
  dialbackStreams: 60,
  stanzas: 20_000,
  stanzaBytes: 406,
  /** Servers started anew for memory; once only where ten thousand streams are opened. */
  memoryRounds: 3,
  /** Milliseconds of rest before the resident set is read. */
  rest: 1000,
} as const;

/** Partners with certificates, which open many streams each. */
const PARTNERS = Array.from({ length: 10 }, (_, index) => `p${index}.example`);
/** Partners that are new to the server in each round, for dialback without anything remembered. */
const NEWCOMERS = Array.from({ length: LOAD.rounds }, (_, round) =>
  Array.from({ length: LOAD.dialbackStreams }, (_, index) => `n${round}-${index}.example`),
);

/** Milliseconds after which a run is given up. */
const LONGEST = { usual: 180_000, tenThousand: 600_000 } as const;

const GROUPS = ["external", "dialback", "stanzas", "memory"] as const;
type Group = (typeof GROUPS)[number];

/** Numbers of one measurement, all rounds, by server. */
type Samples = Readonly<Record<TargetName, number[]>>;
const noSamples = (): Samples => ({ "xmpp-edge": [], Prosody: [] });

interface Aim {
  readonly text: string;
  readonly met: (ratio: number) => boolean;
}

const AIMS = {
  openRate: { text: "at least 1", met: (ratio) => ratio >= 1 },
  stanzaRate: { text: "at least 2", met: (ratio) => ratio >= 2 },
  memory: { text: "below 0.5", met: (ratio) => ratio < 0.5 },
} as const satisfies Record<string, Aim>;

/** A line of the table. */
interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly samples: Samples;
  readonly aim?: Aim;
}

interface World {
  readonly options: (name: TargetName) => TargetOptions;
  readonly opening: (target: Target, from: string, method: Opening["method"]) => Opening;
  readonly authority: Authority;
  stop(): Promise<void>;
}

interface Settings {
  readonly groups: ReadonlySet<Group>;
  readonly json: boolean;
  readonly streams: readonly number[];
  readonly memoryRounds: number;
  readonly nodeOptions: readonly string[];
}

async function main(): Promise<void> {
  const settings = readArguments();
  const problem = prosodyMissing();
  if (problem) throw new Error(problem);
  requireDescriptors(Math.max(...settings.streams));
  const world = await makeWorld(settings.nodeOptions);
  try {
    const figures = [...(await rates(world, settings)), ...(settings.groups.has("memory") ? await memory(world, settings) : [])];
    console.log(settings.json ? JSON.stringify(report(figures), null, 1) : text(figures, settings.memoryRounds));
  } finally {
    await world.stop();
  }
}

function readArguments(): Settings {
  const options = {
    json: { type: "boolean", default: false },
    "ten-thousand": { type: "boolean", default: false },
    only: { type: "string", default: GROUPS.join(",") },
    profile: { type: "string" },
    "node-option": { type: "string", multiple: true },
  } as const;
  const { values } = parseArgs({ options });
  const groups = values.only.split(",").map((name) => {
    const group = GROUPS.find((one) => one === name);
    if (group === undefined) throw new Error(`--only ${name}; expected some of ${GROUPS.join(",")}`);
    return group;
  });
  const tenThousand = values["ten-thousand"];
  setTimeout(
    () => {
      process.stderr.write("the run took too long and was given up\n");
      for (const pid of running) process.kill(pid, "SIGKILL");
      process.exit(1);
    },
    tenThousand ? LONGEST.tenThousand : LONGEST.usual,
  ).unref();
  return {
    groups: new Set(groups),
    json: values.json,
    streams: [10, 100, 1000, ...(tenThousand ? [10_000] : [])],
    memoryRounds: tenThousand ? 1 : LOAD.memoryRounds,
    nodeOptions: [
      ...(values["node-option"] ?? []),
      ...(values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(values.profile)}`]),
    ],
  };
}

/** Servers that run now. */
const running = new Set<number>();

function requireDescriptors(streams: number): void {
  const [needed, limit] = [streams + 200, descriptorLimit("self")];
  if (limit < needed) throw new Error(`this process may open ${limit} files and needs ${needed}: ulimit -n ${needed}`);
}

// ---- the world -----------------------------------------------------------------------------------------------------

async function makeWorld(nodeOptions: readonly string[]): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-bench-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  const root = makeAuthority({ name: "Bench Authority" });
  const everyone = [...PARTNERS, ...NEWCOMERS.flat()];
  const zone = makeZone(everyone.flatMap(recordsOf));
  const dns = await startDns(DNS.host, DNS.port, () => zone);
  const authority = await Authority.start(LOAD_ADDRESS, PORT, issue(root, { dnsNames: ["partners.example"] }));
  const contexts = new Map(PARTNERS.map((name) => [name, contextOf(issue(root, { dnsNames: [name] }))]));
  const anonymous = contextOf();
  const identity = issue(root, { dnsNames: [DOMAIN] });
  return {
    authority,
    options: (name) => ({
      address: ADDRESSES[name],
      port: PORT,
      domain: DOMAIN,
      identity,
      authorityPem: root.certificatePem,
      dnsServer: DNS,
      partners: everyone,
      dir,
      nodeOptions,
    }),
    opening: ({ address, port }, from, method) => {
      const context = method === "external" ? contexts.get(from) : anonymous;
      if (context === undefined) throw new Error(`${from} has no certificate`);
      return { address, port, from, to: DOMAIN, context, method };
    },
    stop: async () => {
      authority.stop();
      await dns.close();
    },
  };
}

const recordsOf = (domain: string): ZoneRecord[] => [
  { name: `_xmpp-server._tcp.${domain}`, type: "SRV", data: `0 0 ${PORT} xmpp.${domain}` },
  { name: `xmpp.${domain}`, type: "A", data: LOAD_ADDRESS },
];

async function withTargets<T>(world: World, use: (targets: readonly Target[]) => Promise<T>): Promise<T> {
  const targets: Target[] = [];
  try {
    for (const name of TARGETS) targets.push(await start(world, name));
    return await use(targets);
  } finally {
    for (const target of targets) await stop(target);
  }
}

async function start(world: World, name: TargetName): Promise<Target> {
  const target = await Target.start(name, world.options(name));
  running.add(target.pid);
  return target;
}

async function stop(target: Target): Promise<void> {
  await target.stop();
  running.delete(target.pid);
}

/** Opens streams for the partners in turn, several at a time. */
async function openAll(world: World, target: Target, partners: readonly string[], count: number, method: Opening["method"]) {
  const streams: PartnerStream[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const from = partners[next++ % partners.length] as string;
      streams.push(await PartnerStream.open(world.opening(target, from, method)));
    }
  };
  await Promise.all(Array.from({ length: LOAD.atOnce }, worker));
  return streams;
}

// ---- rates ---------------------------------------------------------------------------------------------------------

interface Rates {
  readonly perSecond: Samples;
  readonly perCore: Samples;
}

/** Runs `work` on each server by turns; what it returns was done in the time that it was given to measure. */
async function byTurns(targets: readonly Target[], work: (target: Target, round: number, timed: Timed) => Promise<void>): Promise<Rates> {
  const rates = { perSecond: noSamples(), perCore: noSamples() };
  for (let round = 0; round < LOAD.rounds; round++) {
    for (const target of targets) {
      await work(target, round, async (units, act) => {
        const [began, before] = [performance.now(), processorSeconds(target.pid)];
        const result = await act();
        const [seconds, processor] = [(performance.now() - began) / 1000, processorSeconds(target.pid) - before];
        if (round > 0) {
          rates.perSecond[target.name].push(units / seconds);
          rates.perCore[target.name].push(units / processor);
        }
        return result;
      });
    }
  }
  return rates;
}

type Timed = <T>(units: number, act: () => Promise<T>) => Promise<T>;

const rateFigures = (name: string, unit: string, { perSecond, perCore }: Rates, aim: Aim): Figure[] => [
  { name, unit: `${unit}/s`, samples: perSecond },
  { name: `${name}, of its processor time`, unit: `${unit}/s of CPU`, samples: perCore, aim },
];

async function rates(world: World, { groups }: Settings): Promise<Figure[]> {
  if (!["external", "dialback", "stanzas"].some((group) => groups.has(group as Group))) return [];
  return withTargets(world, async (targets) => {
    for (const target of targets) target.requireDescriptors(LOAD.externalStreams);
    return [
      ...(groups.has("external") ? await external(world, targets) : []),
      ...(groups.has("dialback") ? await dialback(world, targets) : []),
      ...(groups.has("stanzas") ? await stanzas(world, targets) : []),
    ];
  });
}

async function external(world: World, targets: readonly Target[]): Promise<Figure[]> {
  const count = LOAD.externalStreams;
  const measured = await byTurns(targets, async (target, _, timed) => {
    await closeAll(await timed(count, () => openAll(world, target, PARTNERS, count, "external")));
  });
  return rateFigures("streams by SASL EXTERNAL", "streams", measured, AIMS.openRate);
}

async function dialback(world: World, targets: readonly Target[]): Promise<Figure[]> {
  const count = LOAD.dialbackStreams;
  const measure = (partnersOf: (round: number) => readonly string[]) =>
    byTurns(targets, async (target, round, timed) => {
      const answered = world.authority.answered;
      const streams = await timed(count, () => openAll(world, target, partnersOf(round), count, "dialback"));
      if (world.authority.answered - answered !== count)
        throw new Error(`${target.name} asked ${world.authority.answered - answered} times about ${count} keys`);
      await closeAll(streams);
    });
  const newcomers = await measure((round) => NEWCOMERS[round] ?? []);
  world.authority.drop();
  const known = await measure(() => PARTNERS);
  world.authority.drop();
  return [
    ...rateFigures("streams by dialback, new partners", "streams", newcomers, AIMS.openRate),
    ...rateFigures("streams by dialback, the same partners", "streams", known, AIMS.openRate),
  ];
}

async function closeAll(streams: readonly PartnerStream[]): Promise<void> {
  await Promise.all(streams.map((stream) => stream.close()));
}

/** Plain bytes of a TLS record of a busy sender, and of one that writes a stanza at a time (the least that OpenSSL lets one set). */
const RECORDS = [
  { bytes: 16_384, name: "stanzas in records of 16 KiB" },
  { bytes: 512, name: "stanzas in records of 512 bytes" },
] as const;

async function stanzas(world: World, targets: readonly Target[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { bytes, name } of RECORDS) {
    const measured = await byTurns(targets, async (target, round, timed) => {
      const from = PARTNERS[round % PARTNERS.length] as string;
      const stream = await PartnerStream.open(world.opening(target, from, "external"));
      await timed(LOAD.stanzas, () => stream.flood(LOAD.stanzas, LOAD.stanzaBytes, bytes));
      const counted = await target.counted();
      if (counted !== LOAD.stanzas) throw new Error(`${target.name} counted ${counted} of ${LOAD.stanzas} stanzas`);
    });
    figures.push(...rateFigures(name, "stanzas", measured, AIMS.stanzaRate));
  }
  return figures;
}

// ---- memory --------------------------------------------------------------------------------------------------------

/** Each server started anew each time: what one has freed is not given back to the system, and would hide growth. */
async function memory(world: World, { streams: steps, memoryRounds }: Settings): Promise<Figure[]> {
  const resident = steps.map(noSamples);
  for (let round = 0; round < memoryRounds; round++) {
    for (const name of TARGETS) {
      const target = await start(world, name);
      try {
        target.requireDescriptors(Math.max(...steps));
        const kilobytes = await idle(world, target, steps);
        for (const [step, samples] of resident.entries()) samples[name].push(kilobytes[step] ?? Number.NaN);
      } finally {
        await stop(target);
      }
    }
  }
  return [
    ...resident.map((samples, step) => ({
      name: `resident set with ${steps[step]} idle streams`,
      unit: "MB",
      samples: megabytes(samples),
    })),
    ...steps.slice(1).map((to, step) => growth(resident, steps, step, to)),
  ];
}

async function idle(world: World, target: Target, steps: readonly number[]): Promise<number[]> {
  const streams: PartnerStream[] = [];
  const kilobytes: number[] = [];
  for (const step of steps) {
    streams.push(...(await openAll(world, target, PARTNERS, step - streams.length, "external")));
    await new Promise((resolve) => setTimeout(resolve, LOAD.rest));
    kilobytes.push(residentKilobytes(target.pid));
  }
  await closeAll(streams);
  return kilobytes;
}

const megabytes = (samples: Samples): Samples => mapSamples(samples, (values) => values.map((kilobytes) => kilobytes / 1024));

/** Between a step and the one before it; the step that counts is the thousandth stream. */
function growth(resident: readonly Samples[], steps: readonly number[], before: number, to: number): Figure {
  const from = steps[before] ?? 0;
  const [low, high] = [resident[before] ?? noSamples(), resident[before + 1] ?? noSamples()];
  const samples = mapSamples(high, (values, name) => values.map((value, round) => (value - (low[name][round] ?? 0)) / (to - from)));
  return { name: `growth a stream from ${from} to ${to}`, unit: "kB", samples, ...(to >= 1000 ? { aim: AIMS.memory } : {}) };
}

const mapSamples = (samples: Samples, change: (values: number[], name: TargetName) => number[]): Samples => ({
  "xmpp-edge": change(samples["xmpp-edge"], "xmpp-edge"),
  Prosody: change(samples.Prosody, "Prosody"),
});

// ---- what was found ------------------------------------------------------------------------------------------------

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

const report = (figures: readonly Figure[]) =>
  figures.map(({ name, unit, samples, aim }) => {
    const medians = { "xmpp-edge": median(samples["xmpp-edge"]), Prosody: median(samples.Prosody) };
    const ratio = medians["xmpp-edge"] / medians.Prosody;
    return { name, unit, ...medians, ratio, ...(aim ? { aim: aim.text, met: aim.met(ratio) } : {}), samples };
  });

function text(figures: readonly Figure[], memoryRounds: number): string {
  const rows = report(figures).map(({ name, unit, ratio, aim, met, ...rest }) => [
    name,
    rounded(rest["xmpp-edge"]),
    rounded(rest.Prosody),
    unit,
    ratio.toFixed(2),
    aim === undefined ? "" : `${aim}: ${met ? "met" : "missed"}`,
  ]);
  const { rounds, stanzas: many, stanzaBytes } = LOAD;
  return [
    `Medians of ${rounds - 1} rounds by turns (memory: ${memoryRounds}); TLS 1.3, X25519, AES-256-GCM, ECDSA P-256 certificates; ${many.toLocaleString("en")} stanzas of ${stanzaBytes} bytes a round; node ${process.version}`,
    "",
    ...table(["", "xmpp-edge", "Prosody", "unit", "ratio", "aim"], rows),
  ].join("\n");
}

const rounded = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1));

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
// Sockets of servers that are gone may linger for their time to close.
process.exit();
