import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, resourcePath } from "./client.ts";
import { deleteResource, deleteWorld, listResources, putWorld, startSandbox } from "./control.ts";
import { LISTENER, startTestSandbox, type TestSandbox } from "./test-sandbox.ts";
import { demoWorld } from "./world.ts";

const GROUP = "/subscriptions/s/resourceGroups/edge/providers/Microsoft.ContainerInstance/containerGroups/edge";

describe("the sandbox process", () => {
  let sandbox: TestSandbox;
  const net = "127.81.6";

  before(async () => {
    sandbox = await startTestSandbox(net);
    sandbox.image("listener:1", LISTENER);
  });
  after(() => sandbox.stop());

  it("is started once, however many ask at the same time", async () => {
    const all = await Promise.all([1, 2, 3].map(() => startSandbox(sandbox.dir, net)));
    assert.deepEqual(new Set(all.map((control) => control.pid)), new Set([sandbox.control.pid]));
  });

  it("refuses another network for the same folder, and what is no network", async () => {
    await assert.rejects(startSandbox(sandbox.dir, "127.81.7"), /runs on 127\.81\.6; stop it before it can run on 127\.81\.7/);
    await assert.rejects(startSandbox(sandbox.dir, "10.0.0"), /net prefix is "10\.0\.0"; expected three octets in 127/);
  });

  it("says why it does not start", async () => {
    const holder = createServer().listen(8080, "127.81.7.1");
    await once(holder, "listening");
    const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-sandbox-"));
    try {
      await assert.rejects(startSandbox(dir, "127.81.7"), /did not start: listen EADDRINUSE: address already in use 127\.81\.7\.1:8080/);
      writeFileSync(join(dir, "state.json"), "{");
      await assert.rejects(startSandbox(dir, "127.81.8"), /state\.json cannot be read: .* remove the sandbox's folder to begin anew/);
    } finally {
      holder.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("serves the world's records, replaces them by name and type, and forgets them", async () => {
    const resolver = new Resolver({ timeout: 1000, tries: 2 });
    resolver.setServers([sandbox.control.dns]);
    await putWorld(sandbox.control, demoWorld(net));
    const [found] = await resolver.resolveSrv("_xmpp-server._tcp.fabrikam.example");
    assert.deepEqual([found?.name, found?.port], ["xmpp.fabrikam.example", 5269]);
    assert.deepEqual(await resolver.resolve4("lync.contoso.example"), [`${net}.3`]);
    await putWorld(sandbox.control, [{ name: "Lync.contoso.example", type: "A", data: `${net}.4` }]);
    assert.deepEqual(await resolver.resolve4("lync.contoso.example"), [`${net}.4`]);
    await deleteWorld(sandbox.control, "lync.contoso.example", "A");
    await assert.rejects(resolver.resolve4("lync.contoso.example"), { code: "ENOTFOUND" });
  });

  it("lists and ends what is left over", async () => {
    const { control } = sandbox;
    const containers = [{ name: "main", image: "listener:1", environmentVariables: [{ name: "PORT", value: "18090" }] }];
    const body = {
      type: "azure-native:containerinstance:ContainerGroup",
      inputs: { resourceGroupName: "edge", containers },
      outputs: { name: "edge", containers },
    };
    await ask(control, "PUT", resourcePath(GROUP), body);
    assert.deepEqual(await listResources(control), [{ id: GROUP, type: "azure-native:containerinstance:ContainerGroup" }]);
    await deleteResource(control, GROUP);
    await deleteResource(control, GROUP);
    assert.deepEqual(await listResources(control), []);
    assert.equal(existsSync(join(sandbox.dir, "containers", "edge")), false);
    assert.equal(JSON.stringify(JSON.parse(readFileSync(join(sandbox.dir, "state.json"), "utf8")).processes), "{}");
  });
});
