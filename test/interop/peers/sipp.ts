/** Real SIP users: SIPp with the scenarios of the folder beside this file, and what they sent and received. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, Program } from "./program.ts";

export const sippMissing = (): string | null => missing(["sipp"], "sip-tester");

export interface SippOptions {
  /** File in the folder, without its end. */
  readonly scenario: string;
  /** Puts values where the scenario says `%name%`. */
  readonly values?: Readonly<Record<string, string | number>>;
  readonly address: string;
  /** Where a scenario that begins with a request sends it: `host:port`. Without, the scenario waits for one. */
  readonly remote?: string;
  readonly transport?: "udp" | "tcp";
  /** Calls (Call-IDs) that the scenario is for; 1 where it is not given. */
  readonly calls?: number;
}

/** One message on the wire, as SIPp logged it. */
export interface SippMessage {
  readonly direction: "sent" | "received";
  /** Request line or status line, headers and body, lines ended by LF. */
  readonly text: string;
}

const PORT = 5060;
/** Seconds until a scenario that does not end has failed. */
const SECONDS = 40;

export class Sipp {
  readonly #program: Program;
  readonly #dir: string;
  #messages: readonly SippMessage[] = [];

  private constructor(program: Program, dir: string) {
    this.#program = program;
    this.#dir = dir;
  }

  /** Starts one call; resolves when its port is bound. */
  static async start({ scenario, values = {}, address, remote, transport = "udp", calls = 1 }: SippOptions): Promise<Sipp> {
    const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-sipp-"));
    writeFileSync(join(dir, "scenario.xml"), filled(scenario, values));
    const logs = ["-trace_msg", "-message_file", join(dir, "messages.log"), "-trace_err", "-error_file", join(dir, "errors.log")];
    const bound = ["-i", address, "-p", String(PORT), "-ci", address, "-mi", address, "-t", transport === "udp" ? "u1" : "t1"];
    const limits = ["-m", String(calls), "-timeout", `${SECONDS}s`, "-timeout_error", "-nostdin"];
    const args = [...(remote ? [remote] : []), "-sf", join(dir, "scenario.xml"), ...bound, ...limits, ...logs];
    const sipp = new Sipp(new Program(`SIPp ${scenario}`, "sipp", args, { cwd: dir }), dir);
    if (remote === undefined) await sipp.#listening(address);
    return sipp;
  }

  /** Runs a scenario to its end, which must be good. @throws Error with what it said */
  static async run(options: SippOptions): Promise<readonly SippMessage[]> {
    const sipp = await Sipp.start(options);
    try {
      return await sipp.succeeded();
    } finally {
      await sipp.stop();
    }
  }

  /** What went over the wire up to now. */
  messages(): readonly SippMessage[] {
    const path = join(this.#dir, "messages.log");
    if (existsSync(path)) this.#messages = readMessages(readFileSync(path, "utf8"));
    return this.#messages;
  }

  /** Waits until it has received something. @throws Error with all that was seen */
  async received(pattern: RegExp, milliseconds = 15_000): Promise<void> {
    const end = Date.now() + milliseconds;
    while (!this.messages().some(({ direction, text }) => direction === "received" && pattern.test(text))) {
      if (this.#program.ended || Date.now() > end) throw new Error(`SIPp did not receive ${pattern}:\n${this.#story()}`);
      await pause();
    }
  }

  /** The exit code must say that the one call went as the scenario has it. @throws Error with what was seen instead */
  async succeeded(): Promise<readonly SippMessage[]> {
    const code = await this.#program.wait();
    if (code !== 0) throw new Error(`${this.#program.name} ended with ${code}:\n${this.#story()}`);
    return this.messages();
  }

  /** Ends it as a crash would: nothing is said to anybody. */
  async kill(): Promise<void> {
    this.#program.child.kill("SIGKILL");
    await this.#program.wait();
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #listening(address: string): Promise<void> {
    const end = Date.now() + 10_000;
    while (!isBound(address)) {
      if (this.#program.ended || Date.now() > end) throw new Error(`SIPp is not bound to ${address}:${PORT}:\n${this.#story()}`);
      await pause();
    }
  }

  #story(): string {
    const path = join(this.#dir, "errors.log");
    const errors = existsSync(path) ? readFileSync(path, "utf8") : this.#program.output.slice(-3000);
    return [...this.messages().map(({ direction, text }) => `--- ${direction}\n${text}`), `--- errors\n${errors}`].join("\n");
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

/** @throws Error where the scenario wants a value that is not given, or one would break it */
function filled(scenario: string, values: Readonly<Record<string, string | number>>): string {
  const text = readFileSync(join(import.meta.dirname, "sipp", `${scenario}.xml`), "utf8");
  return text.replace(/%(\w+)%/g, (_whole, name: string) => {
    const value = String(values[name] ?? "");
    if (!/^[^[\]<>&"\r\n]+$/.test(value)) throw new Error(`${scenario}: no usable value for %${name}%: ${value}`);
    return value;
  });
}

/** /proc/net/udp has addresses as little-endian hexadecimal; a UDP port cannot be asked by connecting to it. */
function isBound(address: string): boolean {
  const octets = address.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  const wanted = `${octets.toReversed().join("")}:${PORT.toString(16).padStart(4, "0")}`.toUpperCase();
  return readFileSync("/proc/net/udp", "utf8").includes(` ${wanted} `);
}

/** Each message stands below a line of hyphens and a line that says its direction. */
function readMessages(log: string): readonly SippMessage[] {
  return log.split(/^-{20,}.*$/m).flatMap((part) => {
    const [, direction, text] = /message (sent|received)[^\n]*\n\s*\n([\s\S]*)$/.exec(part.replaceAll("\r", "")) ?? [];
    return text === undefined
      ? []
      : [{ direction: direction === "sent" ? ("sent" as const) : ("received" as const), text: text.trimEnd() }];
  });
}
