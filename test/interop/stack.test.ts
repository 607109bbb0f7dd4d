/** The stack's whole life with the real engine: up, up again, preview, bad input, an issued certificate, faults, down. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { engineLocks } from "../../cli/leftovers.ts";
import type { Summary } from "../../cli/summary.ts";
import { checkpointFile, sandboxPlaces } from "../../cli/workspace.ts";
import { certificateFacts } from "../../gateway/pki/issued.ts";
import { readRequest } from "../../gateway/pki/request.ts";
import { sandboxStatus } from "../../sandbox/control.ts";
import { isAlive } from "../../tools/lock.mjs";
import { killGroup } from "../../tools/process.ts";
import { issue, makeAuthority, makeIntermediate } from "../support/certificates.ts";
import { LiveEdge, type Run } from "./live-edge.ts";

const COMMITTED = join(import.meta.dirname, "..", "..", "stacks", "Pulumi.sandbox.yaml");
const PARTNER = "fabrikam.example";
/** Milliseconds until a command that was started works on the stack. */
const UNDER_WAY = 90_000;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface PreviewJson {
  readonly ok: boolean;
  readonly changes: readonly { readonly operation: string; readonly name: string; readonly type: string }[];
  readonly policy: readonly { readonly policy: string; readonly level: string; readonly resource: string; readonly message: string }[];
  readonly problems: readonly string[];
}

describe("the stack with the real engine", function () {
  this.timeout(240_000);
  this.bail(true);
  const edge = new LiveEdge("127.93.1");
  const places = sandboxPlaces(edge.dir, edge.net);
  const committed = readFileSync(COMMITTED);
  const partner = () => {
    let found = {} as Record<string, unknown>;
    edge.change(({ partners }) => {
      found = partners.find(({ domain }) => domain === PARTNER) as Record<string, unknown>;
    });
    return found;
  };
  /** Edits the stack's file for `work` alone. */
  const withSettings = async <T>(change: Parameters<LiveEdge["change"]>[0], work: () => Promise<T>): Promise<T> => {
    let kept = "";
    edge.change((settings) => {
      kept = JSON.stringify(settings);
      change(settings);
    });
    try {
      return await work();
    } finally {
      edge.change((settings) => {
        for (const key of Object.keys(settings)) delete settings[key];
        Object.assign(settings, JSON.parse(kept));
      });
    }
  };
  const preview = async (): Promise<PreviewJson & Run> => {
    const run = await edge.run("preview", "--json", "--config-file", edge.configFile);
    assert.ok(run.stdout.startsWith("{"), run.stdout + run.stderr);
    return { ...run, ...(JSON.parse(run.stdout) as PreviewJson) };
  };
  /** `up`, after which all is well and a message passes each way. */
  const up = async (): Promise<Summary> => {
    const summary = await edge.up();
    assert.deepEqual(summary.problems, []);
    assert.equal(summary.edge?.testMessages?.toSip.ok, true);
    assert.equal(summary.edge?.testMessages?.toXmpp.ok, true);
    return summary;
  };
  const written = (file: string) => [statSync(file).mtimeMs, readFileSync(file, "utf8")];
  /** What a command that changes nothing leaves as it is. */
  const running = async () => {
    const { document, certificates, partners } = await edge.status();
    return { document, certificates, partners, gateway: await edge.gatewayPid(), request: written(places.requestFile) };
  };
  /** The same with the engine's state, which no preview touches. */
  const traces = async () => ({ ...(await running()), state: written(checkpointFile(places, "sandbox")) });

  after(async () => {
    await edge.down();
  });

  it("the first up makes an edge that works and leaves the committed settings as they are", async () => {
    const { edge: made, changes, warnings } = await up();
    assert.ok(made);
    assert.equal(made.accessEdgeFqdn, "sip.contoso.example");
    assert.equal(made.dnsServer, `${edge.net}.1:5353`);
    assert.deepEqual(
      made.srv.map(({ name }) => name),
      ["_xmpp-server._tcp.contoso.example"],
    );
    assert.match(made.srv[0]?.records.join() ?? "", /^\d+ \d+ 5269 sip\.contoso\.example$/);
    assert.deepEqual(
      made.partners.map(({ domain, partnerType, row, verdict }) => [domain, partnerType, row, verdict]),
      [
        [PARTNER, "federated", 7, "valid"],
        ["public.example", "publicUnverified", 7, "valid"],
      ],
    );
    assert.equal(made.certificateRequest.file, places.requestFile);
    const request = readRequest(readFileSync(places.requestFile, "utf8"));
    assert.equal(request.signatureValid, true);
    assert.equal(request.subject.commonName, "sip.contoso.example");
    assert.deepEqual([...request.dnsNames].sort(), ["contoso.example", "sip.contoso.example"]);
    assert.ok(made.certificateRequest.contents.some((line) => line.includes("sip.contoso.example")));
    assert.ok(changes.every(({ operation }) => operation === "create"));
    assert.deepEqual(warnings, []);
    assert.deepEqual(readFileSync(COMMITTED), committed);
  });

  it("a second up changes nothing and restarts nothing", async () => {
    const before = await running();
    const { changes, unchanged } = await up();
    assert.deepEqual(changes, []);
    assert.ok(unchanged > 20);
    assert.deepEqual(await running(), before);
    assert.deepEqual(readFileSync(COMMITTED), committed);
  });

  it("a preview of an edited partner shows its three resources and the policy's advice, and applies nothing", async () => {
    const before = await traces();
    const found = await withSettings(
      () => Object.assign(partner(), { partnerType: "publicVerified" }),
      async () => {
        const json = await preview();
        const text = await edge.run("preview", "--config-file", edge.configFile);
        assert.equal(text.code, 0);
        assert.match(text.stdout, /partners\[fabrikam\.example\]\.partnerType: "federated" -> "publicVerified"/);
        assert.match(
          text.stdout,
          /\[advisory\] public-verified \(.+\): partner fabrikam\.example: partnerType publicVerified is not recommended/,
        );
        return json;
      },
    );
    assert.equal(found.code, 0);
    assert.deepEqual(found.changes.map(({ operation, type, name }) => `${operation} ${type} ${name}`).sort(), [
      // azure-native makes a blob with new content anew, under its name.
      "replace azure-native:storage:Blob edge-store-edge.json",
      "update xmpp-edge:index:FederationEdge edge",
      "update xmpp-edge:index:PartnerConfiguration edge-partners",
    ]);
    assert.ok(found.policy.some(({ policy, level }) => policy === "public-verified" && level === "advisory"));
    assert.deepEqual(await traces(), before);
  });

  it("a row that Microsoft's table calls invalid is refused in preview with the row and its reason", async () => {
    const before = await traces();
    const refused = await withSettings(
      () => Object.assign(partner(), { tlsNegotiation: "notSupported", supportDialbackNegotiation: false }),
      preview,
    );
    assert.notEqual(refused.code, 0);
    assert.equal(refused.ok, false);
    assert.deepEqual(refused.changes, []);
    assert.match(refused.problems.join("\n"), /row 12\b/);
    assert.match(refused.problems.join("\n"), /SASL needs TLS: while TLS is not required, session negotiation may fail/);
    assert.doesNotMatch(refused.stdout + refused.stderr, /^\s+at |\\n\s+at /m);
    assert.deepEqual(await traces(), before);
  });

  it("every problem of a configuration stands in one error with its path, its value and what is allowed", async () => {
    const before = await running();
    const refused = await withSettings(
      (settings) => {
        Object.assign(partner(), { partnerType: "friend", colour: "red", connectionLimit: 0 });
        settings.gateway = { keepAliveInterval: "soon" };
        settings.certificate.bitLength = 1024;
      },
      () => edge.run("up", "--config-file", edge.configFile),
    );
    assert.equal(refused.code, 1);
    for (const line of [
      /partners\[0\]\.partnerType is "friend"; expected "federated", "publicVerified", "publicUnverified"/,
      /partners\[0\]\.colour is "red"; unknown key/,
      /partners\[0\]\.connectionLimit is 0; expected .*\b1\b/,
      /gateway\.keepAliveInterval is "soon"; expected /,
      /certificate\.bitLength is 1024; expected .*2048/,
    ])
      assert.match(refused.stdout, line);
    assert.equal(refused.stdout.match(/has 5 problems/g)?.length, 1, refused.stdout);
    assert.doesNotMatch(refused.stdout + refused.stderr, /^\s+at /m);
    assert.deepEqual(await running(), before);
  });

  it("an issued certificate is served without a restart and without dropping a stream; one without a name is refused with the remedy", async () => {
    const authority = makeIntermediate(makeAuthority({ name: "Public Root" }), { name: "Public Issuing" });
    const { publicKeyPem, dnsNames, srvNames } = readRequest((await edge.outputs()).certificateRequestPem);
    const names = { publicKeyPem, srvNames, commonName: "sip.contoso.example" };

    const short = issue(authority, { publicKeyPem, dnsNames: ["sip.contoso.example"] });
    const before = await traces();
    const refused = await withSettings(({ certificate }) => {
      certificate.issued = short.certificateChain;
    }, preview);
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.problems.join("\n"),
      /does not hold the name contoso\.example: ask the authority to issue it again with this subject alternative name/,
    );
    assert.deepEqual(await traces(), before);

    const issued = issue(authority, { ...names, dnsNames });
    const streams = streamsOf(await edge.status());
    assert.ok(streams.length > 0);
    edge.change(({ certificate }) => {
      certificate.issued = issued.certificateChain;
    });
    const summary = await up();
    assert.match(summary.edge?.certificateStatus ?? "", /^issued by Public Issuing, valid until 2045-01-01$/);
    const { fingerprint } = certificateFacts(issued.certificateChain);
    const status = await edge.until(({ certificates }) => certificates.xmpp.fingerprint === fingerprint);
    assert.equal(await edge.gatewayPid(), before.gateway);
    assert.deepEqual(
      streams.filter((id) => !streamsOf(status).includes(id)),
      [],
    );
    assert.deepEqual(before.request, (await traces()).request);
  });

  it("a killed gateway is started again by itself, and passes messages after up", async () => {
    const killed = await edge.gatewayPid();
    process.kill(killed, "SIGKILL");
    while (isAlive(killed)) await sleep(20);
    await edge.until(() => true);
    assert.notEqual(await edge.gatewayPid(), killed);
    assert.deepEqual((await up()).changes, []);
  });

  it("a killed sandbox process is started again by up, together with the gateway that was killed after it", async () => {
    const [sandbox, gateway] = [(await sandboxStatus(edge.dir))?.pid ?? 0, await edge.gatewayPid()];
    for (const pid of [sandbox, gateway]) process.kill(pid, "SIGKILL");
    while (isAlive(sandbox) || isAlive(gateway)) await sleep(20);
    assert.equal(await sandboxStatus(edge.dir), null);
    await up();
    assert.ok(isAlive(await edge.gatewayPid()));
  });

  /** Starts `up` on a change of many resources; resolves once the engine applies it. */
  const startChange = async (peer: string) => {
    rmSync(join(places.logs, "up.events"), { force: true });
    edge.change(({ development }) => {
      development.peers.push(peer);
    });
    const command = edge.start("up", "--json", "--config-file", edge.configFile);
    const engine = await engineApplying();
    return { ...command, engine };
  };

  /** The engine's pid, once the first resource is being made. */
  const engineApplying = async (): Promise<number> => {
    const events = join(places.logs, "up.events");
    for (const until = Date.now() + UNDER_WAY; Date.now() < until; await sleep(10)) {
      const text = existsSync(events) ? readFileSync(events, "utf8") : "";
      const applies = text
        .split("\n")
        .some((line) => line.includes('"resourcePreEvent"') && line.includes('"op":"create"') && !line.includes('"planning":true'));
      const lock = engineLocks(places, "sandbox").find(({ alive }) => alive);
      if (applies && lock !== undefined) return lock.pid;
    }
    throw new Error("the engine never came to apply the change");
  };

  it("an up that Ctrl-C stopped says so, and up works again", async () => {
    const command = await startChange("first.example");
    command.kill("SIGINT");
    const { code, stderr } = await command.ended;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /interrupted; run the command again to continue/);
    await up();
    assert.ok((await edge.outputs()).developmentPeers["first.example"]);
  });

  it("an engine that was killed leaves a stale lock, and up works again", async () => {
    const command = await startChange("second.example");
    killGroup(command.engine, "SIGKILL");
    const { code, stdout } = await command.ended;
    assert.equal(code, 1, stdout);
    assert.deepEqual(
      engineLocks(places, "sandbox").map(({ pid, alive }) => [pid, alive]),
      [[command.engine, false]],
    );
    await up();
    assert.deepEqual(engineLocks(places, "sandbox"), []);
    assert.ok((await edge.outputs()).developmentPeers["second.example"]);
    assert.deepEqual(readFileSync(COMMITTED), committed);
  });

  it("down leaves no process and no open port", async () => {
    assert.ok(processesOf(edge.dir).length >= 3);
    assert.equal(await isOpen(edge.dnsServer.port, edge.dnsServer.host), true);
    const result = await edge.run("down", "--json", "--config-file", edge.configFile);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    assert.deepEqual(processesOf(edge.dir), []);
    // Of what lay in the sandbox's folder only the user's own file stays, beside what makes the next `up` quicker.
    assert.deepEqual(readdirSync(edge.dir).sort(), ["Pulumi.sandbox.yaml", "logs", "pulumi"]);
    for (const [host, ports] of [
      [`${edge.net}.1`, [5353, 8080]],
      [edge.gatewayAddress, [5269, 5061, 9090]],
    ] as const)
      for (const port of ports) assert.equal(await isOpen(port, host), false, `${host}:${port}`);
    const status = await edge.run("status", "--json");
    assert.equal(status.code, 1);
    assert.equal((JSON.parse(status.stdout) as { up: boolean }).up, false);
    assert.match((await edge.run("status")).stdout, /^Stack +sandbox: not up$/m);
  });
});

const streamsOf = ({ connections }: Awaited<ReturnType<LiveEdge["status"]>>): string[] =>
  connections.xmpp.filter(({ partnerDomain, method }) => partnerDomain === PARTNER && method !== null).map(({ id }) => id);

/** Processes whose command line or environment names the folder. */
function processesOf(folder: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid || !isAlive(Number(pid))) return [];
    try {
      const [command = "", environment = ""] = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8"));
      return command.includes(folder) || environment.includes(folder) ? [`${pid} ${command.replaceAll("\0", " ")}`] : [];
    } catch {
      return []; // Ended in between.
    }
  });
}

function isOpen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
