import assert from "node:assert/strict";
import { gatewayUsage, MOST_CERTIFICATES, OPTION_TABLE, readSettings, UsageError } from "./settings.ts";

describe("the gateway's settings", () => {
  it("need a document and nothing else", () => {
    const settings = readSettings({ document: "edge.json" }, {});
    assert.equal(settings.bindAddress, "0.0.0.0");
    assert.equal(settings.pollSeconds, 10);
    assert.deepEqual(settings.dnsServers, []);
  });
  it("come from the environment where no option is given", () => {
    const settings = readSettings(
      { bind: "127.0.0.1" },
      { EDGE_DOCUMENT: "d", EDGE_BIND_ADDRESS: "0.0.0.0", EDGE_DNS: "127.0.0.1:53, ::1" },
    );
    assert.equal(settings.document, "d");
    assert.equal(settings.bindAddress, "127.0.0.1");
    assert.deepEqual(settings.dnsServers, ["127.0.0.1:53", "::1"]);
  });
  it("are refused with every problem at once", () => {
    assert.throws(
      () => readSettings({ poll: "0", "log-level": "loud", key: "k" }, {}),
      (error: unknown) => {
        assert.ok(error instanceof UsageError);
        for (const part of [
          "--document (or EDGE_DOCUMENT) is missing",
          '--poll is "0"',
          '--log-level is "loud"',
          "--certificate and --key",
        ]) {
          assert.ok(error.message.includes(part), `${part} in ${error.message}`);
        }
        return true;
      },
    );
  });
  it("take further certificates as pairs, files and URLs alike", () => {
    const certificates = "/etc/edge/a.pem /etc/edge/a.key,\n https://s.example/c/b.pem  https://v.example/secrets/b-key ,";
    assert.deepEqual(readSettings({ document: "d", certificates }, {}).certificates, [
      { certificate: "/etc/edge/a.pem", key: "/etc/edge/a.key" },
      { certificate: "https://s.example/c/b.pem", key: "https://v.example/secrets/b-key" },
    ]);
    assert.deepEqual(readSettings({ document: "d" }, { EDGE_CERTIFICATES: "" }).certificates, []);
  });
  it("refuse a further certificate without a key, and more than there may be domains", () => {
    const refuse = (certificates: string, text: RegExp) => assert.throws(() => readSettings({ document: "d", certificates }, {}), text);
    refuse("a.pem a.key, b.pem", /--certificates has "b\.pem"; expected a certificate and its key, a space between them/);
    refuse("a b c", /has "a b c"/);
    refuse(Array.from({ length: MOST_CERTIFICATES + 1 }, () => "a b").join(","), /has 101 pairs; expected at most 100/);
  });
  it("are all named in the help", () => {
    for (const [name, variable] of OPTION_TABLE) {
      assert.ok(gatewayUsage().includes(`--${name} `) && gatewayUsage().includes(variable));
    }
  });
});
