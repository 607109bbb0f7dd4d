/** `npm run gateway`: the gateway alone, without Pulumi, with the arguments and environment given. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { Failure } from "./failure.ts";
import { userFolder } from "./options.ts";
import { uninterrupted } from "./signals.ts";
import { ROOT } from "./workspace.ts";

export const run = (argv: readonly string[]): Promise<number> => runGateway(argv);

/** Runs gateway/main.ts in the foreground. It drains by itself when told to stop, so a signal is only handed on. */
export async function runGateway(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(ROOT, "gateway", "main.ts"), ...args], {
    stdio: "inherit",
    cwd: userFolder(),
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(new Failure(`cannot start the gateway: ${error.message}`)));
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  return await uninterrupted(
    (count) => child.kill(count === 1 ? "SIGTERM" : "SIGKILL"),
    () => ended,
  );
}
