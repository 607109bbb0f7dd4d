/** A real Kamailio as the next hop: mutual TLS with the gateway, Record-Route, and plain SIP with the users behind it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Identity } from "../live-edge.ts";
import { missing, Program } from "./program.ts";

const MODULES = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/kamailio/modules`;

export const kamailioMissing = (): string | null => missing(["kamailio", `${MODULES}/tls.so`], "kamailio kamailio-tls-modules");

export interface KamailioOptions {
  readonly address: string;
  readonly identity: Identity;
  readonly authorityPem: string;
  readonly gateway: { readonly fqdn: string; readonly address: string };
  /** The SIP domain, and where its one user agent listens. */
  readonly domain: string;
  readonly userAgent: string;
}

export class Kamailio {
  readonly #program: Program;
  readonly #dir: string;

  private constructor(program: Program, dir: string) {
    this.#program = program;
    this.#dir = dir;
  }

  static async start(options: KamailioOptions): Promise<Kamailio> {
    const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-kamailio-"));
    mkdirSync(join(dir, "run"));
    writeFileSync(join(dir, "chain.pem"), options.identity.certificateChain);
    writeFileSync(join(dir, "key.pem"), options.identity.privateKey, { mode: 0o600 });
    writeFileSync(join(dir, "authority.pem"), options.authorityPem);
    writeFileSync(join(dir, "tls.cfg"), tlsConfiguration(dir, options));
    writeFileSync(join(dir, "kamailio.cfg"), configuration(dir, options));
    const flags = ["-DD", "-E", "-m", "32", "-M", "4", "-Y", join(dir, "run"), "-w", dir];
    const program = new Program("Kamailio", "kamailio", ["-f", join(dir, "kamailio.cfg"), ...flags]);
    const kamailio = new Kamailio(program, dir);
    try {
      await program.listening(options.address, 5060);
      await program.listening(options.address, 5061);
    } catch (error) {
      await kamailio.stop();
      throw error;
    }
    return kamailio;
  }

  /** What it said of each request: `method verified-peer-name`. */
  get log(): string {
    return this.#program.output;
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** Both ends of each connection show a certificate, and both are verified. */
function tlsConfiguration(dir: string, { gateway }: KamailioOptions): string {
  const domain = (name: string, more = "") => `[${name}]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = ${dir}/chain.pem
private_key = ${dir}/key.pem
ca_list = ${dir}/authority.pem
${more}
`;
  return domain("server:default") + domain("client:default", `server_name = ${gateway.fqdn}`);
}

/**
 * Requests outside dialogs go by the domain: its own to the user agent, all others to the gateway. Inside dialogs the routes
 * decide. A request from TLS whose certificate does not show the gateway's name goes nowhere.
 */
function configuration(dir: string, { address, gateway, domain, userAgent }: KamailioOptions): string {
  const toGateway = `$du = "sip:${gateway.address}:5061;transport=tls";`;
  return `
debug=1
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
tcp_source_ipv4=${address}
enable_tls=yes
listen=udp:${address}:5060
listen=tcp:${address}:5060
listen=tls:${address}:5061
loadmodule "tls.so"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("tls", "config", "${dir}/tls.cfg")

request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (proto == TLS) {
    xlog("L_NOTICE", "$rm $tls_peer_san_hostname\\n");
    if ($tls_peer_san_hostname != "${gateway.fqdn}") { sl_send_reply("403", "Not the gateway"); exit; }
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) {
      if ($rd == "${gateway.fqdn}") ${toGateway}
      t_relay();
    } else if (is_method("ACK")) {
      if (t_check_trans()) t_relay();
    } else sl_send_reply("481", "No route in the dialog");
    exit;
  }
  if (is_method("INVITE|SUBSCRIBE")) record_route();
  if ($rd == "${domain}") $du = "sip:${userAgent}";
  else if (proto == TLS) { sl_send_reply("404", "Not a domain of ours"); exit; }
  else ${toGateway}
  t_relay();
}
`;
}
