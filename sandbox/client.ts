/** How commands and providers reach the sandbox process: by the address and the token in its folder. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isAlive } from "../tools/lock.mjs";
import { PROJECT } from "./providers/package-version.ts";

/** Who deploys, as getClientConfig tells it: the sandbox has one user. */
export const CLIENT = {
  clientId: "5a6d9c2e-0000-4000-8000-000000000001",
  objectId: "5a6d9c2e-0000-4000-8000-000000000002",
  subscriptionId: "5a6d9c2e-0000-4000-8000-000000000003",
  tenantId: "5a6d9c2e-0000-4000-8000-000000000004",
} as const;

/** What the process writes into its folder once it serves. */
export interface Control {
  /** Of the control protocol: a process of another version is stopped and started anew. */
  readonly version: number;
  readonly pid: number;
  /** Start time, to tell the process from another with the same pid. */
  readonly started: string;
  readonly net: string;
  /** `http://127.77.0.1:8080` */
  readonly url: string;
  /** `127.77.0.1:5353` */
  readonly dns: string;
  readonly token: string;
}

export const CONTROL_VERSION = 1;
/** Milliseconds for one request; a container group may take as long as its containers. */
const TIMEOUT = 150_000;

export const controlFile = (dir: string): string => join(dir, "control.json");

/** The running process of a folder, or null. */
export function readControl(dir: string): Control | null {
  if (!existsSync(controlFile(dir))) return null;
  const control = JSON.parse(readFileSync(controlFile(dir), "utf8")) as Control;
  return isAlive(control.pid, control.started) ? control : null;
}

/** An answer other than 2xx, with the service's own code. */
export class ControlError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** One control request. `path` with its query. @throws ControlError */
export async function ask(control: Control, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${control.url}/control/${path}`, {
    method,
    headers: { authorization: `Bearer ${control.token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT),
  });
  const answer = (await response.json()) as { error?: { code: string; message: string } };
  if (response.ok) return answer;
  throw new ControlError(response.status, answer.error?.code ?? "Unknown", answer.error?.message ?? `HTTP ${response.status}`);
}

export const resourcePath = (id: string): string => `resources?${new URLSearchParams({ id })}`;

/** Where and what the sandbox is, for providers. @throws Error that says how to start it */
export function requireControl(dir: string): Control {
  const control = readControl(dir);
  if (control === null) throw new Error(`the sandbox process does not run (folder ${dir}); \`npm run up\` starts it`);
  return control;
}

const DEFAULT_NET = "127.77.0";

/** The sandbox's folder: XMPP_EDGE_SANDBOX_DIR, else `.sandbox` in the project. */
export const sandboxDir = (): string => resolve(process.env.XMPP_EDGE_SANDBOX_DIR ?? join(PROJECT, ".sandbox"));
/** First three octets of the sandbox's addresses: XMPP_EDGE_SANDBOX_NET, else 127.77.0. */
export const sandboxNet = (): string => process.env.XMPP_EDGE_SANDBOX_NET ?? DEFAULT_NET;
