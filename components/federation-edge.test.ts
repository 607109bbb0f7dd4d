import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { parseDocumentText } from "../gateway/config/parse.ts";
import { readRequest } from "../gateway/pki/request.ts";
import { isSecret, MOCK_ADDRESS, type Mocks, resolved, settled, startMocks, unsealed } from "../test/support/pulumi-mocks.ts";
import { FederationEdge } from "./federation-edge.ts";
import type { FederationEdgeArgs } from "./settings.ts";

const args = (changes: Partial<FederationEdgeArgs> = {}): FederationEdgeArgs => ({
  accessEdge: { fqdn: "sip.contoso.example" },
  sipDomains: ["contoso.example"],
  partners: [{ domain: "fabrikam.example", partnerType: "federated", saslNegotiation: "optional" }],
  sip: { fqdn: "xmppgw.contoso.example", nextHop: { fqdn: "lync.contoso.example" } },
  host: { image: "gateway@sha256:0" },
  dns: { zoneIds: { "contoso.example": "zone-contoso" } },
  now: "2026-06-01T00:00:00Z",
  ...changes,
});

const DEVELOPMENT = { development: { authority: true, peers: ["fabrikam.example"] } };

const make = async (changes: Partial<FederationEdgeArgs> = {}, preview = false) => {
  const mocks = await startMocks(preview);
  const edge = new FederationEdge("edge", args(changes));
  await settled();
  return { mocks, edge };
};

/** What the resources of two runs differ in, by name. */
async function changed(before: Mocks, after: Mocks): Promise<string[]> {
  const texts = async (mocks: Mocks) =>
    new Map(
      await Promise.all(
        mocks.registered.map(
          async ({ name, type, inputs }) => [`${type} ${name}`, JSON.stringify([inputs, await inputs.source?.text])] as const,
        ),
      ),
    );
  const [old, now] = [await texts(before), await texts(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((key) => old.get(key) !== now.get(key)).sort();
}

const blobText = async (mocks: Mocks, file: string): Promise<string> => {
  const { source } = mocks.named(`edge-store-${file}`).inputs;
  return String(await (source as pulumi.asset.StringAsset).text);
};

describe("FederationEdge", () => {
  it("makes exactly these resources", async () => {
    const { mocks } = await make();
    const made = mocks.registered.map(({ type, name }) => `${type.split(":").at(-1)} ${name}`).sort();
    assert.deepEqual(made, [
      "Blob edge-store-certificate.pem",
      "Blob edge-store-edge.json",
      "Blob edge-store-sip-certificate.pem",
      "BlobContainer edge-store-files",
      "ConfigurationStore edge-store",
      "ContainerGroup edge-host",
      "ContainerHost edge-host",
      "DnsRecord edge-dns-a-sip.contoso.example",
      "DnsRecord edge-dns-a-xmppgw.contoso.example",
      "DnsRecord edge-dns-srv-contoso.example",
      "EdgeCertificate edge-certificate",
      "EdgeCertificate edge-sip-certificate",
      "FederationDns edge-dns",
      "FederationEdge edge",
      "FileShare edge-host-state",
      "PartnerConfiguration edge-partners",
      "PrivateKey edge-certificate-key",
      "PrivateKey edge-dialback-key",
      "PrivateKey edge-sip-certificate-key",
      "ResourceGroup edge",
      "RoleAssignment edge-store-read-files",
      "RoleAssignment edge-store-read-secrets",
      "Secret edge-store-dialback",
      "Secret edge-store-sip-key",
      "Secret edge-store-xmpp-key",
      "SelfSignedCert edge-certificate-self-signed",
      "SelfSignedCert edge-sip-certificate-self-signed",
      "StorageAccount edgestoreedge",
      "UserAssignedIdentity edge-store-identity",
      "Vault edge-store",
    ]);
  });

  it("shows every setting in a preview, and no value of the cloud is needed for the partners' verdict", async () => {
    const { mocks, edge } = await make(DEVELOPMENT, true);
    assert.deepEqual(mocks.named("edge", "FederationEdge").inputs.partners, args().partners);
    assert.equal((await resolved(edge.partners))?.[0]?.row, 7);
    assert.equal(await resolved(edge.document), undefined);
  });

  it("does not record the time, so that an unchanged edge stays unchanged", async () => {
    const [before, after] = [await make(DEVELOPMENT), await make({ ...DEVELOPMENT, now: "2026-06-02T00:00:00Z" })];
    assert.deepEqual(await changed(before.mocks, after.mocks), []);
    assert.ok(!("now" in before.mocks.named("edge", "FederationEdge").inputs));
  });

  it("changes the document and its component for a partner, and nothing that would restart the gateway", async () => {
    const before = await make(DEVELOPMENT);
    const after = await make({
      ...DEVELOPMENT,
      partners: [{ domain: "litware.example", partnerType: "federated", saslNegotiation: "optional" }],
    });
    assert.deepEqual(await changed(before.mocks, after.mocks), [
      "azure-native:storage:Blob edge-store-edge.json",
      "xmpp-edge:index:FederationEdge edge",
      "xmpp-edge:index:PartnerConfiguration edge-partners",
    ]);
  });

  it("tells the gateway where everything is, by what account and vault tell, and as whom to ask", async () => {
    const { mocks } = await make({ host: { image: "gateway@sha256:0", dnsServers: ["127.77.0.1:5353", "192.0.2.1"], pollSeconds: 3 } });
    const [container] = mocks.ofType("ContainerGroup")[0]?.inputs.containers ?? [];
    const environment = Object.fromEntries(
      container.environmentVariables.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    const [files, secrets] = ["https://edgestoreedge.blob.example/files", "https://edge-store.vault.example/secrets"];
    assert.deepEqual(environment, {
      EDGE_DOCUMENT: `${files}/edge.json`,
      EDGE_CERTIFICATE: `${files}/certificate.pem`,
      EDGE_KEY: `${secrets}/xmpp-key`,
      EDGE_SIP_CERTIFICATE: `${files}/sip-certificate.pem`,
      EDGE_SIP_KEY: `${secrets}/sip-key`,
      EDGE_DIALBACK_SECRET: `${secrets}/dialback`,
      AZURE_CLIENT_ID: "client-edge-store-identity",
      EDGE_STATE: "/var/lib/xmpp-edge",
      EDGE_DNS: "127.77.0.1:5353,192.0.2.1",
      EDGE_POLL_SECONDS: "3",
    });
  });

  it("runs the image with liveness probe and restart, on the declared ports, the health port outside only where asked", async () => {
    const { mocks, edge } = await make({ listen: { xmppPort: 15269, healthPort: 9191 } });
    const group = mocks.ofType("ContainerGroup")[0]?.inputs ?? {};
    assert.equal(group.restartPolicy, "Always");
    assert.deepEqual(
      group.ipAddress.ports.map(({ port }: { port: number }) => port),
      [15269, 5061],
    );
    assert.deepEqual(group.containers[0].livenessProbe.httpGet, { path: "/livez", port: 9191, scheme: "http" });
    assert.deepEqual(await resolved(edge.gateway), {
      xmppAddress: `${MOCK_ADDRESS}:15269`,
      sipAddress: `${MOCK_ADDRESS}:5061`,
      healthUrl: "",
    });
    const open = await make({ host: { image: "gateway@sha256:0", exposeHealthPort: true } });
    assert.equal((await resolved(open.edge.gateway))?.healthUrl, `http://${MOCK_ADDRESS}:9090`);
  });

  it("with a port for direct TLS opens it, tells the gateway and publishes it; without one does none of that", async () => {
    const { mocks, edge } = await make({ listen: { xmppTlsPort: 5270 } });
    const ports = (inputs: { ports: { port: number }[] }) => inputs.ports.map(({ port }) => port);
    const group = mocks.ofType("ContainerGroup")[0]?.inputs ?? {};
    assert.deepEqual(ports(group.ipAddress), [5269, 5270, 5061]);
    assert.deepEqual(ports(group.containers[0]), [5269, 5270, 5061, 9090]);
    assert.equal(JSON.parse((await resolved(edge.document)) ?? "{}").listen.xmppTlsPort, 5270);
    const published = async (of: typeof edge) => (await resolved(of.srvRecords))?.map(({ name, port }) => `${name.split(".")[0]} ${port}`);
    assert.deepEqual([...new Set(await published(edge))], ["_xmpp-server 5269", "_xmpps-server 5270"]);
    assert.deepEqual([...new Set(await published((await make()).edge))], ["_xmpp-server 5269"]);
  });

  it("gives the gateway's identity the right to read files and secrets, and no other", async () => {
    const { mocks } = await make();
    const roles = mocks.ofType("RoleAssignment").map(({ inputs }) => `${inputs.scope} ${inputs.roleDefinitionId.split("/").at(-1)}`);
    assert.deepEqual(roles.sort(), [
      "/id/edge-store 4633458b-17de-408a-874b-0445c86b69e6",
      "/id/edge-store-files 2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    ]);
  });

  it("makes address records only where the Access Edge is ours, and the SIP name's only in a zone of ours", async () => {
    const owners = (mocks: Mocks) => mocks.ofType("DnsRecord").map(({ inputs }) => inputs.name);
    const srv = "_xmpp-server._tcp.contoso.example";
    assert.deepEqual(owners((await make()).mocks), [srv, "sip.contoso.example", "xmppgw.contoso.example"]);
    assert.deepEqual(owners((await make({ accessEdge: { fqdn: "sip.contoso.example", address: "existing" } })).mocks), [srv]);
    const inside = await make({ sip: { ...args().sip, fqdn: "xmppgw.corp.example" } });
    assert.deepEqual(owners(inside.mocks), [srv, "sip.contoso.example"]);
    assert.match(inside.mocks.logged.map(({ text }) => text).join(), /xmppgw\.corp\.example/);
  });

  it("signs both certificates with a development authority, which the document trusts on both sides", async () => {
    const { mocks, edge } = await make(DEVELOPMENT);
    assert.equal(mocks.ofType("SelfSignedCert").length, 1);
    const document = parseDocumentText(await blobText(mocks, "edge.json"));
    const authority = await resolved(edge.developmentAuthorityPem);
    assert.deepEqual([document.xmpp.trustedAuthorities, document.sip.trustedAuthorities], [[authority], [authority]]);
    assert.deepEqual(Object.keys((await resolved(edge.developmentPeers)) ?? {}), ["fabrikam.example"]);
    assert.equal(await isSecret(edge.developmentPeers), true);
  });

  it("asks for a certificate for each side: the edge's names for partners, the gateway's own name for Lync", async () => {
    const { edge } = await make();
    const partners = readRequest((await resolved(edge.certificateRequestPem)) ?? "");
    assert.deepEqual(partners.dnsNames, ["sip.contoso.example", "contoso.example"]);
    const lync = readRequest((await resolved(edge.sipCertificateRequestPem)) ?? "");
    assert.deepEqual([lync.subject.commonName, lync.dnsNames, lync.srvNames], ["xmppgw.contoso.example", ["xmppgw.contoso.example"], []]);
  });

  it("exports the private key as a secret where it is marked exportable, and not otherwise", async () => {
    const { edge } = await make({ sipCertificate: { exportableKey: false } });
    assert.equal(await isSecret(edge.certificatePrivateKeyPem), true);
    assert.match((await resolved(edge.certificatePrivateKeyPem)) ?? "", /PRIVATE KEY/);
    assert.equal(await resolved(edge.sipCertificatePrivateKeyPem), "");
  });

  it("keeps private keys and the dialback secret out of everything that is not secret", async () => {
    const { mocks, edge } = await make({ ...DEVELOPMENT, dialbackPassphrase: "a passphrase for dialback" });
    for (const output of Object.values(edge.outputs())) {
      if (await isSecret(output)) continue;
      assert.ok(!JSON.stringify(await resolved(output)).includes("PRIVATE KEY"));
    }
    for (const { inputs } of mocks.ofType("Blob")) assert.ok(!String(await inputs.source.text).includes("PRIVATE KEY"));
    for (const { type, inputs } of mocks.registered.filter(({ type }) => type.startsWith("xmpp-edge:"))) {
      assert.ok(!JSON.stringify(inputs).includes("PRIVATE KEY"), type);
    }
  });

  it("takes the dialback passphrase, or makes a secret that stays the same", async () => {
    const given = await make({ dialbackPassphrase: "a passphrase for dialback" });
    const { properties } = given.mocks.named("edge-store-dialback").inputs;
    assert.deepEqual(unsealed(properties), { value: "a passphrase for dialback" });
    assert.notDeepEqual(properties, unsealed(properties), "it is marked secret");
    assert.ok(!given.mocks.registered.some(({ name }) => name === "edge-dialback-key"));
    const [first, second] = [await make(), await make()];
    const secret = (mocks: Mocks) => JSON.stringify(unsealed(mocks.named("edge-store-dialback").inputs.properties));
    assert.match(secret(first.mocks), /^\{"value":"[0-9a-f]{64}"\}$/);
    assert.equal(secret(first.mocks), secret(second.mocks));
  });

  it("publishes names in lower case whatever way they are written", async () => {
    const { mocks } = await make({ accessEdge: { fqdn: "SIP.Contoso.example." }, sipDomains: ["Contoso.Example"] });
    assert.equal(mocks.named("edge-dns-srv-contoso.example").inputs.data.target, "sip.contoso.example");
  });

  it("refuses everything that is wrong with its settings in one error, before anything is made", async () => {
    const mocks = await startMocks();
    assert.throws(
      () =>
        new FederationEdge(
          "edge",
          args({
            sipDomains: ["contoso.example", "litware.example"],
            partners: [{ domain: "fabrikam.example", tlsNegotiation: "notSupported", supportDialbackNegotiation: false }],
            development: { peers: ["fabrikam.example"] },
          }),
        ),
      (error) => {
        assert.ok(pulumi.InputPropertiesError.isInstance(error));
        assert.deepEqual(
          error.errors.map(({ propertyPath }) => propertyPath),
          ["partners[0]", "dns.zoneIds", "development.peers"],
        );
        return true;
      },
    );
    await settled();
    assert.deepEqual(
      mocks.registered.map(({ name }) => name),
      ["edge"],
    );
  });
});
