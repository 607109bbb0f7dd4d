/** The health endpoint: livez, readyz and status over plain HTTP, for probes and for the person who asks. */
import { createServer, type Server } from "node:http";

export const HEALTH_LIMITS = {
  /** Open connections; probes are few. */
  connections: 32,
  /** Milliseconds for the head of a request. */
  headers: 5000,
  /** Bytes of a request's head. */
  headerBytes: 8192,
} as const;

export interface Health {
  /** The process answers at all. */
  live(): boolean;
  /** Null when ready, else what is missing in one sentence. */
  notReady(): string | null;
  /** Everything a status page needs, as JSON. */
  status(): unknown;
}

/** Listens until closed. @throws the listen error (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export async function startHealth(health: Health, address: string, port: number): Promise<Server> {
  const server = createServer({ maxHeaderSize: HEALTH_LIMITS.headerBytes, headersTimeout: HEALTH_LIMITS.headers }, (request, response) => {
    const { code, body } = answer(health, request.method ?? "", (request.url ?? "").split("?")[0] ?? "");
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(code, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "content-length": Buffer.byteLength(text),
    });
    response.end(request.method === "HEAD" ? undefined : text);
  });
  server.maxConnections = HEALTH_LIMITS.connections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

function answer(health: Health, method: string, path: string): { code: number; body: unknown } {
  if (method !== "GET" && method !== "HEAD") return { code: 405, body: { error: "only GET is answered" } };
  switch (path) {
    case "/livez":
      return health.live() ? { code: 200, body: { live: true } } : { code: 503, body: { live: false } };
    case "/readyz": {
      const missing = health.notReady();
      return missing === null ? { code: 200, body: { ready: true } } : { code: 503, body: { ready: false, why: missing } };
    }
    case "/status":
      return { code: 200, body: health.status() };
    default:
      return { code: 404, body: { error: "there is /livez, /readyz and /status" } };
  }
}
