/** Child processes, as the tools and commands need them: lines as they come, a time limit that really ends, whole output at the end. */
import { spawn } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** How much of a child's output is kept, per stream. */
export const LIMITS = { outputCharacters: 20_000_000 } as const;

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment; the caller's own where absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** Each line of both streams, without its end. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** After this the child and everything it started is killed. */
  readonly timeoutMilliseconds?: number;
  /** Kills the child and everything it started. */
  readonly signal?: AbortSignal;
}

export interface Finished {
  /** Exit code; 128 + number of the signal that ended it; 127 when it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Set when the child was killed for its time limit or the caller's signal. */
  readonly killed: boolean;
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Ends a process group: the child that leads it and all its descendants. A group that is already gone is no error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}

/** Groups that still run: should this process end first, it takes them along. */
const groups = new Set<number>();
process.on("exit", () => {
  for (const pid of groups) killGroup(pid, "SIGKILL");
});

/** Runs a command to its end; never rejects. The child leads a process group of its own, so a Ctrl-C in the terminal does not reach it. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { promise, resolve } = Promise.withResolvers<Finished>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  if (child.pid !== undefined) groups.add(child.pid);
  const kept = { stdout: "", stderr: "" };
  let killed = false;
  const kill = (): void => {
    killed = true;
    if (child.pid !== undefined) killGroup(child.pid, "SIGKILL");
  };
  const timer = options.timeoutMilliseconds === undefined ? undefined : setTimeout(kill, options.timeoutMilliseconds);
  if (options.signal?.aborted) kill();
  options.signal?.addEventListener("abort", kill, { once: true });
  const finish = (code: number): void => {
    clearTimeout(timer);
    if (child.pid !== undefined) groups.delete(child.pid);
    options.signal?.removeEventListener("abort", kill);
    resolve({ code, ...kept, killed });
  };
  const read = (stream: Readable, name: "stdout" | "stderr"): void => {
    createInterface({ input: stream }).on("line", (line) => {
      if (kept[name].length < LIMITS.outputCharacters) kept[name] += `${line}\n`;
      options.onLine?.(line, name);
    });
  };
  read(child.stdout, "stdout");
  read(child.stderr, "stderr");
  child.on("error", (error: NodeJS.ErrnoException) => {
    kept.stderr += `${command}: ${error.code ?? error.message}\n`;
    finish(127);
  });
  child.on("close", (code, signal) => finish(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? 0)));
  return promise;
}

/** An environment in which the Node that runs now is the first on PATH. */
export function withThisNode(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment, PATH: [dirname(process.execPath), environment.PATH ?? ""].join(delimiter) };
}

/** The last lines of a text, for an error that says why a child failed. */
export function lastLines(text: string, count: number): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-count).join("\n");
}
