import assert from "node:assert/strict";
import fc from "fast-check";
import { anyDocumentInput, documentInput } from "../../test/support/edge-document.ts";
import { ConfigurationError, documentWarnings, parseDocument, parseDocumentText } from "./parse.ts";
import { PROBLEM_LIMITS, type Problem } from "./problems.ts";
import { LIMITS } from "./schema.ts";

/** What a document is refused for. */
function problemsOf(value: unknown): readonly Problem[] {
  return refusal(() => parseDocument(value)).problems;
}

function refusal(parse: () => unknown): ConfigurationError {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, `a ${(error as Error).name} came instead: ${(error as Error).message}`);
    return error;
  }
  assert.fail("the document was accepted");
}

const lines = (value: unknown): string[] => problemsOf(value).map(({ path, value, allowed }) => `${path} | ${value} | ${allowed}`);

describe("a refused document", () => {
  it("lists every problem at once with its path, what stood there and what is allowed", () => {
    assert.deepEqual(
      lines(
        documentInput({
          partners: [
            { domain: "fabrikam.example", tlsNegotiation: "maybe", connectionLimit: 0, supportDialbackNegotiation: "yes" },
            { domain: "nodots", partnerTyp: "federated" },
          ],
          gateway: { keepAliveInterval: 9, streamEstablishmentTimeout: 601, connectionLimit: 1.5 },
        } as never),
      ),
      [
        'partners[0].tlsNegotiation | "maybe" | expected "required", "optional", "notSupported"',
        'partners[0].supportDialbackNegotiation | "yes" | expected a boolean',
        "partners[0].connectionLimit | 0 | expected 1 or more",
        'partners[1].domain | "nodots" | expected a domain name of two labels or more, such as fabrikam.com',
        'partners[1].partnerTyp | "federated" | unknown key; docs/configuration.md lists those of the edge document, docs/stack-settings.md those of a stack',
        "gateway.connectionLimit | 1.5 | expected a whole number",
        "gateway.keepAliveInterval | 9 | expected 10 or more",
        "gateway.streamEstablishmentTimeout | 601 | expected 600 or less",
      ],
    );
  });

  it("shows the count and one line for each in its message", () => {
    assert.equal(
      refusal(() => parseDocument({ ...documentInput(), accessEdgeFqdn: 5 })).message,
      "edge document has 1 problem:\n  accessEdgeFqdn is 5; expected a string",
    );
  });

  it("names what is missing", () => {
    assert.deepEqual(lines({}), [
      "accessEdgeFqdn | missing | expected a string",
      "sipDomains | missing | expected an array",
      "sip | missing | expected an object",
    ]);
  });

  it("needs at least one SIP domain", () => {
    assert.deepEqual(lines(documentInput({ sipDomains: [] })), ["sipDomains | a list of 0 | expected at least 1 entry"]);
  });

  for (const value of [null, 0, "text", [], [[]], true]) {
    it(`is refused when it is ${JSON.stringify(value)}`, () => {
      assert.ok(problemsOf(value).length > 0);
    });
  }

  it("lists rows and doubled domains beside type errors elsewhere", () => {
    assert.deepEqual(
      lines({
        ...documentInput(),
        listen: { xmppPort: "x" },
        partners: [
          { domain: "a.example", tlsNegotiation: "notSupported", saslNegotiation: "notSupported", supportDialbackNegotiation: false },
          { domain: 7 },
          { domain: "A.example." },
        ],
      }),
      [
        "partners[1].domain | 7 | expected a string",
        'listen.xmppPort | "x" | expected a number',
        "partners[0] | a.example with tlsNegotiation notSupported, saslNegotiation notSupported, supportDialbackNegotiation false (row 18) | " +
          "not valid: SASL or server dialback must be enabled",
        'partners[2].domain | "a.example" | already listed under partners[0] (a.example); a domain belongs to one partner',
      ],
    );
  });
});

describe("domains", () => {
  it("of this edge cannot be a partner's, neither primary nor additional", () => {
    assert.deepEqual(
      lines(
        documentInput({
          sipDomains: ["contoso.example", "litware.example"],
          partners: [{ domain: "Contoso.example" }, { domain: "fabrikam.example", additionalDomains: ["litware.example."] }],
        }),
      ),
      [
        'partners[0].domain | "contoso.example" | already a SIP domain of this edge; a domain belongs to one partner',
        'partners[1].additionalDomains[0] | "litware.example" | already a SIP domain of this edge; a domain belongs to one partner',
      ],
    );
  });

  it("belong to one partner, in whatever form they are written", () => {
    assert.deepEqual(
      lines(
        documentInput({
          partners: [
            { domain: "fabrikam.example", additionalDomains: ["bücher.example"] },
            { domain: "XN--BCHER-KVA.example" },
            { domain: "wingtip.example", additionalDomains: ["wingtip.example"] },
          ],
        }),
      ),
      [
        'partners[1].domain | "xn--bcher-kva.example" | already listed under partners[0] (fabrikam.example); a domain belongs to one partner',
        'partners[2].additionalDomains[0] | "wingtip.example" | already listed under partners[2] (wingtip.example); a domain belongs to one partner',
      ],
    );
  });

  it("of this edge stand once", () => {
    assert.deepEqual(lines(documentInput({ sipDomains: ["contoso.example", "CONTOSO.example"] })), [
      'sipDomains[1] | "contoso.example" | already a SIP domain of this edge; list it once',
    ]);
  });
});

describe("rows of the negotiation table", () => {
  const partner = { domain: "fabrikam.example", tlsNegotiation: "notSupported", saslNegotiation: "required" } as const;

  it("that cannot work are refused with the page's reason", () => {
    const [problem] = problemsOf(documentInput({ partners: [{ ...partner, supportDialbackNegotiation: false }] }));
    assert.match(problem?.value ?? "", /row 6/);
    assert.match(problem?.allowed ?? "", /no session can ever be made/);
  });

  it("follow the mode: row 5 works as published and not in strict mode", () => {
    assert.ok(parseDocument(documentInput({ partners: [partner] })));
    assert.match(problemsOf(documentInput({ partners: [partner], gateway: { negotiationMode: "strict" } }))[0]?.value ?? "", /row 5/);
  });

  it("that work but are advised against give a warning, as public verified does", () => {
    const texts = documentWarnings(
      parseDocument(
        documentInput({
          partners: [
            { domain: "quiet.example", supportDialbackNegotiation: false },
            { domain: "inert.example" },
            { domain: "verified.example", supportDialbackNegotiation: false, partnerType: "publicVerified" },
          ],
        }),
      ),
    );
    assert.deepEqual(
      texts.map(({ path }) => path),
      ["partners[1]", "partners[2]"],
    );
    assert.match(texts[0]?.text ?? "", /row 1.*will not operate/);
    assert.match(texts[1]?.text ?? "", /publicVerified is not recommended/);
  });
});

describe("the text of a document", () => {
  it("is refused when it is not JSON, with the parser's reason on one line", () => {
    const { message } = refusal(() => parseDocumentText('{"a":\u001b[31m'));
    assert.match(message, /not JSON; expected a JSON object/);
    assert.ok(!message.includes("\u001b"));
  });

  it("may begin with a byte order mark, as Windows editors write it", () => {
    assert.deepEqual(parseDocumentText(`\ufeff${JSON.stringify(documentInput())}`), parseDocument(documentInput()));
  });

  it("may be as long as the limit and not longer", () => {
    const text = JSON.stringify(documentInput());
    assert.ok(parseDocumentText(text.padEnd(LIMITS.documentBytes)));
    assert.match(
      refusal(() => parseDocumentText(text.padEnd(LIMITS.documentBytes + 1))).message,
      /1048577 bytes long; at most 1048576 bytes/,
    );
  });

  it("counts bytes, not characters", () => {
    const text = JSON.stringify({ ...documentInput(), note: "é".repeat(LIMITS.documentBytes / 2) });
    assert.ok(text.length < LIMITS.documentBytes);
    assert.match(refusal(() => parseDocumentText(text)).message, /bytes long/);
  });

  it("may be nested as deep as it likes without more than an error", () => {
    const depth = 400_000;
    assert.match(
      refusal(() => parseDocumentText(`{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`)).message,
      /x is a list of 1; unknown key/,
    );
  });

  it("with thousands of faults makes a message of bounded length and a complete list", () => {
    const unknown = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`unknown${index}`, index]));
    const { message, problems } = refusal(() => parseDocument({ ...documentInput(), ...unknown }));
    assert.equal(problems.length, 5000);
    assert.match(message, /\n {2}and 4800 more$/);
    assert.equal(message.split("\n").length, PROBLEM_LIMITS.shown + 2);
  });

  it("cannot write into the terminal or the log by a key or a value", () => {
    const { message } = refusal(() =>
      parseDocument({ ...documentInput(), "a\nwhat=forged": 1, accessEdgeFqdn: "x\u009b31m\u202e\u2028y" }),
    );
    assert.equal(message.split("\n").length, 3);
    assert.doesNotMatch(message, /[\u007f-\u009f\u2028\u202e]/);
  });

  it("never shows a private key that was pasted into the wrong place", () => {
    const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----";
    const { message } = refusal(() => parseDocument(documentInput({ xmpp: { trustedAuthorities: [key] } })));
    assert.match(message, /xmpp\.trustedAuthorities\[0\] is a private key \(not shown\); expected a certificate in PEM form/);
    assert.doesNotMatch(message, /MIIE/);
  });

  it("cannot reach an object's prototype", () => {
    const text = JSON.stringify(documentInput()).replace("{", '{"__proto__":{"partners":[]},"constructor":1,');
    assert.deepEqual(
      refusal(() => parseDocumentText(text))
        .problems.map(({ path }) => path)
        .sort(),
      ["__proto__", "constructor"],
    );
  });
});

describe("parsing", () => {
  it("is stable: what was parsed parses to itself", () => {
    fc.assert(
      fc.property(anyDocumentInput, (input) => {
        const parsed = parseDocument(input);
        assert.deepEqual(parseDocumentText(JSON.stringify(parsed)), parsed);
      }),
    );
  });

  it("answers any JSON with a document or a ConfigurationError", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseDocument(value);
        } catch (error) {
          assert.ok(error instanceof ConfigurationError);
        }
      }),
    );
  });

  it("answers any damage to a valid document with a document or a ConfigurationError", () => {
    fc.assert(
      fc.property(anyDocumentInput, fc.jsonValue(), fc.nat(), (input, value, at) => {
        const document = parseDocument(input) as unknown as Record<string, unknown>;
        const key = Object.keys(document)[at % Object.keys(document).length] ?? "";
        try {
          parseDocument({ ...document, [key]: value });
        } catch (error) {
          assert.ok(error instanceof ConfigurationError);
        }
      }),
    );
  });
});
