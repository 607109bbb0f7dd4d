/**
 * What a refused configuration is told: every problem with its path, the value that stood there, and what may stand
 * there. Values come from whoever wrote the configuration, so they are shortened, never shown when they may be secret,
 * and cannot steer a terminal or forge a log line.
 */
import type { z } from "zod";

/** Limits of an error's text; the list of problems itself is complete. */
export const PROBLEM_LIMITS = {
  /** Problems written out in the message; the rest is counted. */
  shown: 200,
  /** Characters of a value or key that are shown. */
  valueLength: 80,
} as const;

/** One thing that is wrong: where, what stood there, what may stand there. */
export interface Problem {
  /** Path in the document, as `partners[1].tlsNegotiation`. */
  readonly path: string;
  /** The offending value as JSON, shortened; never a PEM or a long text in full. */
  readonly value: string;
  readonly allowed: string;
}

/** Every problem of a document in one error. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly code = "configuration-invalid";
  readonly problems: readonly Problem[];
  constructor(subject: string, problems: readonly Problem[]) {
    const lines = problems.slice(0, PROBLEM_LIMITS.shown).map(problemLine);
    if (problems.length > lines.length) lines.push(`  and ${problems.length - lines.length} more`);
    super(`${subject} has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

export const problemLine = (problem: Problem): string => `  ${problem.path || "(whole)"} is ${problem.value}; ${problem.allowed}`;

/** The problems that a failed schema check found, in its order. */
export const schemaProblems = (error: z.core.$ZodError): Problem[] => error.issues.flatMap(toProblems);

function toProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = pathText(issue.path);
  if (issue.code === "unrecognized_keys") {
    const input = (issue.input ?? {}) as Record<string, unknown>;
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      value: show(input[key]),
      allowed: "unknown key; docs/configuration.md lists those of the edge document, docs/stack-settings.md those of a stack",
    }));
  }
  return [{ path, value: issue.input === undefined ? "missing" : show(issue.input), allowed: allowedText(issue) }];
}

function allowedText(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_value":
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "invalid_type":
      return `expected ${article(issue.expected)}`;
    case "too_small":
      return `expected ${amount(issue.origin, "at least", issue.minimum) ?? `${issue.minimum} or more`}`;
    case "too_big":
      return `expected ${amount(issue.origin, "at most", issue.maximum) ?? `${issue.maximum} or less`}`;
    default:
      return issue.message;
  }
}

const COUNTED: ReadonlyMap<string, readonly [string, string]> = new Map([
  ["array", ["entry", "entries"]],
  ["string", ["character", "characters"]],
]);

function amount(origin: string, bound: string, limit: number | bigint): string | null {
  const words = COUNTED.get(origin);
  return words ? `${bound} ${limit} ${words[limit === 1 || limit === 1n ? 0 : 1]}` : null;
}

const article = (expected: string): string =>
  expected === "int" ? "a whole number" : `${/^[aeio]/.test(expected) ? "an" : "a"} ${expected}`;

/** A value for an error text. Lists and objects are described, so that a deep or huge one costs nothing. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "string" && value.includes("PRIVATE KEY-----")) return "a private key (not shown)";
  return shorten(JSON.stringify(value) ?? String(value));
}

const shorten = (text: string): string =>
  plain(text.length > PROBLEM_LIMITS.valueLength ? `${text.slice(0, PROBLEM_LIMITS.valueLength - 3)}...` : text);

// Controls, line separators, direction marks: what JSON leaves as it is but a terminal or a log would act on.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Text with everything unprintable written as an escape. */
export const plain = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const key = String(part);
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key) || key.length > PROBLEM_LIMITS.valueLength)
      return `${text}[${shorten(JSON.stringify(key))}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}
