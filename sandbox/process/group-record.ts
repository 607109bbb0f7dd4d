/** What the record of a container group says, read. */
import { createHash } from "node:crypto";
import type { JsonObject } from "../providers/wire.ts";
import { IDENTITY } from "./authorization.ts";
import type { HttpProbe } from "./container.ts";
import { Refusal } from "./refusal.ts";
import type { Resources } from "./resources.ts";
import type { ResourceRecord } from "./state.ts";

export const CONTAINER_GROUP = "azure-native:containerinstance:ContainerGroup";

export const list = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? (value as JsonObject[]) : []);

export const nameOf = (record: ResourceRecord): string => String(record.outputs.name);
export const resourceGroupOf = (record: ResourceRecord): string => String(record.inputs.resourceGroupName);
export const processKey = (id: string, { name }: { readonly name?: unknown }): string => `${id.toLowerCase()}/${String(name)}`;

/** The name that Azure gives to a label, without the scope's hash. */
export const fqdnOf = (label: string, location: string): string => `${label}.${location}.azurecontainer.io`;

/** What a change of makes the containers start again; tags and the like do not. */
export function digestOf({ inputs }: ResourceRecord): string {
  const { containers, volumes, ipAddress, identity, restartPolicy, dnsConfig } = inputs;
  return createHash("sha256")
    .update(JSON.stringify([containers, volumes, ipAddress, identity, restartPolicy, dnsConfig]))
    .digest("hex");
}

export function identityIds({ inputs }: ResourceRecord): readonly string[] {
  const identities = (inputs.identity as JsonObject | undefined)?.userAssignedIdentities;
  return Array.isArray(identities) ? identities.map(String) : [];
}

/** @throws Refusal when an identity of the group does not exist */
export function checkGroup(record: ResourceRecord, resources: Resources): void {
  for (const id of identityIds(record)) {
    if (resources.find(id)?.type !== IDENTITY) throw new Refusal(400, "FailedIdentityOperation", `identity ${id} does not exist`);
  }
}

export function tcpPorts({ inputs }: ResourceRecord): readonly number[] {
  const ports = list(inputs.containers).flatMap((container) => list(container.ports));
  return [...new Set(ports.filter(({ protocol }) => (protocol ?? "TCP") === "TCP").map(({ port }) => Number(port)))];
}

export function probeOf(given: JsonObject | undefined, address: string): HttpProbe | null {
  const http = given?.httpGet as JsonObject | undefined;
  if (given === undefined || http === undefined) return null;
  const scheme = String(http.scheme ?? "http").toLowerCase();
  return {
    url: `${scheme}://${address}:${http.port}${http.path ?? "/"}`,
    initialDelaySeconds: Number(given.initialDelaySeconds ?? 0),
    periodSeconds: Number(given.periodSeconds ?? 10),
    timeoutSeconds: Number(given.timeoutSeconds ?? 1),
    failureThreshold: Number(given.failureThreshold ?? 3),
  };
}
