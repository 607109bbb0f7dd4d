import assert from "node:assert/strict";
import { reportsOf } from "../test/support/policy-args.ts";
import { certificateNames } from "./certificate-names.ts";
import { COMPONENTS } from "./component-inputs.ts";

const reports = (props: Record<string, unknown>, type: string = COMPONENTS.edgeCertificate) =>
  reportsOf(certificateNames, { type, name: "edge-certificate", props });

const complete = {
  commonName: "sip.contoso.example",
  dnsNames: ["sip.contoso.example", "contoso.example"],
  requiredNames: ["sip.contoso.example", "contoso.example"],
};

describe("policy certificate-names", () => {
  it("fires for a request that lacks a name it has to prove", async () => {
    const lacking = { ...complete, dnsNames: ["sip.contoso.example"] };
    assert.deepEqual(await reports(lacking), ["edge-certificate: the request lacks contoso.example"]);
  });

  it("stays quiet where every name is there: filled in, further, or as the subject", async () => {
    assert.deepEqual(await reports(complete), []);
    assert.deepEqual(await reports({ ...complete, dnsNames: [], additionalNames: ["contoso.example"] }), []);
  });

  it("stays quiet on other resources", async () =>
    assert.deepEqual(await reports({ requiredNames: ["contoso.example"] }, "random:index:Thing"), []));
});
