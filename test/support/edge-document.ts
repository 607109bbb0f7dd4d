/** Edge documents for tests: the smallest that is complete, and any that is valid. */
import fc from "fast-check";
import { MATRIX } from "../../gateway/config/matrix.ts";
import { type EdgeDocumentInput, PARTNER_TYPES, type PartnerInput } from "../../gateway/config/schema.ts";

/** The smallest complete document, with changes at the top level. */
export const documentInput = (changes: Partial<EdgeDocumentInput> = {}): EdgeDocumentInput => ({
  accessEdgeFqdn: "sip.contoso.example",
  sipDomains: ["contoso.example"],
  sip: { fqdn: "xmppgw.contoso.example", nextHop: { fqdn: "lync.contoso.example" } },
  ...changes,
});

const optionally = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(values, { nil: undefined });

/** Leaves out what is undefined, as exactOptionalPropertyTypes and JSON want it. */
const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);

/** Settings of a partner whose row of the negotiation table is valid; its domains are made by `index`, so that they never clash. */
const partner = (index: number): fc.Arbitrary<PartnerInput> =>
  fc
    .record({
      head: label,
      more: fc.array(label, { maxLength: 3 }),
      row: fc.constantFrom(...MATRIX.filter((row) => row.verdict !== "invalid")),
      partnerType: optionally(fc.constantFrom(...PARTNER_TYPES)),
      description: optionally(fc.string({ unit: "grapheme", maxLength: 40 })),
      connectionLimit: optionally(fc.integer({ min: 1, max: 10_000 })),
      enableKeepAlive: optionally(fc.boolean()),
      proxyFqdn: optionally(label.map((name) => `${name}.proxy.example`)),
    })
    .map(({ head, more, row, ...rest }) =>
      present({
        domain: `${head}.P${index}.example`,
        additionalDomains: more.map((name, position) => `${name}.a${position}.p${index}.example.`),
        tlsNegotiation: row.tls,
        saslNegotiation: row.sasl,
        supportDialbackNegotiation: row.dialback,
        ...rest,
      } as PartnerInput),
    );

/** Any valid document in its input form: mixed case, final dots and left-out settings included. */
export const anyDocumentInput: fc.Arbitrary<EdgeDocumentInput> = fc
  .tuple(
    fc.integer({ min: 0, max: 4 }).chain((many) => fc.tuple(...Array.from({ length: many }, (_, index) => partner(index)))),
    fc.record({
      keepAliveInterval: fc.integer({ min: 10, max: 86_400 }),
      connectionLimit: fc.integer({ min: 1, max: 100_000 }),
      enableLoggingAllMessageBodies: fc.boolean(),
    }),
    optionally(fc.constantFrom("session" as const, "pager" as const)),
    optionally(fc.integer({ min: 1, max: 65_535 })),
  )
  .map(([partners, gateway, messageMode, port]) =>
    documentInput({
      partners,
      gateway,
      sip: present({
        fqdn: "XMPPGW.contoso.example",
        nextHop: present({ fqdn: "lync.contoso.example", port }) as { fqdn: string },
        messageMode,
      }) as EdgeDocumentInput["sip"],
    }),
  );
