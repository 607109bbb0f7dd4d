import assert from "node:assert/strict";
import { CLIENT } from "../../client.ts";
import { startTestSandbox, type TestSandbox } from "../../test-sandbox.ts";
import { type Driven, drive, type Resource } from "../drive.ts";
import { Asset, type Properties, reveal, Secret, UNKNOWN } from "../wire.ts";
import { azureNative } from "./provider.ts";

const type = (name: string): string => `azure-native:${name}`;
const GROUP = type("resources:ResourceGroup");
const ACCOUNT = type("storage:StorageAccount");
const CONTAINER = type("storage:BlobContainer");
const BLOB = type("storage:Blob");
const VAULT = type("keyvault:Vault");
const SECRET = type("keyvault:Secret");
const IDENTITY = type("managedidentity:UserAssignedIdentity");
const ROLE = type("authorization:RoleAssignment");
const CONTAINERS = type("containerinstance:ContainerGroup");

const READ_BLOBS = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
const READ_SECRETS = "4633458b-17de-408a-874b-0445c86b69e6";
const role = (id: string) => `/subscriptions/${CLIENT.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${id}`;

const output = <T>(resource: Resource, name: string): T => reveal(resource.outputs[name] ?? null) as T;

describe("the azure-native stand-in", () => {
  let sandbox: TestSandbox;
  let engine: Driven;
  let resourceGroupName: string;
  let account: Resource;
  let accountName: string;
  let identity: Resource;

  before(async () => {
    sandbox = await startTestSandbox("127.81.1");
    engine = await drive(azureNative);
    resourceGroupName = output<string>(await engine.create(GROUP, "edge", { location: "West Europe" }), "name");
    account = await engine.create(ACCOUNT, "edge", { resourceGroupName, kind: "StorageV2", sku: { name: "Standard_LRS" } });
    accountName = output<string>(account, "name");
    identity = await engine.create(IDENTITY, "edge", { resourceGroupName });
  });
  after(async () => {
    engine.close();
    await sandbox.stop();
  });

  // ---- names, defaults, preview ----------------------------------------------------------------------------------

  it("names by logical name and seed, and keeps the name afterwards", async () => {
    const given = { resourceGroupName, kind: "StorageV2", sku: { name: "Standard_LRS" } };
    const { inputs } = await engine.check(ACCOUNT, "edge", given);
    assert.match(String(inputs.accountName), /^edge[0-9a-f]{8}$/);
    assert.equal((await engine.check(ACCOUNT, "edge", given, {})).inputs.accountName, inputs.accountName);
    assert.notEqual((await engine.check(ACCOUNT, "edge", given, {}, "another")).inputs.accountName, inputs.accountName);
    assert.equal((await engine.check(ACCOUNT, "edge", given, inputs, "another")).inputs.accountName, inputs.accountName);
    const container = await engine.check(CONTAINER, "files", { resourceGroupName, accountName });
    assert.equal(container.inputs.containerName, "files");
  });

  it("takes the resource group's location, in Azure's spelling", () => {
    assert.equal(account.inputs.location, "westeurope");
    assert.equal(output(account, "location"), "westeurope");
  });

  it("knows in preview what the inputs tell, and nothing else", async () => {
    const inputs: Properties = { resourceGroupName: UNKNOWN, accountName: "edge", kind: "StorageV2", sku: { name: "Standard_LRS" } };
    const preview = await engine.preview(ACCOUNT, "edge", inputs);
    assert.deepEqual([preview.kind, preview.name, preview.primaryEndpoints, preview.location], ["StorageV2", UNKNOWN, UNKNOWN, UNKNOWN]);
    assert.equal("accountName" in preview, false);
  });

  it("keeps in the preview of an update what the update does not touch", async () => {
    const next = await engine.update(ACCOUNT, "edge", account, { ...account.inputs, tags: { a: "b" } }, true);
    assert.deepEqual(next.outputs.primaryEndpoints, account.outputs.primaryEndpoints);
  });

  it("takes its location and subscription from nobody where nothing tells them", async () => {
    const { failures } = await engine.check(GROUP, "other", {});
    assert.match(failures[0] ?? "", /location is required/);
  });

  // biome-ignore format: a table
  const refused = [
    [ACCOUNT,    { resourceGroupName: "g", kind: "StorageV2" },                                           /sku is required/],
    [ACCOUNT,    { resourceGroupName: "g", kind: "V2", sku: { name: "Standard_LRS" } },                   /kind is "V2"; expected one of Storage, StorageV2/],
    [ACCOUNT,    { resourceGroupName: "g", kind: "StorageV2", sku: { name: "Standard_LRS" }, accountName: "Edge-1" }, /accountName is "Edge-1"; expected 3 to 24 lower-case letters/],
    [CONTAINER,  { resourceGroupName: "g", accountName: "abc", publicAccess: "All" },                     /publicAccess is "All"/],
    [BLOB,       { resourceGroupName: "g", accountName: "abc", containerName: "files", source: "text" },  /source is "text"; expected a StringAsset/],
    [BLOB,       { resourceGroupName: "g", accountName: "abc", containerName: "files", type: "Append", source: new Asset({ text: "" }) }, /cannot be given for an Append blob/],
    [VAULT,      { resourceGroupName: "g", properties: { tenantId: "x", sku: { family: "A", name: "standard" } } }, /properties.tenantId is "x"; expected a GUID/],
    [SECRET,     { resourceGroupName: "g", vaultName: "vault", properties: { valeu: "x" } },              /properties.valeu is not an input here/],
    [ROLE,       { scope: "/", principalId: "p", roleDefinitionId: role(READ_BLOBS) },                    /scope is "\/"; expected the id/],
    [CONTAINERS, { resourceGroupName: "g", osType: "Linux", containers: [] },                             /containers is a list of 0; expected .* at least 1/],
    [CONTAINERS, { resourceGroupName: "g", osType: "Windows", containers: [{ name: "a", image: "i", resources: { requests: { cpu: 1, memoryInGB: 1 } } }] }, /osType is "Windows"; expected one of Linux/],
    [CONTAINERS, { resourceGroupName: "g", osType: "Linux", containers: [{ name: "a", image: "i", resources: { requests: { cpu: 1, memoryInGB: 1 } }, volumeMounts: [{ name: "v", mountPath: "/v" }] }] }, /mounts v, which is no volume of the group/],
    [CONTAINERS, { resourceGroupName: "g", osType: "Linux", ipAddress: { type: "Public", ports: [{ port: 1 }] }, containers: [{ name: "a", image: "i", resources: { requests: { cpu: 1, memoryInGB: 1 } } }] }, /ipAddress.ports holds 1, which no container/],
  ] as const;
  for (const [token, inputs, expected] of refused) {
    it(`refuses of ${token.split(":").at(-1)}: ${expected.source}`, async () => {
      const { failures } = await engine.check(token, "edge", inputs as Properties);
      assert.equal(failures.length, 1, failures.join("\n"));
      assert.match(failures[0] ?? "", expected);
    });
  }

  it("names what it has for a type it does not have", async () => {
    const text = /no resource type azure-native:network:PublicIPAddress; it has azure-native:resources:ResourceGroup, /;
    await assert.rejects(engine.check(type("network:PublicIPAddress"), "ip", {}), text);
  });

  // ---- life of a resource ----------------------------------------------------------------------------------------

  it("reads what is there and answers an empty id for what is gone", async () => {
    const container = await engine.create(CONTAINER, "short", { resourceGroupName, accountName, containerName: "short-lived" });
    assert.deepEqual(await engine.read(CONTAINER, "short", container), container);
    await engine.delete(CONTAINER, "short", container);
    assert.equal(await engine.read(CONTAINER, "short", container), null);
    await engine.delete(CONTAINER, "short", container);
  });

  it("makes nothing in what does not exist", async () => {
    await assert.rejects(
      engine.create(CONTAINER, "x", { resourceGroupName, accountName: "nowhere", containerName: "files" }),
      /ParentResourceNotFound/,
    );
  });

  it("ends what is in a resource group with it", async () => {
    const group = await engine.create(GROUP, "short", { location: "westeurope" });
    const inside = await engine.create(IDENTITY, "inside", { resourceGroupName: output<string>(group, "name") });
    await engine.delete(GROUP, "short", group);
    assert.equal(await engine.read(IDENTITY, "inside", inside), null);
  });

  it("holds names of accounts and vaults to be taken once", async () => {
    const other = output<string>(await engine.create(GROUP, "two", { location: "westeurope" }), "name");
    const given = { resourceGroupName: other, accountName, kind: "StorageV2", sku: { name: "Standard_LRS" } };
    await assert.rejects(engine.create(ACCOUNT, "edge", given), /StorageAccountAlreadyTaken/);
  });

  it("replaces by the table, before the old one's end only where the name is a random one", async () => {
    const moved = await engine.diff(ACCOUNT, "edge", account, { ...account.inputs, location: "northeurope" });
    assert.deepEqual(moved, { detail: { location: "update-replace" }, replaces: ["location"], deleteBeforeReplace: false });
    const tagged = await engine.diff(ACCOUNT, "edge", account, { ...account.inputs, tags: { "a.b": "c" } });
    assert.deepEqual(tagged, { detail: { tags: "add" }, replaces: [], deleteBeforeReplace: false });
    const named = { resourceGroupName, accountName, containerName: "named" };
    const old: Resource = { id: "x", inputs: named, outputs: {} };
    assert.equal((await engine.diff(CONTAINER, "named", old, { ...named, containerName: "other" })).deleteBeforeReplace, true);
  });

  // ---- blobs, secrets, roles -------------------------------------------------------------------------------------

  it("uploads a blob, keeps a secret source secret, and replaces it for new content", async () => {
    await engine.create(CONTAINER, "files", { resourceGroupName, accountName });
    const source = (text: string, hash: string) => new Secret(new Asset({ text, hash }));
    const inputs = { resourceGroupName, accountName, containerName: "files", blobName: "edge.json", contentType: "application/json" };
    const blob = await engine.create(BLOB, "edge.json", { ...inputs, source: source("{}", "1") });
    assert.equal(output(blob, "url"), `${sandbox.control.url}/blob/${accountName}/files/edge.json`);
    assert.equal("source" in blob.outputs, false);
    const read = await engine.read(BLOB, "edge.json", blob);
    assert.deepEqual(read?.inputs.source, source("{}", "1"));
    const changed = await engine.diff(BLOB, "edge.json", blob, { ...blob.inputs, source: source("[]", "2") });
    assert.deepEqual(changed, { detail: { source: "update-replace" }, replaces: ["source"], deleteBeforeReplace: true });
    assert.deepEqual((await engine.diff(BLOB, "edge.json", blob, { ...blob.inputs, contentType: "text/plain" })).detail, {
      contentType: "update",
    });
  });

  it("uploads nothing to an account without shared keys", async () => {
    const closed = {
      resourceGroupName,
      accountName: "closed",
      kind: "StorageV2",
      sku: { name: "Standard_LRS" },
      allowSharedKeyAccess: false,
    };
    await engine.create(ACCOUNT, "closed", closed);
    await engine.create(CONTAINER, "closed", { resourceGroupName, accountName: "closed", containerName: "files" });
    const blob = { resourceGroupName, accountName: "closed", containerName: "files", source: new Asset({ text: "x" }) };
    await assert.rejects(engine.create(BLOB, "x", blob), /KeyBasedAuthenticationNotPermitted/);
  });

  it("never gives a vault's secret back", async () => {
    const sku = { family: "A", name: "standard" };
    const vault = await engine.create(VAULT, "edge", { resourceGroupName, properties: { tenantId: CLIENT.tenantId, sku } });
    const vaultName = output<string>(vault, "name");
    const value = new Secret("s3cret");
    const secret = await engine.create(SECRET, "key", { resourceGroupName, vaultName, properties: { value } });
    assert.equal("value" in (secret.outputs.properties as Properties), false);
    assert.deepEqual((secret.inputs.properties as Properties).value, value);
    const next = await engine.diff(SECRET, "key", secret, { ...secret.inputs, properties: { value: new Secret("new") } });
    assert.deepEqual(next, { detail: { "properties.value": "update" }, replaces: [], deleteBeforeReplace: false });
  });

  it("assigns roles to principals that exist, once, as what they are", async () => {
    const scope = account.id;
    const principalId = output<string>(identity, "principalId");
    const inputs = { scope, principalId, roleDefinitionId: role(READ_BLOBS) };
    await assert.rejects(engine.create(ROLE, "r", { ...inputs, principalId: "nobody" }), /PrincipalNotFound/);
    await assert.rejects(engine.create(ROLE, "r", inputs), /UnmatchedPrincipalType.* is a ServicePrincipal, not a User/);
    const made = await engine.create(ROLE, "r", { ...inputs, principalType: "ServicePrincipal" });
    assert.match(made.id, /\/roleAssignments\/[0-9a-f-]{36}$/);
    const again = { ...inputs, principalType: "ServicePrincipal", roleAssignmentName: "00000000-0000-4000-8000-000000000000" };
    await assert.rejects(engine.create(ROLE, "s", again), /RoleAssignmentExists/);
    const elsewhere = { ...again, scope: `${scope}x` };
    await assert.rejects(engine.create(ROLE, "t", elsewhere), /ResourceNotFound/);
    const other = await engine.diff(ROLE, "r", made, { ...made.inputs, roleDefinitionId: role(READ_SECRETS) });
    assert.deepEqual(other.detail, { roleDefinitionId: "update-replace" });
  });

  it("tells who deploys and an account's keys", async () => {
    assert.deepEqual(await engine.invoke(type("authorization:getClientConfig"), {}), CLIENT);
    const { keys } = (await engine.invoke(type("storage:listStorageAccountKeys"), { resourceGroupName, accountName })) as unknown as {
      keys: { value: string }[];
    };
    assert.equal(keys.length, 2);
    const missing = engine.invoke(type("storage:listStorageAccountKeys"), { resourceGroupName, accountName: "nowhere" });
    await assert.rejects(missing, /ResourceNotFound/);
  });
});
