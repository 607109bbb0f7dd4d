/**
 * A lock between processes: one file that names its owner. Plain JavaScript, since tools/run.mjs needs it before anything is
 * installed. An owner is a process id together with that process's start time, so that a reused id is not taken for it.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How often a waiting process looks again. */
export const LIMITS = { pollMilliseconds: 250 };

/** The start time of a process in clock ticks since boot (proc(5), field 22); "" where the system does not tell. */
export function startTime(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may itself hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "zombie" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

/** Whether the process runs; with `started`, whether it is still the same one. */
export function isAlive(pid, started = "") {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  const now = startTime(pid);
  return now !== "zombie" && (started === "" || now === "" || now === started);
}

/** The living owner of a lock, or null when it is free or its owner is gone. */
export function lockOwner(path) {
  const owner = read(path);
  return owner !== null && isAlive(owner.pid, owner.started) ? owner : null;
}

function read(path) {
  try {
    const owner = JSON.parse(readFileSync(path, "utf8"));
    return Number.isInteger(owner?.pid) ? owner : null;
  } catch {
    return null;
  }
}

/**
 * Takes the lock, or returns the living owner's {pid, started, since}. Both the file's name and its content appear at once (hard link),
 * so a reader never sees half a lock.
 */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const me = { pid: process.pid, started: startTime(process.pid), since: new Date().toISOString() };
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2, 10)}`;
  writeFileSync(mine, `${JSON.stringify(me)}\n`);
  try {
    for (;;) {
      try {
        linkSync(mine, path);
        return { release: () => release(path, me) };
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
      }
      const owner = lockOwner(path);
      if (owner !== null) return { owner };
      removeStale(path, `${mine}.stale`);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Moves a dead owner's lock away. Should another process have taken it over in between, its lock is put back. */
function removeStale(path, aside) {
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (lockOwner(aside) !== null) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process holds it by now; the one moved aside finds out when it releases.
    }
  }
  rmSync(aside, { force: true });
}

function release(path, me) {
  const owner = read(path);
  if (owner?.pid === me.pid && owner.started === me.started) rmSync(path, { force: true });
}

/**
 * Runs `work` while holding the lock; waits for a living owner and tells `onWait` about it with the seconds waited so far.
 * @template T
 */
export async function withLock(path, work, onWait = () => {}) {
  const began = Date.now();
  for (;;) {
    const got = tryLock(path);
    if (got.release !== undefined) {
      try {
        return await work();
      } finally {
        got.release();
      }
    }
    onWait(got.owner, Math.round((Date.now() - began) / 1000));
    await sleep(LIMITS.pollMilliseconds);
  }
}
