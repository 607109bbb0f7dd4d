/** What a process takes, from /proc: processor time, resident memory, file descriptors (proc(5)). Linux only. */
import { readFileSync } from "node:fs";

/** Clock ticks a second of /proc: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Fields of /proc/PID/stat behind the name, which may hold blanks: utime and stime are the 14th and 15th of all. */
const UTIME = 11;

/** Seconds of processor time of all threads of a process, user and system together; in steps of 10 ms. */
export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME]) + Number(fields[UTIME + 1])) / TICKS;
}

/** Resident set in kB (1024 bytes). */
export function residentKilobytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** File descriptors that a process may have open: its soft limit. */
export function descriptorLimit(pid: number | "self"): number {
  const found = /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
  return found === "unlimited" ? Number.POSITIVE_INFINITY : Number(found);
}
