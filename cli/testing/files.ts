/** Which test files there are, and which of them may share a process. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

const FOLDERS = ["gateway", "components", "policies", "sandbox", "cli", "tools", "stacks", "examples", "test"] as const;

/**
 * unit: all in one process. alone: replaces the engine's part of the SDK for its whole process, so one process a file.
 * engine: runs the real engine, the sandbox or other servers, so one after the other with nothing beside it.
 */
export type Kind = "unit" | "alone" | "engine";

export interface TestFile {
  /** Below the root, with slashes. */
  readonly path: string;
  readonly kind: Kind;
}

/** What a file of that kind imports. */
const MARKS: readonly (readonly [Kind, RegExp])[] = [
  [
    "engine",
    /^(?:import|\}).* from "[./]*(tools\/engine\/find|engine\/find|find|sandbox\/control|control|sandbox\/plugins|plugins|test-sandbox|test-stack|sandbox\/daemon)\.ts"/m,
  ],
  ["alone", /setMocks\(|pulumi-mocks\.ts"/],
];
const INTEROP = /^test\/interop\//;

/** Every `*.test.ts` whose path holds one of `names` (all where there are none), sorted. */
export function testFiles(root: string, names: readonly string[]): TestFile[] {
  return FOLDERS.flatMap((folder) => filesIn(join(root, folder)))
    .map((file) => relative(root, file).split(sep).join("/"))
    .filter((path) => names.length === 0 || names.some((name) => path.includes(name)))
    .sort()
    .map((path) => ({ path, kind: kindOf(path, readFileSync(join(root, path), "utf8")) }));
}

export function kindOf(path: string, text: string): Kind {
  if (INTEROP.test(path)) return "engine";
  return MARKS.find(([, mark]) => mark.test(text))?.[0] ?? "unit";
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}
