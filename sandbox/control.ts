/** Starts, stops and asks the sandbox process. Everything here may be called again and again. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive, withLock } from "../tools/lock.mjs";
import { ask, CONTROL_VERSION, type Control, ControlError, readControl, resourcePath } from "./client.ts";
import { type ContainerState, endLeftover } from "./process/container.ts";
import { type Image, writeImage } from "./process/images.ts";
import { lastLogLines, rotateLog } from "./process/log-file.ts";
import type { SandboxState, WorldRecord } from "./process/state.ts";

export { type Control, sandboxDir, sandboxNet } from "./client.ts";
export type { Image } from "./process/images.ts";
export type { WorldRecord } from "./process/state.ts";

/** Milliseconds for the process to serve, to end by itself, and to end once told by a signal. */
const WAIT = { start: 30_000, stop: 20_000, kill: 5000 } as const;

const sleep = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));
const logFile = (dir: string): string => join(dir, "daemon.log");

/**
 * Makes sure that the sandbox process of `dir` serves, and returns how to reach it. Starts it detached where it does not run;
 * containers of a process that was killed are taken over or started again. @throws Error saying why it does not serve
 */
export async function startSandbox(dir: string, net: string): Promise<Control> {
  if (!/^127(\.\d{1,3}){2}$/.test(net))
    throw new Error(`the sandbox's net prefix is "${net}"; expected three octets in 127.0.0.0/8, such as 127.77.0`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return withLock(join(dir, "start.lock"), async () => {
    const running = readControl(dir);
    if (running !== null && running.net !== net)
      throw new Error(`the sandbox in ${dir} runs on ${running.net}; stop it before it can run on ${net}`);
    if (running !== null && running.version === CONTROL_VERSION) return running;
    if (running !== null) await endProcess(running);
    return spawnDaemon(dir, net);
  });
}

async function spawnDaemon(dir: string, net: string): Promise<Control> {
  rotateLog(logFile(dir));
  const log = openSync(logFile(dir), "a", 0o600);
  const script = fileURLToPath(new URL("./daemon.ts", import.meta.url));
  const child = spawn(process.execPath, [script, dir, net], { cwd: dir, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  child.unref();
  let failed: string | null = null;
  child.on("error", (error) => {
    failed = error.message;
  });
  for (const until = Date.now() + WAIT.start; ; await sleep(50)) {
    const control = readControl(dir);
    if (control !== null && control.pid === child.pid) return control;
    if (failed !== null || child.exitCode !== null || Date.now() > until) {
      if (child.exitCode === null) child.kill("SIGKILL");
      throw new Error(`the sandbox process did not start: ${failed ?? lastLogLines(logFile(dir), 3)} (log: ${logFile(dir)})`);
    }
  }
}

/** Ends containers and the process. What was made stays remembered, and starts again with it. */
export async function stopSandbox(dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  await withLock(join(dir, "start.lock"), async () => {
    const running = readControl(dir);
    if (running !== null) await endProcess(running);
    await endLeftovers(dir);
  });
}

async function endProcess(control: Control): Promise<void> {
  await ask(control, "POST", "stop").catch(() => {});
  if (await isGone(control, WAIT.stop)) return;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    process.kill(control.pid, signal);
    if (await isGone(control, WAIT.kill)) return;
  }
  throw new Error(`the sandbox process ${control.pid} does not end`);
}

async function isGone({ pid, started }: Control, milliseconds: number): Promise<boolean> {
  for (const until = Date.now() + milliseconds; isAlive(pid, started); await sleep(30)) if (Date.now() > until) return false;
  return true;
}

/** Containers of a process that was killed. */
async function endLeftovers(dir: string): Promise<void> {
  const path = join(dir, "state.json");
  if (!existsSync(path)) return;
  const { processes } = JSON.parse(readFileSync(path, "utf8")) as SandboxState;
  await Promise.all(Object.values(processes).map(endLeftover));
}

export interface SandboxStatus {
  readonly pid: number;
  readonly net: string;
  readonly resources: number;
  readonly world: number;
  readonly groups: readonly {
    readonly id: string;
    readonly name: string;
    readonly address: string;
    /** Running, Pending or Stopped. */
    readonly state: string;
    readonly containers: readonly (ContainerState & {
      readonly name: string;
      readonly pid: number | null;
      readonly restarts: number;
      /** Paths of stdout and stderr. */
      readonly logs: readonly [string, string];
    })[];
  }[];
}

/** Null when no sandbox process runs in `dir`. */
export async function sandboxStatus(dir: string): Promise<SandboxStatus | null> {
  const control = readControl(dir);
  return control === null ? null : ((await ask(control, "GET", "status")) as SandboxStatus);
}

/** Registers what a container image stands for, by its full reference: `name@sha256:...` or `name:tag`. Needs no running process. */
export function registerImage(dir: string, reference: string, image: Image): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeImage(dir, reference, image);
}

/** Adds records to the world; records of the same name and type are replaced. */
export async function putWorld(control: Control, records: readonly WorldRecord[]): Promise<void> {
  await ask(control, "PUT", "world", { records });
}

/** Takes records from the world: all of a name, or those of one type. */
export async function deleteWorld(control: Control, name: string, type?: WorldRecord["type"]): Promise<void> {
  await ask(control, "DELETE", `world?${new URLSearchParams({ name, ...(type === undefined ? {} : { type }) })}`);
}

/** Every resource the stand-in clouds hold: what no stack knows of was left by an engine that was killed. */
export async function listResources(control: Control): Promise<readonly { readonly id: string; readonly type: string }[]> {
  return ((await ask(control, "GET", "resources")) as { resources: { id: string; type: string }[] }).resources;
}

/** Ends a resource and everything in it; one that is gone is no error. */
export async function deleteResource(control: Control, id: string): Promise<void> {
  await ask(control, "DELETE", resourcePath(id)).catch((error: unknown) => {
    if (!(error instanceof ControlError && error.status === 404)) throw error;
  });
}
