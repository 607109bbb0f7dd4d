/** `npm run docs`: prints the pages that come from code. `--check` prints nothing and fails where one is stale. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { printedFiles } from "./docs/pages.ts";
import { EXIT, Failure } from "./failure.ts";
import { command, parseWith } from "./options.ts";

const ROOT = join(import.meta.dirname, "..");

/** @returns the exit code. @throws Failure that names what is stale and the command that prints it anew */
export async function run(argv: readonly string[]): Promise<number> {
  const program = command("docs", "Print what docs/ says of settings, tables and errors from the code").option(
    "--check",
    "write nothing; fail where a file is stale",
    false,
  );
  const options = parseWith(program, argv, () => program.opts<{ check: boolean }>());
  if (options === null) return EXIT.ok;
  if (!options.check) {
    for (const file of await writeDocs(ROOT)) process.stdout.write(`${file}\n`);
    return EXIT.ok;
  }
  const stale = await staleDocs(ROOT);
  if (stale.length > 0) throw new Failure(stale.map((file) => `${file} is stale: run npm run docs`).join("\n"));
  return EXIT.ok;
}

/** Writes what differs. @returns the paths written. */
export async function writeDocs(root: string): Promise<string[]> {
  const stale = await staleDocs(root);
  for (const file of stale) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), printedFiles().get(file) ?? "");
  }
  return stale;
}

/** The printed files that are missing or differ from what the code would print. */
export async function staleDocs(root: string): Promise<string[]> {
  const stale: string[] = [];
  for (const [file, text] of printedFiles()) {
    const stands = await readFile(join(root, file), "utf8").catch(() => null);
    if (stands !== text) stale.push(file);
  }
  return stale;
}
