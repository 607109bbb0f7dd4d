/** The servers that s2s.bench.ts measures, each as a process of its own: this gateway's XMPP side, and a real Prosody. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EdgeDocumentInput, PartnerInput } from "../../gateway/config/schema.ts";
import { answers } from "../interop/peers/program.ts";
import type { Issued } from "../support/certificates.ts";
import { documentInput } from "../support/edge-document.ts";
import { descriptorLimit } from "./process-usage.ts";
import type { ServerSettings } from "./s2s-server.ts";

export const TARGETS = ["xmpp-edge", "Prosody"] as const;
export type TargetName = (typeof TARGETS)[number];

/** Milliseconds for a server to begin listening, and to end. */
const PATIENCE = 15_000;

export interface TargetOptions {
  readonly address: string;
  readonly port: number;
  /** Its own domain. */
  readonly domain: string;
  readonly identity: Issued;
  readonly authorityPem: string;
  readonly dnsServer: { readonly host: string; readonly port: number };
  readonly partners: readonly string[];
  /** Where its files go; it makes a folder of its own there. */
  readonly dir: string;
  /** For Node, before the program; Prosody has none. */
  readonly nodeOptions: readonly string[];
}

export class Target {
  readonly name: TargetName;
  readonly pid: number;
  readonly address: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #countFile: string;
  readonly #outputFile: string;
  readonly #ended: Promise<void>;

  private constructor(name: TargetName, child: ChildProcess, options: TargetOptions, dir: string) {
    if (child.pid === undefined) throw new Error(`${name} cannot be started`);
    this.name = name;
    this.pid = child.pid;
    this.address = options.address;
    this.port = options.port;
    this.#child = child;
    this.#countFile = join(dir, "count");
    this.#outputFile = join(dir, "output.log");
    this.#ended = new Promise((resolve) => child.once("close", () => resolve()));
  }

  /** @throws Error with the server's output where it does not listen */
  static async start(name: TargetName, options: TargetOptions): Promise<Target> {
    const dir = mkdtempSync(join(options.dir, `${name}-`));
    const [command, args] = name === "Prosody" ? prosody(dir, options) : gateway(dir, options);
    const output = openSync(join(dir, "output.log"), "a");
    const target = new Target(name, spawn(command, args, { stdio: ["ignore", output, output] }), options, dir);
    try {
      await target.#listening();
      return target;
    } catch (error) {
      await target.stop();
      throw error;
    }
  }

  async #listening(): Promise<void> {
    const until = Date.now() + PATIENCE;
    while (!(await answers(this.address, this.port))) {
      if (this.#child.exitCode !== null || Date.now() > until)
        throw new Error(
          `${this.name} does not listen on ${this.address}:${this.port}:\n${readFileSync(this.#outputFile, "utf8").slice(-2000)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Stanzas that it counted up to the last one with the id `last`; none counted since is forgotten. @throws Error where none came in time */
  async counted(): Promise<number> {
    const until = Date.now() + PATIENCE;
    for (;;) {
      try {
        const count = Number(readFileSync(this.#countFile, "utf8"));
        rmSync(this.#countFile);
        return count;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || Date.now() > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** @throws Error that says what to do */
  requireDescriptors(streams: number): void {
    const [needed, limit] = [streams + 200, descriptorLimit(this.pid)];
    if (limit < needed) throw new Error(`${this.name} may open ${limit} files and needs ${needed}: ulimit -n ${needed}`);
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const hard = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    await this.#ended;
    clearTimeout(hard);
  }
}

// ---- this gateway --------------------------------------------------------------------------------------------------

function gateway(dir: string, options: TargetOptions): [string, string[]] {
  const { address, identity, dnsServer } = options;
  const settings: ServerSettings = {
    document: edgeDocument(options),
    identity,
    bindAddress: address,
    dnsServer: `${dnsServer.host}:${dnsServer.port}`,
    countFile: join(dir, "count"),
  };
  const file = join(dir, "settings.json");
  writeFileSync(file, JSON.stringify(settings));
  return [process.execPath, [...options.nodeOptions, join(import.meta.dirname, "s2s-server.ts"), file]];
}

/** Limits far above the load: what is measured is the work, not the refusals. */
function edgeDocument({ domain, partners, port, authorityPem }: TargetOptions): EdgeDocumentInput {
  const partner = (name: string): PartnerInput => ({
    domain: name,
    tlsNegotiation: "required",
    saslNegotiation: "optional",
    supportDialbackNegotiation: true,
  });
  return documentInput({
    sipDomains: [domain],
    partners: partners.map(partner),
    gateway: { connectionLimit: 100_000, partnerConnectionLimit: 10_000 },
    listen: { xmppPort: port },
    xmpp: { useSystemAuthorities: false, trustedAuthorities: [authorityPem] },
  });
}

// ---- Prosody -------------------------------------------------------------------------------------------------------

function prosody(dir: string, options: TargetOptions): [string, string[]] {
  mkdirSync(join(dir, "data"));
  writeFileSync(join(dir, "chain.pem"), options.identity.certificateChain);
  writeFileSync(join(dir, "key.pem"), options.identity.privateKey);
  writeFileSync(join(dir, "authority.pem"), options.authorityPem);
  const config = join(dir, "prosody.cfg.lua");
  writeFileSync(config, prosodyConfiguration(dir, options));
  return ["prosody", ["-F", "--config", config]];
}

/** TLS demanded, EXTERNAL where the certificate proves the domain and dialback otherwise; no more modules than that needs. */
const prosodyConfiguration = (dir: string, { address, port, domain, dnsServer }: TargetOptions): string => `
run_as_root = true
pidfile = "${dir}/prosody.pid"
data_path = "${dir}/data"
plugin_paths = { "${join(import.meta.dirname, "prosody-modules")}" }
bench_count_file = "${dir}/count"
interfaces = { "${address}" }
local_interfaces = { "${address}" }
c2s_ports = {}
c2s_direct_tls_ports = {}
s2s_ports = { ${port} }
s2s_direct_tls_ports = {}
component_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "saslauth", "tls", "dialback", "bench_swallow" }
modules_disabled = { "http", "admin_shell", "c2s" }
s2s_require_encryption = true
s2s_secure_auth = false
unbound = { resolvconf = false, hoststxt = false, forward = "${dnsServer.host}@${dnsServer.port}" }
log = { info = "${dir}/prosody.log" }
VirtualHost "${domain}"
  ssl = { certificate = "${dir}/chain.pem", key = "${dir}/key.pem", cafile = "${dir}/authority.pem", capath = false }
`;
