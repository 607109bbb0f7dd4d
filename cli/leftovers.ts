/** What a killed engine leaves behind in the sandbox, and clearing it: a lock, pending creates, plugin processes. */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { deleteResource, listResources, startSandbox } from "../sandbox/control.ts";
import { isAlive } from "../tools/lock.mjs";
import { Failure } from "./failure.ts";
import { checkpointFile, mustPulumi, PROJECT_NAME, type SandboxPlaces, type Workspace } from "./workspace.ts";

export interface EngineLock {
  readonly file: string;
  readonly pid: number;
  readonly alive: boolean;
}

/** The file backend's locks on a stack (`organization` is its only organisation). */
export function engineLocks(places: SandboxPlaces, stack: string): EngineLock[] {
  const folder = join(places.backend, ".pulumi", "locks", "organization", PROJECT_NAME, stack);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => readLock(join(folder, name)));
}

function readLock(file: string): EngineLock {
  try {
    const { pid, hostname: host } = JSON.parse(readFileSync(file, "utf8")) as { pid?: number; hostname?: string };
    return { file, pid: pid ?? 0, alive: host === hostname() && isPulumi(pid ?? 0) };
  } catch {
    // A lock that cannot be read was torn while it was written.
    return { file, pid: 0, alive: false };
  }
}

/** The lock holds no start time: a process that took the id over is told by its command line. */
function isPulumi(pid: number): boolean {
  if (!isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]?.endsWith("pulumi") ?? false;
  } catch {
    return true;
  }
}

interface Checkpoint {
  readonly checkpoint?: {
    readonly latest?: { readonly pending_operations?: readonly unknown[]; readonly resources?: readonly { readonly id?: string }[] };
  };
}

const isJson = (file: string): boolean => readJson(file) !== null;

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

/** Whether the last update was cut off while it was making, changing or deleting something. */
export function hasPendingOperations(places: SandboxPlaces, stack: string): boolean {
  const state = readJson(checkpointFile(places, stack)) as Checkpoint | null;
  return (state?.checkpoint?.latest?.pending_operations?.length ?? 0) > 0;
}

/**
 * The file backend writes each file beside its place, its attributes first, and renames both. A kill in between leaves the file
 * beside, or attributes without content, on which the engine then fails with "EOF". A torn state is replaced by the one before it.
 */
export function repairBackend(places: SandboxPlaces, stack: string): boolean {
  const root = join(places.backend, ".pulumi");
  if (!existsSync(root)) return false;
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => join(root, name));
  const torn = files.filter((file) => file.endsWith(".tmp") || (file.endsWith(".attrs") && !isJson(file)));
  for (const file of torn) rmSync(file, { force: true });
  const meta = join(root, "meta.yaml");
  if (existsSync(meta) && readFileSync(meta, "utf8") === "") writeFileSync(meta, "version: 1\n");
  const checkpoint = checkpointFile(places, stack);
  if (!existsSync(checkpoint) || isJson(checkpoint)) return torn.length > 0;
  if (isJson(`${checkpoint}.bak`)) copyFileSync(`${checkpoint}.bak`, checkpoint);
  else rmSync(checkpoint);
  return true;
}

/** What the stand-in clouds hold and the state does not know: made by an engine that was killed before it could write it down. */
async function removeUnknownResources(places: SandboxPlaces, stack: string): Promise<number> {
  const state = readJson(checkpointFile(places, stack)) as Checkpoint | null;
  const known = new Set(state?.checkpoint?.latest?.resources?.map(({ id }) => id));
  const control = await startSandbox(places.dir, places.net);
  const unknown = (await listResources(control)).filter(({ id }) => !known.has(id));
  for (const { id } of unknown) await deleteResource(control, id);
  return unknown.length;
}

/**
 * Processes that an engine of this sandbox started and that outlived it: their environment names the sandbox's Pulumi home, their
 * parent is gone, and they are a plugin or a program's runner.
 */
export function orphanedPlugins(places: SandboxPlaces): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1 && pid !== process.pid && isOrphan(pid, places));
}

const RUNNERS = /pulumi-(resource|language|analyzer)-|@pulumi\/pulumi\/cmd\/run/;

function isOrphan(pid: number, places: SandboxPlaces): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    if (!RUNNERS.test(command)) return false;
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    return environment.includes(`PULUMI_HOME=${places.pulumiHome}`) && (parent <= 1 || !isDescendantOfEngine(parent));
  } catch {
    // Ended in between, or another user's.
    return false;
  }
}

/** Whether the engine is still above: a plugin's parent is the engine or the language host. */
function isDescendantOfEngine(pid: number): boolean {
  for (let current = pid; current > 1; ) {
    if (isPulumi(current)) return true;
    const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${current}/status`, "utf8"))?.[1];
    current = Number(parent ?? 0);
  }
  return false;
}

/** Clears what there is, and says what it was. @throws Failure when a living engine works on the stack */
export async function clearLeftovers(workspace: Workspace): Promise<string[]> {
  const places = workspace.sandbox;
  if (places === null) return [];
  const cleared: string[] = [];
  const locks = engineLocks(places, workspace.stack);
  const living = locks.find((lock) => lock.alive);
  if (living !== undefined) {
    throw new Failure(
      `a pulumi process (${living.pid}) is working on the stack ${workspace.stack}: wait for it, or end it, and run the command again`,
    );
  }
  for (const pid of orphanedPlugins(places)) {
    process.kill(pid, "SIGKILL");
    cleared.push(`ended the orphaned plugin ${pid}`);
  }
  if (repairBackend(places, workspace.stack)) cleared.push("put the torn state in order");
  if (locks.length > 0) {
    await mustPulumi(workspace, ["cancel", workspace.stack, "--yes"]);
    cleared.push(`removed the lock of process ${locks[0]?.pid}, which is gone`);
  }
  if (hasPendingOperations(places, workspace.stack)) {
    await mustPulumi(workspace, ["refresh", "--stack", workspace.stack, "--clear-pending-creates", "--yes", "--skip-preview"]);
    cleared.push("cleared operations that were cut off");
  }
  const unknown = cleared.length === 0 ? 0 : await removeUnknownResources(places, workspace.stack);
  if (unknown > 0) cleared.push(`removed ${unknown} resources that no state knows`);
  return cleared;
}
