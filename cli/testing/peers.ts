/** The servers that the interop tests talk to, as Debian packages. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { lastLines, run } from "../../tools/process.ts";
import type { Reporter } from "../terminal.ts";

export const PEER_PACKAGES = [
  "prosody",
  "lua-event",
  "lua-unbound",
  "lua-sec",
  "kamailio",
  "kamailio-tls-modules",
  "sip-tester",
  "socat",
  "python3-slixmpp",
] as const;

/** invoke-rc.d(8) and systemd ask it whether a freshly installed service may start; 101 is no. */
const POLICY_FILE = "/usr/sbin/policy-rc.d";
const POLICY = "#!/bin/sh\nexit 101\n";

/** Packages that are missing, or null where this is no Debian with root rights to install them. */
export async function missingPeers(): Promise<string[] | null> {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return null;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const asked = await run("dpkg-query", ["--show", "--showformat", "${Package} ${db:Status-Status}\\n", ...PEER_PACKAGES]);
  if (asked.code === 127) return null;
  const installed = new Set(
    asked.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return PEER_PACKAGES.filter((name) => !installed.has(name));
}

/** Installs them; what cannot be installed is said, and the tests that need it skip. No service is started. */
export async function installPeers(reporter: Reporter): Promise<void> {
  const missing = await missingPeers();
  if (missing === null || missing.length === 0) return;
  const failure = await reporter.step(
    "peers",
    () => apt(missing, reporter),
    (problem) => problem ?? `installed ${missing.join(" ")}`,
  );
  if (failure !== null) reporter.say(`  tests with real peers will skip: install ${missing.join(" ")}`);
}

async function apt(packages: readonly string[], reporter: Reporter): Promise<string | null> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const onLine = (line: string): void => reporter.progress(`apt-get: ${line}`);
  const install = ["install", "--yes", "--no-install-recommends", ...packages];
  return await withoutServices(async () => {
    if ((await run("apt-get", install, { env, onLine })).code === 0) return null;
    await run("apt-get", ["update"], { env, onLine });
    const second = await run("apt-get", install, { env, onLine });
    return second.code === 0 ? null : `apt-get failed: ${lastLines(second.stderr, 1)}`;
  });
}

async function withoutServices<T>(work: () => Promise<T>): Promise<T> {
  const ours = !existsSync(POLICY_FILE);
  if (ours) writeFileSync(POLICY_FILE, POLICY, { mode: 0o755 });
  try {
    return await work();
  } finally {
    if (ours && readFileSync(POLICY_FILE, "utf8") === POLICY) rmSync(POLICY_FILE);
  }
}
