/** `npm run lync-commands`: prints the PowerShell that the pool needs for the configured partners, or its undo. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "commander";
import { parseDocument, parseDocumentText } from "../gateway/config/parse.ts";
import type { EdgeDocument } from "../gateway/config/schema.ts";
import { findEngine } from "../tools/engine/find.ts";
import { EXIT, Failure } from "./failure.ts";
import { lyncScript, scriptText, WAYS, type Way } from "./lync/commands.ts";
import { command, parseWith, SANDBOX_STACK } from "./options.ts";
import { readOutputs } from "./outputs.ts";
import { openWorkspace, sandboxPlaces, sandboxStackExists } from "./workspace.ts";

/** Where the document comes from. */
export type DocumentSource = { readonly file: string } | { readonly stack: string };

export interface LyncCommandsParts {
  readonly loadDocument: (source: DocumentSource) => Promise<EdgeDocument>;
  readonly print: (text: string) => void;
}

/** The real ones. */
export const PARTS: LyncCommandsParts = { loadDocument, print: (text) => process.stdout.write(text) };

interface Options {
  readonly document?: string;
  readonly stack?: string;
  readonly via: Way;
  readonly site?: string;
  readonly undo: boolean;
  readonly json: boolean;
}

/** @returns the exit code. @throws Failure or ConfigurationError with what is wrong */
export async function run(argv: readonly string[], parts: LyncCommandsParts = PARTS): Promise<number> {
  const options = parseWith(lyncCommand(), argv, (program) => program.opts<Options>());
  if (options === null) return EXIT.ok;
  const document = await parts.loadDocument(
    options.document === undefined ? { stack: options.stack ?? SANDBOX_STACK } : { file: options.document },
  );
  const script = lyncScript(document, options);
  parts.print(options.json ? `${JSON.stringify(script, null, 2)}\n` : scriptText(script));
  return EXIT.ok;
}

const lyncCommand = () =>
  command("lync-commands", "Print the PowerShell that a Lync Server or Skype for Business Server pool needs for the configured partners")
    .addOption(new Option("--document <file>", "take the edge document from a file").conflicts("stack"))
    .addOption(new Option("-s, --stack <name>", `take it from the outputs of a stack (default: ${SANDBOX_STACK})`))
    .addOption(
      new Option("--via <way>", "access-edge: federated domains behind the Access Edge; static-route: trusted application, no Edge")
        .choices(WAYS)
        .default(WAYS[0]),
    )
    .option("--site <id>", "with static-route: SiteId of the pool, as Get-CsSite shows it")
    .option("--undo", "print what takes the commands back", false)
    .option("--json", "print data instead of text", false);

async function loadDocument(source: DocumentSource): Promise<EdgeDocument> {
  return "file" in source ? documentIn(source.file) : documentOf(source.stack);
}

async function documentIn(file: string): Promise<EdgeDocument> {
  // npm runs scripts in the project's folder; a path is meant from where the user stands.
  const path = resolve(process.env.INIT_CWD ?? ".", file);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`${path} cannot be read (${error.code})`);
  });
  return parseDocumentText(text);
}

async function documentOf(stack: string): Promise<EdgeDocument> {
  const remedy = "bring it up first (npm run up), or take a file: --document FILE";
  if (stack === SANDBOX_STACK && !sandboxStackExists(sandboxPlaces(), stack))
    throw new Failure(`there is no stack ${stack} yet: ${remedy}`);
  const outputs = await readOutputs(openWorkspace(await findEngine(), stack));
  if (outputs === null) throw new Failure(`the stack ${stack} tells no edge document: ${remedy}`);
  return parseDocument(outputs.document);
}
