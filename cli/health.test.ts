import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it } from "mocha";
import { documentApplied, gatewayStatus, isReady } from "./health.ts";

describe("asking the running gateway", () => {
  let server: Server;
  let base = "";
  let document: object = {};
  let code = 200;

  beforeEach((done) => {
    document = { appliedAt: new Date().toISOString(), refusal: null };
    code = 200;
    server = createServer((_, response) => response.writeHead(code).end(JSON.stringify({ document }))).listen(0, "127.0.0.1", () => {
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  afterEach(() => void server.close());

  it("knows ready from not ready and from nobody there", async () => {
    assert.equal(await isReady(base), true);
    code = 503;
    assert.equal(await isReady(base), false);
    assert.equal(await isReady("http://127.0.0.1:1"), false);
  });

  it("takes no answer of another shape", async () => {
    document = { nothing: true };
    assert.equal(await gatewayStatus(base), null);
  });

  it("is content with a document applied since then, and waits for it", async () => {
    const since = Date.now() + 200;
    setTimeout(() => {
      document = { appliedAt: new Date(since + 1).toISOString(), refusal: null };
    }, 50);
    assert.equal(await documentApplied(base, since, 5000), null);
  });

  it("says that the old document is still in force, and why a new one was refused", async () => {
    assert.match((await documentApplied(base, Date.now() + 60_000, 10)) ?? "", /has not taken over/);
    document = { appliedAt: new Date().toISOString(), refusal: { why: "partners[0] is wrong" } };
    assert.match((await documentApplied(base, 0, 10)) ?? "", /keeps the old one: partners\[0\] is wrong/);
    assert.match((await documentApplied("http://127.0.0.1:1", 0, 10)) ?? "", /does not answer at/);
  });
});
