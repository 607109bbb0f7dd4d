/** Where a stack lives: the sandbox's own Pulumi home and backend, or, for every other stack, the user's. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { sandboxDir, sandboxNet } from "../sandbox/control.ts";
import type { Engine } from "../tools/engine/find.ts";
import { type Finished, lastLines, run, withThisNode } from "../tools/process.ts";
import { Failure } from "./failure.ts";
import { SANDBOX_STACK } from "./options.ts";

export const ROOT = join(import.meta.dirname, "..");
export const PROJECT_NAME = "xmpp-edge";
/** Public on purpose, and written down in stacks/Pulumi.sandbox.yaml: what it protects belongs to a demonstration. */
const SANDBOX_PASSPHRASE = "xmpp-edge-sandbox";
const PROVIDERS = ["tls", "azure-native", "cloudflare"] as const;
/** Where the stand-ins start from (sandbox/plugins.ts). */
const STAND_IN_MARK = "/sandbox/providers/";

export interface SandboxPlaces {
  readonly dir: string;
  readonly net: string;
  readonly pulumiHome: string;
  readonly backend: string;
  readonly logs: string;
  readonly commandLock: string;
  readonly requestFile: string;
}

export function sandboxPlaces(dir: string = sandboxDir(), net: string = sandboxNet()): SandboxPlaces {
  return {
    dir,
    net,
    pulumiHome: join(dir, "pulumi"),
    backend: join(dir, "backend"),
    logs: join(dir, "logs"),
    commandLock: join(dir, "command.lock"),
    requestFile: join(dir, "edge.csr"),
  };
}

export interface Workspace {
  readonly engine: Engine;
  readonly stack: string;
  /** Null for a stack on real clouds. */
  readonly sandbox: SandboxPlaces | null;
  readonly environment: NodeJS.ProcessEnv;
  readonly logs: string;
}

/** Everything a run of the engine needs. @throws Failure where a stack on real clouds would meet a stand-in */
export function openWorkspace(engine: Engine, stack: string): Workspace {
  const places = sandboxPlaces();
  if (stack !== SANDBOX_STACK) {
    const environment = { ...withThisNode(), PULUMI_SKIP_UPDATE_CHECK: "true", PULUMI_DEBUG_COMMANDS: "1" };
    refuseStandIns(environment, places);
    return { engine, stack, sandbox: null, environment, logs: join(ROOT, "build", "logs", stack) };
  }
  mkdirSync(places.backend, { recursive: true, mode: 0o700 });
  return { engine, stack, sandbox: places, environment: sandboxEnvironment(places), logs: places.logs };
}

export function sandboxEnvironment(places: SandboxPlaces): NodeJS.ProcessEnv {
  const { PULUMI_DEBUG_PROVIDERS: _, PULUMI_STACK: __, PULUMI_ACCESS_TOKEN: ___, ...inherited } = process.env;
  return {
    ...withThisNode(inherited),
    XMPP_EDGE_SANDBOX_DIR: places.dir,
    XMPP_EDGE_SANDBOX_NET: places.net,
    PULUMI_HOME: places.pulumiHome,
    PULUMI_BACKEND_URL: `file://${places.backend}`,
    PULUMI_CONFIG_PASSPHRASE: SANDBOX_PASSPHRASE,
    PULUMI_CONFIG_PASSPHRASE_FILE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // Program, policy pack and stand-ins load the same modules in every run.
    NODE_COMPILE_CACHE: join(ROOT, "build", "node-cache"),
    // Lets --event-log be used.
    PULUMI_DEBUG_COMMANDS: "1",
  };
}

/** A stack on real clouds must never be served by a stand-in: it would report resources that do not exist. */
export function refuseStandIns(environment: NodeJS.ProcessEnv, places: SandboxPlaces): void {
  const home = environment.PULUMI_HOME ?? join(environment.HOME ?? homedir(), ".pulumi");
  const attached = (environment.PULUMI_DEBUG_PROVIDERS ?? "").split(",").map((entry) => entry.split(":")[0] ?? "");
  const reasons = [
    ...(home === places.pulumiHome ? [`PULUMI_HOME is the sandbox's (${home})`] : []),
    ...PROVIDERS.filter((name) => attached.includes(name)).map((name) => `PULUMI_DEBUG_PROVIDERS attaches ${name}`),
    ...standInsIn(pluginFolders(home), home),
    ...(environment.PATH ?? "").split(delimiter).flatMap((folder) => standInsIn([folder], folder)),
  ];
  if (reasons.length > 0) {
    throw new Failure(
      `only the stack ${SANDBOX_STACK} may use stand-in providers:\n${reasons.map((reason) => `  - ${reason}`).join("\n")}`,
    );
  }
}

const pluginFolders = (home: string): string[] => {
  const plugins = join(home, "plugins");
  return existsSync(plugins) ? readdirSync(plugins).map((name) => join(plugins, name)) : [];
};

/** Real plugins are compiled and large; only a small script is read. */
function standInsIn(folders: readonly string[], place: string): string[] {
  return folders.flatMap((folder) =>
    PROVIDERS.flatMap((name) => {
      const file = join(folder, `pulumi-resource-${name}`);
      const small = existsSync(file) && statSync(file).size < 100_000;
      return small && readFileSync(file, "utf8").includes(STAND_IN_MARK) ? [`the plugin ${name} in ${place} is a stand-in`] : [];
    }),
  );
}

/** Runs a pulumi command that needs no progress and no event log. */
export function pulumi(workspace: Workspace, args: readonly string[]): Promise<Finished> {
  return run(workspace.engine.binary, [...args, "--non-interactive", "--color", "never"], { cwd: ROOT, env: workspace.environment });
}

/** Runs one that must succeed, and returns what it printed. @throws Failure with the engine's own last words */
export async function mustPulumi(workspace: Workspace, args: readonly string[]): Promise<string> {
  const result = await pulumi(workspace, args);
  if (result.code === 0) return result.stdout;
  throw new Failure(`pulumi ${args[0]} ${args[1] ?? ""} failed: ${lastLines(result.stderr, 3).replace(/^error: /, "")}`.trim());
}

/** Where the file backend keeps a stack's state. */
export const checkpointFile = (places: SandboxPlaces, stack: string): string =>
  join(places.backend, ".pulumi", "stacks", PROJECT_NAME, `${stack}.json`);

export const sandboxStackExists = (places: SandboxPlaces, stack: string): boolean => existsSync(checkpointFile(places, stack));

/** Makes the sandbox's stack where there is none yet. The committed salt belongs to the passphrase, so git stays clean. */
export async function ensureStack(workspace: Workspace): Promise<"made" | "there"> {
  if (workspace.sandbox === null || sandboxStackExists(workspace.sandbox, workspace.stack)) return "there";
  await mustPulumi(workspace, ["stack", "init", workspace.stack, "--secrets-provider", "passphrase", "--no-select"]);
  return "made";
}
