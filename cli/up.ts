/** `npm run up`: brings the edge up and shows that it works. */
import { join } from "node:path";
import { startDemo, testMessages } from "../sandbox/demo.ts";
import { briefChangeLines, policyLines, warningsOf } from "./changes.ts";
import { type EngineRun, failureOf, runEngine } from "./engine-run.ts";
import { EXIT, Failure, failureText } from "./failure.ts";
import { documentApplied } from "./health.ts";
import { clearLeftovers } from "./leftovers.ts";
import { lookUpSrv } from "./lookup.ts";
import { parseStackOptions, SANDBOX_STACK, type StackOptions } from "./options.ts";
import { readOutputs, type StackOutputs } from "./outputs.ts";
import { sipRequestFile, writeRequest } from "./request-file.ts";
import { bundleStep, openWithEngine, pluginStep, sandboxStep, withCommandLock } from "./session.ts";
import { type EdgeSummary, type Summary, summaryLines } from "./summary.ts";
import { type Reporter, reporterTo } from "./terminal.ts";
import { ensureStack, ROOT, type Workspace } from "./workspace.ts";

/** How the name of the blob ends that holds the edge document (components/names.ts). */
const DOCUMENT_BLOB = "edge.json";

export async function run(argv: readonly string[]): Promise<number> {
  const options = parseStackOptions("up", "Bring the edge up", ["json", "yes", "configFile", "refresh", "requestFile", "demo"], argv);
  if (options === null) return EXIT.ok;
  const reporter = reporterTo(options.json ? process.stderr : process.stdout);
  const summary = await withCommandLock(options.stack, () => up(options, reporter));
  process.stdout.write(options.json ? `${JSON.stringify(summary, null, 2)}\n` : `${summaryLines(summary).join("\n")}\n`);
  return summary.ok ? EXIT.ok : EXIT.failure;
}

/** All steps; what fails inside the engine or the test messages comes back as problems, what stops it before as Failure. */
export async function up(options: StackOptions, reporter: Reporter): Promise<Summary> {
  if (options.stack !== SANDBOX_STACK && !options.yes && !options.extra.includes("--skip-preview")) {
    throw new Failure(
      `the stack ${options.stack} is not the sandbox: look at npm run preview -- --stack ${options.stack}, then run up with --yes`,
      EXIT.usage,
    );
  }
  reporter.say(`Bringing up stack ${options.stack}`);
  const workspace = await openWithEngine(options.stack, reporter);
  const bundle = await bundleStep(reporter);
  const { sandbox } = workspace;
  let dnsServer: string | null = null;
  if (sandbox !== null) {
    await pluginStep(workspace, reporter);
    dnsServer = await sandboxStep(sandbox, bundle, reporter);
    const cleared = await reporter.step(
      "leftovers",
      () => clearLeftovers(workspace),
      (done) => done.join("; ") || "none",
    );
    if (cleared.length > 0) reporter.say("");
    await ensureStack(workspace);
  }
  const began = Date.now();
  const engineRun = await reporter.step(
    "pulumi up",
    () => runEngine(workspace, "up", upArguments(options), reporter),
    (result) => outcome(result),
  );
  if (engineRun.interrupted) throw new Failure("interrupted; run the command again to continue", EXIT.interrupted);
  for (const line of runLines(engineRun)) reporter.say(line);
  if (engineRun.code !== 0) return summaryOf(options, reporter, engineRun, failureOf(engineRun));
  const outputs = await readOutputs(workspace);
  if (outputs === null) return summaryOf(options, reporter, engineRun, ["the stack has no complete outputs; see docs and stacks/index.ts"]);
  const late = await waitForDocument(engineRun, outputs, began, reporter);
  const { edge, problems } = await prove(workspace, outputs, dnsServer, options, reporter);
  return summaryOf(options, reporter, engineRun, [...late, ...problems], outputs, edge);
}

export function upArguments(options: StackOptions): string[] {
  const refresh = options.refresh ?? options.stack === SANDBOX_STACK;
  return [
    "--yes",
    ...(refresh ? ["--refresh"] : []),
    ...["--policy-pack", join(ROOT, "policies")],
    ...(options.configFile === undefined ? [] : ["--config-file", options.configFile]),
    ...options.extra,
  ];
}

/** What the run changed and what the policy pack found; nothing where it failed before either. */
function runLines({ report, code }: EngineRun): string[] {
  const changes = code === 0 || report.changes.length > 0 ? ["", "Changes", ...briefChangeLines(report)] : [];
  const policy = code === 0 || report.findings.length > 0 ? ["Policy pack", ...policyLines(report)] : [];
  return [...changes, ...policy];
}

/** What came of a run, in a few words. */
export function outcome({ code, interrupted, report: { changes, same } }: EngineRun): string {
  const counts = `${changes.length === 0 ? "no changes" : `${changes.length} changed`}, ${same} unchanged`;
  return interrupted ? "interrupted" : code === 0 ? counts : "FAILED";
}

/** The gateway polls its document: what is shown and tested afterwards must be what was just written. */
async function waitForDocument({ report }: EngineRun, { gateway }: StackOutputs, began: number, reporter: Reporter): Promise<string[]> {
  if (gateway.healthUrl === "" || !report.changes.some(({ name }) => name.endsWith(DOCUMENT_BLOB))) return [];
  const problem = await reporter.step(
    "gateway",
    () => documentApplied(gateway.healthUrl, began),
    (found) => found ?? "has taken over the document",
  );
  return problem === null ? [] : [problem];
}

/** Looks at the running edge: DNS, the certificate request, and in the sandbox a message each way. */
async function prove(
  workspace: Workspace,
  outputs: StackOutputs,
  dnsServer: string | null,
  options: StackOptions,
  reporter: Reporter,
): Promise<{ edge: EdgeSummary; problems: string[] }> {
  const problems: string[] = [];
  const srv = await reporter.step("DNS", () =>
    lookUpSrv(
      outputs.srvRecords.map((record) => record.name),
      dnsServer,
    ),
  );
  for (const { name, records, error } of srv)
    if (records.length === 0) problems.push(`DNS has no SRV record ${name}${error === undefined ? "" : ` (${error})`}`);
  const file = options.requestFile ?? workspace.sandbox?.requestFile ?? join(ROOT, "build", `${workspace.stack}.csr`);
  const edge: EdgeSummary = {
    accessEdgeFqdn: outputs.accessEdgeFqdn,
    srv,
    dnsServer,
    gateway: outputs.gateway,
    partners: outputs.partners,
    certificateRequest: writeRequest(outputs.certificateRequestPem, file),
    sipCertificateRequest: writeRequest(outputs.sipCertificateRequestPem, sipRequestFile(file)),
    certificateStatus: outputs.certificateStatus,
  };
  if (workspace.sandbox === null || options.demo === false) return { edge, problems };
  const { dir, net } = workspace.sandbox;
  const unstarted = await reporter.step("demo peers", () => failureFrom(() => startDemo({ dir, net, outputs })));
  if (unstarted !== null) return { edge, problems: [...problems, unstarted] };
  const messages = await reporter.step("test messages", () => testMessages(dir));
  for (const [way, delivery] of [
    ["to the SIP user", messages.toSip],
    ["to the XMPP partner", messages.toXmpp],
  ] as const) {
    if (!delivery.ok) problems.push(`the test message ${way} failed: ${delivery.error}`);
  }
  return { edge: { ...edge, testMessages: messages }, problems };
}

/** What it throws, as text: the edge is up by then, and the summary tells the rest. */
async function failureFrom(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return failureText(error);
  }
}

function summaryOf(
  options: StackOptions,
  reporter: Reporter,
  { report, logFile }: EngineRun,
  problems: readonly string[],
  outputs?: StackOutputs,
  edge?: EdgeSummary,
): Summary {
  return {
    ok: problems.length === 0,
    stack: options.stack,
    problems,
    warnings: warningsOf(report, outputs?.warnings ?? []),
    changes: report.changes.map(({ operation, name, type }) => ({ operation, name, type })),
    unchanged: report.same,
    durations: reporter.durations,
    ...(edge === undefined ? {} : { edge }),
    logFile,
  };
}
