/**
 * What a resource takes, as a table: types, ranges, defaults, and which properties a real provider cannot change in
 * place. `check` walks it against inputs, `diff.ts` against two sets of inputs.
 */
import { Archive, Asset, isList, isProperties, type Properties, reveal, Secret, UNKNOWN, type Value } from "./wire.ts";

interface Common {
  readonly required?: true;
  /** Filled in by check where the program gives nothing. */
  readonly default?: Value;
  /** A change makes a new resource. */
  readonly replace?: true;
  /** The provider keeps the last value where the program leaves it out (optional and computed). */
  readonly sticky?: true;
}

export type Field = Common &
  (
    | { readonly type: "string"; readonly oneOf?: readonly string[]; readonly pattern?: RegExp; readonly expected?: string }
    | { readonly type: "number"; readonly integer?: true; readonly min?: number; readonly max?: number }
    | { readonly type: "boolean" | "any" | "asset" }
    | { readonly type: "array"; readonly of: Field; readonly min?: number; readonly max?: number; readonly unordered?: true }
    | { readonly type: "map"; readonly of: Field }
    | { readonly type: "object"; readonly fields: Fields }
    /** Real, but the stand-ins do not do it: given, it is refused with this reason. */
    | { readonly type: "unsupported"; readonly reason: string }
  );

export interface Fields {
  readonly [name: string]: Field;
}

/** A CheckFailure: where, and what was wrong and what is allowed. */
export interface Failure {
  readonly property: string;
  readonly reason: string;
}

/** Property path as the engine reads it: dots, and brackets for indices and for keys that are no identifiers. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** Fills in defaults of the table, and values the provider keeps from `olds`. */
export function withDefaults(fields: Fields, news: Properties, olds: Properties): Properties {
  const result: Record<string, Value> = { ...news };
  for (const [name, field] of Object.entries(fields)) {
    const given = result[name] ?? null;
    if (given !== null) {
      if (field.type === "object") result[name] = withNestedDefaults(field.fields, given);
      continue;
    }
    const kept = field.sticky === true ? (olds[name] ?? null) : null;
    if (kept !== null) result[name] = kept;
    else if (field.default !== undefined) result[name] = field.default;
  }
  return result;
}

function withNestedDefaults(fields: Fields, value: Value): Value {
  if (value instanceof Secret) return new Secret(withNestedDefaults(fields, value.value));
  return isProperties(value) ? withDefaults(fields, value, {}) : value;
}

/** Walks inputs against the table. Unknown values pass: create is asked again when they are known. */
export function checkFields(fields: Fields, given: Properties, path = ""): readonly Failure[] {
  const failures: Failure[] = [];
  for (const name of Object.keys(given)) {
    if (fields[name] === undefined && !name.startsWith("__")) {
      failures.push({ property: joinPath(path, name), reason: `is not an input here; known: ${Object.keys(fields).join(", ")}` });
    }
  }
  for (const [name, field] of Object.entries(fields)) failures.push(...checkField(field, given[name] ?? null, joinPath(path, name)));
  return failures;
}

function checkField(field: Field, given: Value, path: string): readonly Failure[] {
  const value = given instanceof Secret ? reveal(given) : given;
  if (value === UNKNOWN) return [];
  if (value === null) {
    return field.required === true ? [{ property: path, reason: `is required (${describe(field)}) and missing` }] : [];
  }
  return CHECKS[field.type](field as never, value, path);
}

const wrong = (path: string, field: Field, value: Value): readonly Failure[] => [
  { property: path, reason: `is ${show(value)}; expected ${describe(field)}` },
];

type FieldOf<Type> = Extract<Field, { readonly type: Type }>;
type Checks = { readonly [Type in Field["type"]]: (field: FieldOf<Type>, value: Value, path: string) => readonly Failure[] };

const CHECKS: Checks = {
  string: (field, value, path) => {
    const fits =
      typeof value === "string" && (field.oneOf?.includes(value) ?? true) && (field.pattern === undefined || field.pattern.test(value));
    return fits ? [] : wrong(path, field, value);
  },
  number: (field, value, path) => {
    const fits =
      typeof value === "number" &&
      Number.isFinite(value) &&
      (field.integer !== true || Number.isInteger(value)) &&
      value >= (field.min ?? Number.NEGATIVE_INFINITY) &&
      value <= (field.max ?? Number.POSITIVE_INFINITY);
    return fits ? [] : wrong(path, field, value);
  },
  boolean: (field, value, path) => (typeof value === "boolean" ? [] : wrong(path, field, value)),
  any: () => [],
  asset: (field, value, path) => (value instanceof Asset ? [] : wrong(path, field, value)),
  array: (field, value, path) => {
    if (!isList(value)) return wrong(path, field, value);
    if (value.length < (field.min ?? 0) || value.length > (field.max ?? Number.POSITIVE_INFINITY)) return wrong(path, field, value);
    return value.flatMap((item, index) => checkField({ ...field.of, required: true }, item, joinPath(path, index)));
  },
  map: (field, value, path) => {
    if (!isProperties(value)) return wrong(path, field, value);
    return Object.entries(value).flatMap(([key, item]) => checkField(field.of, item, joinPath(path, key)));
  },
  object: (field, value, path) => (isProperties(value) ? checkFields(field.fields, value, path) : wrong(path, field, value)),
  unsupported: (field, _value, path) => [{ property: path, reason: field.reason }],
};

/** What a field allows, in words. */
export function describe(field: Field): string {
  switch (field.type) {
    case "string":
      return field.oneOf === undefined ? (field.expected ?? "a string") : `one of ${field.oneOf.join(", ")}`;
    case "number":
      return describeNumber(field);
    case "array":
      return `a list of ${describe(field.of)}${field.min === undefined ? "" : `, at least ${field.min}`}${field.max === undefined ? "" : `, at most ${field.max}`}`;
    case "map":
      return `a map of ${describe(field.of)}`;
    case "object":
      return "an object";
    case "asset":
      return "a StringAsset or FileAsset";
    case "unsupported":
      return "nothing";
    default:
      return field.type === "boolean" ? "true or false" : "a value";
  }
}

function describeNumber(field: FieldOf<"number">): string {
  const kind = field.integer === true ? "an integer" : "a number";
  if (field.min === undefined && field.max === undefined) return kind;
  if (field.max === undefined) return `${kind} of ${field.min} or more`;
  return `${kind} from ${field.min ?? "any"} to ${field.max}`;
}

/** A value in a message. Never a whole one: it may be long, and its type is what matters. */
function show(value: Value): string {
  if (isList(value)) return `a list of ${value.length}`;
  if (value instanceof Asset) return "an asset";
  if (value instanceof Archive) return "an archive";
  if (isProperties(value)) return "an object";
  if (typeof value === "string") return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
  return String(value);
}
