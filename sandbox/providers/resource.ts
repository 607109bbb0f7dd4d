/**
 * What the stand-in providers do for every resource type alike: check, diff, preview, secrets. A resource type itself is
 * a row: its inputs as a table, and what making, reading and ending one means.
 */
import { type Change, diffProperties } from "./diff.ts";
import { checkFields, type Failure, type Fields, withDefaults } from "./fields.ts";
import {
  atPath,
  isKnown,
  isProperties,
  markSecrets,
  type Properties,
  reveal,
  revealAll,
  Secret,
  UNKNOWN,
  type Value,
  withPath,
} from "./wire.ts";

export interface Urn {
  readonly stack: string;
  readonly type: string;
  readonly name: string;
}

export interface Context {
  readonly urn: Urn;
  /** The provider's own configuration. */
  readonly config: Properties;
}

export interface CheckContext extends Context {
  /** From the engine; the same seed gives the same name. */
  readonly randomSeed: Buffer;
}

/** Values of outputs that the inputs do not tell, by path. */
export type Computed = Readonly<Record<string, Value>>;

export interface ResourceRow {
  readonly inputs: Fields;
  /** Outputs, by path, that only the provider knows: unknown until created. */
  readonly computed: readonly string[];
  /** Of those, the ones that any update may change. */
  readonly volatile?: readonly string[];
  /** Inputs that the real provider does not give back as outputs. */
  readonly inputOnly?: readonly string[];
  readonly secretOutputs?: readonly string[];
  /** Defaults beyond the table's, such as names. Gets inputs with the table's defaults in. */
  readonly defaults?: (inputs: Properties, olds: Properties, context: CheckContext) => Promise<Properties>;
  /** Rules across properties; every value may still be UNKNOWN. */
  readonly check?: (inputs: Properties, context: Context) => readonly Failure[];
  /** Outputs that repeat inputs, where that is not simply all of them. */
  readonly echo?: (inputs: Properties) => Properties;
  /** Differences between the real state and the inputs, beside those between old and new inputs. */
  readonly drift?: (outputs: Properties, news: Properties) => readonly Change[];
  /** A replacement that keeps the same name must come after the old one's end. */
  readonly deleteBeforeReplace?: (olds: Properties, news: Properties) => boolean;
  readonly create: (inputs: Properties, context: Context) => Promise<{ readonly id: string; readonly computed: Computed }>;
  /** Null when the resource is gone. `inputs` in the answer are the real ones, so that drift shows. */
  readonly read: (id: string, state: State, context: Context) => Promise<(State & { readonly id?: string }) | null>;
  readonly update: (id: string, inputs: Properties, outputs: Properties, context: Context) => Promise<Computed>;
  readonly delete: (id: string, state: State, context: Context) => Promise<void>;
}

export interface State {
  readonly inputs: Properties;
  readonly outputs: Properties;
}

export interface InvokeRow {
  readonly inputs: Fields;
  readonly run: (args: Properties, context: Pick<Context, "config">) => Promise<Properties>;
}

export interface Provider {
  /** Package name: `tls`. */
  readonly name: string;
  readonly version: string;
  readonly resources: Readonly<Record<string, ResourceRow>>;
  readonly invokes: Readonly<Record<string, InvokeRow>>;
}

/** An error whose text is all the user needs. */
export class ProviderError extends Error {}

const STACK = /^sandbox(-[\w.-]+)?$/;

/** `urn:pulumi:STACK::PROJECT::TYPE$TYPE::NAME`; refuses every stack but the sandbox's. */
export function parseUrn(text: string): Urn {
  const [head = "", , types = "", ...name] = text.split("::");
  const stack = head.replace(/^urn:pulumi:/, "");
  if (!STACK.test(stack)) {
    throw new ProviderError(
      `stand-ins run only the sandbox stack: this is a stand-in provider and the stack is "${stack}"; allowed: sandbox, sandbox-NAME`,
    );
  }
  return { stack, type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

export function rowOf(provider: Provider, type: string): ResourceRow {
  const row = provider.resources[type];
  if (row !== undefined) return row;
  throw new ProviderError(
    `the ${provider.name} stand-in has no resource type ${type}; it has ${Object.keys(provider.resources).join(", ")}`,
  );
}

export async function check(
  row: ResourceRow,
  news: Properties,
  olds: Properties,
  context: CheckContext,
): Promise<{ readonly inputs: Properties; readonly failures: readonly Failure[] }> {
  const given = Object.fromEntries(Object.entries(news).filter(([, value]) => value !== null));
  const completed = withDefaults(row.inputs, given, olds);
  const inputs = row.defaults === undefined ? completed : await row.defaults(completed, olds, context);
  const failures = checkFields(row.inputs, inputs);
  if (failures.length > 0 || row.check === undefined) return { inputs, failures };
  return { inputs, failures: row.check(revealAll(inputs), context) };
}

export interface Difference {
  readonly changes: readonly Change[];
  readonly deleteBeforeReplace: boolean;
}

export function diff(row: ResourceRow, old: State, news: Properties): Difference {
  const changes = [...diffProperties(row.inputs, old.inputs, news), ...(row.drift?.(revealAll(old.outputs), revealAll(news)) ?? [])];
  const replaces = changes.some((change) => change.replace);
  const deleteBeforeReplace = replaces && (row.deleteBeforeReplace?.(revealAll(old.inputs), revealAll(news)) ?? false);
  return { changes, deleteBeforeReplace };
}

/** What preview can promise: the inputs, what an update does not touch, and unknowns. */
export function preview(row: ResourceRow, inputs: Properties, outputs?: Properties): Properties {
  const echoed = echoOf(row, inputs);
  const open = row.computed.filter((path) => (atPath(echoed, path) ?? null) === null);
  const known = (path: string): Value => {
    if (outputs === undefined || row.volatile?.includes(path) === true) return UNKNOWN;
    return reveal(atPath(outputs, path) ?? null);
  };
  return outputsOf(row, inputs, Object.fromEntries(open.map((path) => [path, known(path)])));
}

/** Outputs that only repeat inputs, in clear. */
function echoOf(row: ResourceRow, inputs: Properties): Properties {
  const plain = revealAll(inputs);
  const echoed = row.echo?.(plain) ?? plain;
  return Object.fromEntries(Object.entries(echoed).filter(([name]) => !name.startsWith("__") && row.inputOnly?.includes(name) !== true));
}

/** Outputs from inputs and what the provider computed, with secrets marked. What is inside of an absent object is absent too. */
export function outputsOf(row: ResourceRow, inputs: Properties, computed: Computed): Properties {
  let outputs = echoOf(row, inputs);
  for (const [path, value] of Object.entries(computed)) {
    const parent = path.includes(".") ? outputs[path.split(".", 1)[0] ?? ""] : {};
    if (isProperties(parent)) outputs = withPath(outputs, path, value);
  }
  return markOutputs(row, outputs, inputs);
}

export function markOutputs(row: ResourceRow, outputs: Properties, inputs: Properties): Properties {
  const marked = markSecrets(outputs, inputs) as Properties;
  const secret = (name: string, value: Value) =>
    row.secretOutputs?.includes(name) === true && value !== null && !(value instanceof Secret) ? new Secret(value) : value;
  return Object.fromEntries(Object.entries(marked).map(([name, value]) => [name, secret(name, value)]));
}

/** Create and update work on plain values that are all known. */
export function plainInputs(inputs: Properties): Properties {
  const unknown = Object.entries(inputs).find(([, value]) => !isKnown(value));
  if (unknown !== undefined) throw new ProviderError(`input ${unknown[0]} is still unknown, which only a preview allows`);
  return revealAll(inputs);
}
