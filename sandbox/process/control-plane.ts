/** What the stand-in providers and the sandbox's own commands ask of the process. The token stands in the state folder. */
import { z } from "zod";
import type { JsonObject } from "../providers/wire.ts";
import { sameSecret } from "./data-plane.ts";
import { accountKey } from "./effects.ts";
import type { Groups } from "./groups.ts";
import { jsonRefusal, jsonResponse, type Request, type Response, type Route } from "./http.ts";
import { LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { Resources } from "./resources.ts";
import { type StateFile, WORLD_TYPES } from "./state.ts";
import { normaliseName } from "./zone.ts";

const properties = z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>;

const putSchema = z.strictObject({
  type: z.string().min(1),
  parent: z.string().optional(),
  inputs: properties,
  outputs: properties,
  content: z.base64().optional(),
});

const worldSchema = z.strictObject({
  records: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(254),
        type: z.enum(WORLD_TYPES),
        ttl: z.int().min(0).max(86_400).optional(),
        data: z.string().min(1).max(4096),
      }),
    )
    .max(LIMITS.worldRecords),
});

export interface ControlSurroundings {
  readonly token: string;
  readonly file: StateFile;
  readonly resources: Resources;
  readonly groups: Groups;
  readonly net: string;
  /** Ends the process once the answer is out. */
  readonly stop: () => void;
}

type Handler = (at: ControlSurroundings, request: Request) => Promise<Response> | Response;

const HANDLERS: Readonly<Record<string, Handler>> = {
  "GET status": ({ net, groups, resources, file }) =>
    jsonResponse(200, {
      pid: process.pid,
      net,
      resources: resources.all().length,
      world: file.state.world.length,
      groups: groups.describe(),
    }),
  "GET resources": ({ resources }, request) => {
    const id = request.query.get("id");
    if (id === null) return jsonResponse(200, { resources: resources.all().map(({ id: each, type }) => ({ id: each, type })) });
    const found = resources.read(id);
    if (found === undefined) throw new Refusal(404, "ResourceNotFound", `${id} does not exist`);
    return jsonResponse(200, found);
  },
  "PUT resources": async ({ resources }, request) => {
    const { content, parent, ...rest } = parse(putSchema, await request.json());
    const optional = { ...(content === undefined ? {} : { content }), ...(parent === undefined ? {} : { parent }) };
    return jsonResponse(200, await resources.put({ id: idOf(request), ...rest, ...optional }));
  },
  "DELETE resources": async ({ resources }, request) => {
    await resources.delete(idOf(request));
    return jsonResponse(200, {});
  },
  "GET storage-keys": ({ file, resources }, request) => {
    const account = resources.find(idOf(request));
    if (account === undefined) throw new Refusal(404, "ResourceNotFound", `${idOf(request)} does not exist`);
    const key = (index: 1 | 2) => ({ keyName: `key${index}`, permissions: "FULL", value: accountKey(file, account.id, index) });
    return jsonResponse(200, { keys: [key(1), key(2)] });
  },
  "GET world": ({ file }) => jsonResponse(200, { records: file.state.world }),
  "PUT world": async ({ file }, request) => {
    const { records } = parse(worldSchema, await request.json());
    const replaced = new Set(records.map(({ name, type }) => `${normaliseName(name)} ${type}`));
    const kept = file.state.world.filter(({ name, type }) => !replaced.has(`${normaliseName(name)} ${type}`));
    if (kept.length + records.length > LIMITS.worldRecords) {
      throw new Refusal(400, "TooManyRecords", `the world holds at most ${LIMITS.worldRecords} records`);
    }
    file.state.world = [...kept, ...records.map(({ ttl, ...record }) => (ttl === undefined ? record : { ...record, ttl }))];
    file.save();
    return jsonResponse(200, {});
  },
  "DELETE world": ({ file }, request) => {
    const name = request.query.get("name");
    const type = request.query.get("type");
    const goes = (record: { readonly name: string; readonly type: string }) =>
      name !== null && normaliseName(record.name) === normaliseName(name) && (type === null || record.type === type);
    file.state.world = file.state.world.filter((record) => !goes(record));
    file.save();
    return jsonResponse(200, {});
  },
  "POST stop": ({ stop }) => {
    setImmediate(stop);
    return jsonResponse(202, {});
  },
};

export function controlRoute(surroundings: ControlSurroundings): Route {
  const answer = (request: Request): Promise<Response> | Response => {
    if (!sameSecret(request.headers.authorization ?? "", `Bearer ${surroundings.token}`)) {
      throw new Refusal(401, "Unauthorized", "the control token of the sandbox's state folder is required");
    }
    const asked = `${request.method} ${request.path.join("/")}`;
    const handler = HANDLERS[asked];
    if (handler === undefined) throw new Refusal(404, "NotFound", `${asked} is not served; served: ${Object.keys(HANDLERS).join(", ")}`);
    return handler(surroundings, request);
  };
  return { answer, refuse: jsonRefusal };
}

function idOf(request: Request): string {
  const id = request.query.get("id");
  if (id === null || id === "") throw new Refusal(400, "BadRequest", "id is required");
  return id;
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal(400, "BadRequest", z.prettifyError(result.error));
}
