/** One real Prosody with many virtual hosts that differ in what they can do with other servers, and a user on each. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Identity } from "../live-edge.ts";
import { Inbox } from "./inbox.ts";
import { Program } from "./program.ts";
import type { Seen } from "./prosody.ts";

const PASSWORD = "secret";
const MODULES = join(import.meta.dirname, "prosody-modules");

export interface HostOptions {
  readonly domain: string;
  readonly identity: Identity;
  /** TLS with other servers: demanded, possible or never. Default: what the server demands of all. */
  readonly tls?: "required" | "optional" | "none";
  /** Default true. */
  readonly dialback?: boolean;
  /** Whether it knows the authority that signed our certificate; where not, it offers no EXTERNAL. Default true. */
  readonly trustsUs?: boolean;
  /** Further modules, Prosody's own or those of prosody-modules/. */
  readonly modules?: readonly string[];
  /** Further settings of the host, as lines of Lua. */
  readonly settings?: string;
}

export interface ServerOptions {
  readonly name: string;
  readonly address: string;
  readonly dnsServer: { readonly host: string; readonly port: number };
  readonly authorityPem: string;
  /** Prosody knows these two for the whole process only: s2s_require_encryption and s2s_secure_auth. */
  readonly strict: boolean;
  readonly hosts: readonly HostOptions[];
  /** Port for TLS from the first byte (XEP-0368). */
  readonly directTlsPort?: number;
}

/** How one stream was authenticated, by Prosody's own account. */
export interface Witnessed {
  readonly direction: "incoming" | "outgoing";
  readonly mechanism: "EXTERNAL" | "dialback";
  readonly transport: "tls" | "tcp";
}

export class ProsodyHosts {
  readonly #program: Program;
  readonly #users: Program;
  readonly #dir: string;
  readonly #inboxes: ReadonlyMap<string, Inbox<Seen>>;

  private constructor(program: Program, users: Program, dir: string, inboxes: ReadonlyMap<string, Inbox<Seen>>) {
    this.#program = program;
    this.#users = users;
    this.#dir = dir;
    this.#inboxes = inboxes;
  }

  /** Resolves when the user `romeo` of every host is logged in. */
  static async start(options: ServerOptions): Promise<ProsodyHosts> {
    const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-prosody-"));
    for (const host of options.hosts) writeHost(dir, host);
    writeFileSync(join(dir, "authority.pem"), options.authorityPem);
    const config = join(dir, "prosody.cfg.lua");
    writeFileSync(config, configuration(dir, options));
    const program = new Program(`Prosody ${options.name}`, "prosody", ["-F", "--config", config]);
    try {
      await program.listening(options.address, 5269);
      await program.listening(options.address, 5222);
      const inboxes = new Map(options.hosts.map(({ domain }) => [jidOf(domain), new Inbox<Seen>(jidOf(domain))]));
      const users = await logIn(options, inboxes);
      return new ProsodyHosts(program, users, dir, inboxes);
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** Sends from romeo of that host. */
  send(domain: string, message: { readonly to: string; readonly body: string; readonly id?: string; readonly type?: string }): void {
    this.#users.child.stdin?.write(`${JSON.stringify({ by: jidOf(domain), ...message })}\n`);
  }

  /** The next thing that romeo of that host sees and that is as wanted. @throws Error after the time, with what was seen instead */
  next(domain: string, wants: (seen: Seen) => boolean, milliseconds?: number): Promise<Seen> {
    const inbox = this.#inboxes.get(jidOf(domain));
    if (inbox === undefined) throw new Error(`no host ${domain}`);
    return inbox.next(wants, milliseconds);
  }

  /** What a host says of how its streams were authenticated, oldest first. */
  witnessed(domain: string): readonly Witnessed[] {
    const lines = this.log(domain).matchAll(/\bwitness (incoming|outgoing) (EXTERNAL|dialback) (tls|tcp)/g);
    return [...lines].map(([, direction, mechanism, transport]) => ({ direction, mechanism, transport }) as Witnessed);
  }

  /** The debug log; of one host only the lines of its own modules. */
  log(domain = ""): string {
    const whole = readFileSync(join(this.#dir, "debug.log"), "utf8");
    if (domain === "") return whole;
    return whole
      .split("\n")
      .filter((line) => line.includes(` ${domain}:`))
      .join("\n");
  }

  /** Reads and says nothing from now on, while its connections stay open. */
  freeze(): void {
    this.#program.child.kill("SIGSTOP");
  }

  /** Ends at once, as a machine that loses its power. */
  async kill(): Promise<void> {
    this.#program.child.kill("SIGKILL");
    await this.#program.wait();
  }

  async stop(): Promise<void> {
    await this.#users.stop();
    await this.#program.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const jidOf = (domain: string): string => `romeo@${domain}`;

function writeHost(dir: string, { domain, identity }: HostOptions): void {
  const accounts = join(dir, "data", domain.replaceAll(".", "%2e").replaceAll("-", "%2d"), "accounts");
  mkdirSync(accounts, { recursive: true });
  writeFileSync(join(accounts, "romeo.dat"), `return { ["password"] = "${PASSWORD}"; };\n`);
  writeFileSync(join(dir, `${domain}.crt`), identity.certificateChain);
  writeFileSync(join(dir, `${domain}.key`), identity.privateKey);
}

function configuration(dir: string, { address, strict, dnsServer, directTlsPort, hosts }: ServerOptions): string {
  return `
run_as_root = true
pidfile = "${dir}/prosody.pid"
data_path = "${dir}/data"
plugin_paths = { "${MODULES}" }
interfaces = { "${address}" }
local_interfaces = { "${address}" }
c2s_ports = { 5222 }
c2s_direct_tls_ports = {}
s2s_ports = { 5269 }
s2s_direct_tls_ports = { ${directTlsPort ?? ""} }
s2s_direct_tls_ssl = { cafile = "${dir}/authority.pem", capath = false }
component_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "dialback", "disco", "ping", "test_witness" }
modules_disabled = { "http", "admin_shell" }
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = ${strict}
s2s_secure_auth = ${strict}
s2s_close_timeout = 1
certificates = "${dir}"
unbound = { resolvconf = false, hoststxt = false, forward = "${dnsServer.host}@${dnsServer.port}" }
log = { debug = "${dir}/debug.log" }
${hosts.map((host) => hostConfiguration(dir, host)).join("")}`;
}

function hostConfiguration(dir: string, { domain, tls, dialback, trustsUs, modules, settings }: HostOptions): string {
  const trust = (trustsUs ?? true) ? `cafile = "${dir}/authority.pem", ` : "";
  return `
VirtualHost "${domain}"
  ssl = { certificate = "${dir}/${domain}.crt", key = "${dir}/${domain}.key", ${trust}capath = false }
  modules_enabled = { ${(modules ?? []).map((name) => `"${name}"`).join(", ")} }
  modules_disabled = { ${(dialback ?? true) ? "" : '"dialback"'} }
  ${tls === undefined ? "" : `s2s_require_encryption = ${tls === "required"}\n  s2s_allow_encryption = ${tls !== "none"}`}
  ${settings ?? ""}
`;
}

async function logIn({ name, address }: ServerOptions, inboxes: ReadonlyMap<string, Inbox<Seen>>): Promise<Program> {
  const script = join(import.meta.dirname, "xmpp-users.py");
  const program = new Program(`users of ${name}`, "/usr/bin/python3", [script, address, PASSWORD, ...inboxes.keys()]);
  if (!program.child.stdout) throw new Error("no output");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const missing = new Set(inboxes.keys());
  createInterface({ input: program.child.stdout }).on("line", (line) => {
    const { ready, by, ...seen } = JSON.parse(line) as Seen & { readonly ready?: string; readonly by?: string };
    if (ready === undefined) inboxes.get(by ?? "")?.add(seen);
    else missing.delete(ready);
    if (missing.size === 0) resolve();
  });
  void program.wait().then(() => reject(new Error(`${[...missing].join(", ")} could not log in:\n${program.output}`)));
  await promise;
  return program;
}
