/** `npm run status`: what runs, and how it fares. Changes nothing and needs no engine to be got. */
import { type SandboxStatus, sandboxStatus } from "../sandbox/control.ts";
import { findEngine, NoEngine } from "../tools/engine/find.ts";
import { EXIT, Failure } from "./failure.ts";
import { type GatewayStatus, gatewayStatus, isReady } from "./health.ts";
import { engineLocks, hasPendingOperations } from "./leftovers.ts";
import { lookUpSrv, type SrvAnswer } from "./lookup.ts";
import { parseStackOptions, SANDBOX_STACK } from "./options.ts";
import { readOutputs, type StackOutputs } from "./outputs.ts";
import { partnerTable } from "./summary.ts";
import { table } from "./table.ts";
import { openWorkspace, sandboxStackExists, type Workspace } from "./workspace.ts";

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
  const engine = await findEngine({ getters: [] }).catch(noneYet);
  if (engine === null && options.stack !== SANDBOX_STACK)
    throw new Failure(`no Pulumi engine to read the stack ${options.stack} with; up gets one`);
  const status = engine === null ? nothingUp(options.stack) : await readStatus(openWorkspace(engine, options.stack));
  process.stdout.write(options.json ? `${JSON.stringify(withoutSecrets(status), null, 2)}\n` : `${statusLines(status).join("\n")}\n`);
  return status.up ? EXIT.ok : EXIT.failure;
}

function noneYet(error: unknown): null {
  if (error instanceof NoEngine && !process.env.XMPP_EDGE_ENGINE) return null;
  throw error;
}

const nothingUp = (stack: string): Status => ({
  stack,
  up: false,
  engine: "none yet; npm run up gets one",
  sandbox: null,
  srv: [],
  ready: false,
  gateway: null,
  leftovers: [],
  outputs: null,
});

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
  const ready = health !== "" && (await isReady(health));
  return {
    stack,
    up: ready && srv.every((answer) => answer.records.length > 0),
    engine: `pulumi ${workspace.engine.version} (${workspace.engine.source})`,
    sandbox,
    srv,
    ready,
    gateway: health === "" ? null : await gatewayStatus(health),
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

/** What is worth a line each; everything is in --json. */
function gatewayLines(gateway: GatewayStatus): string[] {
  const { document, counters, connections, attempts } = gateway;
  const count = (value: unknown): number => (Array.isArray(value) ? value.length : 0);
  const sides = (value: unknown): string => {
    const { xmpp, sip } = (value ?? {}) as { xmpp?: unknown; sip?: unknown };
    return `XMPP ${count(xmpp)}, SIP ${count(sip)}`;
  };
  return [
    `Document    applied ${document.appliedAt}${document.refusal === null ? "" : `; a newer one is REFUSED: ${document.refusal.why}`}`,
    `Connections ${sides(connections)}`,
    `Refused or failed attempts kept: ${sides(attempts)} (npm run status -- --json tells each)`,
    `Messages    ${Object.entries((counters ?? {}) as Record<string, unknown>)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}`,
  ];
}
