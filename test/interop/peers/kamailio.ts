/** A real Kamailio as the next hop: mutual TLS with the gateways, Record-Route, and plain SIP with the users behind it. */
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
  /** Those it talks to. The first takes what users send to other domains. */
  readonly gateways: readonly [Gateway, ...Gateway[]];
  /** The SIP domains, and where their one user agent listens. */
  readonly domains: readonly string[];
  readonly userAgent: string;
  readonly frontEnd?: FrontEnd;
  /** Milliseconds until a user agent that answers nothing is answered for with 408. */
  readonly patience?: number;
}

export interface Gateway {
  readonly fqdn: string;
  readonly address: string;
}

/** A second name and address of the proxy. The name takes the dialogs of one user: it alone stands in their Record-Route. */
export interface FrontEnd {
  readonly fqdn: string;
  readonly address: string;
  readonly identity: Identity;
  readonly user: string;
  readonly userAgent: string;
}

/** Kamailio's own default of tm's `fr_timer`. */
const PATIENCE = 30_000;

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
    writeIdentity(dir, "own", options.identity);
    if (options.frontEnd) writeIdentity(dir, "front-end", options.frontEnd.identity);
    writeFileSync(join(dir, "authority.pem"), options.authorityPem);
    writeFileSync(join(dir, "tls.cfg"), tlsConfiguration(dir, options));
    writeFileSync(join(dir, "kamailio.cfg"), configuration(dir, options));
    const flags = ["-DD", "-E", "-m", "32", "-M", "4", "-Y", join(dir, "run"), "-w", dir];
    const program = new Program("Kamailio", "kamailio", ["-f", join(dir, "kamailio.cfg"), ...flags]);
    const kamailio = new Kamailio(program, dir);
    try {
      await program.listening(options.address, 5060);
      for (const host of [options.address, options.frontEnd?.address]) if (host) await program.listening(host, 5061);
    } catch (error) {
      await kamailio.stop();
      throw error;
    }
    return kamailio;
  }

  /** What it said of each request over TLS: `method Call-ID verified-peer-name own-address`; of each answer: `answer status method Call-ID`. */
  get log(): string {
    return this.#program.output;
  }

  /** Waits until it has said that. @throws Error with all that it said */
  async said(pattern: RegExp, milliseconds = 5000): Promise<void> {
    const end = Date.now() + milliseconds;
    while (!pattern.test(this.log)) {
      if (Date.now() > end) throw new Error(`Kamailio did not say ${pattern}:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function writeIdentity(dir: string, name: string, { certificateChain, privateKey }: Identity): void {
  writeFileSync(join(dir, `${name}.pem`), certificateChain);
  writeFileSync(join(dir, `${name}.key`), privateKey, { mode: 0o600 });
}

/** Both ends of each connection show a certificate, and both are verified. */
function tlsConfiguration(dir: string, { gateways, frontEnd }: KamailioOptions): string {
  const domain = (name: string, identity: string, more = "") => `[${name}]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = ${dir}/${identity}.pem
private_key = ${dir}/${identity}.key
ca_list = ${dir}/authority.pem
${more}
`;
  return [
    domain("server:default", "own"),
    domain("client:default", "own", `server_name = ${gateways[0].fqdn}`),
    ...(frontEnd ? [domain(`server:${frontEnd.address}:5061`, "front-end")] : []),
  ].join("");
}

/**
 * Requests outside dialogs go by the domain: its own to the user agents, all others to the first gateway. Inside dialogs the
 * routes decide. A request from TLS whose certificate shows no gateway's name goes nowhere.
 */
function configuration(dir: string, options: KamailioOptions): string {
  const { address, gateways, domains, userAgent, frontEnd, patience = PATIENCE } = options;
  const to = (gateway: Gateway) => `$du = "sip:${gateway.address}:5061;transport=tls";`;
  const isOneOf = (what: string, values: readonly string[]) => values.map((value) => `${what} == "${value}"`).join(" || ");
  const isGateway = isOneOf(
    "$tls_peer_san_hostname",
    gateways.map(({ fqdn }) => fqdn),
  );
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
${frontEnd ? `listen=tls:${frontEnd.address}:5061\nalias=tls:${frontEnd.fqdn}:5061` : ""}
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
modparam("tm", "fr_timer", ${patience})

request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (proto == TLS) {
    xlog("L_NOTICE", "$rm $ci $tls_peer_san_hostname $Ri\\n");
    if (!(${isGateway})) { sl_send_reply("403", "Not a gateway"); exit; }
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) {
    if (loose_route()) {
${gateways.map((gateway) => `      if ($rd == "${gateway.fqdn}") ${to(gateway)}`).join("\n")}
      t_relay();
    } else if (is_method("ACK")) {
      if (t_check_trans()) t_relay();
    } else sl_send_reply("481", "No route in the dialog");
    exit;
  }
  if (is_method("INVITE|SUBSCRIBE")) {
${frontEnd ? `    if ($rU == "${frontEnd.user}") record_route_preset("${frontEnd.fqdn}:5061;transport=tls"); else` : ""}
    record_route();
  }
  if (${isOneOf("$rd", domains)}) {
    $du = "sip:${userAgent}";
${frontEnd ? `    if ($rU == "${frontEnd.user}") $du = "sip:${frontEnd.userAgent}";` : ""}
  } else if (proto == TLS) { sl_send_reply("404", "Not a domain of ours"); exit; }
  else ${to(gateways[0])}
  t_relay();
}

reply_route {
  if (proto == TLS) xlog("L_NOTICE", "answer $rs $rm $ci\\n");
}
`;
}
