import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constantSource, makeSource, managedIdentity, SOURCE_LIMITS, SourceError } from "./sources.ts";

const noToken = async () => "token";

describe("a source", () => {
  let dir: string;
  let server: Server | null;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "edge-sources-"));
    server = null;
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
    server?.closeAllConnections();
    server?.close();
  });

  const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
    const made = createServer(answer);
    server = made;
    await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
  };

  it("tells a file's content once and again only when it has changed", async () => {
    const path = join(dir, "edge.json");
    writeFileSync(path, "one");
    const source = makeSource(path, noToken);
    const first = await source.read();
    assert.ok(first.changed);
    assert.equal(first.text, "one");
    assert.deepEqual(await source.read(), { changed: false });
    writeFileSync(path, "two");
    const second = await source.read();
    assert.ok(second.changed);
    assert.notEqual(second.tag, first.tag);
  });

  it("takes a file URL for a path", async () => {
    writeFileSync(join(dir, "a"), "x");
    const reading = await makeSource(`file://${join(dir, "a")}`, noToken).read();
    assert.ok(reading.changed && reading.text === "x");
  });

  it("says that a file is missing, and that waiting will not help", async () => {
    await assert.rejects(makeSource(join(dir, "none"), noToken).read(), (error: unknown) => {
      assert.ok(error instanceof SourceError);
      assert.match(error.message, /none: no such file$/);
      assert.equal(error.transient, false);
      return true;
    });
  });

  it("refuses a file over the limit and takes one at the limit", async () => {
    writeFileSync(join(dir, "big"), Buffer.alloc(SOURCE_LIMITS.bytes + 1, 97));
    await assert.rejects(makeSource(join(dir, "big"), noToken).read(), /longer than 1048576 bytes/);
    writeFileSync(join(dir, "fits"), Buffer.alloc(SOURCE_LIMITS.bytes, 97));
    assert.ok((await makeSource(join(dir, "fits"), noToken).read()).changed);
  });

  it("asks a blob with its token and version, and by ETag from the second time on", async () => {
    const seen: IncomingMessage["headers"][] = [];
    const base = await serve((request, response) => {
      seen.push(request.headers);
      if (request.headers["if-none-match"] === '"1"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"1"' }).end("content");
    });
    const resources: string[] = [];
    const source = makeSource(`${base}/blob/account/container/edge.json`, async (resource) => {
      resources.push(resource);
      return "secret-token";
    });
    const first = await source.read();
    assert.ok(first.changed);
    assert.equal(first.tag, '"1"');
    assert.deepEqual(await source.read(), { changed: false });
    assert.equal(seen[0]?.authorization, "Bearer secret-token");
    assert.ok(seen[0]?.["x-ms-version"]);
    assert.deepEqual(resources, ["https://storage.azure.com/", "https://storage.azure.com/"]);
  });

  it("reads a Key Vault secret's value and tells only changes", async () => {
    let value = "one";
    const urls: string[] = [];
    const base = await serve((request, response) => {
      urls.push(request.url ?? "");
      response.end(JSON.stringify({ value }));
    });
    const source = makeSource(`${base}/vault/v/secrets/key`, noToken);
    const first = await source.read();
    assert.ok(first.changed && first.text === "one");
    assert.deepEqual(await source.read(), { changed: false });
    value = "two";
    const second = await source.read();
    assert.ok(second.changed && second.text === "two");
    assert.equal(urls[0], "/vault/v/secrets/key?api-version=7.4");
  });

  it("says that a vault's answer without a value is none", async () => {
    const base = await serve((_request, response) => response.end("[]"));
    await assert.rejects(makeSource(`${base}/secrets/key`, noToken).read(), /holds no secret value/);
  });

  for (const [status, transient] of [
    [403, true],
    [404, true],
    [503, true],
    [400, false],
  ] as const) {
    it(`takes ${status} for ${transient ? "something that may pass" : "final"}`, async () => {
      const base = await serve((_request, response) => response.writeHead(status).end());
      await assert.rejects(makeSource(`${base}/blob/a/b/c`, noToken).read(), (error: unknown) => {
        assert.ok(error instanceof SourceError);
        assert.equal(error.transient, transient);
        assert.match(error.message, new RegExp(`answered ${status}`));
        return true;
      });
    });
  }

  it("stops reading a body that is over the limit", async () => {
    const base = await serve((_request, response) => {
      response.on("error", () => {});
      response.end(Buffer.alloc(SOURCE_LIMITS.bytes + 1));
    });
    await assert.rejects(makeSource(`${base}/blob/a/b/c`, noToken).read(), /longer than/);
  });

  it("does not follow a redirect to another place", async () => {
    const base = await serve((_request, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end());
    await assert.rejects(makeSource(`${base}/blob/a/b/c`, noToken).read(), /could not be reached/);
  });

  it("that is constant is read once", async () => {
    const source = constantSource("own", "text");
    assert.ok((await source.read()).changed);
    assert.deepEqual(await source.read(), { changed: false });
  });

  it("gets tokens from the identity endpoint and keeps them until shortly before they end", async () => {
    const seen: { url: string; header: unknown }[] = [];
    const base = await serve((request, response) => {
      seen.push({ url: request.url ?? "", header: request.headers["x-identity-header"] });
      response.end(JSON.stringify({ access_token: `token-${seen.length}`, expires_in: "3600" }));
    });
    let now = 0;
    const tokenOf = managedIdentity({ endpoint: `${base}/token`, header: "h", clientId: "client" }, () => now);
    assert.equal(await tokenOf("https://vault.azure.net"), "token-1");
    assert.equal(await tokenOf("https://vault.azure.net"), "token-1");
    now = 3_600_000 - SOURCE_LIMITS.tokenMargin;
    assert.equal(await tokenOf("https://vault.azure.net"), "token-2");
    assert.deepEqual(seen[0], {
      url: "/token?resource=https%3A%2F%2Fvault.azure.net&api-version=2019-08-01&client_id=client",
      header: "h",
    });
  });
});
