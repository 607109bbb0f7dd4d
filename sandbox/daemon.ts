/**
 * The sandbox process: outlives every command, and owns the DNS server, the HTTP endpoints and the containers.
 * Arguments: folder, net prefix. It writes control.json when it serves; SIGTERM ends containers, then itself.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { startTime } from "../tools/lock.mjs";
import { CONTROL_VERSION, type Control, controlFile } from "./client.ts";
import { controlRoute } from "./process/control-plane.ts";
import { blobRoute, identityRoute, vaultRoute } from "./process/data-plane.ts";
import { startDns } from "./process/dns.ts";
import { accountKey, makeEffects, zoneRecords } from "./process/effects.ts";
import { Groups } from "./process/groups.ts";
import { listen, type Route } from "./process/http.ts";
import { Resources } from "./process/resources.ts";
import { StateFile } from "./process/state.ts";
import { makeZone, type Zone } from "./process/zone.ts";

const PORTS = { http: 8080, dns: 5353 } as const;

/** Starts everything; the returned function ends it. */
async function start(dir: string, net: string): Promise<() => Promise<void>> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = new StateFile(dir, net);
  const url = `http://${net}.1:${PORTS.http}`;
  const groups = new Groups({ dir, net, file, url, keyOf: (id) => accountKey(file, id, 1) });
  const resources = new Resources(file, makeEffects(dir, groups));
  groups.resources = resources;

  let zone: Zone | null = null;
  file.onChange(() => {
    zone = null;
  });
  const currentZone = (): Zone => {
    zone ??= makeZone(zoneRecords(file, resources));
    return zone;
  };

  const token = randomBytes(32).toString("hex");
  const key = file.state.signingKey;
  const routes: Record<string, Route> = {
    blob: blobRoute(resources, key),
    vault: vaultRoute(resources, key),
    identity: identityRoute(resources, key, (header) => groups.identitiesOf(header)),
    control: controlRoute({ token, file, resources, groups, net, stop: () => void end() }),
  };
  const server = await listen(`${net}.1`, PORTS.http, routes);
  const dns = await startDns(`${net}.1`, PORTS.dns, currentZone);
  await groups.resume();
  writeControl(dir, {
    version: CONTROL_VERSION,
    pid: process.pid,
    started: startTime(process.pid),
    net,
    url,
    dns: `${net}.1:${PORTS.dns}`,
    token,
  });

  let ending: Promise<void> | null = null;
  const finish = async (): Promise<void> => {
    server.close();
    await groups.stopAll();
    await dns.close();
    server.closeAllConnections();
    rmSync(controlFile(dir), { force: true });
    process.exit(0);
  };
  const end = (): Promise<void> => {
    ending ??= finish();
    return ending;
  };
  return end;
}

function writeControl(dir: string, control: Control): void {
  const beside = `${controlFile(dir)}.new`;
  writeFileSync(beside, `${JSON.stringify(control, null, 1)}\n`, { mode: 0o600 });
  renameSync(beside, controlFile(dir));
}

const [dir, net] = process.argv.slice(2);
if (dir === undefined || net === undefined) throw new Error("expected arguments: FOLDER NET");
try {
  const end = await start(dir, net);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void end());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
