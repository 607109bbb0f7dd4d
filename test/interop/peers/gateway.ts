/** The gateway alone as a process of its own, from a document in a file, with a DNS that the test writes. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EdgeDocumentInput } from "../../../gateway/config/schema.ts";
import type { XmppConnection } from "../../../gateway/server/ports.ts";
import { type DnsServer, startDns } from "../../../sandbox/process/dns.ts";
import type { WorldRecord } from "../../../sandbox/process/state.ts";
import { makeZone } from "../../../sandbox/process/zone.ts";
import type { GatewayStatus, Identity } from "../live-edge.ts";
import { Program } from "./program.ts";

const MAIN = join(import.meta.dirname, "..", "..", "..", "gateway", "main.ts");

/** What it says of itself, with what tests of streams look at besides. */
export type StreamStatus = Omit<GatewayStatus, "connections"> & {
  readonly connections: { readonly xmpp: readonly XmppConnection[] };
};

export interface GatewayOptions {
  readonly address: string;
  readonly dnsServer: { readonly host: string; readonly port: number };
  readonly document: EdgeDocumentInput;
  readonly xmppIdentity: Identity;
  readonly sipIdentity: Identity;
}

export class Gateway {
  readonly #program: Program;
  readonly #dir: string;
  readonly #address: string;

  private constructor(program: Program, dir: string, address: string) {
    this.#program = program;
    this.#dir = dir;
    this.#address = address;
  }

  /** Resolves when it is ready. @throws Error with what it printed, where it ends instead */
  static async start({ address, dnsServer, document, xmppIdentity, sipIdentity }: GatewayOptions): Promise<Gateway> {
    const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-gateway-"));
    const file = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text, { mode: 0o600 });
      return join(dir, name);
    };
    const program = new Program("the gateway", process.execPath, [MAIN], {
      env: {
        ...process.env,
        EDGE_DOCUMENT: file("edge.json", JSON.stringify(document)),
        EDGE_CERTIFICATE: file("xmpp.crt", xmppIdentity.certificateChain),
        EDGE_KEY: file("xmpp.key", xmppIdentity.privateKey),
        EDGE_SIP_CERTIFICATE: file("sip.crt", sipIdentity.certificateChain),
        EDGE_SIP_KEY: file("sip.key", sipIdentity.privateKey),
        EDGE_DIALBACK_SECRET: file("dialback", "a secret of the test"),
        EDGE_BIND_ADDRESS: address,
        EDGE_DNS: `${dnsServer.host}:${dnsServer.port}`,
        EDGE_POLL_SECONDS: "1",
        EDGE_LOG_LEVEL: "debug",
      },
    });
    const gateway = new Gateway(program, dir, address);
    try {
      await gateway.#ready();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  async #ready(milliseconds = 15_000): Promise<void> {
    const end = Date.now() + milliseconds;
    for (;;) {
      const response = await fetch(`http://${this.#address}:9090/readyz`).catch(() => null);
      if (response?.ok) return;
      if (this.#program.ended || Date.now() > end) throw new Error(`the gateway is not ready:\n${this.#program.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get output(): string {
    return this.#program.output;
  }

  /** Gives it another document, whole at once; it is looked at within a second. */
  write(document: unknown): void {
    writeFileSync(join(this.#dir, "next.json"), JSON.stringify(document));
    renameSync(join(this.#dir, "next.json"), join(this.#dir, "edge.json"));
  }

  async status(): Promise<StreamStatus> {
    const response = await fetch(`http://${this.#address}:9090/status`);
    return (await response.json()) as StreamStatus;
  }

  /** Waits until its status is as wanted. @throws Error with the last status */
  async until(wanted: (status: StreamStatus) => boolean, milliseconds = 10_000): Promise<StreamStatus> {
    const end = Date.now() + milliseconds;
    for (;;) {
      const status = await this.status();
      if (wanted(status)) return status;
      if (Date.now() > end) throw new Error(`the gateway's status never became what was wanted: ${JSON.stringify(status, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** A DNS server with these records and no others. */
export const serveDns = (server: { readonly host: string; readonly port: number }, records: readonly WorldRecord[]): Promise<DnsServer> => {
  const zone = makeZone(records);
  return startDns(server.host, server.port, () => zone);
};
