/** xmpp-edge COMMAND ARGS. Each command is a file of its own that exports `run(argv)` and is loaded when it is asked for. */
import { EXIT, Failure, failureText } from "./failure.ts";
import { listenForSignals } from "./signals.ts";

interface CommandFile {
  run(argv: string[]): Promise<number>;
}

// biome-ignore format: one command, one line
const COMMANDS: Readonly<Record<string, { readonly load: () => Promise<CommandFile>; readonly about: string }>> = {
  up:              { load: () => import("./up.ts"),            about: "bring the edge up and show that it works" },
  preview:         { load: () => import("./preview.ts"),       about: "show what up would change" },
  down:            { load: () => import("./down.ts"),          about: "remove everything that up made" },
  status:          { load: () => import("./status.ts"),        about: "show what runs" },
  gateway:         { load: () => import("./gateway.ts"),       about: "run the gateway alone on a document" },
  contacts:        { load: () => import("./contacts.ts"),      about: "list or end consent for public contacts" },
  "lync-commands": { load: () => import("./lync-commands.ts"), about: "print the PowerShell for the Lync side" },
  docs:            { load: () => import("./docs.ts"),          about: "write the pages that are made from code" },
  bundle:          { load: () => import("./bundle.ts"),        about: "bundle the gateway" },
  check:           { load: () => import("./check.ts"),         about: "types, lint, format, imports, pages" },
  test:            { load: () => import("./test.ts"),          about: "set up and run the tests" },
  bench:           { load: () => import("./bench.ts"),         about: "measure the figures of docs/benchmarks.md" },
};

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  npm run ${name.padEnd(width)}  ${about}`);
  return [...lines, "  npm run COMMAND -- --help tells its options", ""].join("\n");
}

async function main([name = "", ...argv]: readonly string[]): Promise<number> {
  if (["", "help", "--help", "-h"].includes(name)) {
    process.stdout.write(usage());
    return name === "" ? EXIT.usage : EXIT.ok;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new Failure(`there is no command ${name}\n${usage()}`, EXIT.usage);
  return await (await command.load()).run(argv);
}

listenForSignals();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`xmpp-edge: ${failureText(error)}\n`);
  process.exitCode = error instanceof Failure ? error.exitCode : EXIT.failure;
}
