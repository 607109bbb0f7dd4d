/**
 * An edge brought up by the project's own `up`, as a user would, in a sandbox of its own: other folder, other loopback
 * network, a copy of the sandbox's settings with changes. The interop tests talk to what it made.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { StackOutputs } from "../../cli/outputs.ts";
import type { Summary } from "../../cli/summary.ts";
import type { PartnerInput } from "../../gateway/config/schema.ts";
import { requireControl } from "../../sandbox/client.ts";
import { putWorld, sandboxStatus, type WorldRecord } from "../../sandbox/control.ts";
import { stopDemo } from "../../sandbox/demo.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Milliseconds for one command; a cold `up` takes about 30 s on two cores. */
const COMMAND = 240_000;

/** The settings of `xmpp-edge:`, as the stack's file has them. */
export interface Settings {
  partners: PartnerInput[];
  sip: Record<string, unknown>;
  gateway?: Record<string, unknown>;
  certificate: Record<string, unknown>;
  development: { authority: boolean; peers: string[] };
  host: { dnsServers: string[]; exposeHealthPort: boolean };
  [key: string]: unknown;
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Of the command alone, not of what it started. */
  kill(signal: NodeJS.Signals): boolean;
  readonly ended: Promise<Run>;
}

export interface Identity {
  readonly certificateChain: string;
  readonly privateKey: string;
}

export class LiveEdge {
  readonly dir: string;
  readonly net: string;
  readonly configFile: string;
  readonly #settings: Settings;
  #rest: Record<string, unknown>;

  /** @param net three octets below 127 that no other test file uses */
  constructor(net: string, change: (settings: Settings) => void = () => {}) {
    this.net = net;
    this.dir = mkdtempSync(join(tmpdir(), "xmpp-edge-live-"));
    this.configFile = join(this.dir, "Pulumi.sandbox.yaml");
    const file = parse(readFileSync(join(ROOT, "stacks", "Pulumi.sandbox.yaml"), "utf8").replaceAll("127.77.0", net)) as {
      config: Record<string, unknown>;
    };
    const own = Object.entries(file.config).filter(([key]) => key.startsWith("xmpp-edge:"));
    this.#settings = Object.fromEntries(own.map(([key, value]) => [key.slice("xmpp-edge:".length), value])) as Settings;
    this.#rest = file;
    this.change(change);
  }

  /** Edits the stack's settings; `up` makes them true. */
  change(change: (settings: Settings) => void): void {
    change(this.#settings);
    const others = Object.entries((this.#rest.config ?? {}) as object).filter(([key]) => !key.startsWith("xmpp-edge:"));
    const own = Object.entries(this.#settings).map(([key, value]) => [`xmpp-edge:${key}`, value]);
    this.#rest = { ...this.#rest, config: Object.fromEntries([...others, ...own]) };
    writeFileSync(this.configFile, stringify(this.#rest));
  }

  /** One of the project's commands on this sandbox. */
  run(command: string, ...args: string[]): Promise<Run> {
    return this.start(command, ...args).ended;
  }

  /** The same, for a test that does something to it while it runs. */
  start(command: string, ...args: string[]): Running {
    const child = spawn(process.execPath, [join(ROOT, "cli", "main.ts"), command, ...args], {
      cwd: ROOT,
      env: { ...process.env, XMPP_EDGE_SANDBOX_DIR: this.dir, XMPP_EDGE_SANDBOX_NET: this.net },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const limit = setTimeout(() => child.kill("SIGKILL"), COMMAND);
    const ended = new Promise<Run>((resolve) =>
      child.on("close", (code) => {
        clearTimeout(limit);
        resolve({ code: code ?? -1, stdout, stderr });
      }),
    );
    return { kill: (signal) => child.kill(signal), ended };
  }

  /** `up`, which must succeed, and what it says. @throws Error with everything it printed */
  async up(): Promise<Summary> {
    const result = await this.run("up", "--json", "--config-file", this.configFile);
    if (result.code !== 0) throw new Error(`up ended with ${result.code}:\n${result.stdout}\n${result.stderr}`);
    return JSON.parse(result.stdout) as Summary;
  }

  async down(): Promise<void> {
    const result = await this.run("down", "--json", "--config-file", this.configFile);
    if (result.code !== 0) throw new Error(`down ended with ${result.code}:\n${result.stdout}\n${result.stderr}`);
    rmSync(this.dir, { recursive: true, force: true });
  }

  get gatewayAddress(): string {
    return `${this.net}.10`;
  }

  get dnsServer(): { readonly host: string; readonly port: number } {
    return { host: `${this.net}.1`, port: 5353 };
  }

  /** Records of the rest of the world: partners, the Lync side. */
  publish(records: readonly WorldRecord[]): Promise<void> {
    return putWorld(requireControl(this.dir), records);
  }

  /** An XMPP server of a domain, as its owner would publish it. */
  async publishServer(domain: string, address: string, port = 5269): Promise<void> {
    await this.publish([
      { name: `_xmpp-server._tcp.${domain}`, type: "SRV", data: `0 0 ${port} xmpp.${domain}` },
      { name: `xmpp.${domain}`, type: "A", data: address },
    ]);
  }

  /** Ends the demo peers, so that a test's own server may stand at the address of the Lync side (NET.3). */
  stopDemo(): Promise<void> {
    return stopDemo(this.dir);
  }

  /** The stack's outputs, secrets in clear. */
  async outputs(): Promise<StackOutputs> {
    // The sandbox's own environment, as the commands make it.
    const { sandboxPlaces, sandboxEnvironment } = await import("../../cli/workspace.ts");
    const { findEngine } = await import("../../tools/engine/find.ts");
    const { readOutputs } = await import("../../cli/outputs.ts");
    const engine = await findEngine({ onProgress: () => {} });
    const places = sandboxPlaces(this.dir, this.net);
    const workspace = { engine, stack: "sandbox", sandbox: places, environment: sandboxEnvironment(places), logs: places.logs };
    const outputs = await readOutputs(workspace);
    if (outputs === null) throw new Error("the stack has no outputs");
    return outputs;
  }

  /** The gateway's process. @throws Error when it does not run */
  async gatewayPid(): Promise<number> {
    const sandbox = await sandboxStatus(this.dir);
    const pid = sandbox?.groups[0]?.containers[0]?.pid;
    if (pid === undefined || pid === null) throw new Error(`no gateway runs: ${JSON.stringify(sandbox)}`);
    return pid;
  }

  /** What the gateway says of itself. */
  async status(): Promise<GatewayStatus> {
    const response = await fetch(`http://${this.gatewayAddress}:9090/status`);
    return (await response.json()) as GatewayStatus;
  }

  /** Waits until the gateway's status is as wanted. @throws Error with the last status */
  async until(wanted: (status: GatewayStatus) => boolean, milliseconds = 15_000): Promise<GatewayStatus> {
    const end = Date.now() + milliseconds;
    for (;;) {
      const status = await this.status().catch(() => null);
      if (status && wanted(status)) return status;
      if (Date.now() > end) throw new Error(`the gateway's status never became what was wanted: ${JSON.stringify(status, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** The part of /status that tests look at. */
export interface GatewayStatus {
  readonly document: { readonly tag: string; readonly appliedAt: string; readonly refusal: { readonly why: string } | null };
  readonly certificates: { readonly xmpp: { readonly fingerprint: string; readonly issuer: string } };
  readonly partners: readonly { readonly domain: string; readonly row: number; readonly partnerType: string }[];
  readonly counters: Readonly<Record<string, number>>;
  readonly connections: {
    readonly xmpp: readonly {
      readonly id: string;
      readonly direction: string;
      readonly partnerDomain: string | null;
      readonly method: string | null;
      readonly security: string;
    }[];
    readonly sip: readonly { readonly id: string; readonly peerFqdn: string | null }[];
  };
  readonly attempts: {
    readonly xmpp: readonly { readonly peer: string | null; readonly code: string; readonly text: string; readonly direction: string }[];
    readonly sip: readonly { readonly peer: string | null; readonly code: string; readonly text: string }[];
  };
}
