/** What a change changes, for people: one line a resource, and under it one line a property. */
import { isDeepStrictEqual } from "node:util";
import type { Change, RunReport } from "./events.ts";

export const LIMITS = { valueCharacters: 80, linesPerResource: 40, sharedCharacters: 20, briefChanges: 15 } as const;

/** How the engine marks a secret, an asset and a value that is not known yet (`resource.SigKey` and its kin). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNS: Readonly<Record<string, string>> = { create: "+", delete: "-", update: "~", replace: "+-" };

/** Lines for everything that changes, and how many resources stay. */
export function changeLines(report: RunReport): string[] {
  const lines = report.changes.flatMap((change) => [headLine(change), ...(change.operation === "create" ? [] : detailLines(change))]);
  if (report.same > 0) lines.push(`  ${report.same} unchanged`);
  return lines.length === 0 ? ["  no changes"] : lines;
}

/** The same, or only their number an operation where they are many: what was made for the first time needs no list. */
export function briefChangeLines(report: RunReport): string[] {
  if (report.changes.length <= LIMITS.briefChanges) return changeLines(report);
  const counts = new Map<string, number>();
  for (const { operation } of report.changes) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  const failed = report.changes.filter((change) => change.failed).map(headLine);
  const lines = [...counts].map(
    ([operation, number]) => `  ${(SIGNS[operation] ?? "*").padEnd(2)} ${operation.padEnd(8)} ${number} resources`,
  );
  return [...lines, ...failed, `  ${report.same} unchanged`];
}

function headLine({ operation, type, name, failed }: Change): string {
  return `  ${(SIGNS[operation] ?? "*").padEnd(2)} ${operation.padEnd(8)} ${name}  (${type})${failed ? "  FAILED" : ""}`;
}

function detailLines({ before, after, operation }: Change): string[] {
  if (operation === "delete") return [];
  const differences = diff(before, after, "");
  const shown = differences.slice(0, LIMITS.linesPerResource).map((line) => `         ${line}`);
  return differences.length > shown.length ? [...shown, `         and ${differences.length - shown.length} more`] : shown;
}

/** `path: before -> after` for every leaf that differs. */
export function diff(before: unknown, after: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  const left = childrenOf(before);
  const right = childrenOf(after);
  if (left === null || right === null || left.named !== right.named) return [`${path}: ${leafDifference(before, after)}`];
  const keys = [...new Set([...left.keys(), ...right.keys()])];
  return keys.flatMap((key) => diff(left.get(key), right.get(key), childPath(path, key, left.named)));
}

const childPath = (path: string, key: string, bracket: boolean): string =>
  bracket ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;

interface Children extends Map<string, unknown> {
  /** Whether the keys stand for list entries. */
  named: boolean;
}

/** The parts of an object or list, or null for a leaf. Entries of a list that have a `domain` are told apart by it, not by place. */
function childrenOf(value: unknown): Children | null {
  if (typeof value !== "object" || value === null || SIGNATURE in value) return null;
  if (!Array.isArray(value)) return Object.assign(new Map(Object.entries(value)), { named: false });
  const domains = value.map((item: unknown) => (item as { domain?: unknown } | null)?.domain);
  const byDomain = value.length > 0 && domains.every((domain) => typeof domain === "string") && new Set(domains).size === value.length;
  return Object.assign(new Map(value.map((item: unknown, index) => [byDomain ? String(domains[index]) : String(index), item])), {
    named: true,
  });
}

/** What two long texts have in common at their start is left out of both. */
function leafDifference(before: unknown, after: unknown): string {
  if (typeof before !== "string" || typeof after !== "string" || Math.max(before.length, after.length) <= LIMITS.valueCharacters) {
    return `${show(before)} -> ${show(after)}`;
  }
  const length = [...before].findIndex((character, index) => character !== after[index]);
  const start = Math.max(0, (length < 0 ? before.length : length) - LIMITS.sharedCharacters);
  const cut = (text: string): string => (start === 0 ? text : `...${text.slice(start)}`);
  return `${show(cut(before))} -> ${show(cut(after))}`;
}

function show(value: unknown): string {
  if (value === undefined) return "(none)";
  if (value === UNKNOWN) return "(known after the update)";
  if (typeof value === "object" && value !== null && SIGNATURE in value)
    return "hash" in value ? `content ${String(value.hash).slice(0, 12)}` : "[secret]";
  const text = JSON.stringify(value);
  return text.length > LIMITS.valueCharacters ? `${text.slice(0, LIMITS.valueCharacters - 3)}...` : text;
}

/** The policy pack's verdict: one line, then one a finding. */
export function policyLines(report: RunReport): string[] {
  const mandatory = report.findings.filter((finding) => finding.level === "mandatory").length;
  const advice = report.findings.length - mandatory;
  if (report.findings.length === 0) return ["  passed"];
  return [
    `  ${mandatory === 0 ? "passed" : `refused: ${count(mandatory, "violation")}`}${advice === 0 ? "" : `, ${count(advice, "advice", "pieces of advice")}`}`,
    ...report.findings.map(
      ({ level, policy, resource, message }) => `  [${level}] ${policy}${resource === "" ? "" : ` (${resource})`}: ${message}`,
    ),
  ];
}

const count = (number: number, one: string, more = `${one}s`): string => `${number} ${number === 1 ? one : more}`;

/** The stack's own warnings, and those of the engine and its plugins that do not say the same again. */
export function warningsOf(report: RunReport, own: readonly string[]): string[] {
  const others = report.diagnostics
    .filter(({ severity, message }) => severity === "warning" && !own.includes(message))
    .map(({ resource, message }) => (resource === "" ? message : `${resource}: ${message}`));
  return [...new Set([...own, ...others])];
}
