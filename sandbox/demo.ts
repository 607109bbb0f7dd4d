/** Starts and uses the demo peers, so that `up` can prove a message both ways where no other server is installed. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EdgeDocument } from "../gateway/config/schema.ts";
import type { Identity } from "../gateway/server/ports.ts";

/** What the demo process is told, in a file. */
export interface DemoSettings {
  readonly socket: string;
  readonly dnsServers: readonly string[];
  readonly authorityPem: string;
  readonly edge: { readonly sipDomains: readonly string[]; readonly sipFqdn: string };
  /** Domains that speak through the gateway to the SIP peer. */
  readonly remoteDomains: string[];
  readonly partner: { readonly domain: string; readonly address: string; readonly user: string; readonly identity: Identity };
  readonly sipPeer: { readonly fqdn: string; readonly address: string; readonly user: string; readonly identity: Identity };
}

/** How one test message fared. */
export type Delivery = { readonly ok: true; readonly latencyMs: number } | { readonly ok: false; readonly error: string };

export interface DemoOutputs {
  readonly document: EdgeDocument;
  readonly developmentAuthorityPem: string;
  readonly developmentPeers: Readonly<Record<string, Identity>>;
}

export interface Demo {
  /** Folder of the sandbox. */
  readonly dir: string;
  /** First three octets of the sandbox's loopback network, `127.77.0`. */
  readonly net: string;
  readonly outputs: DemoOutputs;
}

export const DEMO = { partnerDomain: "fabrikam.example", partnerUser: "romeo", sipUser: "juliet" } as const;

/** Milliseconds for the demo peers to listen, and for one test message. */
const WAIT = { start: 15_000, stop: 6000, message: 35_000 } as const;

const folder = (dir: string): string => join(dir, "demo");
const socketPath = (dir: string): string => join(folder(dir), "control.sock");

/** Starts the peers, or leaves them alone when they already run with the same settings. @throws Error with the last log line. */
export async function startDemo(demo: Demo): Promise<void> {
  const path = join(folder(demo.dir), "settings.json");
  const text = `${JSON.stringify(settingsOf(demo), null, 1)}\n`;
  const same = existsSync(path) && readFileSync(path, "utf8") === text;
  if (same && runningPid(demo.dir) !== null && existsSync(socketPath(demo.dir))) return;
  await stopDemo(demo.dir);
  mkdirSync(folder(demo.dir), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  const logPath = join(folder(demo.dir), "demo.log");
  const log = openSync(logPath, "w");
  const script = fileURLToPath(new URL("./demo-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path], { detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  child.unref();
  writeFileSync(pidPath(demo.dir), `${child.pid}\n`);
  const until = Date.now() + WAIT.start;
  while (!existsSync(socketPath(demo.dir))) {
    if (child.exitCode !== null || Date.now() > until) {
      throw new Error(`the demo peers did not start: ${readFileSync(logPath, "utf8").trim().split("\n").at(-1) ?? ""} (${logPath})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ends the peers, if they run. */
export async function stopDemo(dir: string): Promise<void> {
  const pid = runningPid(dir);
  if (pid !== null) {
    process.kill(pid, "SIGTERM");
    const until = Date.now() + WAIT.stop;
    while (runningPid(dir) !== null && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
    if (runningPid(dir) !== null) process.kill(pid, "SIGKILL");
  }
  rmSync(pidPath(dir), { force: true });
  rmSync(socketPath(dir), { force: true });
}

/** One message in each direction through the running edge. */
export async function testMessages(dir: string): Promise<{ readonly toSip: Delivery; readonly toXmpp: Delivery }> {
  return { toSip: await ask(dir, "/to-sip"), toXmpp: await ask(dir, "/to-xmpp") };
}

function ask(dir: string, path: string): Promise<Delivery> {
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve({ ok: false, error: `the demo peers do not answer: ${error.message}` });
    const call = request({ socketPath: socketPath(dir), path, method: "POST", timeout: WAIT.message }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        try {
          resolve(JSON.parse(text) as Delivery);
        } catch (error) {
          failed(error as Error);
        }
      });
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${WAIT.message / 1000} s`)));
    call.on("error", failed);
    call.end();
  });
}

function settingsOf({ dir, net, outputs }: Demo): DemoSettings {
  const { document } = outputs;
  const peer = document.sip.nextHop.fqdn;
  const identity = (name: string): Identity => {
    const found = outputs.developmentPeers[name];
    if (!found) throw new Error(`the stack has no certificate for ${name}: add it to development.peers`);
    return found;
  };
  return {
    socket: socketPath(dir),
    dnsServers: [`${net}.1:5353`],
    authorityPem: outputs.developmentAuthorityPem,
    edge: { sipDomains: document.sipDomains, sipFqdn: document.sip.fqdn },
    remoteDomains: document.partners.flatMap((partner) => [partner.domain, ...partner.additionalDomains]),
    partner: {
      domain: DEMO.partnerDomain,
      address: `${net}.2`,
      user: DEMO.partnerUser,
      identity: identity(DEMO.partnerDomain),
    },
    sipPeer: { fqdn: peer, address: `${net}.3`, user: DEMO.sipUser, identity: identity(peer) },
  };
}

const pidPath = (dir: string): string => join(folder(dir), "demo.pid");

/** The pid of our demo process, if it lives; a reused pid is told by its command line. */
function runningPid(dir: string): number | null {
  try {
    const pid = Number(readFileSync(pidPath(dir), "utf8"));
    return Number.isInteger(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("demo-process.ts") ? pid : null;
  } catch {
    return null;
  }
}
