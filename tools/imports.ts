/**
 * The import rule of ARCHITECTURE.md, checked: who may import whom, and that the core of the gateway does no I/O, reads
 * no clock and no chance. Types count like values: a type that points up the list ties the parts together just as well.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";

export interface Violation {
  /** Path below the root, with slashes. */
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** The gateway's parts from the outermost to the innermost; a part imports itself and what stands after it. `main` is what stands in gateway/ itself. */
export const GATEWAY_ORDER = [
  "main",
  "server",
  "store",
  "observe",
  "interworking",
  "negotiation",
  "access",
  "config",
  "sip",
  "stream",
  "xmpp",
  "pki",
] as const;

/** Values in, values out: no I/O, no clock, no chance, no logger. */
export const CORE = ["interworking", "negotiation", "access", "config", "sip", "stream", "xmpp", "pki"] as const;

const gateway = (...parts: readonly (typeof GATEWAY_ORDER)[number][]): string[] => parts.map((part) => `gateway/${part}`);

/** What each part outside the gateway may import, apart from itself and packages. `*` is everything. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  stacks: ["components", ...gateway("config")],
  components: gateway("config", "pki"),
  policies: gateway("config"),
  examples: ["components", ...gateway("config")],
  // The demo peers are made of the gateway's own two sides.
  sandbox: ["tools", ...gateway("server", "negotiation", "config", "sip", "stream", "xmpp", "pki")],
  tools: [],
  cli: ["*"],
  test: ["*"],
};

const MAY_IMPORT: ReadonlyMap<string, readonly string[]> = new Map([
  ...GATEWAY_ORDER.map((part, index) => [`gateway/${part}`, gateway(...GATEWAY_ORDER.slice(index + 1))] as const),
  ...Object.entries(OUTSIDE),
]);

/** Modules whose functions only compute. Everything else that Node has is I/O, a clock, a thread or the process. */
const CORE_MODULES: ReadonlySet<string> = new Set(["node:buffer", "node:crypto", "node:string_decoder", "node:url", "node:util"]);

/** Packages the core is made with. */
const CORE_PACKAGES: ReadonlySet<string> = new Set(["node-forge", "zod"]);

/** Of node:crypto, what draws chance. */
const CHANCE = /^(random\w*|getRandomValues|generateKey\w*|webcrypto|subtle)$/;

/** Globals that reach out of a computation. */
const OUTWARD: ReadonlySet<string> = new Set([
  "clearImmediate",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "fetch",
  "globalThis",
  "performance",
  "process",
  "queueMicrotask",
  "require",
  "setImmediate",
  "setInterval",
  "setTimeout",
  "WebSocket",
]);

const SKIPPED: ReadonlySet<string> = new Set(["node_modules", "build", "dist"]);

/** Every violation under `root`, in the order of the files. An empty list means the rule holds. */
export function checkImports(root: string): Violation[] {
  return sourceFiles(root).flatMap((file) => checkFile(file, readFileSync(join(root, file), "utf8")));
}

/** The TypeScript files under `root`, sorted, as paths with slashes. */
function sourceFiles(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && MAY_IMPORT_TOP.has(entry.name))
    .flatMap((entry) => filesIn(join(root, entry.name)))
    .map((path) => relative(root, path).split(sep).join("/"))
    .sort();
}

const MAY_IMPORT_TOP: ReadonlySet<string> = new Set(["gateway", ...Object.keys(OUTSIDE)]);

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || entry.name.startsWith(".") ? [] : filesIn(join(folder, entry.name));
    return /\.m?ts$/.test(entry.name) ? [join(folder, entry.name)] : [];
  });
}

/** The violations of one file; `file` is its path below the root. */
export function checkFile(file: string, text: string): Violation[] {
  const unit = unitOf(file);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const isTest = /\.test\.ts$/.test(file);
  const isCore = !isTest && CORE.some((part) => unit === `gateway/${part}`);
  const violations: Violation[] = [];
  const report = (node: ts.Node, what: string): void => {
    violations.push({ file, line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1, text: what });
  };
  if (!MAY_IMPORT.has(unit)) report(source, `${unit} has no place in the order of imports; give it one in tools/imports.ts`);
  const visit = (node: ts.Node): void => {
    const imported = importedModule(node);
    if (imported !== null) {
      const because = refusedImport(file, unit, imported, isTest, isCore);
      if (because) report(node, because);
    }
    if (isCore) {
      const reach = outwardReach(node);
      if (reach) report(node, `${reach} reaches out of the core; take it as an argument`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return violations;
}

/** `gateway/config/schema.ts` -> `gateway/config`; `gateway/main.ts`, as every file that stands beside it -> `gateway/main`. */
function unitOf(file: string): string {
  const [top = "", second = ""] = file.split("/");
  if (top !== "gateway") return top;
  return second.endsWith(".ts") ? "gateway/main" : `gateway/${second}`;
}

/** The module that a node imports, in whatever form; the empty text where it is computed; null where it imports nothing. */
function importedModule(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier ? literal(node.moduleSpecifier) : null;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : "";
  if (ts.isExternalModuleReference(node)) return literal(node.expression);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return literal(node.arguments[0]);
  return null;
}

const literal = (node: ts.Node | undefined): string => (node && ts.isStringLiteralLike(node) ? node.text : "");

/** Why an import is refused, or null. */
function refusedImport(file: string, unit: string, imported: string, isTest: boolean, isCore: boolean): string | null {
  if (imported.startsWith(".")) return refusedPart(unit, unitOf(pathOf(file, imported)), isTest);
  if (!isCore) return unit.startsWith("gateway/") && imported.startsWith("@pulumi/") ? "the gateway runs without Pulumi" : null;
  if (imported === "") return "the core imports modules by their written names only";
  if (imported.startsWith("node:")) return CORE_MODULES.has(imported) ? null : `${imported} reaches out of the core`;
  return CORE_PACKAGES.has(packageOf(imported)) ? null : `${imported} is not one of the core's packages`;
}

const pathOf = (file: string, imported: string): string =>
  relative(resolve("/"), resolve("/", dirname(file), imported))
    .split(sep)
    .join("/");

const packageOf = (imported: string): string =>
  imported
    .split("/")
    .slice(0, imported.startsWith("@") ? 2 : 1)
    .join("/");

function refusedPart(unit: string, target: string, isTest: boolean): string | null {
  const allowed = MAY_IMPORT.get(unit) ?? [];
  if (target === unit || allowed.includes("*") || allowed.includes(target)) return null;
  if (isTest && target === "test") return null;
  return `${unit} may not import ${target}`;
}

/** What a node of the core's code does that a pure function cannot, or null. */
function outwardReach(node: ts.Node): string | null {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const path = `${node.expression.text}.${node.name.text}`;
    if (path === "Date.now" || path === "Math.random") return path;
  }
  if (ts.isNewExpression(node) && isNamed(node.expression, "Date") && !node.arguments?.length) return "new Date()";
  if (ts.isCallExpression(node) && isNamed(node.expression, "Date")) return "Date()";
  if (ts.isIdentifier(node) && OUTWARD.has(node.text) && isReference(node)) return node.text;
  return chanceFromCrypto(node);
}

const isNamed = (node: ts.Expression, name: string): boolean => ts.isIdentifier(node) && node.text === name;

/** Whether an identifier stands for the global of that name: not a property, a key, a declared name or a label. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return ts.isExpression(parent) || ts.isStatement(parent) || ts.isVariableDeclaration(parent) || ts.isTypeQueryNode(parent)
    ? !(ts.isVariableDeclaration(parent) && parent.name === node)
    : false;
}

/** `import { randomBytes } from "node:crypto"` and `crypto.randomBytes` of a namespace import. */
function chanceFromCrypto(node: ts.Node): string | null {
  if (ts.isImportSpecifier(node) && CHANCE.test((node.propertyName ?? node.name).text)) {
    const { moduleSpecifier } = node.parent.parent.parent as ts.ImportDeclaration;
    return literal(moduleSpecifier) === "node:crypto" ? (node.propertyName ?? node.name).text : null;
  }
  if (ts.isImportDeclaration(node) && literal(node.moduleSpecifier) === "node:crypto") {
    const bindings = node.importClause?.namedBindings;
    if (node.importClause?.name || (bindings && ts.isNamespaceImport(bindings))) return "the whole of node:crypto, with its chance,";
  }
  return null;
}
