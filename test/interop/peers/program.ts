/** Programs that tests start and end: by pid, with their output kept for the message of a failure. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";

/** Why a group of tests cannot run here, in one line that says how to install what is missing; null when it can. */
export function missing(programs: readonly string[], packages: string): string | null {
  const absent = programs.filter((program) =>
    program.startsWith("/") ? !existsSync(program) : spawnSync("which", [program]).status !== 0,
  );
  return absent.length === 0 ? null : `${absent.join(", ")} not found: apt-get install ${packages}`;
}

/** Characters of output that are kept of one program. */
const KEPT = 200_000;

export class Program {
  readonly name: string;
  readonly child: ChildProcess;
  output = "";
  #ended = false;
  readonly #end: Promise<number | null>;

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    this.name = name;
    this.child = spawn(command, [...args], { stdio: ["pipe", "pipe", "pipe"], ...options });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output = (this.output + text).slice(-KEPT);
      });
    }
    this.#end = new Promise((resolve) => {
      this.child.on("error", (error) => {
        this.output += String(error);
        this.#ended = true;
        resolve(null);
      });
      this.child.on("close", (code) => {
        this.#ended = true;
        resolve(code);
      });
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Exit code, when it ends by itself. */
  wait(): Promise<number | null> {
    return this.#end;
  }

  /** Waits until a port answers. @throws Error with the program's output */
  async listening(host: string, port: number, milliseconds = 15_000): Promise<void> {
    const end = Date.now() + milliseconds;
    while (!(await answers(host, port))) {
      if (this.#ended || Date.now() > end) throw new Error(`${this.name} does not listen on ${host}:${port}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    this.child.kill("SIGTERM");
    const hard = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.#end;
    clearTimeout(hard);
  }
}

/** Whether somebody listens there. */
export function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", () => done(true)).once("error", () => done(false));
  });
}
