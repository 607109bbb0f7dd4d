/**
 * Installs what package-lock.json pins, when it is not there yet. Plain JavaScript for Node 20 or later without any
 * dependency: it runs before there is one.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";

/** Something the user can understand and mend: shown without a stack trace. */
export class Told extends Error {}

const STAMP = ".xmpp-edge-stamp";
const TICK_MILLISECONDS = 2000;

const stampPath = (root) => join(root, "node_modules", STAMP);
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** What an installation has to match: the lock file and the kind of machine. */
export function wantedStamp(root) {
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  return `${hash} ${process.platform}-${process.arch}\n`;
}

/** Whether node_modules holds what package-lock.json pins. An installation made by npm itself is recognised and stamped. */
export function isInstalled(root) {
  const wanted = wantedStamp(root);
  try {
    if (readFileSync(stampPath(root), "utf8") === wanted) return true;
  } catch {
    // No stamp: look at npm's own record.
  }
  if (!matchesNpmRecord(root)) return false;
  writeFileSync(stampPath(root), wanted);
  return true;
}

/** Compares with node_modules/.package-lock.json, which npm writes at the end of an installation. */
function matchesNpmRecord(root) {
  let wanted;
  let present;
  try {
    wanted = readJson(join(root, "package-lock.json")).packages;
    present = readJson(join(root, "node_modules", ".package-lock.json")).packages;
  } catch {
    return false;
  }
  const same = (path) => present[path]?.version === wanted[path].version && present[path]?.integrity === wanted[path].integrity;
  const mayMiss = (entry) => entry.optional === true && (!fitsMachine(entry) || entry.libc !== undefined);
  return (
    Object.entries(wanted).every(([path, entry]) => path === "" || same(path) || mayMiss(entry)) &&
    Object.keys(present).every((path) => wanted[path] !== undefined)
  );
}

const fitsMachine = ({ os = [process.platform], cpu = [process.arch] }) => os.includes(process.platform) && cpu.includes(process.arch);

/** Installs if need be. `say` gets one line at a time about what is going on. */
export async function ensureInstalled(root, say) {
  if (isInstalled(root)) return false;
  let told = 0;
  await withLock(
    join(root, "build", "install.lock"),
    async () => {
      if (!isInstalled(root)) await install(root, say);
    },
    (owner, seconds) => {
      if (seconds >= told) say(`waiting for the installation that process ${owner.pid} is running: ${seconds} s so far`);
      if (seconds >= told) told = seconds + 5;
    },
  );
  return true;
}

async function install(root, say) {
  const total = packagesForThisMachine(root);
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  say(`installing dependencies: ${total} packages with npm ci, usually under a minute`);
  const [command, first] = process.env.npm_execpath?.endsWith(".js") ? [process.execPath, [process.env.npm_execpath]] : ["npm", []];
  const args = [...first, "ci", "--include=optional", "--include=dev", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"];
  const ticker = setInterval(() => {
    say(`installing dependencies: ${Math.min(unpacked(root), total)} of ${total} packages unpacked, ${seconds()} s so far`);
  }, TICK_MILLISECONDS);
  const { code, output } = await run(command, args, root).finally(() => clearInterval(ticker));
  if (code !== 0) throw new Told(`npm ci failed (exit code ${code}) after ${seconds()} s:\n${reason(output)}`);
  writeFileSync(stampPath(root), wantedStamp(root));
  say(`installed dependencies in ${seconds()} s`);
}

function packagesForThisMachine(root) {
  const entries = Object.entries(readJson(join(root, "package-lock.json")).packages);
  return entries.filter(([path, entry]) => path !== "" && fitsMachine(entry) && !entry.libc?.includes("musl")).length;
}

/** Packages with a manifest in node_modules; those nested deeper count with their parent's folder. */
function unpacked(root) {
  const count = (folder) => {
    let entries;
    try {
      entries = readdirSync(folder);
    } catch {
      return 0;
    }
    return entries.reduce((sum, entry) => {
      if (entry.startsWith(".")) return sum;
      const path = join(folder, entry);
      if (entry.startsWith("@")) return sum + count(path);
      return existsSync(join(path, "package.json")) ? sum + 1 + count(join(path, "node_modules")) : sum;
    }, 0);
  };
  return count(join(root, "node_modules"));
}

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    const stop = (signal) => child.kill(signal);
    process.on("SIGINT", stop).on("SIGTERM", stop);
    child.on("error", (error) => reject(new Told(`cannot start npm (${error.code}); npm comes with Node: https://nodejs.org`)));
    child.on("close", (code, signal) => {
      process.off("SIGINT", stop).off("SIGTERM", stop);
      resolve({ code: code ?? signal, output });
    });
  });
}

/** npm's own words without its log-file pointers, and what to do where the network is the reason. */
function reason(output) {
  const lines = output.split("\n").filter((line) => line.trim() !== "" && !/A complete log of this run|^npm error\s*$/.test(line));
  const network = /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET|network/.test(output);
  const shown = lines.slice(-8).map((line) => `  ${line}`);
  return [
    ...shown,
    ...(network ? ["  The package registry was not reached: check the network, the proxy settings and `npm config get registry`."] : []),
  ].join("\n");
}
