/** A sandbox of a test's own: a temporary folder, a network of its own, and images made of a few lines of script. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Control, registerImage, startSandbox, stopSandbox } from "./control.ts";

export interface TestSandbox {
  readonly dir: string;
  readonly net: string;
  readonly control: Control;
  /** Registers `name` as an image that runs `script`. */
  image(name: string, script: string): void;
  stop(): Promise<void>;
}

/** Providers find the sandbox by the environment, as they do under the engine. */
export async function startTestSandbox(net: string): Promise<TestSandbox> {
  const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-sandbox-"));
  const before = process.env.XMPP_EDGE_SANDBOX_DIR;
  process.env.XMPP_EDGE_SANDBOX_DIR = dir;
  const restore = () => {
    if (before === undefined) delete process.env.XMPP_EDGE_SANDBOX_DIR;
    else process.env.XMPP_EDGE_SANDBOX_DIR = before;
  };
  const control = await startSandbox(dir, net);
  return {
    dir,
    net,
    control,
    image: (name, script) => {
      const file = join(dir, `${name.replaceAll(/\W/g, "-")}.mjs`);
      writeFileSync(file, script);
      registerImage(dir, name, { command: [process.execPath, file] });
    },
    stop: async () => {
      restore();
      await stopSandbox(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Listens on PORT of its address, and prints its environment. */
export const LISTENER = `
  import { createServer } from "node:http";
  console.log(JSON.stringify(process.env));
  const server = createServer((request, response) => {
    if (request.url === "/exit") process.exit(3);
    if (request.url === "/sick") sick = true;
    response.writeHead(sick && request.url === "/livez" ? 503 : 200).end(String(process.pid));
  });
  let sick = false;
  server.listen(Number(process.env.PORT), process.env.EDGE_BIND_ADDRESS);
`;

/** Asks again and again until `check` is true. */
export async function until(check: () => Promise<boolean>, milliseconds = 10_000): Promise<void> {
  for (const end = Date.now() + milliseconds; !(await check()); await new Promise((resolve) => setTimeout(resolve, 30))) {
    if (Date.now() > end) throw new Error(`not true after ${milliseconds} ms`);
  }
}
