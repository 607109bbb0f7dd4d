import assert from "node:assert/strict";
import { gatewayUsage, OPTION_TABLE, readSettings, UsageError } from "./settings.ts";

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
  it("are all named in the help", () => {
    for (const [name, variable] of OPTION_TABLE) {
      assert.ok(gatewayUsage().includes(`--${name} `) && gatewayUsage().includes(variable));
    }
  });
});
