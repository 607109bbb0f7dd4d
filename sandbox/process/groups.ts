/** Container groups (Azure Container Instances): addresses, ports, start and end of their containers. */
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../providers/wire.ts";
import { Container, type ContainerSpecification, endLeftover, type RestartPolicy } from "./container.ts";
import {
  CONTAINER_GROUP,
  digestOf,
  fqdnOf,
  identityIds,
  list,
  nameOf,
  probeOf,
  processKey,
  resourceGroupOf,
  tcpPorts,
} from "./group-record.ts";
import { findImage } from "./images.ts";
import { LIMITS } from "./limits.ts";
import { lastLogLines } from "./log-file.ts";
import { accepts, checkFree } from "./ports.ts";
import { Refusal } from "./refusal.ts";
import type { Resources } from "./resources.ts";
import type { ProcessRecord, ResourceRecord, StateFile } from "./state.ts";
import { type Mount, makeVolumes, removeFolder, rewriteMounted } from "./volumes.ts";

/** The first container group's address is NET.10; those below are the sandbox's own and its demo peers'. */
const FIRST_ADDRESS = 10;
const LAST_ADDRESS = 254;

export interface GroupSurroundings {
  readonly dir: string;
  /** First three octets. */
  readonly net: string;
  readonly file: StateFile;
  /** Where the sandbox's HTTP server listens. */
  readonly url: string;
  readonly keyOf: (accountId: string) => string;
}

interface Group {
  readonly containers: ReadonlyMap<string, Container>;
  readonly digest: string;
}

export class Groups {
  readonly #at: GroupSurroundings;
  readonly #groups = new Map<string, Group>();
  resources!: Resources;

  constructor(surroundings: GroupSurroundings) {
    this.#at = surroundings;
  }

  // ---- what the other parts ask ----------------------------------------------------------------------------------

  /** The secret that a group's containers send to the identity endpoint; made from the id, so that it outlives a restart. */
  identityHeader(id: string): string {
    return createHmac("sha256", this.#at.file.state.signingKey).update(`identity ${id.toLowerCase()}`).digest("hex");
  }

  identitiesOf(header: string): readonly string[] | undefined {
    const group = this.resources.ofType(CONTAINER_GROUP).find(({ id }) => this.identityHeader(id) === header);
    return group === undefined ? undefined : identityIds(group);
  }

  describe() {
    return this.resources.ofType(CONTAINER_GROUP).map((record) => ({
      id: record.id,
      name: nameOf(record),
      address: this.#addressOf(record.id),
      state: String((this.look(record).instanceView as JsonObject).state),
      containers: [...(this.#groups.get(record.id)?.containers ?? [])].map(([name, { state, pid, restarts, logs }]) => ({
        name,
        ...state,
        pid,
        restarts,
        logs,
      })),
    }));
  }

  /** What the provider's Read adds: the state of the group and of each container. */
  look(record: ResourceRecord): JsonObject {
    const containers = this.#groups.get(record.id)?.containers ?? new Map<string, Container>();
    const states = [...containers.values()].map(({ state }) => state.state);
    const state = states.includes("Running") ? "Running" : states.includes("Waiting") ? "Pending" : "Stopped";
    const views = list(record.outputs.containers).map((container) => {
      const found = containers.get(String(container.name));
      const currentState = (found?.state ?? { state: "Waiting", detailStatus: "not started" }) as unknown as JsonObject;
      return { ...container, instanceView: { restartCount: found?.restarts ?? 0, currentState, events: [] } };
    });
    return { containers: views, instanceView: { state, events: [] } };
  }

  // ---- the effect ------------------------------------------------------------------------------------------------

  /** Starts the group, or restarts it when what its containers are made from changed. */
  async apply(record: ResourceRecord): Promise<JsonObject> {
    const address = this.#assignAddress(record.id);
    const digest = digestOf(record);
    const running = this.#groups.get(record.id);
    if (running?.digest !== digest) {
      const specifications = this.#specify(record, address);
      await this.#stop(record.id);
      for (const port of tcpPorts(record)) await checkFree(address, port, nameOf(record));
      this.#start(record, digest, specifications);
      await this.#ready(record, address);
    }
    return this.#addressOutputs(record, address);
  }

  async end(record: ResourceRecord): Promise<void> {
    await this.#stop(record.id);
    removeFolder(this.#folder(record));
  }

  /** At start of the sandbox process: takes over what still runs and starts what should. */
  async resume(): Promise<void> {
    for (const record of this.resources.ofType(CONTAINER_GROUP)) {
      try {
        this.#start(record, digestOf(record), this.#specify(record, this.#assignAddress(record.id)));
      } catch (error) {
        console.error(`container group ${nameOf(record)} cannot start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    const known = new Set(
      this.resources.ofType(CONTAINER_GROUP).flatMap((record) => list(record.inputs.containers).map((c) => processKey(record.id, c))),
    );
    for (const [key, process] of Object.entries(this.#at.file.state.processes)) if (!known.has(key)) await this.#endStray(key, process);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#groups.keys()].map((id) => this.#stop(id)));
  }

  async #endStray(key: string, process: ProcessRecord): Promise<void> {
    await endLeftover(process);
    this.#remember(key, null);
  }

  #start(record: ResourceRecord, digest: string, specifications: ReadonlyMap<string, ContainerSpecification>): void {
    const { processes } = this.#at.file.state;
    const containers = new Map<string, Container>();
    for (const [name, specification] of specifications) {
      const key = processKey(record.id, { name });
      const container = new Container(specification, digest, (process) => this.#remember(key, process));
      const before = processes[key];
      if (before === undefined || !container.adopt(before)) {
        mkdirSync(specification.folder, { recursive: true, mode: 0o700 });
        container.start();
      }
      containers.set(name, container);
    }
    this.#groups.set(record.id, { containers, digest });
  }

  async #stop(id: string): Promise<void> {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    await Promise.all([...group.containers.values()].map((container) => container.stop()));
    this.#groups.delete(id);
  }

  #remember(key: string, process: ProcessRecord | null): void {
    const { processes } = this.#at.file.state;
    if (process === null) delete processes[key];
    else processes[key] = process;
    this.#at.file.save();
  }

  /** Waits until every container runs and every declared TCP port accepts. @throws Refusal with the log's last lines */
  async #ready(record: ResourceRecord, address: string): Promise<void> {
    const containers = [...(this.#groups.get(record.id)?.containers.values() ?? [])];
    const fail = async (why: string, container: Container | undefined): Promise<never> => {
      const log = (container?.logs ?? [])
        .map((path) => lastLogLines(path))
        .filter(Boolean)
        .join("\n");
      await this.#stop(record.id);
      throw new Refusal(
        400,
        "ContainerGroupFailed",
        `container group ${nameOf(record)}: ${why}${log === "" ? "; its log is empty" : `; last log lines:\n${log}`}`,
      );
    };
    const until = Date.now() + LIMITS.containerReady;
    for (const port of tcpPorts(record)) {
      while (!(await accepts(address, port))) {
        const failed = containers.find(hasFailed);
        if (failed !== undefined) await fail(`its container ended: ${detailOf(failed)}`, failed);
        if (Date.now() > until) await fail(`nothing accepts on ${address}:${port} after ${LIMITS.containerReady / 1000} s`, containers[0]);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    // Where no port tells, a moment shows whether the command can be run at all.
    if (tcpPorts(record).length === 0) await new Promise((resolve) => setTimeout(resolve, 200));
    const failed = containers.find(hasFailed);
    if (failed !== undefined) await fail(`its container ended: ${detailOf(failed)}`, failed);
  }

  // ---- addresses -------------------------------------------------------------------------------------------------

  #addressOf(id: string): string {
    return `${this.#at.net}.${this.#at.file.state.addresses[id.toLowerCase()] ?? 0}`;
  }

  /** A group that ended and comes back gets its address again, unless another has it by now. */
  #assignAddress(id: string): string {
    const { addresses } = this.#at.file.state;
    const key = id.toLowerCase();
    const taken = new Set(
      this.resources
        .ofType(CONTAINER_GROUP)
        .filter((group) => group.id.toLowerCase() !== key)
        .map((group) => addresses[group.id.toLowerCase()]),
    );
    const before = addresses[key];
    if (before !== undefined && !taken.has(before)) return this.#addressOf(id);
    const octet = lowestFree(taken);
    for (const [other, given] of Object.entries(addresses)) if (given === octet) delete addresses[other];
    addresses[key] = octet;
    this.#at.file.save();
    return this.#addressOf(id);
  }

  #addressOutputs(record: ResourceRecord, ip: string): JsonObject {
    const given = record.inputs.ipAddress as JsonObject | undefined;
    if (given === undefined) return {};
    const label = given.dnsNameLabel;
    const fqdn = typeof label === "string" ? { fqdn: fqdnOf(label, String(record.outputs.location)) } : {};
    return { ipAddress: { ip, ...fqdn } };
  }

  // ---- specifications --------------------------------------------------------------------------------------------

  #folder(record: ResourceRecord): string {
    return join(this.#at.dir, "containers", resourceGroupOf(record), nameOf(record));
  }

  #specify(record: ResourceRecord, address: string): ReadonlyMap<string, ContainerSpecification> {
    const folder = this.#folder(record);
    const volumes = makeVolumes(this.#at.dir, folder, list(record.inputs.volumes), this.resources, this.#at.keyOf);
    const injected = this.#injected(record, address);
    const specify = (container: JsonObject): readonly [string, ContainerSpecification] => {
      const image = findImage(this.#at.dir, String(container.image));
      const mounts = list(container.volumeMounts).map(({ name, mountPath }): Mount => {
        const volume = volumes.find((candidate) => candidate.name === name);
        if (volume === undefined)
          throw new Refusal(400, "VolumeNotFound", `container ${container.name} mounts ${name}, which is no volume of the group`);
        return { mountPath: String(mountPath), folder: volume.folder };
      });
      const declared = list(container.environmentVariables).map(
        ({ name, value, secureValue }) => [String(name), rewriteMounted(String(value ?? secureValue ?? ""), mounts)] as const,
      );
      const environment = { ...image.environment, ...Object.fromEntries(declared), ...injected };
      const command = Array.isArray(container.command) && container.command.length > 0 ? container.command.map(String) : image.command;
      const restartPolicy = (record.inputs.restartPolicy ?? "Always") as RestartPolicy;
      const probe = probeOf(container.livenessProbe as JsonObject | undefined, address);
      return [String(container.name), { command, environment, folder: join(folder, String(container.name)), restartPolicy, probe }];
    };
    return new Map(list(record.inputs.containers).map(specify));
  }

  #injected(record: ResourceRecord, address: string): Record<string, string> {
    const identity =
      identityIds(record).length === 0
        ? {}
        : { IDENTITY_ENDPOINT: `${this.#at.url}/identity/token`, IDENTITY_HEADER: this.identityHeader(record.id) };
    return { EDGE_BIND_ADDRESS: address, ...identity };
  }
}

function lowestFree(taken: ReadonlySet<number | undefined>): number {
  for (let octet = FIRST_ADDRESS; octet <= LAST_ADDRESS; octet++) if (!taken.has(octet)) return octet;
  throw new Refusal(409, "QuotaExceeded", `the sandbox runs at most ${LAST_ADDRESS - FIRST_ADDRESS + 1} container groups`);
}

/** Ended for good in failure, or failing again and again. */
function hasFailed(container: Container): boolean {
  const { state } = container;
  return (
    (state.state === "Terminated" && state.exitCode !== 0) || (state.state === "Waiting" && container.restarts + 1 >= LIMITS.startAttempts)
  );
}

const detailOf = ({ state }: Container): string => ("detailStatus" in state ? state.detailStatus : state.state);
