import assert from "node:assert/strict";
import { certificateText, isSecret, MOCK_KEY_PEM, resolved, settled, startMocks } from "../test/support/pulumi-mocks.ts";
import { DevelopmentAuthority } from "./development-authority.ts";

describe("DevelopmentAuthority", () => {
  it("is an authority that may sign certificates and nothing else", async () => {
    const mocks = await startMocks();
    const authority = new DevelopmentAuthority("development", { peers: [] });
    await settled();
    const { inputs } = mocks.named("development-certificate");
    assert.deepEqual([inputs.isCaCertificate, inputs.allowedUses], [true, ["cert_signing", "crl_signing"]]);
    assert.equal(await resolved(authority.certificatePem), certificateText("development-certificate"));
  });

  it("gives each peer a key of its own and a certificate for its name, usable in both directions", async () => {
    const mocks = await startMocks();
    const authority = new DevelopmentAuthority("development", { peers: ["fabrikam.example", "lync.contoso.example"] });
    const peers = (await resolved(authority.peers)) ?? {};
    assert.deepEqual(Object.keys(peers), ["fabrikam.example", "lync.contoso.example"]);
    assert.deepEqual(peers["fabrikam.example"], {
      certificateChain: certificateText("development-certificate-fabrikam.example"),
      privateKey: MOCK_KEY_PEM,
    });
    assert.equal(mocks.ofType("PrivateKey").length, 3);
    assert.deepEqual(mocks.named("development-request-fabrikam.example").inputs.dnsNames, ["fabrikam.example"]);
    const { inputs } = mocks.named("development-certificate-fabrikam.example");
    assert.ok(inputs.allowedUses.includes("server_auth") && inputs.allowedUses.includes("client_auth"));
    assert.ok(!inputs.isCaCertificate);
  });

  it("keeps the peers' identities secret, and never uses the weak default curve", async () => {
    const mocks = await startMocks();
    const authority = new DevelopmentAuthority("development", { peers: ["fabrikam.example"] });
    await settled();
    assert.equal(await isSecret(authority.peers), true);
    for (const { inputs } of mocks.ofType("PrivateKey")) assert.equal(inputs.ecdsaCurve, "P256");
  });
});
