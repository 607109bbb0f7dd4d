import assert from "node:assert/strict";
import fc from "fast-check";
import { JidError, jidOf, jidToString, parseJid } from "../xmpp/jid.ts";
import { escapeLocalpart } from "../xmpp/jid-escaping.ts";
import { jidToSip, sipToJid } from "./addresses.ts";

const toJid = (uri: string): string => {
  const jid = sipToJid(uri);
  return jid instanceof JidError ? `error: ${jid.text}` : jidToString(jid);
};

const toSip = (text: string): string => {
  const jid = parseJid(text);
  assert.ok(!(jid instanceof JidError), text);
  const uri = jidToSip(jid);
  return uri instanceof JidError ? `error: ${uri.text}` : uri;
};

describe("a SIP address", () => {
  // biome-ignore format: the first three are RFC 7247's own
  const rows: readonly (readonly [string, string])[] = [
    ["sip:f%C3%BC@sip.example",              "fü@sip.example"            ],
    ["sip:o'malley@sip.example",             "o\\27malley@sip.example"   ],
    ["sip:foo@sip.example;gr=bar",           "foo@sip.example/bar"       ],
    ["sips:foo@sip.example",                 "foo@sip.example"           ],
    ["SIP:Foo@SIP.Example:5061;transport=tls", "foo@sip.example"         ],
    ["sip:foo:secret@sip.example",           "foo@sip.example"           ],
    ["sip:foo@sip.example;opaque=user:epid:x;gr", "foo@sip.example"      ],
    ["sip:foo@sip.example;gr=a%20b%2Fc",     "foo@sip.example/a b/c"     ],
    ["sip:sip.example",                      "sip.example"               ],
    // every character that a localpart may not hold
    ["sip:a%20b@sip.example",                "a\\20b@sip.example"        ],
    ["sip:a%22b@sip.example",                "a\\22b@sip.example"        ],
    ["sip:a&b@sip.example",                  "a\\26b@sip.example"        ],
    ["sip:a'b@sip.example",                  "a\\27b@sip.example"        ],
    ["sip:a/b@sip.example",                  "a\\2fb@sip.example"        ],
    ["sip:a%3Ab@sip.example",                "a\\3ab@sip.example"        ],
    ["sip:a%3Cb@sip.example",                "a\\3cb@sip.example"        ],
    ["sip:a%3Eb@sip.example",                "a\\3eb@sip.example"        ],
    ["sip:a%40b@sip.example",                "a\\40b@sip.example"        ],
    ["sip:a%5Cb@sip.example",                "a\\b@sip.example"          ],
    ["sip:a%5C26b@sip.example",              "a\\5c26b@sip.example"      ],
    ["sip:a%5c5c26b@sip.example",            "a\\5c5c26b@sip.example"    ],
  ];
  for (const [uri, jid] of rows) it(`${uri} is ${jid}`, () => assert.equal(toJid(uri), jid));

  // biome-ignore format: a table
  const refused: readonly (readonly [string, RegExp])[] = [
    ["sip:f%FC@sip.example",        /not UTF-8/            ],
    ["sip:f%C3@sip.example",        /not UTF-8/            ],
    ["sip:f%C0%AF@sip.example",     /not UTF-8/            ],
    ["sip:foo@sip.example;gr=%FF",  /not UTF-8/            ],
    ["sip:f%00o@sip.example",       /localpart/            ],
    ["sip:%20foo@sip.example",      /begins or ends/       ],
    ["tel:+15551234",               /expected sip or sips/ ],
    ["im:foo@sip.example",          /expected sip or sips/ ],
    ["foo@sip.example",             /is no URI/            ],
    ["sip:foo@10.0.0.1",            /domainpart/           ],
    ["sip:foo@[::1]",               /domainpart/           ],
    ["sip:foo@localhost",           /domainpart/           ],
    ["",                            /is no URI/            ],
  ];
  for (const [uri, why] of refused) it(`${JSON.stringify(uri)} has no JID`, () => assert.match(toJid(uri), why));
});

describe("a JID", () => {
  // biome-ignore format: the first three are RFC 7247's own
  const rows: readonly (readonly [string, string])[] = [
    ["m\\26m@xmpp.example",         "sip:m&m@xmpp.example"                ],
    ["tschüss@xmpp.example",        "sip:tsch%C3%BCss@xmpp.example"       ],
    ["baz@xmpp.example/qux",        "sip:baz@xmpp.example;gr=qux"         ],
    ["xmpp.example",                "sip:xmpp.example"                    ],
    ["o\\27malley@xmpp.example",    "sip:o'malley@xmpp.example"           ],
    ["a\\2fb@xmpp.example",         "sip:a/b@xmpp.example"                ],
    ["a\\40b@xmpp.example",         "sip:a%40b@xmpp.example"              ],
    ["a\\3ab\\3c\\3e@xmpp.example", "sip:a%3Ab%3C%3E@xmpp.example"        ],
    ["a\\b@xmpp.example",           "sip:a%5Cb@xmpp.example"              ],
    ["#%[]^`{|}@xmpp.example",      "sip:%23%25%5B%5D%5E%60%7B%7C%7D@xmpp.example"],
    ["baz@xmpp.example/a;b=c ü",    "sip:baz@xmpp.example;gr=a%3Bb%3Dc%20%C3%BC"],
  ];
  for (const [jid, uri] of rows) it(`${jid} is ${uri}`, () => assert.equal(toSip(jid), uri));

  it("that looks escaped and is not has no SIP address, since it would be another one's too", () => {
    assert.match(toSip("\\5commas@xmpp.example"), /error: localpart .* no SIP address of its own/);
    assert.equal(toSip("\\ommas@xmpp.example"), "sip:%5Commas@xmpp.example");
  });
});

describe("addresses", () => {
  const character = fc.oneof(fc.constantFrom(..." \"&'/:<>@\\%#;?=+,.!~*()[]{}|^`$-_25726fcae0"), fc.constantFrom(..."abcxyz012üßé漢字"));
  const domain = fc.constantFrom("sip.example", "xn--tschss-6ya.example");
  const resource = fc.option(fc.array(character, { minLength: 1, maxLength: 12 }).map((parts) => parts.join("")));

  it("come back the same after going over and back", () => {
    fc.assert(
      fc.property(fc.array(character, { minLength: 1, maxLength: 12 }), domain, resource, (parts, host, device) => {
        const jid = jidOf(escapeLocalpart(parts.join("")), host, device);
        fc.pre(!(jid instanceof JidError));
        const uri = jidToSip(jid);
        assert.equal(typeof uri, "string");
        assert.deepEqual(sipToJid(String(uri)), jid);
      }),
      { numRuns: 1000 },
    );
  });

  it("never make two JIDs one SIP address", () => {
    const localpart = fc
      .array(fc.constantFrom("\\", "2", "6", "5", "c", "&", "a"), { minLength: 1, maxLength: 6 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(localpart, localpart, (one, other) => {
        const jids = [jidOf(one, "a.example", null), jidOf(other, "a.example", null)] as const;
        fc.pre(!(jids[0] instanceof JidError) && !(jids[1] instanceof JidError));
        const [first, second] = jids.map((jid) => (jid instanceof JidError ? jid : jidToSip(jid)));
        if (typeof first === "string" && first === second) assert.deepEqual(jids[0], jids[1]);
      }),
      { numRuns: 2000 },
    );
  });

  it("are errors, not exceptions, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        sipToJid(text);
        sipToJid(`sip:${text}@sip.example`);
      }),
    );
  });
});
