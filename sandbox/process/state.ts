/**
 * Everything the sandbox remembers, in one file. Each change is on the disk before it is answered: written beside, synced,
 * renamed. Secrets stand in it as in the clouds it stands for, so only its owner may read it.
 */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../providers/wire.ts";

/** A resource of a cloud: what it was made with, and what its provider tells about it. */
export interface ResourceRecord {
  readonly id: string;
  /** Pulumi's type token. */
  readonly type: string;
  readonly inputs: JsonObject;
  readonly outputs: JsonObject;
  /** Of a blob, in base64. */
  readonly content?: string;
  /** Of the last change, ISO 8601. */
  readonly changed: string;
}

export const WORLD_TYPES = ["A", "AAAA", "CNAME", "TXT", "SRV"] as const;
/** A DNS record that no stack owns. `data` is an address, a name, a text, or `PRIORITY WEIGHT PORT TARGET`. */
export interface WorldRecord {
  readonly name: string;
  readonly type: (typeof WORLD_TYPES)[number];
  /** Seconds; 60 where absent. */
  readonly ttl?: number;
  readonly data: string;
}

/** A container's process, so that a new sandbox process finds it again. */
export interface ProcessRecord {
  readonly pid: number | null;
  /** Start time in clock ticks since boot: a reused pid is another process. */
  readonly started: string;
  /** Digest of what it was started with. */
  readonly specification: string;
  readonly since: string;
  readonly restarts: number;
  /** Set when it ended and is not to run again. */
  readonly exitCode?: number | null;
}

export interface SandboxState {
  readonly version: 1;
  /** First three octets of the sandbox's addresses: resources carry them in their outputs. */
  net: string;
  /** Signs identity tokens; hexadecimal. */
  readonly signingKey: string;
  readonly resources: Record<string, ResourceRecord>;
  world: readonly WorldRecord[];
  /** Last octet of a container group's address by its ARM id; kept after its end, so that the same group gets the same one again. */
  readonly addresses: Record<string, number>;
  readonly processes: Record<string, ProcessRecord>;
}

export class StateFile {
  readonly path: string;
  readonly state: SandboxState;
  #listeners: (() => void)[] = [];

  constructor(dir: string, net: string) {
    this.path = join(dir, "state.json");
    this.state = existsSync(this.path) ? read(this.path) : empty(net);
    if (this.state.net !== net && Object.keys(this.state.resources).length > 0) {
      throw new Error(`${this.path} holds resources at addresses of ${this.state.net}; expected that network, not ${net}`);
    }
    this.state.net = net;
    this.save();
  }

  /** Calls `act` after every change. */
  onChange(act: () => void): void {
    this.#listeners.push(act);
  }

  save(): void {
    const beside = `${this.path}.new`;
    const file = openSync(beside, "w", 0o600);
    try {
      writeFileSync(file, JSON.stringify(this.state));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, this.path);
    for (const listener of this.#listeners) listener();
  }
}

const empty = (net: string): SandboxState => ({
  version: 1,
  net,
  signingKey: randomBytes(32).toString("hex"),
  resources: {},
  world: [],
  addresses: {},
  processes: {},
});

function read(path: string): SandboxState {
  const refuse = (why: string) => new Error(`${path} ${why}; remove the sandbox's folder to begin anew`);
  let state: SandboxState;
  try {
    state = JSON.parse(readFileSync(path, "utf8")) as SandboxState;
  } catch (error) {
    throw refuse(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (state.version !== 1) throw refuse(`has version ${String(state.version)}, expected 1`);
  return state;
}
