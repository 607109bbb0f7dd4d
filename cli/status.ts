/** `npm run status`: what runs, and how it fares. Changes nothing and needs no engine to be got. */
import { type SandboxStatus, sandboxStatus } from "../sandbox/control.ts";
import { findEngine } from "../tools/engine/find.ts";
import { EXIT, Failure } from "./failure.ts";
import { engineLocks, hasPendingOperations } from "./leftovers.ts";
import { lookUpSrv, type SrvAnswer } from "./lookup.ts";
import { parseStackOptions } from "./options.ts";
import { readOutputs, type StackOutputs } from "./outputs.ts";
import { partnerTable } from "./summary.ts";
import { table } from "./table.ts";
import { openWorkspace, sandboxStackExists, type Workspace } from "./workspace.ts";

const LIMITS = { healthMilliseconds: 3000 } as const;

/** The gateway's own /status, as far as it is shown here. */
interface GatewayStatus {
  readonly [name: string]: unknown;
}

export interface Status {
  readonly stack: string;
  readonly up: boolean;
  readonly engine: string;
  readonly sandbox: SandboxStatus | null;
  readonly srv: readonly SrvAnswer[];
  readonly ready: boolean;
  readonly gateway: GatewayStatus | null;
  readonly leftovers: readonly string[];
  readonly outputs: StackOutputs | null;
}

export async function run(argv: readonly string[]): Promise<number> {
  const options = parseStackOptions("status", "Show what runs", ["json"], argv);
  if (options === null) return EXIT.ok;
  const engine = await findEngine({ getters: [] });
  const status = await readStatus(openWorkspace(engine, options.stack));
  process.stdout.write(options.json ? `${JSON.stringify(withoutSecrets(status), null, 2)}\n` : `${statusLines(status).join("\n")}\n`);
  return status.up ? EXIT.ok : EXIT.failure;
}

/** The gateway is up when it says that it is ready; in the sandbox DNS must lead to it too. */
export async function readStatus(workspace: Workspace): Promise<Status> {
  const { sandbox: places, stack } = workspace;
  const sandbox = places === null ? null : await sandboxStatus(places.dir);
  const outputs = places !== null && !sandboxStackExists(places, stack) ? null : await readOutputs(workspace).catch(orNone);
  const health = outputs?.gateway.healthUrl ?? "";
  const dnsServer = sandbox === null ? null : `${sandbox.net}.1:5353`;
  const asked = outputs !== null && (places === null || sandbox !== null);
  const srv = asked
    ? await lookUpSrv(
        outputs.srvRecords.map((record) => record.name),
        dnsServer,
      )
    : [];
  const ready = health !== "" && (await fetchHealth(`${health}/readyz`)) !== null;
  return {
    stack,
    up: ready && srv.every((answer) => answer.records.length > 0),
    engine: `pulumi ${workspace.engine.version} (${workspace.engine.source})`,
    sandbox,
    srv,
    ready,
    gateway: health === "" ? null : ((await fetchHealth(`${health}/status`)) as GatewayStatus | null),
    leftovers: places === null ? [] : leftoversOf(workspace),
    outputs,
  };
}

function orNone(error: unknown): null {
  if (error instanceof Failure) return null;
  throw error;
}

const leftoversOf = ({ sandbox, stack }: Workspace): string[] =>
  sandbox === null
    ? []
    : [
        ...engineLocks(sandbox, stack).map(({ pid, alive }) =>
          alive ? `pulumi (${pid}) is working on the stack` : `a lock of process ${pid}, which is gone; up clears it`,
        ),
        ...(hasPendingOperations(sandbox, stack) ? ["an update was cut off; up clears it"] : []),
      ];

async function fetchHealth(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(LIMITS.healthMilliseconds) });
    const text = await response.text();
    if (!response.ok) return null;
    return text.startsWith("{") ? JSON.parse(text) : text;
  } catch {
    return null;
  }
}

function withoutSecrets({ outputs, ...status }: Status): unknown {
  if (outputs === null) return status;
  const { developmentPeers: _, document: __, ...shown } = outputs;
  return { ...status, outputs: shown };
}

export function statusLines(status: Status): string[] {
  const { outputs, sandbox } = status;
  const groups = sandbox?.groups.flatMap((group) =>
    group.containers.map((container) => [
      group.name,
      group.address,
      container.name,
      container.state,
      String(container.pid ?? "-"),
      String(container.restarts),
    ]),
  );
  return [
    `Stack      ${status.stack}: ${status.up ? "up" : outputs === null ? "not up" : "NOT in order"}`,
    `Engine     ${status.engine}`,
    ...(sandbox === null ? [] : [`Sandbox    process ${sandbox.pid}, net ${sandbox.net}.0/24, ${sandbox.resources} resources`]),
    ...status.srv.map(({ name, records, error }) => `DNS        ${name}  ${records.join(", ") || `no answer (${error ?? "no record"})`}`),
    ...(outputs === null
      ? []
      : [`Gateway    ${status.ready ? "ready" : "NOT ready"}: XMPP ${outputs.gateway.xmppAddress}, SIP ${outputs.gateway.sipAddress}`]),
    ...(outputs === null ? [] : [`           certificate: ${outputs.certificateStatus}`]),
    ...(groups === undefined || groups.length === 0
      ? []
      : ["", ...table(["group", "address", "container", "state", "pid", "restarts"], groups)]),
    ...(outputs === null ? [] : ["", ...partnerTable(outputs.partners)]),
    ...(status.gateway === null ? [] : ["", ...gatewayLines(status.gateway)]),
    ...status.leftovers.map((line) => `Left over  ${line}`),
  ];
}

/** The gateway's numbers and texts, one a line; its lists as their length, whole in --json. */
function gatewayLines(gateway: GatewayStatus): string[] {
  return Object.entries(gateway).map(([name, value]) => {
    const shown = Array.isArray(value)
      ? `${value.length}`
      : typeof value === "object" && value !== null
        ? JSON.stringify(value)
        : String(value);
    return `${name.padEnd(22)} ${shown.slice(0, 120)}`;
  });
}
