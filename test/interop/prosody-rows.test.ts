/**
 * Every row of the negotiation table against real Prosodys, both ways: each method that a row lists is made the one that is
 * used, and what a row refuses is refused with the reason told to the sender. The gateway is a process of its own, made from
 * a document. Two settings Prosody knows for the whole process only, hence a strict one and a lenient one; its virtual
 * hosts differ in the rest.
 */
import assert from "node:assert/strict";
import { MATRIX, type Method } from "../../gateway/config/matrix.ts";
import type { EdgeDocumentInput, PartnerInput } from "../../gateway/config/schema.ts";
import type { FailureCode } from "../../gateway/negotiation/failures.ts";
import type { WorldRecord } from "../../sandbox/process/state.ts";
import { type IssueOptions, issue, makeAuthority } from "../support/certificates.ts";
import { Gateway, type GatewayOptions, type StreamStatus, serveDns } from "./peers/gateway.ts";
import { prosodyMissing, type Seen } from "./peers/prosody.ts";
import { type HostOptions, ProsodyHosts, type Witnessed } from "./peers/prosody-hosts.ts";
import { SipUser } from "./peers/sip-user.ts";

const NET = "127.85.0";
const DNS = { host: `${NET}.1`, port: 5353 };
const US = "contoso.example";
/** Reached by TLS from the first byte only: its DNS says nothing else. */
const US_BY_DIRECT_TLS = "direct.contoso.example";
const DIRECT_TLS_PORT = 5270;

// ---- hosts: what a partner's server can do ---------------------------------------------------------------------------

const ADDRESSES = { strict: `${NET}.21`, lenient: `${NET}.22`, other: `${NET}.23` } as const;
type Server = keyof typeof ADDRESSES;

/** What makes a virtual host of Prosody; `certificate` is a proper one of its domain where nothing else is said. */
type Host = Omit<HostOptions, "domain" | "identity"> & { readonly server: Server; readonly certificate?: IssueOptions };

// biome-ignore format: one host, one line
const HOSTS = {
  // demands TLS and a certificate that proves its peer; knows EXTERNAL and dialback
  strict:            { server: "strict" },
  // can do everything and demands nothing
  able:              { server: "lenient" },
  // has TLS, but its certificate proves nothing, and ours proves nothing to it
  unproven:          { server: "lenient", trustsUs: false, certificate: { selfSigned: true } },
  withoutTls:        { server: "lenient", tls: "none" },
  distrustful:       { server: "lenient", trustsUs: false },
  strictDistrustful: { server: "strict", trustsUs: false },
  tlsDemanded:       { server: "lenient", tls: "required" },
  withoutDialback:   { server: "lenient", dialback: false },
  refusesExternal:   { server: "lenient", modules: ["test_refuse_external"] },
  refusesAndCloses:  { server: "lenient", modules: ["test_refuse_external"], settings: 'test_refuse_external = "close"' },
  avoidsExternal:    { server: "lenient", modules: ["test_avoid_external"] },
  selfSigned:        { server: "lenient", certificate: { selfSigned: true } },
  expired:           { server: "lenient", certificate: { notAfter: new Date("2021-01-01T00:00:00Z") } },
  otherName:         { server: "lenient", certificate: { dnsNames: ["somebody-else.example"] } },
  bidi:              { server: "strict", modules: ["s2s_bidi"] },
  bidiInitiator:     { server: "strict", modules: ["s2s_bidi"] },
  streamManagement:  { server: "other", modules: ["smacks"], settings: "smacks_max_unacked_stanzas = 0" },
  directTls:         { server: "other" },
} as const satisfies Record<string, Host>;

type HostName = keyof typeof HOSTS;

// ---- the working rows, each method of each ----------------------------------------------------------------------------

// biome-ignore format: one cell, one line
const CELLS = [
  // row  host                from Prosody      to Prosody
  [  1,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  2,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  3,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  3,   "unproven",         "tls-dialback",   "tls-dialback"  ],
  [  3,   "withoutTls",       "tcp-dialback",   "tcp-dialback"  ],
  [  4,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  5,   "able",             "tcp-dialback",   "tcp-dialback"  ],
  [  7,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  7,   "unproven",         "tls-dialback",   "tls-dialback"  ],
  [  7,   "distrustful",      "sasl-over-tls",  "tls-dialback"  ],
  [  7,   "refusesExternal",  "sasl-over-tls",  "tls-dialback"  ],
  [  7,   "refusesAndCloses", "sasl-over-tls",  "tls-dialback"  ],
  [  7,   "avoidsExternal",   "tls-dialback",   "sasl-over-tls" ],
  [  8,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  9,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [  9,   "unproven",         "tls-dialback",   "tls-dialback"  ],
  [  9,   "withoutTls",       "tcp-dialback",   "tcp-dialback"  ],
  [ 10,   "strict",           "sasl-over-tls",  "sasl-over-tls" ],
  [ 11,   "able",             "tcp-dialback",   "tcp-dialback"  ],
  [ 13,   "strict",           "tls-dialback",   "tls-dialback"  ],
  [ 15,   "strict",           "tls-dialback",   "tls-dialback"  ],
  [ 15,   "able",             "tls-dialback",   "tls-dialback"  ],
  [ 15,   "withoutTls",       "tcp-dialback",   "tcp-dialback"  ],
  [ 17,   "able",             "tcp-dialback",   "tcp-dialback"  ],
] as const satisfies readonly (readonly [number, HostName, Method, Method])[];

/** What Prosody must say of a stream that the gateway says was proven by that method. */
const WITNESS = {
  "sasl-over-tls": "EXTERNAL tls",
  "tls-dialback": "dialback tls",
  "tcp-dialback": "dialback tcp",
} as const satisfies Record<Method, string>;

// ---- what is refused -----------------------------------------------------------------------------------------------------

// biome-ignore format: one refusal, one line; null: that direction works
const REFUSALS = [
  // row  host                 to Prosody                    SIP status  from Prosody
  [ 17,   "strict",            "tls-demanded-by-peer",       404,        "tls-not-allowed"        ],
  [ 17,   "tlsDemanded",       "tls-demanded-by-peer",       404,        "tls-not-allowed"        ],
  [  2,   "strictDistrustful", "peer-error",                 504,        "peer-error"             ],
  [  2,   "distrustful",       "external-not-offered",       404,        null                     ],
  [  2,   "refusesExternal",   "external-refused",           404,        null                     ],
  [  2,   "refusesAndCloses",  "external-refused",           404,        null                     ],
  [  2,   "avoidsExternal",    null,                         202,        "dialback-not-allowed"   ],
  [  2,   "selfSigned",        "server-certificate-invalid", 404,        "certificate-not-proven" ],
  [  2,   "expired",           "server-certificate-invalid", 404,        "certificate-not-proven" ],
  [  2,   "otherName",         "server-certificate-invalid", 404,        "certificate-not-proven" ],
  [  2,   "withoutTls",        "starttls-not-offered",       404,        "dialback-not-allowed"   ],
  [ 13,   "withoutTls",        "starttls-not-offered",       404,        "tls-required"           ],
  [ 13,   "withoutDialback",   "dialback-not-offered",       404,        "peer-error"             ],
  [ 17,   "withoutDialback",   "dialback-not-offered",       404,        "peer-error"             ],
] as const satisfies readonly (readonly [number, HostName, FailureCode | null, number, FailureCode | null])[];

/** The rows that cannot work; their hosts can do everything, and still nothing passes. */
const INVALID = MATRIX.filter(({ verdict }) => verdict === "invalid").map(({ row }) => [row, "able"] as const);

/** Lines of groups that need no table. */
// biome-ignore format: one line each
const FURTHER = [
  [  2,   "bidi"             ],
  [  2,   "bidiInitiator"    ],
  [ 13,   "bidiInitiator"    ],
  [  2,   "streamManagement" ],
  [  2,   "directTls"        ],
  [ 17,   "directTls"        ],
] as const satisfies readonly (readonly [number, HostName])[];

// ---- domains: one for each line above, so that no line sees the streams of another -------------------------------------

const domainOf = (row: number, host: HostName): string =>
  `row${row}-${host.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.example`;

/** Its DNS leads to the lenient server; the other one poses as it. */
const VICTIM = "victim.example";
/** Its DNS leads nowhere, so that nobody can be asked about its dialback keys. */
const LOST = "lost.example";

interface Line {
  readonly row: number;
  readonly host: Host;
}

const LINES: ReadonlyMap<string, Line> = new Map<string, Line>([
  ...[...CELLS, ...REFUSALS, ...FURTHER, ...INVALID].map(([row, host]) => [domainOf(row, host), { row, host: HOSTS[host] }] as const),
  [VICTIM, { row: 17, host: HOSTS.able }],
  [LOST, { row: 17, host: HOSTS.able }],
]);

function partner(domain: string, row: number): PartnerInput {
  const found = MATRIX.find((one) => one.row === row);
  assert.ok(found, `row ${row}`);
  const { tls: tlsNegotiation, sasl: saslNegotiation, dialback: supportDialbackNegotiation } = found;
  return { domain, partnerType: "federated", tlsNegotiation, saslNegotiation, supportDialbackNegotiation };
}

const serverRecord = (domain: string, { host }: Line): WorldRecord => {
  const name = `${host.server}.servers.example`;
  if (domain === LOST) return { name: `_xmpp-server._tcp.${domain}`, type: "SRV", data: `0 0 5999 ${name}` };
  if (host === HOSTS.directTls) return { name: `_xmpps-server._tcp.${domain}`, type: "SRV", data: `0 0 ${DIRECT_TLS_PORT} ${name}` };
  return { name: `_xmpp-server._tcp.${domain}`, type: "SRV", data: `0 0 5269 ${name}` };
};

const RECORDS: readonly WorldRecord[] = [
  { name: "lync.contoso.example", type: "A", data: `${NET}.3` },
  { name: "sip.contoso.example", type: "A", data: `${NET}.10` },
  { name: `_xmpp-server._tcp.${US}`, type: "SRV", data: "0 0 5269 sip.contoso.example" },
  { name: `_xmpps-server._tcp.${US_BY_DIRECT_TLS}`, type: "SRV", data: `0 0 ${DIRECT_TLS_PORT} sip.contoso.example` },
  ...Object.entries(ADDRESSES).map(([server, data]) => ({ name: `${server}.servers.example`, type: "A", data }) as const),
  ...[...LINES].map(([domain, line]) => serverRecord(domain, line)),
];

describe("every row of the negotiation table against real Prosodys", function () {
  this.timeout(30_000);
  const authority = makeAuthority({ name: "Rows Authority" });
  const invalid = new Set(INVALID.map(([row]) => row));
  const partners = [...LINES].filter(([, { row }]) => !invalid.has(row)).map(([domain, { row }]) => partner(domain, row));
  const document = {
    accessEdgeFqdn: "sip.contoso.example",
    sipDomains: [US, US_BY_DIRECT_TLS],
    partners,
    listen: { xmppTlsPort: DIRECT_TLS_PORT },
    xmpp: { useSystemAuthorities: false, trustedAuthorities: [authority.certificatePem] },
    sip: {
      fqdn: "xmppgw.contoso.example",
      nextHop: { fqdn: "lync.contoso.example" },
      useSystemAuthorities: false,
      trustedAuthorities: [authority.certificatePem],
    },
  } satisfies EdgeDocumentInput;
  const started: { stop(): Promise<void> }[] = [];
  const servers = new Map<Server, ProsodyHosts>();
  let gateway: Gateway;
  let juliet: SipUser;
  let messages = 0;

  const gatewayAt = (last: number, changed: EdgeDocumentInput = document): GatewayOptions => ({
    address: `${NET}.${last}`,
    dnsServer: DNS,
    document: changed,
    xmppIdentity: issue(authority, { dnsNames: [US, US_BY_DIRECT_TLS, "sip.contoso.example"] }),
    sipIdentity: issue(authority, { dnsNames: ["xmppgw.contoso.example"] }),
  });

  before(async function () {
    const why = prosodyMissing();
    if (why !== null) {
      process.stdout.write(`  skipped: ${why}\n`);
      return this.skip();
    }
    const dns = await serveDns(DNS, RECORDS);
    started.unshift({ stop: () => dns.close() });
    const starting = [...(Object.keys(ADDRESSES) as Server[]).map(startProsody), startGateway(), startJuliet()];
    // All of them, so that what did start is ended where another did not.
    await Promise.allSettled(starting);
    await Promise.all(starting);
  });

  after(async () => {
    for (const one of started) await one.stop();
  });

  async function startGateway(): Promise<void> {
    gateway = await Gateway.start(gatewayAt(10));
    started.unshift(gateway);
  }

  async function startJuliet(): Promise<void> {
    juliet = await SipUser.start({
      user: `juliet@${US}`,
      fqdn: "lync.contoso.example",
      address: `${NET}.3`,
      gateway: { address: `${NET}.10`, fqdn: "xmppgw.contoso.example" },
      identity: issue(authority, { dnsNames: ["lync.contoso.example"] }),
      authorityPem: authority.certificatePem,
      remoteDomains: [...LINES.keys()],
    });
    started.unshift(juliet);
  }

  async function startProsody(server: Server): Promise<void> {
    const own = [...LINES].filter(([, { host }]) => host.server === server).map(([domain, { host }]) => ({ domain, host }));
    const posing = server === "other" ? [VICTIM].map((domain) => ({ domain, host: HOSTS.able })) : [];
    const prosody = await ProsodyHosts.start({
      name: server,
      address: ADDRESSES[server],
      dnsServer: DNS,
      authorityPem: authority.certificatePem,
      strict: server === "strict",
      ...(server === "other" ? { directTlsPort: DIRECT_TLS_PORT } : {}),
      hosts: [...own, ...posing].map(({ domain, host }) => ({ ...host, domain, identity: identityOf(domain, host) })),
    });
    started.unshift(prosody);
    servers.set(server, prosody);
  }

  const identityOf = (domain: string, { certificate }: Host) => issue(authority, { dnsNames: [domain], ...certificate });

  function prosodyOf(domain: string): ProsodyHosts {
    const found = servers.get(LINES.get(domain)?.host.server ?? "lenient");
    assert.ok(found, domain);
    return found;
  }

  // ---- what a test does and sees ---------------------------------------------------------------------------------------

  /** Romeo of that domain writes to Juliet, who gets it. @throws Error with the attempts of his domain, where she does not */
  async function arrives(domain: string, to = `juliet@${US}`): Promise<void> {
    const body = `message ${++messages}`;
    prosodyOf(domain).send(domain, { to, body, id: body });
    const text = await juliet
      .next((seen) => seen.body === body, 5000)
      .catch(async () => assert.fail(`nothing came from ${domain}: ${(await attempts(domain)).join(", ") || "no attempt"}`));
    assert.match(text.from, new RegExp(`^sip:romeo@${domain.replaceAll(".", "\\.")}`));
  }

  /** Romeo of that domain writes to Juliet and is told that she did not get it. */
  async function isRefused(domain: string, prosody = prosodyOf(domain), to = `juliet@${US}`): Promise<Seen> {
    const id = `message ${++messages}`;
    prosody.send(domain, { to, body: id, id });
    const seen = await prosody.next(domain, (one) => one.id === id, 5000);
    assert.equal(seen.type, "error");
    return seen;
  }

  /** Juliet writes to Romeo of that domain, who gets it. */
  async function reaches(domain: string): Promise<void> {
    const body = `message ${++messages}`;
    const answer = await juliet.send({ to: `romeo@${domain}`, body });
    assert.equal(answer.status, 202, answer.reason);
    const seen = await prosodyOf(domain).next(domain, (one) => one.body === body, 5000);
    assert.match(seen.from, /^juliet@contoso\.example/);
  }

  /** Codes of what the gateway remembers of that domain, oldest first. */
  const attempts = async (domain: string, direction: "in" | "out" | null = null): Promise<string[]> =>
    attemptsIn(await gateway.status(), domain, direction);

  function attemptsIn(status: StreamStatus, domain: string, direction: "in" | "out" | null): string[] {
    const own = status.attempts.xmpp.filter((one) => one.peer === domain && (direction === null || one.direction === direction));
    return own.map(({ code }) => code).toReversed();
  }

  /** The first thing that is remembered of that domain's streams to us. Its user may learn it before we do. */
  async function firstAttempt(domain: string): Promise<string | undefined> {
    return attemptsIn(await gateway.until((status) => attemptsIn(status, domain, "in").length > 0, 3000), domain, "in")[0];
  }

  const streams = async (domain: string) =>
    (await gateway.status()).connections.xmpp.filter(({ partnerDomain }) => partnerDomain === domain);

  /** By the gateway's own account. Streams that only ask or answer about a dialback key are proven by nothing. */
  async function methods(domain: string, direction: "in" | "out"): Promise<string[]> {
    const own = (await streams(domain)).filter((one) => one.direction === direction);
    return own.flatMap(({ method }) => method ?? []);
  }

  const witnessed = (domain: string, direction: Witnessed["direction"]): string[] =>
    prosodyOf(domain)
      .witnessed(domain)
      .filter((one) => one.direction === direction)
      .map(({ mechanism, transport }) => `${mechanism} ${transport}`);

  // ---- the rows ----------------------------------------------------------------------------------------------------------

  describe("what a row admits", () => {
    it("is tried with every method of every working row, both ways", () => {
      for (const { row, methods: listed } of MATRIX) {
        const own = CELLS.filter(([number]) => number === row);
        assert.deepEqual(new Set(own.map(([, , incoming]) => incoming)), new Set(listed), `row ${row} from Prosody`);
        assert.deepEqual(new Set(own.map(([, , , outgoing]) => outgoing)), new Set(listed), `row ${row} to Prosody`);
      }
    });

    for (const [row, host, incoming, outgoing] of CELLS) {
      const domain = domainOf(row, host);

      it(`row ${row}, ${host}: a message from Prosody comes by ${incoming}`, async () => {
        await arrives(domain);
        assert.deepEqual(await methods(domain, "in"), [incoming]);
        assert.deepEqual(witnessed(domain, "outgoing"), [WITNESS[incoming]]);
        assert.deepEqual(await attempts(domain, "in"), []);
      });

      it(`row ${row}, ${host}: a message to Prosody goes by ${outgoing}`, async () => {
        await reaches(domain);
        assert.deepEqual(await methods(domain, "out"), [outgoing]);
        assert.deepEqual(new Set(witnessed(domain, "incoming")), new Set([WITNESS[outgoing]]));
        // Dialback took over, and what it took over from is told all the same.
        const refused = host === "refusesExternal" || host === "refusesAndCloses";
        assert.deepEqual(new Set(await attempts(domain, "out")), new Set(refused ? ["external-refused"] : []));
      });
    }
  });

  describe("what a row refuses", () => {
    for (const [row, host, out, status, back] of REFUSALS) {
      const domain = domainOf(row, host);

      it(`row ${row}, ${host}: a message from Prosody ${back === null ? "comes" : `is refused: ${back}`}`, async () => {
        if (back === null) return arrives(domain);
        const seen = await isRefused(domain);
        assert.equal(seen.condition, "remote-server-timeout", "what Prosody makes of every stream that was not to be");
        assert.equal(await firstAttempt(domain), back);
        assert.deepEqual(await methods(domain, "in"), []);
      });

      it(`row ${row}, ${host}: a message to Prosody ${out === null ? "goes" : `is refused: ${out}`}`, async () => {
        if (out === null) return reaches(domain);
        const answer = await juliet.send({ to: `romeo@${domain}`, body: "not to be" });
        const { xmpp } = (await gateway.status()).attempts;
        const newest = xmpp.find(({ peer, direction }) => peer === domain && direction === "out");
        assert.deepEqual([answer.status, answer.reason, newest?.code], [status, newest?.text, out]);
        assert.deepEqual(new Set(await attempts(domain, "out")), new Set([out]));
        assert.deepEqual(await methods(domain, "out"), []);
      });
    }
  });

  describe("rows that cannot work", () => {
    const refused = INVALID.map(([row, host]) => partner(domainOf(row, host), row));
    const withRefused: EdgeDocumentInput = { ...document, partners: [...partners, ...refused] };
    const everyRow = (text: string): void => {
      const named = [...text.matchAll(/(\S+) with .+ \(row (\d+)\); not valid: /g)].map(([, domain, row]) => [domain, Number(row)]);
      assert.deepEqual(
        named,
        INVALID.map(([row, host]) => [domainOf(row, host), row]),
      );
    };

    it("are five, and a gateway does not start on a document with them: it names every one", async () => {
      assert.deepEqual([...invalid], [6, 12, 14, 16, 18]);
      await assert.rejects(Gateway.start(gatewayAt(11, withRefused)), (error: Error) => {
        everyRow(error.message);
        return true;
      });
    });

    it("are refused by a running gateway, which keeps the document that it has", async () => {
      const { tag } = (await gateway.status()).document;
      gateway.write(withRefused);
      const refusing = await gateway.until((status) => status.document.refusal !== null);
      everyRow(refusing.document.refusal?.why ?? "");
      assert.equal(refusing.document.tag, tag);
      await arrives(domainOf(2, "strict"));
      gateway.write(document);
      await gateway.until((status) => status.document.refusal === null);
    });

    for (const [row, host] of INVALID) {
      const domain = domainOf(row, host);

      it(`row ${row}: nothing passes either way, and both users learn it`, async () => {
        assert.match((await isRefused(domain)).text ?? "", /is not a federated partner of this edge/);
        assert.deepEqual(await attempts(domain), ["partner-not-listed"]);
        const answer = await juliet.send({ to: `romeo@${domain}`, body: "not to be" });
        assert.deepEqual([answer.status, answer.reason], [403, "this domain is not a federated partner"]);
      });
    }
  });

  describe("settings that change under live streams", () => {
    it("strict mode refuses row 5, and ends the streams of row 3 that it no longer admits, and no others", async () => {
      const [plain, external] = [domainOf(3, "withoutTls"), domainOf(3, "strict")];
      for (const domain of [plain, external]) {
        await arrives(domain);
        await reaches(domain);
      }
      const before = await streams(external);
      const strict = { ...document, gateway: { negotiationMode: "strict" } } satisfies EdgeDocumentInput;
      gateway.write(strict);
      const { refusal } = (await gateway.until((status) => status.document.refusal !== null)).document;
      assert.match(refusal?.why ?? "", /row5-able\.example with .+ \(row 5\)/);
      assert.equal((await streams(plain)).length, 2);

      gateway.write({ ...strict, partners: partners.filter((one) => one.domain !== domainOf(5, "able")) });
      await gateway.until(({ connections }) => !connections.xmpp.some(({ partnerDomain }) => partnerDomain === plain));
      assert.deepEqual((await attempts(plain)).toSorted(), ["no-longer-admitted", "no-longer-admitted"]);
      assert.deepEqual(await streams(external), before);
      await isRefused(plain);
      assert.ok((await attempts(plain, "in")).includes("dialback-not-allowed"));
      assert.equal((await juliet.send({ to: `romeo@${plain}`, body: "not to be" })).status, 404);
      assert.equal((await attempts(plain, "out")).at(-1), "starttls-not-offered");

      gateway.write(document);
      await gateway.until((status) => status.partners.some(({ domain }) => domain === domainOf(5, "able")));
      await arrives(plain);
      await reaches(plain);
    });
  });

  describe("somebody who poses as a partner", () => {
    it("is refused where the partner's own server denies the dialback key, while the partner gets through", async () => {
      const { toSip } = (await gateway.status()).counters;
      const other = servers.get("other");
      assert.ok(other);
      await isRefused(VICTIM, other);
      assert.deepEqual([await attempts(VICTIM), await methods(VICTIM, "in")], [["dialback-key-invalid"], []]);
      assert.equal((await gateway.status()).counters.toSip, toSip);
      await arrives(VICTIM);
      await reaches(VICTIM);
      assert.deepEqual(witnessed(VICTIM, "incoming"), ["dialback tcp"]);
    });

    it("is refused where nobody can be asked about the dialback key", async () => {
      const { toSip } = (await gateway.status()).counters;
      await isRefused(LOST);
      assert.deepEqual([(await attempts(LOST, "out"))[0], await methods(LOST, "in")], ["connect-failed", []]);
      assert.equal((await gateway.status()).counters.toSip, toSip);
      assert.equal((await juliet.send({ to: `romeo@${LOST}`, body: "not to be" })).status, 504);
    });
  });

  // ---- other ways to have and to use a stream ------------------------------------------------------------------------------

  describe("direct TLS", () => {
    const [external, plain] = [domainOf(2, "directTls"), domainOf(17, "directTls")];
    const us = `juliet@${US_BY_DIRECT_TLS}`;

    it("carries a message to a Prosody whose DNS offers nothing else", async () => {
      await reaches(external);
      assert.deepEqual(await methods(external, "out"), ["sasl-over-tls"]);
      const [stream] = (await streams(external)).filter(({ direction }) => direction === "out");
      assert.equal(stream?.address, `${ADDRESSES.other}:${DIRECT_TLS_PORT}`);
      assert.deepEqual(witnessed(external, "incoming"), ["EXTERNAL tls"]);
    });

    it("carries a message from a Prosody to a domain of ours whose DNS offers nothing else", async () => {
      await arrives(external, us);
      assert.deepEqual(await methods(external, "in"), ["sasl-over-tls"]);
      assert.deepEqual(witnessed(external, "outgoing"), ["EXTERNAL tls"]);
    });

    it("is refused with a partner that has TLS not supported, both ways", async () => {
      await isRefused(plain, prosodyOf(plain), us);
      assert.equal(await firstAttempt(plain), "tls-not-allowed");
      assert.equal((await juliet.send({ to: `romeo@${plain}`, body: "not to be" })).status, 404);
      assert.deepEqual(await streams(plain), []);
    });
  });

  describe("stanzas both ways on one stream", () => {
    for (const [row, method] of [
      [2, "sasl-over-tls"],
      [13, "tls-dialback"],
    ] as const) {
      it(`are carried on the one that Prosody opened: ${method}`, async () => {
        const domain = domainOf(row, "bidiInitiator");
        await arrives(domain);
        await reaches(domain);
        await arrives(domain);
        await onlyStream(domain, "in", method);
        assert.deepEqual(witnessed(domain, "outgoing"), [WITNESS[method]]);
        assert.deepEqual(witnessed(domain, "incoming"), []);
      });
    }

    // Not with dialback: the stream on which Prosody asks about our key proves itself too, and is the one it then uses.
    it("are carried on the one that we opened: sasl-over-tls", async () => {
      const domain = domainOf(2, "bidi");
      await reaches(domain);
      await arrives(domain);
      await reaches(domain);
      await onlyStream(domain, "out", "sasl-over-tls");
      assert.deepEqual(witnessed(domain, "incoming"), [WITNESS["sasl-over-tls"]]);
      assert.deepEqual(witnessed(domain, "outgoing"), []);
    });

    /** Where it proves itself by dialback, a stream that asks about the key has come and gone. */
    async function onlyStream(domain: string, direction: "in" | "out", method: Method): Promise<void> {
      const [stream, ...others] = (await streams(domain)).filter((one) => one.method !== null);
      assert.deepEqual([stream?.direction, stream?.method, stream?.bidirectional, others], [direction, method, true, []]);
      assert.ok(stream && stream.stanzasIn >= 1 && stream.stanzasOut >= 1, `${stream?.stanzasIn} in, ${stream?.stanzasOut} out`);
    }
  });

  describe("stream management", () => {
    const domain = domainOf(2, "streamManagement");
    const said = (pattern: RegExp): string => prosodyOf(domain).log(domain).match(pattern)?.[0] ?? "";

    it("acknowledges what Prosody sends", async () => {
      await arrives(domain);
      await eventually(() => said(/Enabling stream management/) !== "");
      // The first message left Prosody before its <enable/> and is not counted.
      await arrives(domain);
      // The stream of this host is the only one of its server with stream management: its log needs no name.
      await eventually(() => /s2sout\S+\s+debug\s+#queue = 0 \(acked: 1\)/.test(prosodyOf(domain).log()));
      assert.deepEqual(await managed("in"), [true]);
    });

    it("has Prosody acknowledge what we send", async () => {
      await reaches(domain);
      await eventually(() => said(/Received ack request, acking for [1-9]/) !== "");
      assert.deepEqual(await managed("out"), [true]);
    });

    // Last, for it ends a server.
    it("tells the sender that a message is lost when Prosody dies with it unacknowledged", async () => {
      prosodyOf(domain).freeze();
      const answer = juliet.send({ to: `romeo@${domain}`, body: "into the void" });
      const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 500, "no answer yet"))]);
      assert.equal(early, "no answer yet");
      await prosodyOf(domain).kill();
      const { status, reason } = await answer;
      assert.equal(status, 504, reason);
      assert.equal((await gateway.status()).counters.bounced, 0);
    });

    const managed = async (direction: "in" | "out"): Promise<boolean[]> =>
      (await streams(domain)).filter((one) => one.direction === direction).map(({ streamManagement }) => streamManagement);

    async function eventually(holds: () => boolean): Promise<void> {
      const end = Date.now() + 3000;
      while (!holds()) {
        assert.ok(Date.now() < end, prosodyOf(domain).log(domain).slice(-2000));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
});
