import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { sandboxStatus } from "../../control.ts";
import { LISTENER, startTestSandbox, type TestSandbox, until } from "../../test-sandbox.ts";
import { type Driven, drive, type Resource } from "../drive.ts";
import { type Properties, reveal, Secret, UNKNOWN } from "../wire.ts";
import { azureNative } from "./provider.ts";

const type = (name: string): string => `azure-native:${name}`;
const CONTAINERS = type("containerinstance:ContainerGroup");

const output = <T>(resource: Resource, name: string): T => reveal(resource.outputs[name] ?? null) as T;

describe("a container group of the azure-native stand-in", () => {
  let sandbox: TestSandbox;
  let engine: Driven;
  let resourceGroupName: string;

  before(async () => {
    sandbox = await startTestSandbox("127.81.2");
    engine = await drive(azureNative);
    resourceGroupName = output(await engine.create(type("resources:ResourceGroup"), "edge", { location: "West Europe" }), "name");
  });
  after(async () => {
    engine.close();
    await sandbox.stop();
  });

  const group = async (name: string, port: number, overrides: Properties = {}, container: Properties = {}): Promise<Properties> => {
    sandbox.image("listener:1", LISTENER);
    const ports = [{ port, protocol: "TCP" }];
    const environmentVariables = [{ name: "PORT", value: String(port) }];
    const resources = { requests: { cpu: 1, memoryInGB: 1 } };
    const containers = [{ name: "main", image: "listener:1", ports, resources, environmentVariables, ...container }];
    const ipAddress = { type: "Public", ports, dnsNameLabel: `${name}-label` };
    return { resourceGroupName, containerGroupName: name, osType: "Linux", restartPolicy: "Always", ipAddress, containers, ...overrides };
  };
  const pidOf = async (address: string, port: number) => Number(await (await fetch(`http://${address}:${port}/`)).text());
  const environmentOf = (name: string): Record<string, string> => {
    const log = readFileSync(join(sandbox.dir, "containers", resourceGroupName, name, "main", "stdout.log"), "utf8");
    return JSON.parse(log.trim().split("\n").at(-1) ?? "{}") as Record<string, string>;
  };

  it("starts a container with what was declared and nothing else, and stops it at its end", async () => {
    const inGroup = { resourceGroupName };
    const given = { ...inGroup, kind: "StorageV2", sku: { name: "Standard_LRS" } };
    const accountName = output<string>(await engine.create(type("storage:StorageAccount"), "edge", given), "name");
    const identity = await engine.create(type("managedidentity:UserAssignedIdentity"), "edge", inGroup);
    const { keys } = (await engine.invoke(type("storage:listStorageAccountKeys"), { resourceGroupName, accountName })) as unknown as {
      keys: { value: string }[];
    };
    await engine.create(type("storage:FileShare"), "state", { resourceGroupName, accountName });
    const storageAccountKey = new Secret(keys[0]?.value ?? "");
    const volumes = [
      { name: "config", secret: { "edge.json": new Secret(Buffer.from("{}").toString("base64")) } },
      { name: "state", azureFile: { shareName: "state", storageAccountName: accountName, storageAccountKey } },
    ];
    const environmentVariables = [
      { name: "PORT", value: "18080" },
      { name: "PASSWORD", secureValue: new Secret("hidden") },
      { name: "CONFIG", value: "/etc/edge/edge.json" },
      { name: "STATE", value: "/var/state" },
      { name: "OTHER", value: "/etc/edges" },
    ];
    const volumeMounts = [
      { name: "config", mountPath: "/etc/edge" },
      { name: "state", mountPath: "/var/state/" },
    ];
    const declared = await group(
      "declared",
      18_080,
      { volumes, identity: { type: "UserAssigned", userAssignedIdentities: [identity.id] } },
      { environmentVariables, volumeMounts },
    );
    const made = await engine.create(CONTAINERS, "declared", declared);

    const { ip, fqdn } = output<{ ip: string; fqdn: string }>(made, "ipAddress");
    assert.deepEqual([ip, fqdn], ["127.81.2.10", "declared-label.westeurope.azurecontainer.io"]);
    const environment = environmentOf("declared");
    const names = ["PORT", "PASSWORD", "CONFIG", "STATE", "OTHER", "EDGE_BIND_ADDRESS", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"];
    assert.deepEqual(Object.keys(environment).sort(), names.sort());
    assert.equal(environment.EDGE_BIND_ADDRESS, ip);
    assert.equal(environment.OTHER, "/etc/edges");
    assert.equal(readFileSync(environment.CONFIG ?? "", "utf8"), "{}");
    assert.equal(environment.STATE, join(sandbox.dir, "shares", accountName, "state"));

    const text = JSON.stringify(reveal(made.outputs));
    for (const hidden of ["hidden", keys[0]?.value ?? "?", Buffer.from("{}").toString("base64")])
      assert.equal(text.includes(hidden), false);
    assert.equal(output<{ state: string }>(made, "instanceView").state, "Running");
    await engine.delete(CONTAINERS, "declared", made);
    await assert.rejects(fetch(`http://${ip}:18080/`));
    assert.equal(await engine.read(CONTAINERS, "declared", made), null);
  });

  it("is created once for the same id, however often it is asked", async () => {
    const made = await engine.create(CONTAINERS, "twice", await group("twice", 18_081));
    const { ip } = output<{ ip: string }>(made, "ipAddress");
    const pid = await pidOf(ip, 18_081);
    const again = await engine.create(CONTAINERS, "twice", await group("twice", 18_081));
    assert.equal(again.id, made.id);
    assert.equal(await pidOf(ip, 18_081), pid);
    const tagged = { ...made.inputs, tags: { a: "b" } };
    assert.deepEqual((await engine.diff(CONTAINERS, "twice", made, tagged)).replaces, []);
    await engine.update(CONTAINERS, "twice", made, tagged);
    assert.equal(await pidOf(ip, 18_081), pid, "tags restart nothing");
    const containers = (reveal(made.inputs.containers ?? null) as Properties[]).map((each) => ({
      ...each,
      environmentVariables: [
        { name: "PORT", value: "18081" },
        { name: "NEW", value: "1" },
      ],
    }));
    assert.deepEqual((await engine.diff(CONTAINERS, "twice", made, { ...made.inputs, containers })).replaces, []);
    await engine.update(CONTAINERS, "twice", made, { ...made.inputs, containers });
    assert.notEqual(await pidOf(ip, 18_081), pid, "a new environment restarts");
    await engine.delete(CONTAINERS, "twice", made);
  });

  it("changes size, ports and restart policy only by a new group", async () => {
    const inputs = await group("fixed", 18_082);
    const old: Resource = { id: "x", inputs, outputs: {} };
    const container = (change: Properties) => ({ containers: [{ ...((inputs.containers as readonly Properties[])[0] ?? {}), ...change }] });
    // biome-ignore format: a table
    const cases = [
      [container({ resources: { requests: { cpu: 2, memoryInGB: 1 } } }), "containers[0].resources.requests.cpu"],
      [container({ ports: [{ port: 1, protocol: "TCP" }] }),              "containers[0].ports[0].port"],
      [{ restartPolicy: "Never" },                                        "restartPolicy"],
    ] as const;
    for (const [change, path] of cases) {
      const { detail, deleteBeforeReplace } = await engine.diff(CONTAINERS, "fixed", old, { ...inputs, ...change });
      assert.deepEqual([detail, deleteBeforeReplace], [{ [path]: "update-replace" }, true]);
    }
    assert.deepEqual((await engine.diff(CONTAINERS, "fixed", old, { ...inputs, ...container({ image: "listener:2" }) })).detail, {
      "containers[0].image": "update",
    });
  });

  it("promises no address in preview", async () => {
    const preview = await engine.preview(CONTAINERS, "p", await group("p", 18_083));
    assert.deepEqual([(preview.ipAddress as Properties).ip, (preview.ipAddress as Properties).fqdn], [UNKNOWN, UNKNOWN]);
  });

  it("heals a container that is killed, and shows no difference afterwards", async () => {
    const made = await engine.create(CONTAINERS, "heal", await group("heal", 18_084));
    const { ip } = output<{ ip: string }>(made, "ipAddress");
    const first = await pidOf(ip, 18_084);
    process.kill(first, "SIGKILL");
    await until(async () => (await pidOf(ip, 18_084).catch(() => first)) !== first);
    const read = await engine.read(CONTAINERS, "heal", made);
    const [view] = reveal(read?.outputs.containers ?? null) as { instanceView: { restartCount: number } }[];
    assert.equal(view?.instanceView.restartCount, 1);
    assert.deepEqual((await engine.diff(CONTAINERS, "heal", read ?? made, made.inputs)).detail, {});
    await engine.delete(CONTAINERS, "heal", made);
  });

  it("restarts a container whose liveness probe fails", async () => {
    const livenessProbe = { httpGet: { path: "/livez", port: 18_088 }, periodSeconds: 1, failureThreshold: 1 };
    const made = await engine.create(CONTAINERS, "live", await group("live", 18_088, {}, { livenessProbe }));
    const { ip } = output<{ ip: string }>(made, "ipAddress");
    const first = await pidOf(ip, 18_088);
    await fetch(`http://${ip}:18088/sick`);
    await until(async () => (await pidOf(ip, 18_088).catch(() => first)) !== first);
    await engine.delete(CONTAINERS, "live", made);
  });

  it("tells a stopped group from one that is gone", async () => {
    const made = await engine.create(CONTAINERS, "once", await group("once", 18_085, { restartPolicy: "Never" }));
    const { ip } = output<{ ip: string }>(made, "ipAddress");
    await fetch(`http://${ip}:18085/exit`).catch(() => {});
    const state = async () => {
      const read = await engine.read(CONTAINERS, "once", made);
      const [view] = reveal(read?.outputs.containers ?? null) as { instanceView: { currentState: { state: string; exitCode: number } } }[];
      return [
        read === null ? "" : output<{ state: string }>(read, "instanceView").state,
        view?.instanceView.currentState.state,
        view?.instanceView.currentState.exitCode,
      ];
    };
    await until(async () => (await state())[0] === "Stopped");
    assert.deepEqual(await state(), ["Stopped", "Terminated", 3]);
    await engine.delete(CONTAINERS, "once", made);
  });

  it("fails with the last log lines when a container ends, and leaves nothing of it", async () => {
    sandbox.image("broken:1", "console.error('EDGE_DOCUMENT is missing'); process.exit(2);");
    const given = await group("broken", 18_086, { restartPolicy: "Never" }, { image: "broken:1" });
    await assert.rejects(
      engine.create(CONTAINERS, "broken", given),
      /container ended: exit code 2; last log lines:\nEDGE_DOCUMENT is missing/,
    );
    const status = await sandboxStatus(sandbox.dir);
    assert.equal(
      status?.groups.some(({ name }) => name === "broken"),
      false,
    );
  });

  it("names address and port when the port is in use, and what is registered for an unknown image", async () => {
    const holder = createServer().listen(18_087, "0.0.0.0");
    await once(holder, "listening");
    try {
      const text = /PortUnavailable.*container group taken: address 127\.81\.2\.\d+ port 18087 is already in use by \S+ \(process \d+\)/;
      await assert.rejects(engine.create(CONTAINERS, "taken", await group("taken", 18_087)), text);
    } finally {
      holder.close();
    }
    const given = await group("none", 18_090, {}, { image: "nothing" });
    await assert.rejects(engine.create(CONTAINERS, "none", given), /image not found: nothing; registered: .*listener:1/);
  });
});
