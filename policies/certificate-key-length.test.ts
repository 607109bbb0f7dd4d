import assert from "node:assert/strict";
import { reportsOf } from "../test/support/policy-args.ts";
import { certificateKeyLength } from "./certificate-key-length.ts";

const reports = (props: Record<string, unknown>, type = "tls:index/privateKey:PrivateKey") =>
  reportsOf(certificateKeyLength, { type, name: "key", props });

describe("policy certificate-key-length", () => {
  it("fires for an RSA key of less than 2048 bits, and for the curve that no peer takes", async () => {
    assert.deepEqual(await reports({ algorithm: "RSA", rsaBits: 1024 }), ["key: RSA of 1024 bits; expected 2048 or more"]);
    for (const ecdsaCurve of ["P224", undefined]) {
      assert.deepEqual(await reports({ algorithm: "ECDSA", ecdsaCurve }), ["key: ECDSA with curve P224; expected P256, P384 or P521"]);
    }
  });

  it("stays quiet on longer keys, the default length, and other algorithms", async () => {
    for (const rsaBits of [2048, 4096, undefined]) assert.deepEqual(await reports({ algorithm: "RSA", rsaBits }), []);
    for (const ecdsaCurve of ["P256", "P384", "P521"]) assert.deepEqual(await reports({ algorithm: "ECDSA", ecdsaCurve }), []);
    assert.deepEqual(await reports({ algorithm: "ED25519" }), []);
  });

  it("stays quiet on other resources", async () =>
    assert.deepEqual(await reports({ algorithm: "RSA", rsaBits: 1024 }, "random:index:Thing"), []));
});
