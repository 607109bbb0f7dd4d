/** `npm run down`: removes everything the stack made, and in the sandbox every process too. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { deleteResource, listResources, startSandbox, stopSandbox } from "../sandbox/control.ts";
import { stopDemo } from "../sandbox/demo.ts";
import { failureOf, runEngine } from "./engine-run.ts";
import { EXIT, Failure } from "./failure.ts";
import { clearLeftovers } from "./leftovers.ts";
import { parseStackOptions, SANDBOX_STACK, type StackOptions } from "./options.ts";
import { sipRequestFile } from "./request-file.ts";
import { openWithEngine, pluginStep, withCommandLock } from "./session.ts";
import { type Reporter, reporterTo } from "./terminal.ts";
import { mustPulumi, type SandboxPlaces, sandboxPlaces, sandboxStackExists, type Workspace } from "./workspace.ts";

export async function run(argv: readonly string[]): Promise<number> {
  const options = parseStackOptions("down", "Remove everything the stack made", ["json", "yes", "configFile"], argv);
  if (options === null) return EXIT.ok;
  const reporter = reporterTo(options.json ? process.stderr : process.stdout);
  await withCommandLock(options.stack, () => down(options, reporter));
  process.stdout.write(
    options.json ? `${JSON.stringify({ ok: true, stack: options.stack, durations: reporter.durations })}\n` : "Everything is gone.\n",
  );
  return EXIT.ok;
}

/** Works also when only a part is up. @throws Failure with what could not be removed */
export async function down(options: StackOptions, reporter: Reporter): Promise<void> {
  if (options.stack !== SANDBOX_STACK) return await destroyOwn(options, reporter);
  const places = sandboxPlaces();
  reporter.say(`Taking down stack ${options.stack}`);
  if (sandboxStackExists(places, options.stack)) await destroySandboxStack(options, places, reporter);
  await reporter.step("demo peers", () => stopDemo(places.dir));
  await reporter.step("sandbox", () => stopSandbox(places.dir));
  removeState(places);
}

async function destroySandboxStack(options: StackOptions, places: SandboxPlaces, reporter: Reporter): Promise<void> {
  const workspace = await openWithEngine(options.stack, reporter);
  await pluginStep(workspace, reporter);
  // The providers need the process whose resources they delete.
  const control = await reporter.step("sandbox", () => startSandbox(places.dir, places.net));
  await reporter.step(
    "leftovers",
    () => clearLeftovers(workspace),
    (done) => done.join("; ") || "none",
  );
  await destroy(workspace, ["--ignore-protect", ...argumentsOf(options)], reporter);
  for (const { id } of await listResources(control)) await deleteResource(control, id);
  await mustPulumi(workspace, ["stack", "rm", options.stack, "--yes", "--preserve-config"]);
}

/** A stack on real clouds keeps what is protected, its stack and its state. */
async function destroyOwn(options: StackOptions, reporter: Reporter): Promise<void> {
  if (!options.yes) throw new Failure(`the stack ${options.stack} is not the sandbox: say --yes to remove everything it made`, EXIT.usage);
  await destroy(await openWithEngine(options.stack, reporter), argumentsOf(options), reporter);
}

const argumentsOf = (options: StackOptions): string[] => [
  ...(options.configFile === undefined ? [] : ["--config-file", options.configFile]),
  ...options.extra,
];

async function destroy(workspace: Workspace, args: readonly string[], reporter: Reporter): Promise<void> {
  const result = await reporter.step(
    "pulumi destroy",
    () => runEngine(workspace, "destroy", ["--yes", "--skip-preview", ...args], reporter),
    ({ report }) => `${report.changes.length} removed`,
  );
  if (result.interrupted) throw new Failure("interrupted; run the command again to continue", EXIT.interrupted);
  if (result.code !== 0)
    throw new Failure(
      `pulumi destroy failed:\n${failureOf(result)
        .map((line) => `  ${line}`)
        .join("\n")}\nThe engine's whole output: ${result.logFile}`,
    );
}

/**
 * What the sandbox keeps of its own in its folder, and files beside them such as `daemon.log.1`. Nothing else goes: the folder may
 * be one in which the user keeps more. The stand-ins, with which the next `up` is quicker, and the logs stay.
 */
const STATE = [
  "backend",
  "containers",
  "control.json",
  "daemon.log",
  "demo",
  "images",
  "images.json",
  "shares",
  "start.lock",
  "state.json",
];

function removeState({ dir, requestFile }: SandboxPlaces): void {
  const isState = (name: string): boolean => STATE.some((own) => name === own || name.startsWith(`${own}.`));
  const names = existsSync(dir) ? readdirSync(dir).filter(isState) : [];
  const requests = [requestFile, sipRequestFile(requestFile)];
  for (const path of [...names.map((name) => join(dir, name)), ...requests]) rmSync(path, { recursive: true, force: true });
}
