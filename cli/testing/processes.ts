/** Runs mocha over groups of files, each in a process of its own, and adds up what came out. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../tools/process.ts";
import { ROOT } from "../workspace.ts";
import type { Kind, TestFile } from "./files.ts";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface GroupResult extends Counts {
  readonly title: string;
  readonly seconds: number;
  readonly output: string;
  readonly skippedTitles: readonly string[];
}

export interface Group {
  readonly title: string;
  readonly kind: Kind;
  readonly files: readonly string[];
}

export const LIMITS = { groupMilliseconds: 1_800_000 } as const;

/** unit files together, every other file by itself; those with the engine last. */
export function groupsOf(files: readonly TestFile[]): Group[] {
  const unit = files.filter(({ kind }) => kind === "unit").map(({ path }) => path);
  const own = (kind: Kind): Group[] => files.filter((file) => file.kind === kind).map(({ path }) => ({ title: path, kind, files: [path] }));
  const title = unit.length === 1 ? (unit[0] ?? "") : `${unit.length} files of unit tests`;
  return [...(unit.length === 0 ? [] : [{ title, kind: "unit" as const, files: unit }]), ...own("alone"), ...own("engine")];
}

export const sum = (counts: readonly Counts[]): Counts => ({
  passed: counts.reduce((total, { passed }) => total + passed, 0),
  failed: counts.reduce((total, { failed }) => total + failed, 0),
  skipped: counts.reduce((total, { skipped }) => total + skipped, 0),
});

/** One mocha process. `onLine` gets its output as it comes; a process that ends without counts counts as one failure. */
export async function runGroup(group: Group, quiet: boolean, onLine: (line: string) => void): Promise<GroupResult> {
  const folder = mkdtempSync(join(tmpdir(), "xmpp-edge-test-"));
  const countsFile = join(folder, "counts.json");
  const reporter = ["--reporter", join(ROOT, "tools", "mocha-reporter.mjs"), ...(quiet ? ["--reporter-option", "quiet=1"] : [])];
  const began = Date.now();
  const result = await run(
    process.execPath,
    [join(ROOT, "node_modules", "mocha", "bin", "mocha.js"), "--no-color", ...reporter, ...group.files],
    {
      cwd: ROOT,
      env: { ...process.env, XMPP_EDGE_TEST_COUNTS: countsFile },
      onLine,
      timeoutMilliseconds: LIMITS.groupMilliseconds,
    },
  );
  const counts = readCounts(countsFile);
  rmSync(folder, { recursive: true, force: true });
  const broken = result.killed
    ? `did not end within ${LIMITS.groupMilliseconds / 60_000} minutes`
    : `mocha ended with exit code ${result.code}`;
  const output = `${result.stdout}${result.stderr}`;
  const base = { title: group.title, seconds: (Date.now() - began) / 1000 };
  if (counts === null) return { ...base, passed: 0, failed: 1, skipped: 0, skippedTitles: [], output: `${output}\n${broken}` };
  const failed = counts.failed === 0 && result.code !== 0 ? 1 : counts.failed;
  return { ...base, ...counts, failed, output: failed > counts.failed ? `${output}\n${broken}` : output };
}

function readCounts(file: string): (Counts & { readonly skippedTitles: readonly string[] }) | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Counts & { readonly skippedTitles: readonly string[] };
  } catch {
    return null;
  }
}
