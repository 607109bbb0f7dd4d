/**
 * One container: a process, kept running as its restart policy says. A container that outlived the sandbox process that
 * started it is adopted: it is then no child, so it is looked after by its pid and start time, and its exit code is unknown.
 */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { isAlive, startTime } from "../../tools/lock.mjs";
import { LIMITS } from "./limits.ts";
import { openLog, rotateLog } from "./log-file.ts";
import type { ProcessRecord } from "./state.ts";

export type RestartPolicy = "Always" | "OnFailure" | "Never";

export interface HttpProbe {
  readonly url: string;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

export interface ContainerSpecification {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Working folder; the logs are written there. */
  readonly folder: string;
  readonly restartPolicy: RestartPolicy;
  readonly probe: HttpProbe | null;
}

/** Azure's words for where a container is. */
export type ContainerState =
  | { readonly state: "Running"; readonly startTime: string }
  | { readonly state: "Waiting"; readonly detailStatus: string }
  | { readonly state: "Terminated"; readonly exitCode: number | null; readonly finishTime: string; readonly detailStatus: string };

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

export class Container {
  readonly specification: ContainerSpecification;
  readonly #digest: string;
  readonly #remember: (record: ProcessRecord | null) => void;
  #state: ContainerState = { state: "Waiting", detailStatus: "created" };
  #pid: number | null = null;
  #since = 0;
  #restarts = 0;
  #quickExits = 0;
  #stopping = false;
  #killedBecause: string | null = null;
  #timers: NodeJS.Timeout[] = [];
  #onExit: (() => void)[] = [];

  /** `remember` keeps what a later sandbox process needs to find the process again; null forgets it. */
  constructor(specification: ContainerSpecification, digest: string, remember: (record: ProcessRecord | null) => void) {
    this.specification = specification;
    this.#digest = digest;
    this.#remember = remember;
  }

  get state(): ContainerState {
    return this.#state;
  }
  get restarts(): number {
    return this.#restarts;
  }
  get pid(): number | null {
    return this.#pid;
  }
  get logs(): readonly [string, string] {
    return [join(this.specification.folder, "stdout.log"), join(this.specification.folder, "stderr.log")];
  }

  /** Takes over a process that still runs, or the end of one that is not to run again. False when neither is there. */
  adopt(record: ProcessRecord): boolean {
    if (record.specification !== this.#digest) return false;
    this.#restarts = record.restarts;
    if (record.exitCode !== undefined) {
      this.#state = { state: "Terminated", exitCode: record.exitCode, finishTime: record.since, detailStatus: "Completed" };
      return true;
    }
    if (record.pid === null || !isAlive(record.pid, record.started)) return false;
    this.#runs(record.pid, record.started, record.since);
    this.#every(LIMITS.adoptedPoll, () => {
      if (!isAlive(record.pid ?? 0, record.started)) this.#exited(null, "the adopted process ended");
    });
    return true;
  }

  start(): void {
    const { command, environment, folder } = this.specification;
    const [file = "", ...args] = command;
    const [out, err] = this.logs.map(openLog);
    const child = spawn(file, args, {
      cwd: folder,
      env: { ...environment },
      stdio: ["ignore", out ?? "ignore", err ?? "ignore"],
      detached: true,
    });
    for (const log of [out, err]) if (log !== undefined) closeSync(log);
    child.on("error", (error) => this.#exited(127, error.message));
    const { pid } = child;
    if (pid === undefined) return;
    child.unref();
    child.on("exit", (code, signal) => this.#exited(code ?? 128, signal === null ? `exit code ${code}` : `ended by ${signal}`));
    this.#runs(pid, startTime(pid), new Date().toISOString());
  }

  #runs(pid: number, started: string, since: string): void {
    this.#pid = pid;
    this.#since = Date.parse(since);
    this.#state = { state: "Running", startTime: since };
    this.#remember({ pid, started, specification: this.#digest, since, restarts: this.#restarts });
    this.#every(LIMITS.logCheck, () => this.logs.forEach((log) => void rotateLog(log)));
    if (this.specification.probe !== null) this.#watch(this.specification.probe);
  }

  #every(milliseconds: number, act: () => void): void {
    this.#timers.push(setInterval(act, milliseconds));
  }

  /** Liveness: after `failureThreshold` failures in a row the process is ended, and the restart policy says what follows. */
  #watch(probe: HttpProbe): void {
    let failures = 0;
    const look = async () => {
      const pid = this.#pid;
      failures = (await probeOnce(probe)) ? 0 : failures + 1;
      if (failures < probe.failureThreshold || pid === null || pid !== this.#pid || this.#stopping) return;
      failures = 0;
      await this.#kill(`liveness probe ${probe.url} failed ${probe.failureThreshold} times`);
    };
    const begin = setTimeout(() => this.#every(probe.periodSeconds * 1000, () => void look()), probe.initialDelaySeconds * 1000);
    this.#timers.push(begin);
  }

  async #kill(because: string): Promise<void> {
    this.#killedBecause = because;
    const pid = this.#pid;
    if (pid === null) return;
    const gone = new Promise<void>((resolve) => this.#onExit.push(resolve));
    signal(pid, "SIGTERM");
    const timer = setTimeout(() => signal(-pid, "SIGKILL"), LIMITS.stopGrace);
    await gone;
    clearTimeout(timer);
  }

  #exited(code: number | null, detail: string): void {
    const pid = this.#pid;
    // As in a container, nothing of it outlives its first process.
    if (pid !== null) signal(-pid, "SIGKILL");
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    const ran = pid === null ? 0 : Date.now() - this.#since;
    this.#pid = null;
    const failed = this.#killedBecause !== null || code !== 0;
    const detailStatus = this.#killedBecause ?? detail;
    this.#killedBecause = null;
    const finishTime = new Date().toISOString();
    this.#state = { state: "Terminated", exitCode: code, finishTime, detailStatus };
    const { restartPolicy } = this.specification;
    if (!this.#stopping && (restartPolicy === "Always" || (restartPolicy === "OnFailure" && failed))) this.#restartAfter(ran, detailStatus);
    else this.#ended(code, finishTime);
    for (const act of this.#onExit.splice(0)) act();
  }

  #ended(exitCode: number | null, since: string): void {
    if (this.#stopping) this.#remember(null);
    else this.#remember({ pid: null, started: "", specification: this.#digest, since, restarts: this.#restarts, exitCode });
  }

  #restartAfter(ran: number, detail: string): void {
    this.#quickExits = ran >= LIMITS.stableRun ? 0 : this.#quickExits + 1;
    const wait = Math.min(LIMITS.backOff * 2 ** Math.max(0, this.#quickExits - 1), LIMITS.backOffMost);
    this.#state = { state: "Waiting", detailStatus: `restarts in ${wait / 1000} s: ${detail}` };
    this.#timers.push(
      setTimeout(() => {
        this.#restarts += 1;
        this.start();
      }, wait),
    );
  }

  /** SIGTERM, and SIGKILL after the grace. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#kill("stopped");
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    this.#remember(null);
    if (this.#state.state !== "Terminated") {
      this.#state = { state: "Terminated", exitCode: null, finishTime: new Date().toISOString(), detailStatus: "stopped" };
    }
  }
}

async function probeOnce(probe: HttpProbe): Promise<boolean> {
  try {
    const response = await fetch(probe.url, { signal: AbortSignal.timeout(probe.timeoutSeconds * 1000), redirect: "manual" });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400;
  } catch {
    return false;
  }
}

/** A process that is already gone is no error. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

/** Ends a process that no sandbox process looks after any more. */
export async function endLeftover(record: ProcessRecord): Promise<void> {
  const { pid, started } = record;
  if (pid === null || !isAlive(pid, started)) return;
  signal(pid, "SIGTERM");
  for (const until = Date.now() + LIMITS.stopGrace; Date.now() < until && isAlive(pid, started); ) await sleep(50);
  if (isAlive(pid, started)) signal(-pid, "SIGKILL");
}
