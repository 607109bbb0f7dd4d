/** Pages and JSON schema of the settings, from the schemas that parse them. */
import { z } from "zod";
import { code, table } from "./markdown.ts";

/** What is read of a JSON schema node. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly lync?: string;
  readonly unit?: string;
  readonly kind?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | false;
  readonly required?: readonly string[];
}

interface Setting {
  readonly path: string;
  readonly node: Node;
  readonly required: boolean;
  readonly standard: unknown;
}

/** A group of settings that stand in one object. */
interface Group {
  readonly path: string;
  readonly node: Node;
  readonly settings: readonly Setting[];
}

/** JSON schema (draft 2020-12) of what may be written: defaults may be left out. */
export const inputSchema = (schema: z.ZodType): Node => z.toJSONSchema(schema, { io: "input" }) as Node;

// The input side loses the default of whatever is converted (lists of domains); the output side keeps it.
const outputSchema = (schema: z.ZodType): Node => z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as Node;

/** One section for each object of the schema, one table row for each setting. */
export function settingsSections(schema: z.ZodType): string {
  return groups("", inputSchema(schema), outputSchema(schema)).map(section).join("\n\n");
}

/** The paths of every setting that is a value: what the page must show. */
export const settingPaths = (schema: z.ZodType): string[] =>
  groups("", inputSchema(schema), outputSchema(schema)).flatMap((group) => group.settings.map(({ path }) => path));

function groups(path: string, node: Node, output: Node): Group[] {
  const names = Object.keys(node.properties ?? {});
  const child = (name: string): [Node, Node, string] => [
    node.properties?.[name] ?? {},
    output.properties?.[name] ?? {},
    path === "" ? name : `${path}.${name}`,
  ];
  const settings = names.flatMap((name): Setting[] => {
    const [at, out, where] = child(name);
    if (objectIn(at)) return [];
    return [{ path: where, node: at, required: node.required?.includes(name) ?? false, standard: out.default ?? at.default }];
  });
  const below = names.flatMap((name): Group[] => {
    const [at, out, where] = child(name);
    const inner = objectIn(at);
    return inner ? groups(at.type === "array" ? `${where}[]` : where, { ...inner, ...remarks(at) }, objectIn(out) ?? {}) : [];
  });
  return [...(settings.length > 0 ? [{ path, node, settings }] : []), ...below];
}

const remarks = ({ description, lync }: Node): Node => ({ ...(description && { description }), ...(lync && { lync }) });

/** The object that a node is, or a list's elements are; undefined for values. */
function objectIn(node: Node): Node | undefined {
  const inner = node.type === "array" ? node.items : node;
  return inner?.properties ? inner : undefined;
}

function section({ path, node, settings }: Group): string {
  const words = [node.description && `${node.description}.`, node.lync && `Lync: ${code(node.lync)}.`].filter(Boolean).join(" ");
  return [
    ...(path === "" ? [] : [`## ${code(path)}`]),
    ...(words ? [words] : []),
    table(
      ["Setting", "Lync", "Values", "Default", "Meaning"],
      settings.map((setting) => [
        code(setting.path),
        setting.node.lync ?? "",
        valuesText(setting.node),
        defaultText(setting),
        setting.node.description ?? "",
      ]),
    ),
  ].join("\n\n");
}

function valuesText(node: Node): string {
  if (node.const !== undefined) return code(JSON.stringify(node.const));
  if (node.enum) return withUnit(node.enum.map((value) => code(String(value))).join(", "), node);
  if (node.type === "array") return `list of ${node.items?.kind ?? "text"}s${countText(node.minItems, node.maxItems, "entries")}`;
  if (node.type === "object") return "a value for each name";
  if (node.type === "boolean") return "`true`, `false`";
  if (node.minimum !== undefined) return withUnit(`${node.minimum} to ${node.maximum}`, node);
  if (node.kind) return node.kind;
  return `${node.type === "string" ? "text" : (node.type ?? "")}${countText(node.minLength, node.maxLength, "characters")}`;
}

const withUnit = (text: string, { unit }: Node): string => (unit && unit !== "port" ? `${text} ${unit}` : text);

function countText(low: number | undefined, high: number | undefined, word: string): string {
  if (high === undefined) return "";
  return low ? `, ${low} to ${high} ${word}` : `, at most ${high} ${word}`;
}

function defaultText({ standard, required }: Setting): string {
  if (required) return "**required**";
  if (standard === undefined) return "none";
  return Array.isArray(standard) || standard === "" ? "empty" : code(String(standard));
}

/** JSON as the formatter of this repository writes it: lists of plain values on one line where they fit. */
export function jsonText(value: unknown, indent = ""): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    const flat = `[${value.map((entry) => jsonText(entry)).join(", ")}]`;
    if (value.every((entry) => typeof entry !== "object") && flat.length < 100) return flat;
    return `[\n${value.map((entry) => `${deeper}${jsonText(entry, deeper)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return "{}";
  return `{\n${entries.map(([key, entry]) => `${deeper}${JSON.stringify(key)}: ${jsonText(entry, deeper)}`).join(",\n")}\n${indent}}`;
}
