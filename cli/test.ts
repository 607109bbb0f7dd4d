/** `npm test`: sets up what the tests need, then runs them all; `npm test -- NAME` runs the files whose path holds NAME. */
import { availableParallelism } from "node:os";
import { findEngine } from "../tools/engine/find.ts";
import { bundleGateway } from "./bundle.ts";
import { CHECKS } from "./check.ts";
import { EXIT, Failure } from "./failure.ts";
import { command, parseWith } from "./options.ts";
import { type Reporter, reporterTo } from "./terminal.ts";
import { testFiles } from "./testing/files.ts";
import { installPeers } from "./testing/peers.ts";
import { type Counts, type Group, type GroupResult, groupsOf, runGroup, sum } from "./testing/processes.ts";
import { ROOT } from "./workspace.ts";

export async function run(argv: readonly string[]): Promise<number> {
  const program = command("test", "Run the tests").argument("[name...]", "only files whose path holds one of these");
  const names = parseWith(program, argv, () => program.args);
  if (names === null) return EXIT.ok;
  const files = testFiles(ROOT, names);
  if (files.length === 0) throw new Failure(`no test file's path holds ${names.join(" or ")}`, EXIT.usage);
  const reporter = reporterTo(process.stdout);
  const groups = groupsOf(files);
  const whole = names.length === 0;
  if (groups.some(({ kind }) => kind === "engine"))
    await prepare(
      files.some(({ path }) => path.startsWith("test/interop/")),
      reporter,
    );
  const checks = whole ? [await runChecks(reporter)] : [];
  const results = await runGroups(groups, whole, reporter);
  return tell([...checks, ...results], reporter);
}

/** What the tests with the real engine need. Without an engine those tests fail, and say why. */
async function prepare(peers: boolean, reporter: Reporter): Promise<void> {
  if (peers) await installPeers(reporter);
  await reporter.step(
    "engine",
    () => findEngine({ onProgress: reporter.progress }),
    ({ version, source }) => `pulumi ${version} (${source})`,
  );
  await reporter.step("gateway bundle", bundleGateway, ({ sha256 }) => `sha256 ${sha256.slice(0, 12)}`);
}

async function runChecks(reporter: Reporter): Promise<GroupResult> {
  const began = Date.now();
  let failed = 0;
  for (const { name, find } of CHECKS) {
    const lines = await reporter.step(name, find, (found) => (found.length === 0 ? "in order" : "NOT in order"));
    if (lines.length > 0) failed += 1;
    for (const line of lines) reporter.say(`    ${line}`);
  }
  return {
    title: "checks",
    seconds: (Date.now() - began) / 1000,
    passed: CHECKS.length - failed,
    failed,
    skipped: 0,
    skippedTitles: [],
    output: "",
  };
}

/** Groups without the engine beside each other, as many as there are cores; those with it one by one. */
async function runGroups(groups: readonly Group[], quiet: boolean, reporter: Reporter): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  const one = async (group: Group): Promise<void> => {
    const direct = !quiet && groups.length === 1;
    const result = await runGroup(
      group,
      quiet,
      direct ? (line) => reporter.say(line) : (line) => reporter.progress(`${group.title}: ${line.trim()}`),
    );
    results.push(result);
    if (direct) return;
    reporter.say(`${result.failed > 0 ? "FAILED" : "passed"}  ${group.title}: ${countsText(result)} in ${result.seconds.toFixed(1)} s`);
    if (result.failed > 0 || !quiet) reporter.say(result.output);
  };
  const queue = groups.filter(({ kind }) => kind !== "engine");
  const worker = async (): Promise<void> => {
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) await one(group);
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, worker));
  for (const group of groups.filter(({ kind }) => kind === "engine")) await one(group);
  return results;
}

export const countsText = ({ passed, failed, skipped }: Counts): string => `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** The last line of the output is the counts alone. With CI=true a skipped test fails the run. */
function tell(results: readonly GroupResult[], reporter: Reporter): number {
  const total = sum(results);
  const strict = process.env.CI === "true" && total.skipped > 0;
  for (const title of results.flatMap(({ skippedTitles }) => skippedTitles)) reporter.say(`skipped: ${title}`);
  for (const { title } of results.filter(({ failed }) => failed > 0)) reporter.say(`failed: ${title}`);
  if (strict) reporter.say("a skipped test fails the run, since CI=true");
  reporter.say(countsText(total));
  return total.failed > 0 || strict ? EXIT.failure : EXIT.ok;
}
