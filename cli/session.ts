/** What every command around the engine does first: find the engine, open the workspace, keep other commands out. */
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { putWorld, registerImage, startSandbox } from "../sandbox/control.ts";
import { installPlugins } from "../sandbox/plugins.ts";
import { demoWorld } from "../sandbox/world.ts";
import { findEngine } from "../tools/engine/find.ts";
import { tryLock } from "../tools/lock.mjs";
import { type Bundle, bundleGateway } from "./bundle.ts";
import { Failure } from "./failure.ts";
import { SANDBOX_STACK } from "./options.ts";
import type { Reporter } from "./terminal.ts";
import { openWorkspace, type SandboxPlaces, sandboxPlaces, type Workspace } from "./workspace.ts";

/** Runs `work` while no other command changes the sandbox. @throws Failure when one does */
export async function withCommandLock<T>(stack: string, work: () => Promise<T>): Promise<T> {
  if (stack !== SANDBOX_STACK) return await work();
  const taken = tryLock(sandboxPlaces().commandLock);
  if (taken.owner !== undefined) {
    throw new Failure(
      `another xmpp-edge command (process ${taken.owner.pid}) has been changing the sandbox since ${taken.owner.since}: wait for it or end it`,
    );
  }
  process.on("exit", taken.release);
  try {
    return await work();
  } finally {
    process.off("exit", taken.release);
    taken.release();
  }
}

/** The engine, found or got, and the workspace of the stack. */
export async function openWithEngine(stack: string, reporter: Reporter): Promise<Workspace> {
  const engine = await reporter.step(
    "engine",
    () => findEngine({ onProgress: reporter.progress }),
    ({ version, source }) => `pulumi ${version} (${source})`,
  );
  return openWorkspace(engine, stack);
}

export async function bundleStep(reporter: Reporter): Promise<Bundle> {
  return await reporter.step(
    "gateway bundle",
    bundleGateway,
    ({ bytes, sha256 }) => `${Math.round(bytes / 1024)} kB, sha256 ${sha256.slice(0, 12)}`,
  );
}

/** The stand-in providers in the sandbox's own Pulumi home. Changes nothing but that folder. */
export async function pluginStep(workspace: Workspace, reporter: Reporter): Promise<void> {
  const { sandbox } = workspace;
  if (sandbox === null) return;
  await reporter.step("stand-ins", () => installPlugins(sandbox.pulumiHome, workspace.engine.binary));
}

/** Starts the sandbox process if it does not run, tells it what the world's DNS holds, and which file the gateway's image is. */
export async function sandboxStep(places: SandboxPlaces, bundle: Bundle, reporter: Reporter): Promise<string> {
  const control = await reporter.step(
    "sandbox",
    async () => {
      const started = await startSandbox(places.dir, places.net);
      await putWorld(started, demoWorld(places.net));
      // The resolvers of the container, for a stack that names none.
      const environment = { EDGE_DNS: started.dns };
      registerImage(places.dir, bundle.image, { command: [process.execPath, keepBundle(places, bundle)], environment });
      return started;
    },
    ({ dns, url }) => `DNS ${dns}, services ${url}`,
  );
  return control.dns;
}

/** A container keeps running the code it was started with, also when the bundle is made anew: a copy by digest. */
function keepBundle(places: SandboxPlaces, bundle: Bundle): string {
  const folder = join(places.dir, "images");
  const file = join(folder, `${bundle.sha256}.mjs`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) cpSync(bundle.file, file);
  return file;
}
