/** `npm run bench`: the figures of docs/benchmarks.md, measured on the sandbox as it stands. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { sandboxStatus } from "../sandbox/control.ts";
import { type Delivery, testMessages } from "../sandbox/demo.ts";
import { run as runProcess } from "../tools/process.ts";
import { down } from "./down.ts";
import { EXIT, Failure } from "./failure.ts";
import { command, parseWith, SANDBOX_STACK, type StackOptions, userFolder } from "./options.ts";
import { previewRun } from "./preview.ts";
import { withCommandLock } from "./session.ts";
import type { Summary } from "./summary.ts";
import { table } from "./table.ts";
import { type Reporter, reporterTo } from "./terminal.ts";
import { up } from "./up.ts";
import { ROOT, sandboxPlaces } from "./workspace.ts";

const PAGE = join(ROOT, "docs", "benchmarks.md");
const MARKS = /(<!-- measured -->\n)[\s\S]*?(<!-- \/measured -->)/;
const DEFAULT_MESSAGES = 1000;

export interface Figure {
  readonly name: string;
  readonly value: string;
}

export async function run(argv: readonly string[]): Promise<number> {
  const program = command("bench", "Measure the sandbox: up, preview, memory, latency of messages")
    .option("--messages <count>", "messages each way", String(DEFAULT_MESSAGES))
    .option("--config-file <file>", "take the stack's configuration from this file")
    .option("--write", "put the figures into docs/benchmarks.md");
  const options = parseWith(program, argv, () => program.opts<{ messages: string; write?: boolean; configFile?: string }>());
  if (options === null) return EXIT.ok;
  const messages = Number(options.messages);
  if (!Number.isInteger(messages) || messages < 1)
    throw new Failure(`--messages is ${options.messages}; expected a whole number from 1`, EXIT.usage);
  const reporter = reporterTo(process.stdout);
  const figures = await withCommandLock(SANDBOX_STACK, () => measure(messages, reporter, stackOptions(options.configFile)));
  const lines = page(figures, await machine());
  reporter.say(`\n${lines.join("\n")}`);
  if (options.write) writePage(lines);
  return EXIT.ok;
}

const stackOptions = (configFile?: string): StackOptions => ({
  stack: SANDBOX_STACK,
  json: false,
  yes: true,
  extra: [],
  ...(configFile === undefined ? {} : { configFile: resolve(userFolder(), configFile) }),
});

async function measure(messages: number, reporter: Reporter, options: StackOptions): Promise<Figure[]> {
  await down(options, reporter);
  // Each with a reporter of its own, which keeps the durations of its steps.
  const upAnew = async (): Promise<Summary> => mustBeOk(await up(options, reporterTo(process.stdout)));
  const warm = await timed(upAnew);
  const unchanged = await timed(upAnew);
  const preview = await timed(() => previewRun(options, reporter));
  const idle = await gatewayMegabytes();
  const { toSip, toXmpp } = await latencies(messages, reporter);
  return [
    { name: "up on an empty sandbox, engine and dependencies there", value: secondsText(warm.seconds) },
    ...steps(warm.result),
    { name: "up without changes", value: secondsText(unchanged.seconds) },
    { name: "preview", value: secondsText(preview.seconds) },
    { name: "gateway's resident memory, idle", value: `${idle} MB` },
    { name: `XMPP partner -> SIP user, ${messages} messages, p50 / p99`, value: percentiles(toSip) },
    { name: `SIP user -> XMPP partner, ${messages} messages, p50 / p99`, value: percentiles(toXmpp) },
    { name: "gateway's resident memory, after that", value: `${await gatewayMegabytes()} MB` },
  ];
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const began = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - began) / 1000 };
}

function mustBeOk(summary: Summary): Summary {
  if (!summary.ok) throw new Failure(`up is not in order:\n${summary.problems.join("\n")}`);
  return summary;
}

const steps = ({ durations }: Summary): Figure[] =>
  Object.entries(durations)
    .filter(([, seconds]) => seconds >= 0.05)
    .map(([name, seconds]) => ({ name: `- ${name}`, value: secondsText(seconds) }));

const secondsText = (seconds: number): string => `${seconds.toFixed(1)} s`;

async function gatewayMegabytes(): Promise<number> {
  const status = await sandboxStatus(sandboxPlaces().dir);
  const pid = status?.groups[0]?.containers[0]?.pid;
  if (pid === undefined || pid === null) throw new Failure("no gateway runs in the sandbox");
  const kilobytes = Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  return Math.round(kilobytes / 1024);
}

async function latencies(messages: number, reporter: Reporter): Promise<{ readonly toSip: number[]; readonly toXmpp: number[] }> {
  const toSip: number[] = [];
  const toXmpp: number[] = [];
  for (let sent = 0; sent < messages; sent++) {
    const both = await testMessages(sandboxPlaces().dir);
    toSip.push(latencyOf(both.toSip));
    toXmpp.push(latencyOf(both.toXmpp));
    reporter.progress(`${sent + 1} of ${messages} messages each way`);
  }
  return { toSip, toXmpp };
}

function latencyOf(delivery: Delivery): number {
  if (!delivery.ok) throw new Failure(`a message was not delivered: ${delivery.error}`);
  return delivery.latencyMs;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

const percentiles = (values: readonly number[]): string =>
  `${percentile(values, 0.5).toFixed(1)} / ${percentile(values, 0.99).toFixed(1)} ms`;

async function machine(): Promise<string> {
  const commit = (await runProcess("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT })).stdout.trim();
  const model = cpus()[0]?.model ?? "unknown processor";
  const date = new Date().toISOString().slice(0, 10);
  return `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${date}, on commit ${commit || "none"}.`;
}

function page(figures: readonly Figure[], where: string): string[] {
  const [heading = "", rule = "", ...rows] = table(
    ["figure", "value"],
    figures.map(({ name, value }) => [name, value]),
  );
  const columns = rule.split("  ").map((dashes) => dashes.length);
  const cells = (line: string): string => `| ${line.slice(0, columns[0])} | ${line.slice((columns[0] ?? 0) + 2).padEnd(columns[1] ?? 0)} |`;
  return [where, "", cells(heading), cells(rule), ...rows.map(cells)];
}

function writePage(lines: readonly string[]): void {
  const text = readFileSync(PAGE, "utf8");
  if (!MARKS.test(text)) throw new Failure(`${PAGE} lacks the marks <!-- measured --> and <!-- /measured -->`);
  writeFileSync(
    PAGE,
    text.replace(MARKS, (_, open: string, close: string) => `${open}\n${lines.join("\n")}\n\n${close}`),
  );
}
