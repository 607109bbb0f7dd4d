import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { ConfigurationError } from "../gateway/config/parse.ts";
import { certificateText } from "../test/support/pulumi-mocks.ts";
import { type Places, settingsFrom } from "./config.ts";

const configuration = (changes: Record<string, unknown> = {}): Record<string, string> =>
  texts({
    accessEdge: { fqdn: "sip.contoso.example" },
    sipDomains: ["contoso.example"],
    sip: { fqdn: "xmppgw.contoso.example", nextHop: { fqdn: "lync.contoso.example" } },
    dns: { zoneIds: { "contoso.example": "zone-contoso" } },
    ...changes,
  });

/** Configuration as the engine hands it over: keys with their namespace, structured values as JSON. */
const texts = (values: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key.includes(":") ? key : `xmpp-edge:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );

describe("stack configuration", () => {
  let places: Places;
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xmpp-edge-config-"));
    mkdirSync(join(folder, "stacks"));
    writeFileSync(join(folder, "image.json"), '{"image":"xmpp-edge-gateway@sha256:1234"}');
    writeFileSync(join(folder, "stacks", "issued.pem"), certificateText("issued"));
    writeFileSync(join(folder, "stacks", "large.pem"), "x".repeat(65_537));
    places = { stackFolder: join(folder, "stacks"), imageFile: join(folder, "image.json") };
  });
  after(() => rmSync(folder, { recursive: true }));

  const problemsOf = (values: Record<string, unknown>, where = places): string[] => {
    try {
      settingsFrom(configuration(values), where);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return error.problems.map(({ path, value, allowed }) => `${path} is ${value}; ${allowed}`);
    }
    return [];
  };

  it("takes a complete edge, and fills in the gateway of this checkout by its digest", () => {
    const settings = settingsFrom(configuration(), places);
    assert.equal(settings.host.image, "xmpp-edge-gateway@sha256:1234");
    assert.equal(settings.accessEdge.address, "managed");
  });

  it("says how to make the gateway where it is not bundled, and asks for nothing where another image is named", () => {
    const without = { ...places, imageFile: join(folder, "none.json") };
    assert.deepEqual(problemsOf({}, without), ['xmpp-edge:host.image is "xmpp-edge-gateway"; not yet bundled: run npm run bundle']);
    assert.deepEqual(problemsOf({ host: { image: "registry.example/gateway@sha256:1" } }, without), []);
  });

  it("lists every problem with its path, value and what is allowed, in one error", () => {
    const found = problemsOf({
      partners: [
        { domain: "fabrikam.example", tlsNegotiation: "maybe", connectionLimit: 0 },
        { domain: "litware.example", tlsNegotiation: "notSupported", supportDialbackNegotiation: false },
      ],
      dns: { zoneIds: { "contoso.example": 7 }, ttl: "soon" },
      certificate: { issued: "file:absent.pem", bitLength: 1024 },
      colour: "blue",
    });
    assert.deepEqual(found, [
      'xmpp-edge:certificate.issued is "file:absent.pem"; expected a file that can be read, its path relative to the stack\'s file (ENOENT)',
      'xmpp-edge:partners[0].tlsNegotiation is "maybe"; expected "required", "optional", "notSupported"',
      "xmpp-edge:partners[0].connectionLimit is 0; expected 1 or more",
      "xmpp-edge:certificate.bitLength is 1024; expected 2048, 3072, 4096",
      'xmpp-edge:dns.zoneIds["contoso.example"] is 7; expected a string',
      'xmpp-edge:dns.ttl is "soon"; expected a number',
      'xmpp-edge:colour is "blue"; unknown key; docs/configuration.md lists those of the edge document, docs/stack-settings.md those of a stack',
      "xmpp-edge:partners[1] is litware.example with tlsNegotiation notSupported, saslNegotiation required, supportDialbackNegotiation false (row 6); not valid: SASL needs TLS, which is not supported here, and dialback over TCP is off: no session can ever be made",
    ]);
  });

  it("asks for what is missing", () => {
    const found = (() => {
      try {
        settingsFrom({}, places);
      } catch (error) {
        return (error as ConfigurationError).problems.map(({ path }) => path);
      }
      return [];
    })();
    assert.deepEqual(found, ["xmpp-edge:accessEdge", "xmpp-edge:sipDomains", "xmpp-edge:sip", "xmpp-edge:dns"]);
  });

  it("reads an issued certificate from a file beside the stack's, and takes the text itself", () => {
    const text = certificateText("issued");
    assert.equal(settingsFrom(configuration({ certificate: { issued: "file:issued.pem" } }), places).certificate?.issued, text);
    assert.equal(settingsFrom(configuration({ sipCertificate: { issued: text } }), places).sipCertificate?.issued, text);
    assert.deepEqual(settingsFrom(configuration({ xmpp: { trustedAuthorities: ["file:issued.pem"] } }), places).xmpp, {
      useSystemAuthorities: true,
      trustedAuthorities: [text],
      revocation: "soft",
      crls: [],
    });
  });

  it("reads a partner's own authorities from files too, and names the one that is not there", () => {
    const partners = (...trustedAuthorities: string[]) => [{ domain: "fabrikam.com", trustedAuthorities }];
    const settings = settingsFrom(configuration({ partners: partners("file:issued.pem") }), places);
    const read = (settings.partners as readonly { readonly trustedAuthorities?: unknown }[])[0]?.trustedAuthorities;
    assert.deepEqual(read, [certificateText("issued")]);
    const [problem = ""] = problemsOf({ partners: partners("file:absent.pem") });
    assert.match(problem, /partners\[0\]\.trustedAuthorities\[0\]/);
  });

  it("refuses a file that is too large", () => {
    assert.match(problemsOf({ certificate: { issued: "file:large.pem" } })[0] ?? "", /at most 65536 bytes/);
  });

  it("leaves the namespaces of others alone, and the passphrase out of every message", () => {
    const settings = settingsFrom(
      { ...configuration(), "azure-native:location": "westeurope", "xmpp-edge:dialbackPassphrase": "hush" },
      places,
    );
    assert.ok(!JSON.stringify(settings).includes("hush"));
  });

  it("names the part that is not what its key wants, whatever stands there", () => {
    assert.deepEqual(problemsOf({ sipDomains: "contoso.example", partners: "none", host: [] }), [
      'xmpp-edge:sipDomains is "contoso.example"; expected an array',
      'xmpp-edge:partners is "none"; expected an array',
      "xmpp-edge:host is a list of 0; expected an object",
    ]);
  });

  for (const stack of ["sandbox", "dev", "prod"]) {
    it(`takes the ${stack} stack as it is committed`, () => {
      const { config } = parse(readFileSync(join(import.meta.dirname, `Pulumi.${stack}.yaml`), "utf8"));
      const settings = settingsFrom(texts(config), { ...places, stackFolder: import.meta.dirname });
      assert.ok((settings.sipDomains.length ?? 0) > 0);
    });
  }
});
