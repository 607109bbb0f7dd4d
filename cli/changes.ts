/** What a change changes, for people: one line a resource, and under it one line a property. */
import type { Change, RunReport } from "./events.ts";

export const LIMITS = { valueCharacters: 80, linesPerResource: 40 } as const;

/** How the engine marks a secret, an asset and a value that is not known yet (`resource.SigKey` and its kin). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNS: Readonly<Record<string, string>> = { create: "+", delete: "-", update: "~", replace: "+-" };

/** Lines for everything that changes, and how many resources stay. */
export function changeLines(report: RunReport): string[] {
  const lines = report.changes.flatMap((change) => [headLine(change), ...(change.operation === "create" ? [] : detailLines(change))]);
  if (report.same > 0) lines.push(`  ${report.same} unchanged`);
  return lines.length === 0 ? ["  no changes"] : lines;
}

function headLine({ operation, type, name }: Change): string {
  return `  ${(SIGNS[operation] ?? "*").padEnd(2)} ${operation.padEnd(8)} ${name}  (${type})`;
}

function detailLines({ before, after, operation }: Change): string[] {
  if (operation === "delete") return [];
  const differences = diff(before, after, "");
  const shown = differences.slice(0, LIMITS.linesPerResource).map((line) => `         ${line}`);
  return differences.length > shown.length ? [...shown, `         and ${differences.length - shown.length} more`] : shown;
}

/** `path: before -> after` for every leaf that differs. */
export function diff(before: unknown, after: unknown, path: string): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const left = childrenOf(before);
  const right = childrenOf(after);
  if (left === null || right === null) return [`${path}: ${show(before)} -> ${show(after)}`];
  const keys = [...new Set([...left.keys(), ...right.keys()])];
  const named = right.named || left.named;
  return keys.flatMap((key) => diff(left.get(key), right.get(key), childPath(path, key, named)));
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

/** Errors first, then warnings; a text of several lines is indented. */
export function diagnosticLines(report: RunReport, severity: "error" | "warning"): string[] {
  return report.diagnostics
    .filter((diagnostic) => diagnostic.severity === severity)
    .flatMap(({ resource, message }) => `${resource === "" ? "" : `${resource}: `}${message}`.split("\n").map((line) => `  ${line}`));
}
