/** `npm run check`: everything about the source that can be checked without running it. */
import { join } from "node:path";
import { checkImports } from "../tools/imports.ts";
import { run as runProcess } from "../tools/process.ts";
import { staleDocs } from "./docs.ts";
import { EXIT } from "./failure.ts";
import { command, parseWith } from "./options.ts";
import { reporterTo } from "./terminal.ts";
import { ROOT } from "./workspace.ts";

export interface Check {
  readonly name: string;
  /** What is wrong, one line each; empty when nothing is. */
  readonly find: () => Promise<readonly string[]>;
}

const tool = (name: string): string => join(ROOT, "node_modules", ".bin", name);

async function complaints(name: string, args: readonly string[]): Promise<string[]> {
  const result = await runProcess(tool(name), args, { cwd: ROOT });
  if (result.code === 0) return [];
  const lines = `${result.stdout}${result.stderr}`.split("\n").filter((line) => line.trim() !== "");
  return lines.length > 0 ? lines : [`${name} failed (exit code ${result.code})`];
}

export const CHECKS: readonly Check[] = [
  { name: "types", find: () => complaints("tsc", ["--noEmit", "--pretty", "false"]) },
  { name: "lint and format", find: () => complaints("biome", ["ci", "--colors=off", "."]) },
  { name: "imports", find: async () => checkImports(ROOT).map(({ file, line, text }) => `${file}:${line}: ${text}`) },
  { name: "pages from code", find: async () => (await staleDocs(ROOT)).map((file) => `${file} is stale; run: npm run docs`) },
];

export async function run(argv: readonly string[]): Promise<number> {
  const program = command("check", "Check types, lint, format, imports and the pages made from code");
  const options = parseWith(program.option("--fix", "format, and mend what the linter can mend safely"), argv, () =>
    program.opts<{ fix?: boolean }>(),
  );
  if (options === null) return EXIT.ok;
  const reporter = reporterTo(process.stdout);
  if (options.fix) await complaints("biome", ["check", "--write", "."]);
  let found = 0;
  for (const { name, find } of CHECKS) {
    const lines = await reporter.step(name, find, (lines) => (lines.length === 0 ? "in order" : "NOT in order"));
    for (const line of lines) reporter.say(`    ${line}`);
    found += lines.length;
  }
  return found === 0 ? EXIT.ok : EXIT.failure;
}
