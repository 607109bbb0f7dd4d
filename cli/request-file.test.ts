import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { buildCertificateRequest } from "../gateway/pki/request.ts";
import { MOCK_KEY_PEM } from "../test/support/pulumi-mocks.ts";
import { Failure } from "./failure.ts";
import { sipRequestFile, writeRequest } from "./request-file.ts";

describe("the file of a certificate request", () => {
  const dir = mkdtempSync(join(tmpdir(), "xmpp-edge-request-"));
  const subject = { commonName: "sip.contoso.example" };
  const pem = buildCertificateRequest({ subject, dnsNames: ["sip.contoso.example"], srvNames: [] }, MOCK_KEY_PEM);
  after(() => rmSync(dir, { recursive: true }));

  it("is written with its folder, and not again where it is the same", () => {
    const file = join(dir, "new", "edge.csr");
    assert.ok(writeRequest(pem, file).contents.some((line) => line.includes("sip.contoso.example")));
    assert.equal(readFileSync(file, "utf8"), pem);
    const written = statSync(file).mtimeMs;
    writeRequest(pem, file);
    assert.equal(statSync(file).mtimeMs, written);
  });

  it("that cannot be written is a failure that names it and the option", () => {
    writeFileSync(join(dir, "file"), "");
    for (const file of [dir, join(dir, "file", "edge.csr")]) {
      assert.throws(
        () => writeRequest(pem, file),
        (error) => error instanceof Failure && error.message.includes(file) && error.message.includes("--request-file"),
      );
    }
  });

  it("of the Lync side stands beside the other", () => {
    assert.equal(sipRequestFile("/x/edge.csr"), "/x/edge-sip.csr");
    assert.equal(sipRequestFile("/x/request"), "/x/request-sip");
  });
});
