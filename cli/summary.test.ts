import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { type EdgeSummary, type Summary, summaryLines } from "./summary.ts";
import { table } from "./table.ts";
import { reporterTo, stepLine } from "./terminal.ts";

const EDGE: EdgeSummary = {
  accessEdgeFqdn: "sip.contoso.example",
  srv: [{ name: "_xmpp-server._tcp.contoso.example", records: ["10 10 5269 sip.contoso.example"] }],
  dnsServer: "127.77.0.1:5353",
  gateway: { xmppAddress: "127.77.0.10:5269", sipAddress: "127.77.0.10:5061", healthUrl: "" },
  partners: [
    {
      domain: "fabrikam.example",
      additionalDomains: ["b.example"],
      partnerType: "federated",
      tlsNegotiation: "required",
      saslNegotiation: "optional",
      supportDialbackNegotiation: true,
      row: 7,
      verdict: "valid",
    },
  ],
  certificateRequest: { file: "/x/edge.csr", contents: ["Key  RSA 2048 bits"] },
  sipCertificateRequest: { file: "/x/edge-sip.csr", contents: ["Key  RSA 2048 bits"] },
  certificateStatus: "self-signed",
  testMessages: { toSip: { ok: true, latencyMs: 12.4 }, toXmpp: { ok: false, error: "no answer within 35 s" } },
};
const SUMMARY: Summary = { ok: true, stack: "sandbox", problems: [], warnings: [], changes: [], unchanged: 42, durations: {}, edge: EDGE };

describe("the summary at the end of up", () => {
  const text = summaryLines(SUMMARY).join("\n");

  for (const [what, words] of [
    ["the Access Edge FQDN", /Access Edge FQDN +sip\.contoso\.example/],
    [
      "the SRV record as DNS answered, and who answered",
      /_xmpp-server\._tcp\.contoso\.example {2}10 10 5269 sip\.contoso\.example\n.*just now by 127\.77\.0\.1:5353/,
    ],
    ["where the gateway listens", /XMPP 127\.77\.0\.10:5269, SIP over TLS 127\.77\.0\.10:5061$/m],
    ["each partner with row and verdict", /fabrikam\.example, b\.example {2}federated {2}required {2}optional {2}yes {7}7 {4}valid/],
    ["path and contents of the request", /Certificate request: \/x\/edge\.csr\n {2}Key {2}RSA 2048 bits/],
    ["path of the request for the Lync side", /^Certificate request for the Lync side: \/x\/edge-sip\.csr$/m],
    ["the certificate in use", /Certificate in use: self-signed/],
    ["the latency of a message that arrived", /XMPP partner -> SIP user +delivered in 12 ms/],
    ["why one did not", /SIP user -> XMPP partner +FAILED: no answer within 35 s/],
  ] as const) {
    it(`tells ${what}`, () => assert.match(text, words));
  }

  it("says that there is no answer where DNS gave none", () => {
    const edge = { ...EDGE, srv: [{ name: "_xmpp-server._tcp.a.example", records: [], error: "ENOTFOUND" }] };
    assert.match(summaryLines({ ...SUMMARY, edge }).join("\n"), /no answer \(ENOTFOUND\)/);
  });

  it("lists every problem and where the engine's output is", () => {
    const lines = summaryLines({ ...SUMMARY, ok: false, problems: ["one\ntwo"], logFile: "/x/up.log" });
    assert.deepEqual(lines.slice(-5), ["Not in order", "  one", "  two", "", "The engine's whole output: /x/up.log"]);
  });

  it("says that without partners nobody may communicate", () => {
    assert.match(summaryLines({ ...SUMMARY, edge: { ...EDGE, partners: [] } }).join("\n"), /nobody may communicate/);
  });
});

describe("a table", () => {
  it("aligns its columns and has no space at the ends", () => {
    assert.deepEqual(table(["a", "long"], [["wide cell", "x"]]), ["a          long", "---------  ----", "wide cell  x"]);
  });
});

describe("progress", () => {
  const sinkOf = (isTTY: boolean) => {
    const written: string[] = [];
    return { written, sink: { isTTY, columns: 40, write: (text: string) => written.push(text) } };
  };

  it("is thinned out where lines cannot overwrite each other", async () => {
    const { written, sink } = sinkOf(false);
    let now = 0;
    const reporter = reporterTo(sink, () => now);
    await reporter.step("engine", async () => {
      for (now = 1000; now <= 60_000; now += 1000) reporter.progress(`${now / 1000} s so far`);
    });
    assert.deepEqual(written.slice(0, -1), ["  8 s so far\n", "  23 s so far\n", "  38 s so far\n", "  53 s so far\n"]);
    assert.equal(reporter.durations.engine, 61);
  });

  it("overwrites itself on a terminal, within its width", () => {
    const { written, sink } = sinkOf(true);
    const reporter = reporterTo(sink);
    reporter.progress("x".repeat(100));
    reporter.say("done");
    assert.equal(written[0]?.length, 39);
    assert.deepEqual(written.slice(1), ["\r\u001b[K", "done\n"]);
  });

  it("tells a step with its duration and what came of it", () => {
    assert.equal(stepLine("engine", 1.25, "pulumi"), "  engine                1.3 s  pulumi");
  });
});
