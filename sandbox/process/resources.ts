/** The resources of all stand-in clouds: put, read, end, one after the other per resource. */
import type { Json, JsonObject } from "../providers/wire.ts";
import { LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { ResourceRecord, StateFile } from "./state.ts";

/** What a resource type does beyond being remembered. */
export interface Effect {
  /** Rules that need other resources. @throws Refusal */
  readonly check?: (record: ResourceRecord, all: Resources) => void;
  /** Makes it so. Returns outputs to add, by top-level name. @throws Refusal, and then a new resource is not kept. */
  readonly apply?: (record: ResourceRecord, before: ResourceRecord | undefined) => Promise<JsonObject>;
  /** Outputs that change by themselves. */
  readonly look?: (record: ResourceRecord) => JsonObject;
  readonly end?: (record: ResourceRecord) => Promise<void>;
}

export type Effects = Readonly<Record<string, Effect>>;

export interface Put {
  readonly id: string;
  readonly type: string;
  /** Must exist; absent for what stands on its own. */
  readonly parent?: string;
  readonly inputs: JsonObject;
  readonly outputs: JsonObject;
  readonly content?: string;
}

/** Azure's identifiers are equal in any case. */
const key = (id: string): string => id.toLowerCase();

export class Resources {
  readonly #file: StateFile;
  readonly #effects: Effects;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(file: StateFile, effects: Effects) {
    this.#file = file;
    this.#effects = effects;
  }

  all(): readonly ResourceRecord[] {
    return Object.values(this.#file.state.resources);
  }

  ofType(type: string): readonly ResourceRecord[] {
    return this.all().filter((record) => record.type === type);
  }

  find(id: string): ResourceRecord | undefined {
    return this.#file.state.resources[key(id)];
  }

  /** The record with what is true of it now. */
  read(id: string): ResourceRecord | undefined {
    const record = this.find(id);
    if (record === undefined) return undefined;
    return { ...record, outputs: { ...record.outputs, ...this.#effects[record.type]?.look?.(record) } };
  }

  /** Makes or changes a resource; the same request twice is as good as once. */
  put(request: Put): Promise<ResourceRecord> {
    return this.#inTurn(request.id, () => this.#put(request));
  }

  async #put({ id, type, parent, inputs, outputs, content }: Put): Promise<ResourceRecord> {
    const before = this.find(id);
    if (before === undefined && this.all().length >= LIMITS.resources) {
      throw new Refusal(409, "QuotaExceeded", `the sandbox keeps at most ${LIMITS.resources} resources`);
    }
    if (parent !== undefined && this.find(parent) === undefined) {
      throw new Refusal(404, "ParentResourceNotFound", `${parent}, which is to hold it, does not exist`);
    }
    const changed = new Date().toISOString();
    const record: ResourceRecord = { id, type, inputs, outputs, changed, ...(content === undefined ? {} : { content }) };
    const effect = this.#effects[type];
    effect?.check?.(record, this);
    this.#keep(record);
    let added: JsonObject;
    try {
      added = (await effect?.apply?.(record, before)) ?? {};
    } catch (error) {
      if (before === undefined) await this.#end(record);
      throw error;
    }
    const complete = { ...record, outputs: merge(record.outputs, added) };
    this.#keep(complete);
    return { ...complete, outputs: { ...complete.outputs, ...effect?.look?.(complete) } };
  }

  /** Ends a resource and everything in it. */
  async delete(id: string): Promise<void> {
    const inside = this.all().filter((record) => key(record.id).startsWith(`${key(id)}/`));
    for (const record of inside) await this.#inTurn(record.id, () => this.#end(record));
    await this.#inTurn(id, async () => {
      const record = this.find(id);
      if (record !== undefined) await this.#end(record);
    });
  }

  async #end(record: ResourceRecord): Promise<void> {
    await this.#effects[record.type]?.end?.(record);
    delete this.#file.state.resources[key(record.id)];
    this.#file.save();
  }

  #keep(record: ResourceRecord): void {
    this.#file.state.resources[key(record.id)] = record;
    this.#file.save();
  }

  async #inTurn<T>(id: string, act: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(key(id)) ?? Promise.resolve();
    const turn = before.then(act, act);
    const settled = turn.catch(() => {});
    this.#queues.set(key(id), settled);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(key(id)) === settled) this.#queues.delete(key(id));
    }
  }
}

/** Objects merge one level deep: `ipAddress` keeps its ports and gains its ip. */
function merge(outputs: JsonObject, added: JsonObject): JsonObject {
  const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);
  const merged = Object.entries(added).map(([name, value]) => {
    const before = outputs[name];
    return [name, isObject(value) && isObject(before) ? { ...before, ...value } : value] as const;
  });
  return { ...outputs, ...Object.fromEntries(merged) };
}
