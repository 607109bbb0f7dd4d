import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { pemBlock } from "./build.ts";
import { decode, encode, itemsOf, sequence } from "./der.ts";
import {
  BIT_LENGTHS,
  buildCertificateRequest,
  type CertificateRequestError,
  type CertificateRequestSettings,
  readRequest,
  requestNames,
  requestProblems,
  requestSummary,
} from "./request.ts";

const pem = { type: "pkcs8", format: "pem" } as const;
const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem).toString();
const ecKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export(pem).toString();
const edKey = generateKeyPairSync("ed25519").privateKey.export(pem).toString();

const SETTINGS: CertificateRequestSettings = {
  subject: {
    commonName: "sip.contoso.com",
    organization: "Contoso Ltd.",
    organizationalUnit: "Köln",
    country: "us",
    state: "WA",
    locality: "Redmond",
  },
  dnsNames: ["sip.contoso.com", "contoso.com"],
  srvNames: ["_xmpp-server.contoso.com"],
  xmppAddrs: ["contoso.com"],
  templateName: "Edge Server",
  friendlyName: "XMPP edge é",
  exportableKey: true,
  bitLength: 2048,
};

describe("the names of a request", () => {
  it("are those the wizard fills in, each once, in its order", () => {
    assert.deepEqual(
      requestNames({
        accessEdgeFqdn: "sip.contoso.com",
        sipDomains: ["contoso.com", "fabrikam.com"],
        additionalNames: ["webcon.contoso.com", "fabrikam.com"],
      }),
      {
        dnsNames: ["sip.contoso.com", "sip.fabrikam.com", "contoso.com", "fabrikam.com", "webcon.contoso.com"],
        srvNames: ["_xmpp-server.contoso.com", "_xmpp-server.fabrikam.com"],
      },
    );
  });

  it("take the XMPP domains where they differ from the SIP domains", () => {
    const names = requestNames({
      accessEdgeFqdn: "edge.contoso.com",
      sipDomains: ["contoso.com"],
      xmppDomains: ["im.contoso.com"],
      additionalNames: [],
    });
    assert.deepEqual(names, {
      dnsNames: ["edge.contoso.com", "sip.contoso.com", "im.contoso.com"],
      srvNames: ["_xmpp-server.im.contoso.com"],
    });
  });
});

describe("a certificate request", () => {
  it("says what it was told", () => {
    const { publicKeyPem, ...contents } = readRequest(buildCertificateRequest(SETTINGS, rsaKey));
    const { bitLength, exportableKey, ...told } = SETTINGS;
    assert.deepEqual(contents, {
      ...told,
      subject: { ...told.subject, country: "US" },
      key: "RSA 2048 bits",
      signatureValid: true,
    });
    assert.match(publicKeyPem, /^-----BEGIN PUBLIC KEY-----/);
  });

  it("is the same text each time, for the keys that can promise it", () => {
    for (const key of [rsaKey, edKey]) {
      const settings = { ...SETTINGS, bitLength: undefined };
      assert.equal(buildCertificateRequest(settings, key), buildCertificateRequest(settings, key));
    }
  });

  it("asks for the template WebServer where none is named, and has no friendly name then", () => {
    const { templateName, friendlyName } = readRequest(
      buildCertificateRequest({ subject: { commonName: "sip.contoso.com" }, dnsNames: [], srvNames: [] }, ecKey),
    );
    assert.deepEqual([templateName, friendlyName], ["WebServer", undefined]);
  });

  it("names its subject among the alternative names", () => {
    const { dnsNames } = readRequest(
      buildCertificateRequest({ subject: { commonName: "sip.contoso.com" }, dnsNames: ["contoso.com"], srvNames: [] }, ecKey),
    );
    assert.deepEqual(dnsNames, ["sip.contoso.com", "contoso.com"]);
  });

  it("is one that openssl accepts and shows the same", function () {
    if (spawnSync("openssl", ["version"]).status !== 0) return this.skip();
    for (const key of [rsaKey, ecKey, edKey]) {
      const request = buildCertificateRequest({ ...SETTINGS, bitLength: undefined }, key);
      const printed = execFileSync("openssl", ["req", "-verify", "-text", "-noout"], { input: request, encoding: "utf8", stdio: "pipe" });
      assert.match(
        printed,
        /DNS:sip.contoso.com, DNS:contoso.com, othername: SRVName::_xmpp-server.contoso.com, othername: XmppAddr::contoso.com/,
      );
      assert.match(printed, /C ?= ?US, ST ?= ?WA, L ?= ?Redmond, O ?= ?Contoso Ltd\./);
      assert.match(printed, /TLS Web Server Authentication/);
      assert.doesNotMatch(printed, /TLS Web Client Authentication/);
      assert.match(printed, /1\.3\.6\.1\.4\.1\.311\.20\.2/);
    }
  });

  it("whose content was changed shows that its signature is wrong", () => {
    const [, block = ""] = /-----\n([\s\S]+?)-----END/.exec(buildCertificateRequest(SETTINGS, rsaKey)) ?? [];
    const [body, ...rest] = itemsOf(decode(Buffer.from(block, "base64")));
    const other = /-----\n([\s\S]+?)-----END/.exec(buildCertificateRequest({ ...SETTINGS, friendlyName: "x" }, rsaKey))?.[1] ?? "";
    const forged = pemBlock(
      "CERTIFICATE REQUEST",
      encode(sequence(itemsOf(decode(Buffer.from(other, "base64")))[0] ?? sequence(), ...rest)),
    );
    assert.ok(body);
    assert.equal(readRequest(forged).signatureValid, false);
    assert.ok(requestSummary(readRequest(forged)).some((line) => line.includes("NOT made with this key")));
  });
});

describe("settings of a request", () => {
  it("that are right have no problem", () => {
    assert.deepEqual(requestProblems(SETTINGS), []);
    for (const bitLength of BIT_LENGTHS) assert.deepEqual(requestProblems({ ...SETTINGS, bitLength }), []);
  });

  it("that are wrong are told all at once, each with its path, value and what is allowed", () => {
    const wrong: CertificateRequestSettings = {
      subject: { commonName: "*.contoso.com", organization: "x".repeat(65), country: "USA", state: "a\nb" },
      dnsNames: ["contoso.com", "Contoso.com", "localhost"],
      srvNames: ["contoso.com", "_xmpp-server.contoso.com"],
      xmppAddrs: ["alice@contoso.com"],
      templateName: "Web/Server",
      friendlyName: "a\0b",
      bitLength: 1024,
    };
    const paths = requestProblems(wrong).map(({ path }) => path);
    assert.deepEqual(paths.toSorted(), [
      "bitLength",
      "dnsNames[1]",
      "dnsNames[2]",
      "friendlyName",
      "srvNames[0]",
      "subject.commonName",
      "subject.country",
      "subject.organization",
      "subject.state",
      "templateName",
      "xmppAddrs[0]",
    ]);
    assert.throws(
      () => buildCertificateRequest(wrong, rsaKey),
      (error: CertificateRequestError) => {
        assert.equal(error.code, "certificate-request-invalid");
        assert.match(error.message, /bitLength is 1024; expected 2048, 3072, 4096/);
        assert.match(error.message, /subject.commonName is "\*.contoso.com"; wildcards are not supported/);
        assert.equal(error.problems.length, 12); // and that the key has not the length that was asked for
        return true;
      },
    );
  });

  it("refuse a country of three letters once, by the clearer sentence", () => {
    const problems = requestProblems({ ...SETTINGS, subject: { commonName: "sip.contoso.com", country: "USA" } });
    assert.deepEqual(problems, [
      { path: "subject.country", value: '"USA"', allowed: "expected a country code of two letters (ISO 3166), such as US" },
    ]);
  });

  it("refuse a key of another length or kind than they name", () => {
    assert.throws(() => buildCertificateRequest({ ...SETTINGS, bitLength: 3072 }, rsaKey), /bitLength is 3072; the key is RSA 2048 bits/);
    assert.throws(() => buildCertificateRequest(SETTINGS, ecKey), /bitLength is 2048; the key is EC prime256v1/);
  });
});

describe("the summary of a request", () => {
  it("has a line for every setting and name", () => {
    assert.deepEqual(requestSummary(SETTINGS), [
      "Certificate template       Edge Server",
      "Friendly name              XMPP edge é",
      "Key                        RSA 2048 bits",
      "Private key exportable     yes",
      "Country/Region             us",
      "State/Province             WA",
      "City/Locality              Redmond",
      "Organization               Contoso Ltd.",
      "Organizational unit        Köln",
      "Subject name               sip.contoso.com",
      "Subject alternative names  DNS sip.contoso.com",
      "                           DNS contoso.com",
      "                           SRV _xmpp-server.contoso.com",
      "                           XMPP address contoso.com",
    ]);
  });
});

describe("reading a request", () => {
  it("refuses what is none", () => {
    assert.throws(() => readRequest("hello"), { code: "certificate-malformed", message: /no certificate request/ });
    assert.throws(() => readRequest("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"), {
      code: "certificate-malformed",
    });
  });

  it("never throws anything but its own error, whatever the bytes", () => {
    const real = buildCertificateRequest(SETTINGS, rsaKey);
    const der = Buffer.from(real.replace(/-----.*-----/g, ""), "base64");
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(der);
        changed[at] = value;
        try {
          readRequest(pemBlock("CERTIFICATE REQUEST", changed));
        } catch (error) {
          assert.equal((error as Error).name, "CertificateFormatError");
        }
      }),
      { numRuns: 500 },
    );
  });
});
