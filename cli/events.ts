/** The engine's event log, read into what a command tells: what changed, what the policy pack found, what went wrong. */

/** Properties as the engine writes them; a secret is an object with SECRET_KEY. */
export type Properties = Readonly<Record<string, unknown>>;

export interface Change {
  readonly operation: string;
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly before: Properties;
  readonly after: Properties;
  /** Whether the engine tried it and could not. */
  readonly failed: boolean;
}

export interface PolicyFinding {
  readonly policy: string;
  readonly level: string;
  readonly resource: string;
  readonly message: string;
}

export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  readonly resource: string;
  readonly message: string;
}

export interface RunReport {
  /** Everything but what stays as it is, in the order it happened. */
  readonly changes: readonly Change[];
  /** Resources that stay as they are. */
  readonly same: number;
  readonly findings: readonly PolicyFinding[];
  readonly diagnostics: readonly Diagnostic[];
  /** The stack's outputs; in a preview only those that are known. */
  readonly outputs: Properties;
}

interface StepMetadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old?: { readonly inputs?: Properties } | null;
  readonly new?: { readonly inputs?: Properties; readonly outputs?: Properties } | null;
}

/** The parts of an engine event that are read here (`apitype.EngineEvent`). */
export interface EngineEvent {
  readonly policyLoadEvent?: unknown;
  readonly preludeEvent?: unknown;
  readonly resourcePreEvent?: { readonly metadata: StepMetadata; readonly planning?: boolean };
  readonly resOutputsEvent?: { readonly metadata: StepMetadata };
  readonly resOpFailedEvent?: { readonly metadata: StepMetadata };
  readonly diagnosticEvent?: { readonly urn?: string; readonly message: string; readonly severity: string; readonly ephemeral?: boolean };
  readonly policyEvent?: {
    readonly resourceUrn?: string;
    readonly message: string;
    readonly policyName: string;
    readonly enforcementLevel: string;
  };
}

/** The providers that the SDKs make by themselves, at the versions of the SDKs. */
const PROVIDER_TYPES = "pulumi:providers:";
const STACK_TYPE = "pulumi:pulumi:Stack";
/** Steps that tell nothing: nothing changes, or the engine only reads. */
const QUIET = new Set(["same", "read", "refresh", "discard", "read-discard"]);
/** The second halves of a replacement; the first, `create-replacement`, stands for it. */
const HALVES = new Set(["replace", "delete-replaced", "discard-replaced", "remove-pending-replace", "read-replacement"]);

/** What the engine says that helps nobody here: where plugins come from, and that a run with errors has failed. */
const NOISE = [
  /^using pulumi-(language|resource|analyzer)-\S+ from \$PATH/,
  /^(preview|update|refresh|destroy) failed\.?$/,
  /^A new version of Pulumi is available/,
  /^Attempting to deploy or update resources with \d+ pending operations/,
];

/** Where the SDK met an error, which the error itself says better. */
const SDK_PLACE = /^(?:error serializing property "[^"]*": )+/;

/** One event a line; a last line that is still being written is left out. */
export function parseEvents(text: string): EngineEvent[] {
  return text.split("\n").flatMap((line) => {
    try {
      const event: unknown = JSON.parse(line);
      return typeof event === "object" && event !== null ? [event as EngineEvent] : [];
    } catch {
      return [];
    }
  });
}

export const nameOf = (urn: string): string => urn.split("::").at(-1) ?? urn;
export const typeOf = (urn: string): string => urn.split("::").at(-2)?.split("$").at(-1) ?? "";

/** Reads a whole log. */
export function readReport(events: readonly EngineEvent[]): RunReport {
  const changes = new Map<string, Omit<Change, "failed">>();
  const same = new Set<string>();
  const failed = new Set(events.flatMap(({ resOpFailedEvent }) => resOpFailedEvent?.metadata.urn ?? []));
  let outputs: Properties = {};
  for (const { resourcePreEvent, resOutputsEvent } of events) {
    const metadata = resourcePreEvent?.metadata ?? resOutputsEvent?.metadata;
    if (metadata === undefined || metadata.type.startsWith(PROVIDER_TYPES)) continue;
    if (metadata.type === STACK_TYPE) {
      if (resOutputsEvent !== undefined) outputs = metadata.new?.outputs ?? outputs;
    } else if (metadata.op === "same") same.add(metadata.urn);
    else if (!QUIET.has(metadata.op) && !HALVES.has(metadata.op)) changes.set(metadata.urn, changeOf(metadata));
  }
  for (const urn of changes.keys()) same.delete(urn);
  return {
    changes: [...changes.values()].map((change) => ({ ...change, failed: failed.has(change.urn) })),
    same: same.size,
    findings: unique(events.flatMap(findingOf)),
    diagnostics: unique(events.flatMap(diagnosticOf)),
    outputs,
  };
}

const changeOf = (metadata: StepMetadata): Omit<Change, "failed"> => ({
  operation: metadata.op === "create-replacement" ? "replace" : metadata.op,
  urn: metadata.urn,
  type: metadata.type,
  name: nameOf(metadata.urn),
  before: metadata.old?.inputs ?? {},
  after: metadata.new?.inputs ?? {},
});

/** The engine puts the policy's description on the first line; the rest says what is wrong with this resource. */
function findingOf({ policyEvent }: EngineEvent): PolicyFinding[] {
  if (policyEvent === undefined) return [];
  const lines = policyEvent.message.trim().split("\n");
  return [
    {
      policy: policyEvent.policyName,
      level: policyEvent.enforcementLevel,
      resource: policyEvent.resourceUrn === undefined ? "" : nameOf(policyEvent.resourceUrn),
      message: (lines.length > 1 ? lines.slice(1) : lines).join(" ").trim(),
    },
  ];
}

function diagnosticOf({ diagnosticEvent }: EngineEvent): Diagnostic[] {
  if (diagnosticEvent === undefined || diagnosticEvent.ephemeral === true) return [];
  const severity = diagnosticEvent.severity === "info#err" ? "error" : diagnosticEvent.severity;
  const message = diagnosticEvent.message.trim().replace(SDK_PLACE, "");
  if (message === "" || NOISE.some((noise) => noise.test(message))) return [];
  if (severity !== "error" && severity !== "warning" && severity !== "info") return [];
  return [{ severity, resource: diagnosticEvent.urn === undefined ? "" : nameOf(diagnosticEvent.urn), message }];
}

/** A preview and the update after it say the same twice. */
function unique<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

/** What the engine is doing, or null for events that tell nothing of it. */
export function progressText({ resourcePreEvent, policyLoadEvent, preludeEvent }: EngineEvent): string | null {
  if (policyLoadEvent !== undefined) return "loading the policy pack";
  if (preludeEvent !== undefined) return "running the program";
  if (resourcePreEvent === undefined) return null;
  const { metadata, planning } = resourcePreEvent;
  if (metadata.type === STACK_TYPE) return null;
  return `${planning === true ? "preview: " : ""}${metadata.op} ${nameOf(metadata.urn)} (${metadata.type})`;
}
