/**
 * Property values as the provider protocol carries them: plain JSON in a protobuf Struct, where secrets, assets and
 * values not yet known are marked by signatures (pulumi/sdk/go/common/resource, "special signatures").
 */
import struct from "google-protobuf/google/protobuf/struct_pb.js";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";

/** A value nobody knows yet: string, bool, number, array, asset, archive, object. The engine sends the first. */
const UNKNOWN_MARKS: ReadonlySet<unknown> = new Set([
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);
const UNKNOWN_MARK = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A value that preview cannot know. */
export const UNKNOWN = Symbol("unknown");

/** A value that must be encrypted wherever it is kept. */
export class Secret {
  readonly value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** A file or a text given as one. Exactly one of text, path and uri is present. */
export class Asset {
  readonly hash: string;
  readonly text: string | undefined;
  readonly path: string | undefined;
  readonly uri: string | undefined;
  constructor(asset: { hash?: string | undefined; text?: string | undefined; path?: string | undefined; uri?: string | undefined }) {
    this.hash = asset.hash ?? "";
    this.text = asset.text;
    this.path = asset.path;
    this.uri = asset.uri;
  }
}

/** Several files as one value. The stand-ins know it only to refuse it. */
export class Archive {
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(fields: Readonly<Record<string, unknown>>) {
    this.fields = fields;
  }
}

export type Value = null | boolean | number | string | readonly Value[] | Properties | Secret | Asset | Archive | typeof UNKNOWN;
export interface Properties {
  readonly [name: string]: Value;
}

export function decode(message: struct.Struct | undefined): Properties {
  if (message === undefined) return {};
  return decodeObject(message.toJavaScript() as Record<string, unknown>);
}

function decodeObject(object: Record<string, unknown>): Properties {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, decodeValue(value)]));
}

function decodeValue(value: unknown): Value {
  if (typeof value === "string" && UNKNOWN_MARKS.has(value)) return UNKNOWN;
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(decodeValue);
  const object = value as Record<string, unknown>;
  switch (object[SIGNATURE]) {
    case undefined:
      return decodeObject(object);
    case SECRET:
      return new Secret(decodeValue(object.value));
    case ASSET:
      return new Asset(object as ConstructorParameters<typeof Asset>[0]);
    case ARCHIVE:
      return new Archive(object);
    default:
      throw new Error(`property signature ${String(object[SIGNATURE])} is not one the stand-ins know`);
  }
}

export function encode(properties: Properties): struct.Struct {
  return struct.Struct.fromJavaScript(toJson(properties) as Parameters<typeof struct.Struct.fromJavaScript>[0]);
}

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

/** Properties as JSON, marked by the same signatures. */
export function toJson(properties: Properties): JsonObject {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, encodeValue(value)]));
}

export const fromJson = (object: JsonObject): Properties => decodeObject(object);

function encodeValue(value: Value): Json {
  if (value === UNKNOWN) return UNKNOWN_MARK;
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (isList(value)) return value.map(encodeValue);
  if (value instanceof Secret) return { [SIGNATURE]: SECRET, value: encodeValue(value.value) };
  if (value instanceof Asset) return encodeAsset(value);
  if (value instanceof Archive) return value.fields as JsonObject;
  return toJson(value as Properties);
}

function encodeAsset(asset: Asset): Json {
  const { hash, text, path, uri } = asset;
  return {
    [SIGNATURE]: ASSET,
    hash,
    ...(text === undefined ? {} : { text }),
    ...(path === undefined ? {} : { path }),
    ...(uri === undefined ? {} : { uri }),
  };
}

/** `Array.isArray` does not narrow a readonly array. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isProperties(value: Value | undefined): value is Properties {
  return (
    typeof value === "object" &&
    value !== null &&
    !isList(value) &&
    !(value instanceof Secret) &&
    !(value instanceof Asset) &&
    !(value instanceof Archive)
  );
}

/** The same value without its secret marks, at every depth. */
export function reveal(value: Value): Value {
  if (value instanceof Secret) return reveal(value.value);
  if (isList(value)) return value.map(reveal);
  return isProperties(value) ? revealAll(value) : value;
}

export function revealAll(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, reveal(value)]));
}

/** Whether preview knows the whole of a value. */
export function isKnown(value: Value): boolean {
  if (value === UNKNOWN) return false;
  if (value instanceof Secret) return isKnown(value.value);
  if (isList(value)) return value.every(isKnown);
  return isProperties(value) ? Object.values(value).every(isKnown) : true;
}

/**
 * Marks in `outputs` what is secret at the same place in `inputs`. A provider that accepts secrets answers for them itself;
 * where the shapes differ below a secret nothing is marked, because then the value is another one.
 */
export function markSecrets(outputs: Value, inputs: Value | undefined): Value {
  if (inputs instanceof Secret) return outputs instanceof Secret ? outputs : new Secret(outputs);
  if (inputs === undefined) return outputs;
  if (isList(outputs) && isList(inputs)) return outputs.map((value, index) => markSecrets(value, inputs[index]));
  if (!isProperties(outputs) || !isProperties(inputs)) return outputs;
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, markSecrets(value, inputs[name])]));
}

/** Sets `a.b.c` in a copy of `properties`, making what is missing on the way. */
export function withPath(properties: Properties, path: string, value: Value): Properties {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...properties, [first]: value };
  const inner = properties[first];
  return { ...properties, [first]: withPath(isProperties(inner) ? inner : {}, rest.join("."), value) };
}

/** Reads `a.b.c`; undefined where the path ends early. */
export function atPath(properties: Properties, path: string): Value | undefined {
  let value: Value | undefined = properties;
  for (const name of path.split(".")) {
    if (value instanceof Secret) value = value.value;
    if (!isProperties(value)) return undefined;
    value = value[name];
  }
  return value;
}
