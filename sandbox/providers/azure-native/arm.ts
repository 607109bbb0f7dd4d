/**
 * What resources of Azure Resource Manager have in common in azure-native: ids, auto-naming, locations, and that they live
 * in the cloud: here, in the sandbox process.
 */
import { createHash, randomBytes } from "node:crypto";
import { CLIENT, type Control, requireControl, resourcePath, sandboxDir } from "../../client.ts";
import type { Failure, Fields } from "../fields.ts";
import { type Computed, type Context, outputsOf, ProviderError, type ResourceRow } from "../resource.ts";
import { askSandbox, readRecord } from "../sandbox.ts";
import { fromJson, type JsonObject, type Properties, toJson, type Value } from "../wire.ts";

/**
 * `random`: logical name and eight characters; `copy`: the logical name; `uuid`. A random name can be made beside the old
 * resource, so only then a replacement is created before the old one ends (azure-native notes it in `__createBeforeDelete`).
 */
export interface Naming {
  readonly property: string;
  readonly kind: "random" | "copy" | "uuid";
  readonly pattern: RegExp;
  readonly expected: string;
}

const CREATE_BEFORE_DELETE = "__createBeforeDelete";

export interface ArmRow {
  /** Pulumi's token. */
  readonly type: string;
  /** Azure's, for the `type` output. */
  readonly armType: string;
  readonly inputs: Fields;
  readonly naming: Naming;
  /** Id of what holds it; absent for what stands in the subscription itself. */
  readonly parent?: (inputs: Properties, subscription: string) => string;
  readonly id: (inputs: Properties, subscription: string) => string;
  /** Takes the resource group's location where it has none of its own. */
  readonly hasLocation: boolean;
  /** Outputs by path that only Azure knows, beside name, type, azureApiVersion and location. */
  readonly computed?: readonly string[];
  readonly volatile?: readonly string[];
  readonly inputOnly?: readonly string[];
  /** Rules across properties, with the defaults in. */
  readonly check?: (inputs: Properties) => readonly Failure[];
  readonly echo?: (inputs: Properties) => Properties;
  readonly compute?: (inputs: Properties, at: { readonly id: string; readonly control: Control; readonly before: Properties }) => Computed;
  /** Bytes that are uploaded beside. */
  readonly content?: (inputs: Properties) => Promise<Buffer>;
}

export const LOCATION: Fields = {
  location: { type: "string", pattern: /^[a-z0-9]+$/, expected: "an Azure location such as westeurope", sticky: true, replace: true },
};
export const TAGS: Fields = { tags: { type: "map", of: { type: "string" } } };
export const RESOURCE_GROUP: Fields = {
  resourceGroupName: {
    type: "string",
    pattern: /^[-\w.()]{1,90}$/,
    expected: "the name of a resource group",
    required: true,
    replace: true,
  },
};

export const groupId = (inputs: Properties, subscription: string): string =>
  `/subscriptions/${subscription}/resourceGroups/${String(inputs.resourceGroupName)}`;

/** Subscription of the provider's configuration, else the sandbox's. */
export const subscriptionOf = (config: Properties): string =>
  typeof config.subscriptionId === "string" ? config.subscriptionId : CLIENT.subscriptionId;

export function arm(row: ArmRow): ResourceRow {
  const own = ["name", "type", "azureApiVersion", ...(row.hasLocation ? ["location"] : [])];
  const resource: ResourceRow = {
    inputs: {
      ...row.inputs,
      [row.naming.property]: { type: "string", pattern: row.naming.pattern, expected: row.naming.expected, replace: true },
    },
    computed: [...new Set([...own, ...(row.computed ?? [])])],
    inputOnly: ["resourceGroupName", row.naming.property, ...(row.inputOnly ?? [])],
    ...(row.volatile === undefined ? {} : { volatile: row.volatile }),
    ...(row.check === undefined ? {} : { check: row.check }),
    ...(row.echo === undefined ? {} : { echo: row.echo }),
    defaults: async (inputs, olds, context) => {
      const named = nameIt(row.naming, inputs, olds, context.urn.name, context.randomSeed);
      return row.hasLocation ? locate(named, context.config) : named;
    },
    deleteBeforeReplace: (_olds, news) => news[CREATE_BEFORE_DELETE] !== true,
    create: async (inputs, context) => {
      const id = row.id(inputs, subscriptionOf(context.config));
      return { id, computed: await put(row, resource, id, inputs, {}, context) };
    },
    read: async (id) => {
      const record = await readRecord(id);
      return record === null ? null : { inputs: fromJson(record.inputs), outputs: fromJson(record.outputs) };
    },
    update: (id, inputs, outputs, context) => put(row, resource, id, inputs, outputs, context),
    delete: async (id) => {
      await askSandbox("DELETE", resourcePath(id));
    },
  };
  return resource;
}

/** Everything that the record then tells is an output: the process adds its own to what is computed here. */
async function put(
  row: ArmRow,
  resource: ResourceRow,
  id: string,
  given: Properties,
  before: Properties,
  context: Context,
): Promise<Computed> {
  const subscription = subscriptionOf(context.config);
  const inputs = row.hasLocation ? await locate(given, context.config, true) : given;
  const control = requireControl(sandboxDir());
  const outputs = outputsOf(resource, inputs, {
    name: inputs[row.naming.property] ?? null,
    type: row.armType,
    azureApiVersion: "sandbox",
    ...(row.hasLocation ? { location: inputs.location ?? null } : {}),
    ...row.compute?.(inputs, { id, control, before }),
  });
  const content = row.content === undefined ? {} : { content: (await row.content(inputs)).toString("base64") };
  const parent = row.parent === undefined ? {} : { parent: row.parent(inputs, subscription) };
  const body = { type: row.type, ...parent, inputs: toJson(inputs), outputs: toJson(outputs), ...content };
  const record = (await askSandbox("PUT", resourcePath(id), body)) as { outputs: JsonObject };
  return fromJson(record.outputs);
}

function nameIt(naming: Naming, inputs: Properties, olds: Properties, logicalName: string, seed: Buffer): Properties {
  const { property, kind } = naming;
  if ((inputs[property] ?? null) !== null) return inputs;
  const kept = olds[property] ?? null;
  if (kept !== null) {
    const flag = olds[CREATE_BEFORE_DELETE] === true ? { [CREATE_BEFORE_DELETE]: true } : {};
    return { ...inputs, [property]: kept, ...flag };
  }
  if (kind === "copy") return { ...inputs, [property]: logicalName };
  const bytes = seed.length === 0 ? randomBytes(32) : createHash("sha256").update(seed).digest();
  const name = kind === "uuid" ? uuidFrom(bytes) : `${logicalName}${bytes.toString("hex").slice(0, 8)}`;
  return { ...inputs, [property]: name, [CREATE_BEFORE_DELETE]: true };
}

/** A version 4 UUID (RFC 9562 section 5.4) from 16 bytes. */
export function uuidFrom(bytes: Buffer): string {
  const own = Buffer.from(bytes.subarray(0, 16));
  own[6] = ((own[6] ?? 0) & 0x0f) | 0x40;
  own[8] = ((own[8] ?? 0) & 0x3f) | 0x80;
  return own.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** `West Europe` and `westeurope` are the same. Without one: the configuration's, else the resource group's, once it exists. */
async function locate(inputs: Properties, config: Properties, mustKnow = false): Promise<Properties> {
  const { location } = inputs;
  if (typeof location === "string") return { ...inputs, location: location.toLowerCase().replaceAll(" ", "") };
  if ((location ?? null) !== null) return inputs;
  const found = await defaultLocation(inputs, config);
  if (found !== null) return { ...inputs, location: found };
  if (mustKnow)
    throw new ProviderError("location is required: give it, configure azure-native:location, or create the resource group first");
  return inputs;
}

async function defaultLocation(inputs: Properties, config: Properties): Promise<Value> {
  if (typeof config.location === "string") return config.location.toLowerCase().replaceAll(" ", "");
  if (typeof inputs.resourceGroupName !== "string") return null;
  const group = await readRecord(groupId(inputs, subscriptionOf(config)));
  return typeof group?.outputs.location === "string" ? group.outputs.location : null;
}
