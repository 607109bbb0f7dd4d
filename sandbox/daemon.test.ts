import assert from "node:assert/strict";
import { isAlive } from "../tools/lock.mjs";
import { ask, resourcePath } from "./client.ts";
import { sandboxStatus, startSandbox, stopSandbox } from "./control.ts";
import { LISTENER, startTestSandbox, type TestSandbox, until } from "./test-sandbox.ts";

const GROUP = "/subscriptions/s/resourceGroups/edge/providers/Microsoft.ContainerInstance/containerGroups/edge";

describe("containers of the sandbox process", () => {
  let sandbox: TestSandbox;
  const { net, port } = { net: "127.81.9", port: 18_090 };
  const address = `${net}.10`;

  before(async () => {
    sandbox = await startTestSandbox(net);
    sandbox.image("listener:1", LISTENER);
    await putGroup();
  });
  after(() => sandbox.stop());

  const putGroup = async () => {
    const environmentVariables = [{ name: "PORT", value: String(port) }];
    const containers = [{ name: "main", image: "listener:1", ports: [{ port }], environmentVariables }];
    const body = {
      type: "azure-native:containerinstance:ContainerGroup",
      inputs: { resourceGroupName: "edge", containers },
      outputs: { name: "edge", containers },
    };
    await ask(await startSandbox(sandbox.dir, net), "PUT", resourcePath(GROUP), body);
  };
  const pid = async (): Promise<number> => Number(await (await fetch(`http://${address}:${port}/`)).text());

  it("are left alone when it is killed, and taken over when it is started again", async () => {
    const container = await pid();
    const { pid: own } = await startSandbox(sandbox.dir, net);
    process.kill(own, "SIGKILL");
    await until(async () => !isAlive(own));
    assert.equal(await pid(), container);
    const control = await startSandbox(sandbox.dir, net);
    assert.notEqual(control.pid, own);
    assert.equal(await pid(), container, "the container was not restarted");
    const status = await sandboxStatus(sandbox.dir);
    assert.deepEqual([status?.groups[0]?.state, status?.groups[0]?.containers[0]?.pid], ["Running", container]);

    process.kill(container, "SIGKILL");
    await until(async () => (await pid().catch(() => container)) !== container);
  });

  it("start again when they ended while it was down", async () => {
    const { pid: own } = await startSandbox(sandbox.dir, net);
    const container = await pid();
    process.kill(own, "SIGKILL");
    process.kill(container, "SIGKILL");
    await until(async () => !isAlive(own) && !isAlive(container));
    await startSandbox(sandbox.dir, net);
    await until(async () => (await pid().catch(() => container)) !== container);
  });

  it("stop with it, and come back with it", async () => {
    const { pid: own } = await startSandbox(sandbox.dir, net);
    const container = await pid();
    await stopSandbox(sandbox.dir);
    assert.deepEqual([isAlive(own), isAlive(container), await sandboxStatus(sandbox.dir)], [false, false, null]);
    await stopSandbox(sandbox.dir);
    await startSandbox(sandbox.dir, net);
    await until(async () => (await pid().catch(() => container)) !== container);
  });

  it("are ended by a stop that finds it killed", async () => {
    const { pid: own } = await startSandbox(sandbox.dir, net);
    const container = await pid();
    process.kill(own, "SIGKILL");
    await until(async () => !isAlive(own));
    await stopSandbox(sandbox.dir);
    assert.equal(isAlive(container), false);
  });
});
