import assert from "node:assert/strict";
import { ask, CLIENT, resourcePath } from "../client.ts";
import { startTestSandbox, type TestSandbox } from "../test-sandbox.ts";
import { issueToken } from "./authorization.ts";

const GROUP = `/subscriptions/${CLIENT.subscriptionId}/resourceGroups/edge`;
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/edge`;
const FILES = `${ACCOUNT}/blobServices/default/containers/files`;
const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/edge`;
const IDENTITY = `${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/edge`;
const CONTAINERS = `${GROUP}/providers/Microsoft.ContainerInstance/containerGroups/edge`;
const role = (id: string) => `/subscriptions/${CLIENT.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${id}`;
const READ_BLOBS = role("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1");
const READ_SECRETS = role("4633458b-17de-408a-874b-0445c86b69e6");

describe("what a running gateway reads", () => {
  let sandbox: TestSandbox;
  let header: string;
  const put = (id: string, type: string, inputs: object, outputs: object = {}, content?: string) =>
    ask(sandbox.control, "PUT", resourcePath(id), {
      type: `azure-native:${type}`,
      inputs,
      outputs,
      ...(content === undefined ? {} : { content }),
    });
  const url = (path: string) => `${sandbox.control.url}${path}`;
  const assign = (name: string, scope: string, roleDefinitionId: string) => {
    const inputs = { scope, roleDefinitionId, principalId: "principal", principalType: "ServicePrincipal" };
    return put(`${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`, "authorization:RoleAssignment", inputs);
  };

  before(async () => {
    sandbox = await startTestSandbox("127.81.5");
    sandbox.image("printer:1", "console.log(process.env.IDENTITY_HEADER); setInterval(() => {}, 60_000);");
    await put(GROUP, "resources:ResourceGroup", {}, { name: "edge" });
    await put(ACCOUNT, "storage:StorageAccount", {}, { name: "edge" });
    await put(FILES, "storage:BlobContainer", {}, { name: "files" });
    await put(`${FILES}/blobs/a/edge.json`, "storage:Blob", { contentType: "application/json" }, {}, Buffer.from("{}").toString("base64"));
    await put(VAULT, "keyvault:Vault", { properties: {} }, { name: "edge" });
    const uri = `${sandbox.control.url}/vault/edge/secrets/key/1`;
    await put(
      `${VAULT}/secrets/key`,
      "keyvault:Secret",
      { properties: { value: "s3cret" } },
      { name: "key", properties: { secretUriWithVersion: uri } },
    );
    await put(IDENTITY, "managedidentity:UserAssignedIdentity", {}, { principalId: "principal", clientId: "client" });
    const container = { name: "main", image: "printer:1", resources: { requests: { cpu: 1, memoryInGB: 1 } } };
    const inputs = { resourceGroupName: "edge", containers: [container], identity: { userAssignedIdentities: [IDENTITY] } };
    await put(CONTAINERS, "containerinstance:ContainerGroup", inputs, { name: "edge", containers: [container] });
    const { readFileSync } = await import("node:fs");
    header = readFileSync(`${sandbox.dir}/containers/edge/edge/main/stdout.log`, "utf8").trim();
  });
  after(() => sandbox.stop());

  const token = async (resource: string, own = header, query = ""): Promise<{ status: number; token: string }> => {
    const path = `/identity/token?api-version=2019-08-01&resource=${encodeURIComponent(resource)}${query}`;
    const response = await fetch(url(path), { headers: { "x-identity-header": own } });
    const body = (await response.json()) as { access_token?: string };
    return { status: response.status, token: body.access_token ?? "" };
  };
  const blob = async (bearer: string, headers: Record<string, string> = {}, path = "/blob/edge/files/a/edge.json") =>
    fetch(url(path), {
      headers: { "x-ms-version": "2021-08-06", ...(bearer === "" ? {} : { authorization: `Bearer ${bearer}` }), ...headers },
    });
  const secret = async (bearer: string, path = "/vault/edge/secrets/key?api-version=7.4") =>
    fetch(url(path), { headers: { authorization: `Bearer ${bearer}` } });

  it("issues tokens to the container group's identity only", async () => {
    assert.equal((await token("https://storage.azure.com")).status, 200);
    assert.equal((await token("https://storage.azure.com", "guess")).status, 401);
    assert.equal((await token("https://storage.azure.com", header, "&client_id=client")).status, 200);
    assert.equal((await token("https://storage.azure.com", header, "&client_id=other")).status, 400);
    assert.equal((await fetch(url("/identity/token"), { headers: { "x-identity-header": header } })).status, 400);
  });

  it("refuses blobs without a token, with a forged, foreign or late one, and without a role", async () => {
    const good = (await token("https://storage.azure.com/")).token;
    const vaults = (await token("https://vault.azure.net")).token;
    const forged = issueToken("00", "principal", "https://storage.azure.com", Date.now()).token;
    for (const bearer of ["", "x", forged, vaults, `${good.slice(0, -4)}AAAA`]) assert.equal((await blob(bearer)).status, 401, bearer);
    const refused = await blob(good);
    assert.deepEqual([refused.status, refused.headers.get("x-ms-error-code")], [403, "AuthorizationPermissionMismatch"]);
    assert.match(await refused.text(), /<Code>AuthorizationPermissionMismatch<\/Code>/);
  });

  it("serves a blob to a role on its container, and tells that nothing changed", async () => {
    await assign("one", FILES, READ_BLOBS);
    const bearer = (await token("https://storage.azure.com")).token;
    const first = await blob(bearer);
    assert.deepEqual([first.status, first.headers.get("content-type"), await first.text()], [200, "application/json", "{}"]);
    const etag = first.headers.get("etag") ?? "";
    const second = await blob(bearer, { "if-none-match": etag });
    assert.deepEqual([second.status, await second.text()], [304, ""]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await put(`${FILES}/blobs/a/edge.json`, "storage:Blob", {}, {}, Buffer.from("[]").toString("base64"));
    const third = await blob(bearer, { "if-none-match": etag });
    assert.deepEqual([third.status, await third.text()], [200, "[]"]);
    assert.equal((await blob(bearer, { "x-ms-version": "2015-01-01" })).status, 400);
    assert.equal((await blob(bearer, {}, "/blob/edge/files/none")).status, 404);
    assert.equal((await blob(bearer, {}, "/blob/nowhere/files/none")).status, 404);
    assert.equal((await blob(bearer, {}, "/blob/edge/others/none")).status, 403, "the role is on one container");
  });

  it("serves a secret to a role on the vault", async () => {
    const bearer = (await token("https://vault.azure.net")).token;
    assert.equal((await secret(bearer)).status, 403);
    await assign("two", VAULT, READ_SECRETS);
    const found = await secret(bearer);
    assert.deepEqual([found.status, ((await found.json()) as { value: string }).value], [200, "s3cret"]);
    assert.equal((await secret(bearer, "/vault/edge/secrets/other?api-version=7.4")).status, 404);
    assert.equal((await secret(bearer, "/vault/edge/secrets/key/1?api-version=7.4")).status, 200);
    assert.equal((await secret(bearer, "/vault/edge/secrets/key/2?api-version=7.4")).status, 404);
    assert.equal((await secret(bearer, "/vault/edge/secrets/key")).status, 400);
    assert.equal((await secret("")).status, 401);
  });

  it("gives control to the holder of the token only", async () => {
    assert.equal((await fetch(url("/control/status"))).status, 401);
    assert.equal((await fetch(url("/control/status"), { headers: { authorization: "Bearer guess" } })).status, 401);
    await assert.rejects(ask(sandbox.control, "GET", "nothing"), /GET nothing is not served; served: GET status/);
    await assert.rejects(
      ask(sandbox.control, "PUT", "world", { records: [{ name: "a.example", type: "MX", data: "x" }] }),
      /Invalid option/,
    );
    assert.equal((await fetch(url("/elsewhere"))).status, 404);
    assert.equal((await fetch(url("/%ff"))).status, 404);
  });
});
