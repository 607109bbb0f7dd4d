import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { startHealth } from "./health.ts";

describe("the health endpoint", () => {
  let missing: string | null = null;
  const ask = async (path: string, method = "GET") => {
    const server = await startHealth({ live: () => true, notReady: () => missing, status: () => ({ partners: [] }) }, "127.0.0.1", 0);
    try {
      const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { method });
      return { status: response.status, body: method === "HEAD" ? null : await response.json() };
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };

  it("is live while the process answers", async () => assert.deepEqual(await ask("/livez"), { status: 200, body: { live: true } }));
  it("is ready when nothing is missing", async () => {
    missing = null;
    assert.equal((await ask("/readyz?verbose")).status, 200);
  });
  it("says what is missing while it is not ready", async () => {
    missing = "draining";
    assert.deepEqual(await ask("/readyz"), { status: 503, body: { ready: false, why: "draining" } });
  });
  it("tells its status as JSON", async () => assert.deepEqual((await ask("/status")).body, { partners: [] }));
  it("names what there is for any other path", async () => assert.equal((await ask("/metrics")).status, 404));
  it("answers nothing that would change something", async () => assert.equal((await ask("/status", "POST")).status, 405));
  it("answers HEAD without a body", async () => assert.equal((await ask("/livez", "HEAD")).status, 200));
});
