import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { z } from "zod";
import { ConfigurationError } from "../gateway/config/parse.ts";
import type { EdgeDocument, PartnerInput } from "../gateway/config/schema.ts";
import { gatewaySchema, listenSchema, partnerSchema, sipSchema, xmppSchema } from "../gateway/config/schema.ts";
import { issue, makeAuthority } from "../test/support/certificates.ts";
import { documentInput } from "../test/support/edge-document.ts";
import type * as settings from "./settings.ts";
import * as schemas from "./settings-schema.ts";
import { zoneFor } from "./zones.ts";

// ---- types: the keys are the schema's, and a value of each enum is one the schema takes ----

type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type SameKeys<Interface, Schema extends z.ZodType> = Equal<keyof Interface, keyof z.input<Schema>>;
const proven = <T extends true>(..._: T[]): void => undefined;

proven<SameKeys<settings.PartnerArgs, typeof partnerSchema>>();
proven<SameKeys<settings.GatewayArgs, typeof gatewaySchema>>();
proven<SameKeys<settings.XmppArgs, typeof xmppSchema>>();
proven<SameKeys<settings.SipArgs, typeof sipSchema>>();
proven<SameKeys<settings.NextHopArgs, typeof sipSchema.shape.nextHop>>();
proven<SameKeys<settings.ListenArgs, typeof listenSchema>>();
proven<SameKeys<settings.AccessEdgeArgs, typeof schemas.accessEdgeSchema>>();
proven<SameKeys<settings.CertificateArgs, typeof schemas.certificateSchema>>();
proven<SameKeys<settings.HostArgs, typeof schemas.hostSchema>>();
proven<SameKeys<settings.DnsArgs, typeof schemas.dnsSchema>>();
proven<SameKeys<settings.DevelopmentArgs, typeof schemas.developmentSchema>>();
proven<Equal<keyof Omit<settings.FederationEdgeArgs, "dialbackPassphrase" | "now">, keyof schemas.EdgeSettingsInput>>();

proven<Equal<settings.PartnerType, NonNullable<PartnerInput["partnerType"]>>>();
proven<Equal<settings.Negotiation, NonNullable<PartnerInput["tlsNegotiation"]>>>();
proven<Equal<settings.Negotiation, NonNullable<PartnerInput["saslNegotiation"]>>>();
proven<Equal<settings.NegotiationMode, EdgeDocument["gateway"]["negotiationMode"]>>();
proven<Equal<settings.MessageMode, EdgeDocument["sip"]["messageMode"]>>();
proven<Equal<settings.TlsVersion, EdgeDocument["sip"]["minimumTlsVersion"]>>();
proven<Equal<settings.RevocationMode, EdgeDocument["xmpp"]["revocation"]>>();
proven<Equal<settings.AccessEdgeAddress, schemas.EdgeSettings["accessEdge"]["address"]>>();

// ---- descriptions: what the schema says of a setting is what the interface says ----

interface Described {
  readonly description?: string;
  readonly lync?: string;
  readonly unit?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Described>>;
}

function sentence({ description, lync, unit, enum: values, minimum, maximum, default: value }: Described): string {
  const suffix = unit && unit !== "port" ? ` ${unit}` : "";
  const parts = [
    description,
    lync && `Lync: ${lync}`,
    values && `${values.join(", ")}${suffix}`,
    minimum !== undefined && `${minimum} to ${maximum}${suffix}`,
    ["string", "number", "boolean"].includes(typeof value) && value !== "" && `Default ${value}`,
  ];
  return `${parts.filter(Boolean).join(". ")}.`;
}

const jsonSchema = (schema: z.ZodType): Described => z.toJSONSchema(schema, { io: "input" }) as Described;
const nextHop = jsonSchema(sipSchema).properties?.nextHop ?? {};

/** The comment above each field of an interface in settings.ts. */
function comments(name: string): Map<string, string> {
  const source = readFileSync(new URL("./settings.ts", import.meta.url), "utf8");
  const body = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? "";
  return new Map([...body.matchAll(/\/\*\* (.+?) \*\/\n {2}(\w+)\??:/g)].map(([, text = "", field = ""]) => [field, text]));
}

describe("settings", () => {
  const interfaces: Readonly<Record<string, Described>> = {
    PartnerArgs: jsonSchema(partnerSchema),
    GatewayArgs: jsonSchema(gatewaySchema),
    XmppArgs: jsonSchema(xmppSchema),
    NextHopArgs: nextHop,
    SipArgs: jsonSchema(sipSchema),
    ListenArgs: jsonSchema(listenSchema),
    AccessEdgeArgs: jsonSchema(schemas.accessEdgeSchema),
    CertificateArgs: jsonSchema(schemas.certificateSchema),
    HostArgs: jsonSchema(schemas.hostSchema),
    DnsArgs: jsonSchema(schemas.dnsSchema),
    DevelopmentArgs: jsonSchema(schemas.developmentSchema),
    FederationEdgeArgs: jsonSchema(schemas.edgeSchema),
  };

  for (const [name, schema] of Object.entries(interfaces)) {
    it(`${name} describes each field as its schema does, with Lync's name, range and default`, () => {
      const written = comments(name);
      for (const [field, described] of Object.entries(schema.properties ?? {}))
        assert.equal(written.get(field), sentence(described), field);
    });
  }

  it("describes the dialback passphrase as its schema does", () => {
    assert.equal(comments("FederationEdgeArgs").get("dialbackPassphrase"), sentence(jsonSchema(schemas.dialbackPassphraseSchema)));
  });
});

describe("edge settings", () => {
  const input = (changes: Partial<schemas.EdgeSettingsInput> = {}): schemas.EdgeSettingsInput => ({
    accessEdge: { fqdn: "sip.contoso.example" },
    sipDomains: ["contoso.example"],
    sip: documentInput().sip,
    host: { image: "gateway@sha256:0" },
    dns: { zoneIds: { "contoso.example": "zone-1" } },
    ...changes,
  });
  const problems = (changes: Partial<schemas.EdgeSettingsInput>) => schemas.edgeProblems(schemas.edgeSchema.parse(input(changes)));

  it("finds nothing wrong with a complete edge", () => assert.deepEqual(problems({}), []));

  it("asks for the zone of each SIP domain and of the Access Edge that it owns", () => {
    const found = problems({ accessEdge: { fqdn: "edge.fabrikam.example" }, sipDomains: ["contoso.example", "litware.example"] });
    assert.deepEqual(
      found.map((problem) => problem.allowed),
      ["litware.example", "edge.fabrikam.example"].map((name) => `expected the identifier of the zone that holds ${name}`),
    );
  });

  it("asks for no zone of an Access Edge whose address is made elsewhere", () => {
    assert.deepEqual(problems({ accessEdge: { fqdn: "edge.fabrikam.example", address: "existing" } }), []);
  });

  it("refuses a zone that is not written as a lower-case name", () => {
    assert.deepEqual(
      problems({ dns: { zoneIds: { "contoso.example": "1", "Contoso.example": "2" } } }).map((problem) => problem.path),
      ['dns.zoneIds["Contoso.example"]'],
    );
  });

  it("refuses peers without a development authority, and takes them with one", () => {
    assert.equal(problems({ development: { peers: ["fabrikam.example"] } })[0]?.path, "development.peers");
    assert.deepEqual(problems({ development: { authority: true, peers: ["fabrikam.example"] } }), []);
  });

  it("refuses another key length than the issued certificate has, which would lose its key", () => {
    const issued = issue(makeAuthority(), { key: "rsa2048" }).certificateChain;
    assert.deepEqual(problems({ certificate: { issued }, sipCertificate: { issued, bitLength: 2048 } }), []);
    const found = problems({ certificate: { issued, bitLength: 4096 }, sipCertificate: { issued, bitLength: 3072 } });
    assert.deepEqual(
      found.map(({ path }) => path),
      ["certificate.bitLength", "sipCertificate.bitLength"],
    );
    assert.match(found[0]?.allowed ?? "", /expected 2048.*take certificate\.issued out until/);
  });

  it("refuses what the document refuses", () => {
    const found = problems({
      partners: [{ domain: "contoso.example", tlsNegotiation: "notSupported", supportDialbackNegotiation: false }],
    });
    assert.deepEqual(
      found.map((problem) => problem.path),
      ["partners[0]", "partners[0].domain"],
    );
  });

  it("refuses anything else with an error that lists problems, whatever it is", () => {
    const some = fc.dictionary(
      fc.constantFrom("accessEdge", "sipDomains", "partners", "sip", "dns", "certificate", "host", "other"),
      fc.anything(),
    );
    fc.assert(
      fc.property(some, (value) => {
        assert.throws(
          () => schemas.parseEdgeSettings(value),
          (error) => error instanceof ConfigurationError && error.problems.length > 0,
        );
      }),
    );
  });

  it("takes key lengths of 2048, 3072 and 4096 bits and no other", () => {
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(1024, 2048, 3072, 4096), fc.integer()), (bitLength) => {
        const taken = schemas.certificateSchema.safeParse({ bitLength }).success;
        assert.equal(taken, [2048, 3072, 4096].includes(bitLength));
      }),
    );
  });
});

describe("zoneFor", () => {
  it("takes the longest zone that the name ends in, whole labels only", () => {
    const zones = ["contoso.example", "emea.contoso.example", "so.example"];
    assert.equal(zoneFor("sip.emea.contoso.example", zones), "emea.contoso.example");
    assert.equal(zoneFor("contoso.example", zones), "contoso.example");
    assert.equal(zoneFor("sip.fabrikam.example", zones), undefined);
  });
});
