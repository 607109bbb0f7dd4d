/** What changed between two sets of inputs, walked along the table of a resource type. */
import { type Field, type Fields, joinPath } from "./fields.ts";
import { Archive, Asset, isList, isProperties, type Properties, reveal, UNKNOWN, type Value } from "./wire.ts";

export interface Change {
  readonly path: string;
  readonly kind: "add" | "update" | "delete";
  readonly replace: boolean;
  /** False where the difference is between the inputs and the real state. */
  readonly input: boolean;
}

const ANY: Field = { type: "any" };

/** Properties that begin with two underscores are the provider's own notes. */
export function diffProperties(fields: Fields, olds: Properties, news: Properties): readonly Change[] {
  return diffObject(fields, olds, news, "", false);
}

function diffObject(fields: Fields, olds: Properties, news: Properties, path: string, replace: boolean): readonly Change[] {
  const names = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter((name) => !name.startsWith("__"));
  return names.flatMap((name) => diffValue(fields[name] ?? ANY, olds[name] ?? null, news[name] ?? null, joinPath(path, name), replace));
}

function diffValue(field: Field, oldGiven: Value, newGiven: Value, path: string, inherited: boolean): readonly Change[] {
  const replace = inherited || field.replace === true;
  const before = reveal(oldGiven);
  const after = reveal(newGiven);
  if (before === null && after === null) return [];
  const change = (kind: Change["kind"]): readonly Change[] => [{ path, kind, replace, input: true }];
  if (before === null) return isEmpty(after) ? [] : change("add");
  if (after === null) return isEmpty(before) ? [] : change("delete");
  if (after === UNKNOWN || before === UNKNOWN) return change("update");
  if (isList(before) && isList(after)) return diffList(field, before, after, path, replace);
  if (isProperties(before) && isProperties(after)) {
    const inner = field.type === "object" ? field.fields : mapFields(field, before, after);
    return diffObject(inner, before, after, path, replace);
  }
  return equal(before, after) ? [] : change("update");
}

function mapFields(field: Field, before: Properties, after: Properties): Fields {
  const of = field.type === "map" ? field.of : ANY;
  return Object.fromEntries([...Object.keys(before), ...Object.keys(after)].map((name) => [name, of]));
}

function diffList(field: Field, before: readonly Value[], after: readonly Value[], path: string, replace: boolean): readonly Change[] {
  const of = field.type === "array" ? field.of : ANY;
  if (field.type === "array" && field.unordered === true && sameMembers(before, after)) return [];
  const length = Math.max(before.length, after.length);
  return Array.from({ length }, (_, index) => index).flatMap((index) =>
    diffValue(of, before[index] ?? null, after[index] ?? null, joinPath(path, index), replace),
  );
}

function sameMembers(before: readonly Value[], after: readonly Value[]): boolean {
  return before.length === after.length && before.every((value) => after.some((other) => equal(value, other)));
}

/** Azure and Cloudflare tell no difference between an absent list or map and an empty one. */
function isEmpty(value: Value): boolean {
  if (isList(value)) return value.length === 0;
  return isProperties(value) && Object.keys(value).length === 0;
}

/** Equality of two revealed values; assets are equal when their hashes are. */
export function equal(one: Value, other: Value): boolean {
  if (one instanceof Asset && other instanceof Asset) {
    return one.hash !== "" && other.hash !== "" ? one.hash === other.hash : one.text === other.text && one.path === other.path;
  }
  if (one instanceof Archive || other instanceof Archive) return false;
  if (isList(one) && isList(other)) return one.length === other.length && one.every((value, index) => equal(value, other[index] ?? null));
  if (isProperties(one) && isProperties(other)) {
    const names = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...names].every((name) => equal(one[name] ?? null, other[name] ?? null));
  }
  return one === other;
}
