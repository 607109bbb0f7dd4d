/** One run of the engine: its output goes to a log file, its event log becomes progress and a report. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { killGroup, lastLines } from "../tools/process.ts";
import { parseEvents, progressText, type RunReport, readReport } from "./events.ts";
import { EXIT, Failure } from "./failure.ts";
import { uninterrupted } from "./signals.ts";
import type { Reporter } from "./terminal.ts";
import { ROOT, type Workspace } from "./workspace.ts";

export const LIMITS = { pollMilliseconds: 200, keptLogCharacters: 5_000_000 } as const;

export interface EngineRun {
  readonly code: number;
  readonly report: RunReport;
  /** Everything the engine printed. */
  readonly logFile: string;
  readonly interrupted: boolean;
}

/**
 * Runs `pulumi COMMAND ARGS` on the workspace's stack. The first Ctrl-C is handed on once and the engine ends the step under way;
 * the second asks it to give up; the third kills it. What a killed engine leaves, the next `up` clears.
 */
export async function runEngine(workspace: Workspace, command: string, args: readonly string[], reporter: Reporter): Promise<EngineRun> {
  mkdirSync(workspace.logs, { recursive: true, mode: 0o700 });
  const logFile = join(workspace.logs, `${command}.log`);
  const eventFile = join(workspace.logs, `${command}.events`);
  rmSync(eventFile, { force: true });
  const log = openSync(logFile, "w", 0o600);
  const all = [command, "--stack", workspace.stack, ...args, "--non-interactive", "--color", "never", "--event-log", eventFile];
  // A group of its own: the terminal's Ctrl-C must reach the engine once, through us.
  const child = spawn(workspace.engine.binary, all, { cwd: ROOT, env: workspace.environment, stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  const { pid } = child;
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(new Failure(`cannot start ${workspace.engine.binary}: ${error.message}`)));
    child.on("close", (code) => resolve(code ?? EXIT.failure));
  });
  let interrupted = false;
  const onInterrupt = (count: number): void => {
    interrupted = true;
    if (pid === undefined) return;
    if (count <= 2) child.kill("SIGINT");
    else killGroup(pid, "SIGKILL");
    reporter.say(count === 1 ? "stopping after the step under way; Ctrl-C again gives it up" : "giving up");
  };
  const stopWatching = watch(eventFile, reporter);
  const code = await uninterrupted(onInterrupt, () => ended).finally(stopWatching);
  return { code, report: readReport(readEvents(eventFile)), logFile, interrupted };
}

const readEvents = (file: string) => (existsSync(file) ? parseEvents(readFileSync(file, "utf8")) : []);

/** Follows the event log for progress. An update starts the file anew after its preview. */
function watch(file: string, reporter: Reporter): () => void {
  const began = Date.now();
  let seen = 0;
  let doing = "starting the engine";
  const timer = setInterval(() => {
    const events = readEvents(file);
    if (events.length < seen) seen = 0;
    for (const event of events.slice(seen)) doing = progressText(event) ?? doing;
    seen = events.length;
    reporter.progress(`pulumi: ${Math.round((Date.now() - began) / 1000)} s so far, ${doing}`);
  }, LIMITS.pollMilliseconds);
  return () => clearInterval(timer);
}

/** Why a run failed, for people: the engine's errors, or the end of its log where it gave none as an event. */
export function failureOf(run: EngineRun): string[] {
  const errors = run.report.diagnostics.filter((diagnostic) => diagnostic.severity === "error").map((diagnostic) => diagnostic.message);
  if (errors.length > 0) return errors;
  const log = existsSync(run.logFile) ? readFileSync(run.logFile, "utf8").slice(-LIMITS.keptLogCharacters) : "";
  const words = log.split("\n").filter((line) => /^\s*error: /.test(line) && !/: (preview|update|destroy) failed/.test(line));
  return words.length > 0 ? words.map((line) => line.replace(/^\s*error: /, "")) : [lastLines(log, 3)];
}
