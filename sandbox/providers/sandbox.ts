/** How stand-in providers reach the sandbox process, where their resources live. */
import { ask, ControlError, requireControl, resourcePath, sandboxDir } from "../client.ts";
import { ProviderError } from "./resource.ts";
import type { JsonObject } from "./wire.ts";

/** What the process refuses becomes the provider's error, with the service's own code. */
export async function askSandbox(method: string, path: string, body?: unknown): Promise<unknown> {
  try {
    return await ask(requireControl(sandboxDir()), method, path, body);
  } catch (error) {
    if (error instanceof ControlError) throw new ProviderError(`Code="${error.code}" Message="${error.message}"`);
    throw error;
  }
}

/** The record of a resource, or null when it is gone. */
export async function readRecord(id: string): Promise<{ readonly inputs: JsonObject; readonly outputs: JsonObject } | null> {
  try {
    return (await ask(requireControl(sandboxDir()), "GET", resourcePath(id))) as { inputs: JsonObject; outputs: JsonObject };
  } catch (error) {
    if (error instanceof ControlError && error.status === 404) return null;
    throw error;
  }
}
