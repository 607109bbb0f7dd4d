/** `npm run preview`: shows what `up` would change, and changes nothing. */
import { sandboxStatus } from "../sandbox/control.ts";
import { changeLines, policyLines, UNKNOWN, warningsOf } from "./changes.ts";
import { type EngineRun, failureOf, runEngine } from "./engine-run.ts";
import { EXIT, Failure } from "./failure.ts";
import { parseStackOptions, type StackOptions } from "./options.ts";
import { bundleStep, openWithEngine, pluginStep } from "./session.ts";
import { type Reporter, reporterTo } from "./terminal.ts";
import { upArguments } from "./up.ts";
import { ensureStack } from "./workspace.ts";

export async function run(argv: readonly string[]): Promise<number> {
  const options = parseStackOptions("preview", "Show what up would change", ["json", "configFile", "refresh"], argv);
  if (options === null) return EXIT.ok;
  const reporter = reporterTo(options.json ? process.stderr : process.stdout);
  const result = await previewRun(options, reporter);
  if (result.interrupted) throw new Failure("interrupted", EXIT.interrupted);
  process.stdout.write(options.json ? `${JSON.stringify(previewJson(result), null, 2)}\n` : `${previewLines(result).join("\n")}\n`);
  return result.code === 0 ? EXIT.ok : EXIT.failure;
}

/** Runs the engine's preview. */
export async function previewRun(options: StackOptions, reporter: Reporter): Promise<EngineRun> {
  reporter.say(`Previewing stack ${options.stack}`);
  const workspace = await openWithEngine(options.stack, reporter);
  await bundleStep(reporter);
  await pluginStep(workspace, reporter);
  await ensureStack(workspace);
  // What runs can be looked at only while the sandbox runs; otherwise the recorded state has to do.
  const running = workspace.sandbox === null || (await sandboxStatus(workspace.sandbox.dir)) !== null;
  const args = upArguments({ ...options, refresh: options.refresh ?? (workspace.sandbox !== null && running) }).filter(
    (arg) => arg !== "--yes",
  );
  return await reporter.step("pulumi preview", () => runEngine(workspace, "preview", args, reporter));
}

/** Only texts that are known are shown: a secret is an object. */
const texts = (value: unknown): string[] =>
  (typeof value === "string" ? value.split("\n") : Array.isArray(value) ? value : []).filter(
    (item) => typeof item === "string" && item !== UNKNOWN,
  );

function previewJson(result: EngineRun): unknown {
  const { changes, same, findings, outputs } = result.report;
  return {
    ok: result.code === 0,
    changes: changes.map(({ operation, name, type, before, after }) => ({ operation, name, type, before, after })),
    unchanged: same,
    policy: findings,
    warnings: warningsOf(result.report, texts(result.report.outputs.warnings)),
    certificateRequest: texts(outputs.certificateRequestSummary),
    problems: result.code === 0 ? [] : failureOf(result),
    logFile: result.logFile,
  };
}

export function previewLines(result: EngineRun): string[] {
  const { report, code } = result;
  const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ["", title, ...lines]);
  const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
  const changed = code === 0 || report.changes.length > 0 ? changeLines(report) : [];
  const whole = code === 0 ? texts(report.outputs.certificateRequestSummary) : [];
  return [
    ...section("Changes (nothing has been changed yet)", changed),
    ...section("Policy pack", code === 0 || report.findings.length > 0 ? policyLines(report) : []),
    ...section("Certificate request", indent(whole)),
    ...section("Warnings", indent(warningsOf(report, code === 0 ? texts(report.outputs.warnings) : []))),
    ...(code === 0 ? [] : section("Not in order", indent(failureOf(result).flatMap((problem) => problem.split("\n"))))),
    ...(code === 0 ? [] : ["", `The engine's whole output: ${result.logFile}`]),
  ];
}
