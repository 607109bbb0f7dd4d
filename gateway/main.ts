/**
 * The composition root: reads arguments and environment, makes clock, randomness, DNS, store and sockets, and joins the two
 * sides through the router. Nothing else in the gateway does any of that.
 */
import { parseArgs } from "node:util";
import { contactsCommand } from "./contacts-command.ts";
import { runGateway } from "./run.ts";
import { GATEWAY_OPTIONS, gatewayUsage, readSettings, UsageError } from "./settings.ts";

/** Exit codes of sysexits(3): wrong arguments, unusable configuration, anything else. */
const EXIT = { usage: 64, failure: 1 } as const;

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === "contacts") return contactsCommand(argv.slice(1), process.env);
  const { values } = parseArgs({ args: [...argv], options: GATEWAY_OPTIONS, strict: true });
  if (values.help) {
    process.stdout.write(gatewayUsage());
    return 0;
  }
  return runGateway(readSettings(values, process.env));
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const usage = error instanceof UsageError || (error as NodeJS.ErrnoException)?.code?.startsWith("ERR_PARSE_ARGS");
    process.stderr.write(`xmpp-edge gateway: ${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env.EDGE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = usage ? EXIT.usage : EXIT.failure;
  },
);
