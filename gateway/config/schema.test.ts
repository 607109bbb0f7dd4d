import assert from "node:assert/strict";
import fc from "fast-check";
import { documentInput } from "../../test/support/edge-document.ts";
import { parseDocument } from "./parse.ts";
import { LIMITS, normaliseDomain, PARTNER_TYPES } from "./schema.ts";

/** Domains as people and attackers write them, and what becomes of them. */
// biome-ignore format: one case, one line
const DOMAINS: readonly (readonly [string, string | null, string])[] = [
  ["fabrikam.com",                    "fabrikam.com",           "a plain name stays"],
  ["Fabrikam.COM",                    "fabrikam.com",           "case goes"],
  ["fabrikam.com.",                   "fabrikam.com",           "one final dot goes"],
  ["bücher.example",                  "xn--bcher-kva.example",  "a name in Unicode takes its A-label form"],
  ["xn--bcher-kva.example",           "xn--bcher-kva.example",  "an A-label stays"],
  ["faß.example",                     "xn--fa-hia.example",     "sharp s is a letter of its own (IDNA 2008)"],
  ["fabrikam。com",                    "fabrikam.com",           "the ideographic full stop separates labels"],
  ["a.b.c.d.e.example",               "a.b.c.d.e.example",      "depth does not matter"],
  [`${"a".repeat(63)}.example`,       `${"a".repeat(63)}.example`, "a label may have 63 octets"],
  ["",                                null, "nothing"],
  [".",                               null, "only a dot"],
  ["com",                             null, "one label"],
  ["localhost",                       null, "one label that resolves"],
  ["fabrikam.com..",                  null, "two final dots"],
  ["fabrikam..com",                   null, "an empty label"],
  [".fabrikam.com",                   null, "a leading dot"],
  ["-a.example",                      null, "a label that begins with a hyphen"],
  ["a-.example",                      null, "a label that ends with a hyphen"],
  [`${"a".repeat(64)}.example`,       null, "a label of 64 octets"],
  [`${"a.".repeat(127)}example`,      null, "more than 253 octets"],
  ["*.fabrikam.com",                  null, "a wildcard"],
  ["_xmpp-server._tcp.fabrikam.com",  null, "a service name"],
  ["192.0.2.1",                       null, "an IPv4 address"],
  ["0x7f.1",                          null, "an IPv4 address in disguise"],
  ["fabrikam.1",                      null, "a last label of digits"],
  ["[2001:db8::1]",                   null, "an IPv6 address"],
  ["user@fabrikam.com",               null, "an address"],
  ["fabrikam.com/resource",           null, "a resource"],
  ["http://fabrikam.com",             null, "a URL"],
  ["fabrikam.com:5269",               null, "a port"],
  ["fabrikam%2ecom",                  null, "percent encoding"],
  ["fabrikam.com?",                   null, "a query"],
  ["fabrikam.com#",                   null, "a fragment"],
  ["fabrikam\\.com",                  null, "a backslash"],
  [" fabrikam.com",                   null, "a leading space"],
  ["fabrikam.com\n",                  null, "a line end"],
  ["fab\trikam.com",                  null, "a tab, which URL parsers drop"],
  ["fabrikam.com\u0000",              null, "NUL"],
  ["fabrikam.com; Remove-Item x",     null, "a command"],
  ["$(x).example",                    null, "a PowerShell expression"],
  ["it's.example",                    null, "a quote"],
  ["xn--.example",                    null, "an A-label with nothing in it"],
  ["xn--a-\u0000.example",            null, "an A-label that does not decode"],
];

/** What domains are made of, and what looks like it. */
const DOMAIN_PIECE = fc.constantFrom(
  "a",
  "Z",
  "0",
  "-",
  ".",
  "..",
  "xn--",
  "example",
  "ü",
  "ß",
  "\u3002",
  "\u00ad",
  "\u200d",
  "_",
  "*",
  " ",
  "%",
);

describe("a domain", () => {
  for (const [text, expected, because] of DOMAINS) {
    it(`${JSON.stringify(text.slice(0, 40))} is ${expected === null ? "refused" : "taken"}: ${because}`, () => {
      assert.equal(normaliseDomain(text), expected);
    });
  }

  it("is normal once normalised, whatever it was", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.string({ unit: DOMAIN_PIECE, maxLength: 12 })), (text) => {
        const once = normaliseDomain(text);
        if (once !== null) {
          assert.equal(normaliseDomain(once), once);
          assert.match(once, /^[a-z0-9.-]{3,253}$/);
        }
      }),
    );
  });
});

describe("the defaults", () => {
  const document = parseDocument(documentInput({ partners: [{ domain: "fabrikam.example" }] }));

  it("of a partner are those of New-CsXmppAllowedPartner", () => {
    assert.deepEqual(document.partners, [
      {
        domain: "fabrikam.example",
        additionalDomains: [],
        description: "",
        partnerType: "publicUnverified",
        tlsNegotiation: "required",
        saslNegotiation: "required",
        supportDialbackNegotiation: true,
        enableKeepAlive: true,
        bidirectionalStreams: true,
        streamManagement: true,
        trustedAuthorities: [],
        pinnedKeys: [],
      },
    ]);
  });

  it("of the gateway are those of Set-CsXmppGatewayConfiguration", () => {
    assert.deepEqual(document.gateway, {
      connectionLimit: 1000,
      partnerConnectionLimit: 20,
      keepAliveInterval: 300,
      streamEstablishmentTimeout: 60,
      streamInactivityTimeout: 600,
      subscriptionRefreshInterval: 28_800,
      enableLoggingAllMessageBodies: false,
      negotiationMode: "lync-compat",
      consentLifetimeDays: 30,
    });
  });

  it("of the ports are the registered ones", () => {
    assert.deepEqual(document.listen, { xmppPort: 5269, sipPort: 5061, healthPort: 9090 });
    assert.equal(document.sip.nextHop.port, undefined);
  });

  it("of further next hops is none; each is named once", () => {
    assert.deepEqual(document.sip.furtherNextHops, []);
    const sip = (...further: string[]) => ({ ...documentInput().sip, furtherNextHops: further.map((fqdn) => ({ fqdn })) });
    assert.deepEqual(parseDocument(documentInput({ sip: sip("Edge2.contoso.example") })).sip.furtherNextHops, [
      { fqdn: "edge2.contoso.example" },
    ]);
    for (const again of [["lync.contoso.example"], ["a.example", "A.example."]]) {
      assert.throws(() => parseDocument(documentInput({ sip: sip(...again) })), /sip\.furtherNextHops.*\n?.*expected each next hop once/);
    }
  });

  it("leave direct TLS off until it has a port, which is its own", () => {
    const listen = (more: object) => parseDocument(documentInput({ listen: more })).listen;
    assert.deepEqual(listen({ xmppTlsPort: 5270 }), { xmppPort: 5269, xmppTlsPort: 5270, sipPort: 5061, healthPort: 9090 });
    for (const port of [5269, 5061, 9090]) assert.throws(() => listen({ xmppTlsPort: port }), /expected a port of its own for each/);
    assert.throws(() => listen({ xmppTlsPort: 0 }), /listen\.xmppTlsPort/);
  });
});

describe("the schema", () => {
  it("knows the three partner types of Microsoft's page", () => {
    assert.deepEqual(PARTNER_TYPES, ["federated", "publicVerified", "publicUnverified"]);
  });

  it("holds a limit at its last allowed value and refuses the next", () => {
    const partners = (many: number) => Array.from({ length: many }, (_, index) => ({ domain: `p${index}.example` }));
    assert.equal(parseDocument(documentInput({ partners: partners(LIMITS.partners) })).partners.length, LIMITS.partners);
    assert.throws(
      () => parseDocument(documentInput({ partners: partners(LIMITS.partners + 1) })),
      /partners is a list of 1001; expected at most 1000 entries/,
    );
    const described = (length: number) => documentInput({ partners: [{ domain: "a.example", description: "x".repeat(length) }] });
    assert.ok(parseDocument(described(LIMITS.descriptionLength)));
    assert.throws(() => parseDocument(described(LIMITS.descriptionLength + 1)), /expected at most 1024 characters/);
  });
});
