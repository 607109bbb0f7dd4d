/** A real Prosody as the partner's server, and real users on it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Identity } from "../live-edge.ts";
import { Inbox } from "./inbox.ts";
import { missing, Program } from "./program.ts";

const PASSWORD = "secret";

export const prosodyMissing = (): string | null =>
  missing(["prosody", "/usr/bin/python3"], "prosody lua-event lua-unbound lua-sec python3-slixmpp");

export interface ProsodyOptions {
  readonly domain: string;
  readonly address: string;
  readonly dnsServer: { readonly host: string; readonly port: number };
  readonly identity: Identity;
  readonly authorityPem: string;
  readonly users: readonly string[];
  /** TLS with other servers: demanded, possible or never. */
  readonly tls?: "required" | "optional" | "none";
  /** Whether it takes only servers that a certificate proves. */
  readonly secureAuth?: boolean;
  readonly dialback?: boolean;
  /** Whether it knows the authority that signed our certificate; where not, it offers no EXTERNAL. */
  readonly trustsUs?: boolean;
}

export class Prosody {
  readonly #program: Program;
  readonly #dir: string;
  readonly options: ProsodyOptions;

  private constructor(program: Program, dir: string, options: ProsodyOptions) {
    this.#program = program;
    this.#dir = dir;
    this.options = options;
  }

  static async start(options: ProsodyOptions): Promise<Prosody> {
    const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-prosody-"));
    const accounts = join(dir, "data", options.domain.replaceAll(".", "%2e").replaceAll("-", "%2d"), "accounts");
    mkdirSync(accounts, { recursive: true });
    for (const user of options.users) writeFileSync(join(accounts, `${user}.dat`), `return { ["password"] = "${PASSWORD}"; };\n`);
    writeFileSync(join(dir, "chain.pem"), options.identity.certificateChain);
    writeFileSync(join(dir, "key.pem"), options.identity.privateKey);
    writeFileSync(join(dir, "authority.pem"), options.authorityPem);
    const config = join(dir, "prosody.cfg.lua");
    writeFileSync(config, configuration(dir, options));
    const program = new Program(`Prosody for ${options.domain}`, "prosody", ["-F", "--config", config]);
    await program.listening(options.address, 5269);
    await program.listening(options.address, 5222);
    return new Prosody(program, dir, options);
  }

  /** Its debug log: which method a stream really used stands there. */
  get log(): string {
    return readFileSync(join(this.#dir, "debug.log"), "utf8");
  }

  user(name: string): Promise<XmppUser> {
    return XmppUser.logIn(`${name}@${this.options.domain}`, PASSWORD, this.options.address);
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function configuration(dir: string, options: ProsodyOptions): string {
  const tls = options.tls ?? "required";
  const trust = (options.trustsUs ?? true) ? `cafile = "${dir}/authority.pem", ` : "";
  return `
run_as_root = true
pidfile = "${dir}/prosody.pid"
data_path = "${dir}/data"
interfaces = { "${options.address}" }
local_interfaces = { "${options.address}" }
c2s_ports = { 5222 }
s2s_ports = { 5269 }
component_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "dialback", "disco", "ping" }
modules_disabled = { "http", "admin_shell"${(options.dialback ?? true) ? "" : ', "dialback"'} }
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = ${tls === "required"}
s2s_allow_encryption = ${tls !== "none"}
s2s_secure_auth = ${options.secureAuth ?? false}
unbound = { resolvconf = false, hoststxt = false, forward = "${options.dnsServer.host}@${options.dnsServer.port}" }
log = { debug = "${dir}/debug.log" }
VirtualHost "${options.domain}"
  ssl = { certificate = "${dir}/chain.pem", key = "${dir}/key.pem", ${trust}capath = false }
`;
}

/** What a user sees. */
export interface Seen {
  readonly type: string;
  readonly from: string;
  readonly id: string;
  readonly body: string;
  readonly condition?: string;
  readonly text?: string;
}

/** A user logged in to Prosody through slixmpp. */
export class XmppUser {
  readonly jid: string;
  readonly #program: Program;
  readonly #inbox: Inbox<Seen>;

  private constructor(jid: string, program: Program) {
    this.jid = jid;
    this.#program = program;
    this.#inbox = new Inbox(jid);
  }

  static async logIn(jid: string, password: string, address: string): Promise<XmppUser> {
    const program = new Program(jid, "/usr/bin/python3", [join(import.meta.dirname, "xmpp-user.py"), jid, password, address]);
    const user = new XmppUser(jid, program);
    if (!program.child.stdout) throw new Error("no output");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface({ input: program.child.stdout }).on("line", (line) => {
      const seen = JSON.parse(line) as Seen | { ready: true };
      if ("ready" in seen) resolve();
      else user.#inbox.add(seen);
    });
    void program.wait().then(() => reject(new Error(`${jid} could not log in:\n${program.output}`)));
    await promise;
    return user;
  }

  send(message: { readonly to: string; readonly body: string; readonly id?: string; readonly type?: string }): void {
    this.#program.child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** The next thing that is as wanted. @throws Error after the time, with what was seen instead */
  next(wants: (seen: Seen) => boolean, milliseconds?: number): Promise<Seen> {
    return this.#inbox.next(wants, milliseconds);
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
