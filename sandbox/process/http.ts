/** The sandbox's HTTP server: bounded requests to routes by their first path segment, refusals as answers. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

export interface Request {
  readonly method: string;
  /** Decoded path segments after the first. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Reads the body as JSON. @throws Refusal */
  json(): Promise<unknown>;
}

export interface Response {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

export interface Route {
  readonly answer: (request: Request) => Promise<Response> | Response;
  /** Refusals in the service's own form. */
  readonly refuse: (refusal: Refusal) => Response;
}

export const jsonResponse = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: JSON.stringify(value),
});

export const jsonRefusal = ({ status, code, message }: Refusal): Response => jsonResponse(status, { error: { code, message } });

export function listen(address: string, port: number, routes: Readonly<Record<string, Route>>): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    serve(incoming, routes).then(
      (response) => write(outgoing, response, incoming.method === "HEAD"),
      () => outgoing.destroy(),
    );
  });
  server.maxConnections = LIMITS.httpConnections;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}

async function serve(incoming: IncomingMessage, routes: Readonly<Record<string, Route>>): Promise<Response> {
  const parsed = parse(incoming);
  const route = parsed === null ? undefined : routes[parsed.first];
  if (parsed === null || route === undefined) return jsonRefusal(new Refusal(404, "NotFound", "nothing is served at this path"));
  try {
    return await route.answer(parsed.request);
  } catch (error) {
    if (error instanceof Refusal) return route.refuse(error);
    console.error(error);
    return route.refuse(new Refusal(500, "InternalError", error instanceof Error ? error.message : String(error)));
  }
}

function parse(incoming: IncomingMessage): { readonly first: string; readonly request: Request } | null {
  try {
    const url = new URL(incoming.url ?? "/", "http://sandbox");
    const [first = "", ...path] = url.pathname.slice(1).split("/").map(decodeURIComponent);
    const { method = "GET", headers } = incoming;
    return { first, request: { method, path, query: url.searchParams, headers, json: () => readJson(incoming) } };
  } catch {
    return null;
  }
}

async function readJson(incoming: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LIMITS.controlBytes) {
      throw new Refusal(413, "RequestBodyTooLarge", `the body is larger than ${LIMITS.controlBytes} bytes`);
    }
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new Refusal(400, "InvalidJson", "the body is not JSON");
  }
}

function write(outgoing: ServerResponse, { status, headers = {}, body = "" }: Response, headOnly: boolean): void {
  const bytes = Buffer.from(body as string);
  outgoing.writeHead(status, { ...headers, ...(status === 304 ? {} : { "content-length": String(bytes.length) }) });
  outgoing.end(headOnly || status === 304 ? undefined : bytes);
}
