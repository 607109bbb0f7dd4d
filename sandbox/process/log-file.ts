/**
 * Output of containers in files of bounded size. The container writes to the file itself, so that it outlives this process;
 * when the file is full its content moves to FILE.1 and it is emptied. Lines written between those two steps are lost.
 */
import { closeSync, copyFileSync, existsSync, fstatSync, mkdirSync, openSync, readSync, statSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import { LIMITS } from "./limits.ts";

/** Opens for appending: after a truncation the writer goes on at the start. */
export function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openSync(path, "a", 0o600);
}

export function rotateLog(path: string, most: number = LIMITS.logBytes): void {
  if (!existsSync(path) || statSync(path).size <= most) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
  if (statSync(`${path}.1`).size > 2 * most) truncateSync(`${path}.1`, 2 * most);
}

/** The last lines of a log, for an error message. */
export function lastLogLines(path: string, count: number = LIMITS.logLines): string {
  if (!existsSync(path)) return "";
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, 16_384));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8").trimEnd().split("\n").slice(-count).join("\n");
  } finally {
    closeSync(file);
  }
}
