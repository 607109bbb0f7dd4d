/** The arguments that the commands around the engine share. What stands after `--` goes to pulumi as it is. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { EXIT, Failure } from "./failure.ts";

export const SANDBOX_STACK = "sandbox";

export interface StackOptions {
  readonly stack: string;
  readonly json: boolean;
  /** Passed to pulumi: take the configuration from this file. */
  readonly configFile?: string;
  /** Proceed without asking; always so in the sandbox. */
  readonly yes: boolean;
  /** Read the real state of every resource first; in the sandbox on unless switched off. */
  readonly refresh?: boolean;
  /** Where the certificate request is written. */
  readonly requestFile?: string;
  /** Whether demo peers run and a message is sent each way through the sandbox's gateway. */
  readonly demo?: boolean;
  /** Handed to pulumi as they are. */
  readonly extra: readonly string[];
}

/** npm runs its scripts in the project's folder; a path is meant from where the user stands. */
export const userFolder = (): string => process.env.INIT_CWD ?? process.cwd();
const userPath = (path: string): string => resolve(userFolder(), path);

const OPTIONS = {
  json: new Option("--json", "print one JSON object instead of text").default(false),
  yes: new Option("-y, --yes", "do not ask before changing anything").default(false),
  configFile: new Option("--config-file <file>", "take the stack's configuration from this file").argParser(userPath),
  refresh: new Option("--refresh [boolean]", "read the real state of every resource first").argParser((text) => text !== "false"),
  requestFile: new Option("--request-file <file>", "write the certificate request here").argParser(userPath),
  demo: new Option("--no-demo", "start no demo peers in the sandbox and send no test messages"),
} as const;

export type OptionName = keyof typeof OPTIONS;

/** A command that throws Failure instead of ending the process. */
export function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showHelpAfterError(false);
}

/** Reads the arguments. @throws Failure for wrong ones; help was shown when null comes back */
export function parseWith<T>(program: Command, argv: readonly string[], read: (program: Command) => T): T | null {
  try {
    program.parse([...argv], { from: "user" });
    return read(program);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.helpDisplayed" || error.code === "commander.help") return null;
    throw new Failure(`${error.message.replace(/^error: /, "")}; see: npm run ${program.name()} -- --help`, EXIT.usage);
  }
}

/** Parses the arguments of a command around the engine, which knows `names` of the options and `--stack`. */
export function parseStackOptions(
  name: string,
  description: string,
  names: readonly OptionName[],
  argv: readonly string[],
): StackOptions | null {
  const program = command(name, description)
    .option("-s, --stack <name>", "the stack", SANDBOX_STACK)
    .argument("[pulumi...]", "after --: options for pulumi, as they are")
    .usage("[options] [-- pulumi options]");
  for (const option of names) program.addOption(OPTIONS[option]);
  const dashes = argv.indexOf("--");
  const ours = dashes < 0 ? argv : argv.slice(0, dashes);
  const extra = dashes < 0 ? [] : argv.slice(dashes + 1);
  return parseWith(program, ours, () => {
    if (program.args.length > 0) {
      throw new Failure(`unexpected ${program.args.join(" ")}; options for pulumi stand after a further --`, EXIT.usage);
    }
    const options = program.opts<Omit<StackOptions, "extra">>();
    if (options.configFile !== undefined && !existsSync(options.configFile)) {
      throw new Failure(`--config-file is ${options.configFile}; expected a file that exists`, EXIT.usage);
    }
    return { ...options, extra };
  });
}
