/** A user on a real Prosody and a SIP user, through the edge that `up` made. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { LiveEdge } from "./live-edge.ts";
import { Prosody, prosodyMissing, type XmppUser } from "./peers/prosody.ts";
import { SipUser } from "./peers/sip-user.ts";

const FEDERATED = "prosody.example";
const PUBLIC = "provider.example";
const DIALBACK = "oldserver.example";
const STRANGER = "stranger.example";

describe("users on Prosody and a SIP user, through the edge that up made", function () {
  this.timeout(120_000);
  const edge = new LiveEdge("127.91.1", (settings) => {
    settings.partners.push(
      {
        domain: FEDERATED,
        partnerType: "federated",
        tlsNegotiation: "required",
        saslNegotiation: "required",
        supportDialbackNegotiation: false,
      },
      { domain: PUBLIC, partnerType: "publicUnverified", saslNegotiation: "optional" },
      { domain: DIALBACK, partnerType: "federated", tlsNegotiation: "notSupported", saslNegotiation: "notSupported" },
    );
    settings.development.peers.push(FEDERATED, PUBLIC, DIALBACK, STRANGER);
  });
  const started: { stop(): Promise<void> }[] = [];
  let romeo: XmppUser;
  let anon: XmppUser;
  let old: XmppUser;
  let stranger: XmppUser;
  let juliet: SipUser;
  let servers: Record<string, Prosody>;

  before(async function () {
    const why = prosodyMissing();
    if (why !== null) {
      process.stdout.write(`  skipped: ${why}\n`);
      return this.skip();
    }
    await edge.up();
    await edge.stopDemo();
    const outputs = await edge.outputs();
    const identity = (name: string) => {
      const found = outputs.developmentPeers[name];
      assert.ok(found, name);
      return found;
    };
    const start = async (domain: string, last: number, options: { tls?: "none" | "required"; secureAuth?: boolean } = {}) => {
      const address = `${edge.net}.${last}`;
      await edge.publishServer(domain, address);
      const prosody = await Prosody.start({
        domain,
        address,
        dnsServer: edge.dnsServer,
        identity: identity(domain),
        authorityPem: outputs.developmentAuthorityPem,
        users: ["romeo"],
        ...options,
      });
      started.unshift(prosody);
      return prosody;
    };
    servers = {
      [FEDERATED]: await start(FEDERATED, 21, { secureAuth: true }),
      [PUBLIC]: await start(PUBLIC, 22),
      [DIALBACK]: await start(DIALBACK, 23, { tls: "none" }),
      [STRANGER]: await start(STRANGER, 24),
    };
    const logIn = async (domain: string) => {
      const user = await (servers[domain] as Prosody).user("romeo");
      started.unshift(user);
      return user;
    };
    romeo = await logIn(FEDERATED);
    anon = await logIn(PUBLIC);
    old = await logIn(DIALBACK);
    stranger = await logIn(STRANGER);
    juliet = await SipUser.start({
      user: "juliet@contoso.example",
      fqdn: "lync.contoso.example",
      address: `${edge.net}.3`,
      gateway: { address: edge.gatewayAddress, fqdn: "xmppgw.contoso.example" },
      identity: identity("lync.contoso.example"),
      authorityPem: outputs.developmentAuthorityPem,
      remoteDomains: [FEDERATED, PUBLIC, DIALBACK],
    });
    started.unshift(juliet);
  });

  after(async () => {
    for (const one of started) await one.stop();
    await edge.down();
  });

  it("carries a message from Prosody to the SIP user, proven by SASL EXTERNAL", async () => {
    romeo.send({ to: "juliet@contoso.example", body: "Wherefore art thou?" });
    const text = await juliet.next((seen) => seen.body === "Wherefore art thou?");
    assert.match(text.from, /^sip:romeo@prosody\.example/);
    const status = await edge.status();
    const stream = status.connections.xmpp.find(({ partnerDomain, direction }) => partnerDomain === FEDERATED && direction === "in");
    assert.equal(stream?.method, "sasl-over-tls");
  });

  it("carries the SIP user's message to Prosody, and answers 202 once it stands on the stream", async () => {
    const answer = await juliet.send({ to: "romeo@prosody.example", body: "Good night, good night" });
    assert.equal(answer.status, 202);
    const seen = await romeo.next(({ body }) => body === "Good night, good night");
    assert.match(seen.from, /^juliet@contoso\.example/);
  });

  it("carries messages both ways by dialback over plain TCP with a server that has nothing else", async () => {
    old.send({ to: "juliet@contoso.example", body: "from an old server" });
    await juliet.next(({ body }) => body === "from an old server");
    assert.equal((await juliet.send({ to: `romeo@${DIALBACK}`, body: "to an old server" })).status, 202);
    await old.next(({ body }) => body === "to an old server");
    const status = await edge.status();
    for (const stream of status.connections.xmpp.filter(({ partnerDomain }) => partnerDomain === DIALBACK)) {
      assert.equal(stream.method ?? "tcp-dialback", "tcp-dialback");
    }
  });

  it("tells the user on Prosody why a message did not reach the SIP user", async () => {
    juliet.answerWith(404, "Not Found");
    romeo.send({ to: "juliet@contoso.example", body: "to nobody", id: "undelivered" });
    const seen = await romeo.next(({ type, id }) => type === "error" && id === "undelivered");
    assert.equal(seen.condition, "item-not-found");
    juliet.answerWith(200, "OK");
  });

  it("tells the SIP user later that Prosody's user does not exist", async () => {
    assert.equal((await juliet.send({ to: `nobody@${FEDERATED}`, body: "is anybody there?" })).status, 202);
    const text = await juliet.next(({ body }) => body.includes("was not delivered"));
    assert.match(text.from, /^sip:nobody@prosody\.example/);
  });

  it("refuses a domain that is not listed with a stream error that names the policy", async () => {
    stranger.send({ to: "juliet@contoso.example", body: "let me in", id: "stranger" });
    const seen = await stranger.next(({ type, id }) => type === "error" && id === "stranger", 60_000);
    assert.ok(seen.condition);
    const status = await edge.status();
    const attempt = status.attempts.xmpp.find(({ peer }) => peer === STRANGER);
    assert.equal(attempt?.code, "partner-not-listed");
    const said = await streamTo(edge.gatewayAddress, STRANGER);
    assert.match(said, /<policy-violation xmlns=['"]urn:ietf:params:xml:ns:xmpp-streams['"]\/>/);
    assert.match(said, /stranger\.example is not a federated partner of this edge/);
  });

  it("refuses a public unverified user before, and takes him after, the user here adds him", async () => {
    anon.send({ to: "juliet@contoso.example", body: "spam", id: "before" });
    const refused = await anon.next(({ type, id }) => type === "error" && id === "before");
    assert.equal(refused.condition, "forbidden");
    assert.equal((await juliet.subscribe(`romeo@${PUBLIC}`, 3600)).status, 200);
    anon.send({ to: "juliet@contoso.example", body: "hello friend" });
    await juliet.next(({ body }) => body === "hello friend");
  });

  it("keeps that consent over a restart of the gateway, which heals by itself", async () => {
    const listed = await edge.run("status", "--json");
    const pid = findPid(JSON.parse(listed.stdout));
    process.kill(pid, "SIGKILL");
    await edge.until((status) => status.counters.toSip === 0, 30_000);
    anon.send({ to: "juliet@contoso.example", body: "still here" });
    await juliet.next(({ body }) => body === "still here", 60_000);
    const contacts = await edge.run("contacts", "list");
    assert.match(contacts.stdout, /juliet@contoso\.example +romeo@provider\.example/);
  });

  it("obeys an edited partner without a restart, and only the component and the blob change", async () => {
    await juliet.stop(); // the demo peers of `up` stand where she does
    const before = await edge.status();
    const pid = findPid(JSON.parse((await edge.run("status", "--json")).stdout));
    edge.change((settings) => {
      settings.partners = settings.partners.filter(({ domain }) => domain !== DIALBACK);
    });
    const summary = await edge.up();
    assert.deepEqual(
      summary.changes.map(({ name }) => name).filter((name) => !["edge", "edge-partners", "edge-store-edge.json"].includes(name)),
      [],
    );
    await edge.stopDemo();
    const status = await edge.until(({ document }) => document.tag !== before.document.tag);
    assert.ok(!status.partners.some(({ domain }) => domain === DIALBACK));
    assert.equal(findPid(JSON.parse((await edge.run("status", "--json")).stdout)), pid);
  });
});

/** What the gateway says to a stream from that domain before it closes. */
function streamTo(address: string, from: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(5269, address);
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("end", () => resolve(text)).on("error", reject);
    socket.write(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='${from}' to='contoso.example' version='1.0'>`,
    );
  });
}

function findPid(status: { groups?: { containers: { pid: number | null }[] }[] } & Record<string, unknown>): number {
  const text = JSON.stringify(status);
  const pid = /"containers":\[\{[^}]*"pid":(\d+)/.exec(text)?.[1];
  assert.ok(pid, text);
  return Number(pid);
}
