/**
 * The transcripts of test/transcripts/s2s, each played against a running edge, and what they must cover together: every stream
 * error, dialback error and SASL failure, produced where the edge can produce it, and received.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { STREAM_ERRORS } from "../../gateway/xmpp/stream-errors.ts";
import { bytesOf, patternOf, play, readTranscript, type Transcript, variants } from "../support/transcript.ts";

const FOLDER = new URL("../transcripts/s2s/", import.meta.url);

const TRANSCRIPTS = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".txt"))
  .toSorted()
  .flatMap((name) => variants(readTranscript(name, readFileSync(new URL(name, FOLDER), "utf8"))));

const pending = ({ headers }: Transcript): string | undefined => headers.find(([name]) => name === "pending")?.[1];

describe("transcripts between servers", () => {
  for (const transcript of TRANSCRIPTS) {
    const reason = pending(transcript);
    if (reason === undefined) it(`${transcript.name}: ${transcript.title}`, () => play(transcript));
    else it(`${transcript.name}: ${transcript.title}; pending: ${reason}`);
  }
});

// ---- what they cover -----------------------------------------------------------------------------------------------

/** Conditions that never leave this edge, each with the reason. */
// biome-ignore format: one condition a line
const NEVER_PRODUCED: Readonly<Record<string, string>> = {
  "host-gone":                "a domain that is served no longer is not known any more: host-unknown, or policy-violation on a stream that stands",
  "internal-server-error":    "no fault is told to the peer",
  "remote-connection-failed": "is a dialback error (XEP-0220 2.5); a peer that knows none gets the closing tag",
  "reset":                    "nothing here changes under a stream but its admission, which is policy-violation",
  "see-other-host":           "there is no other host to send to",
  "system-shutdown":          "streams of an edge that stops are closed in order, without an error",
  "unsupported-feature":      "the initiating side closes without an error",
};

/** XEP-0220 2.5, table "Dialback error conditions", and resource-constraint for the limits. */
// biome-ignore format: one condition a line
const DIALBACK_ERRORS = [
  "item-not-found", "remote-connection-failed", "remote-server-not-found", "remote-server-timeout", "policy-violation", "not-authorized",
  "forbidden", "not-acceptable", "resource-constraint",
] as const;
/** not-acceptable and not-authorized: a certificate that proves nothing is no reason to refuse a key that may be checked. */
const DIALBACK_NEVER_PRODUCED: readonly string[] = ["not-acceptable", "not-authorized"];

// biome-ignore format: RFC 6120 6.5
const SASL_FAILURES = [
  "aborted", "account-disabled", "credentials-expired", "encryption-required", "incorrect-encoding", "invalid-authzid", "invalid-mechanism",
  "malformed-request", "mechanism-too-weak", "not-authorized", "temporary-auth-failure",
] as const;
// biome-ignore format: what a receiving server with EXTERNAL alone has to say
const SASL_PRODUCED: readonly string[] = ["aborted", "encryption-required", "incorrect-encoding", "invalid-authzid", "invalid-mechanism"];

/** The conditions of a kind that stand in what the edge sends (`<`) or gets (`>`). */
function conditions(kind: "<" | ">", pattern: RegExp): ReadonlySet<string> {
  const played = TRANSCRIPTS.filter((transcript) => pending(transcript) === undefined);
  const texts = played.flatMap(({ steps }) => steps.filter((step) => step.kind === kind).map(({ text }) => text));
  return new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((found) => found[1] ?? "")));
}

const STREAM = /<stream:error>\s*<([a-z-]+) /g;
const DIALBACK = /<error type='[a-z]+'><([a-z-]+) /g;
const SASL = /<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><([a-z-]+)\/>/g;

const sorted = (names: Iterable<string>): readonly string[] => [...names].toSorted();
const without = (names: readonly string[], others: Iterable<string>): readonly string[] => {
  const left = new Set(others);
  return names.filter((name) => !left.has(name));
};

describe("the transcripts together", () => {
  it("show every stream error of RFC 6120 4.9.3 sent by the edge, but for those that it has no use for", () => {
    assert.deepEqual(sorted(conditions("<", STREAM)), sorted(without(Object.keys(STREAM_ERRORS), Object.keys(NEVER_PRODUCED))));
  });

  it("show every stream error of RFC 6120 4.9.3 sent to the edge", () => {
    assert.deepEqual(without(Object.keys(STREAM_ERRORS), conditions(">", STREAM)), []);
  });

  it("show every dialback error of XEP-0220 2.5 sent by the edge, but for those that it has no use for", () => {
    assert.deepEqual(sorted(conditions("<", DIALBACK)), sorted(without(DIALBACK_ERRORS, DIALBACK_NEVER_PRODUCED)));
  });

  it("show every dialback error of XEP-0220 2.5 sent to the edge", () => {
    assert.deepEqual(without(DIALBACK_ERRORS, conditions(">", DIALBACK)), []);
  });

  it("show every SASL failure that the edge has to say, and every one of RFC 6120 6.5 sent to it", () => {
    assert.deepEqual(sorted(conditions("<", SASL)), sorted(SASL_PRODUCED));
    assert.deepEqual(without(SASL_FAILURES, conditions(">", SASL)), []);
  });

  it("each name the clause they stand for", () => {
    for (const { name, title } of TRANSCRIPTS)
      assert.match(title, /^(RFC \d{4}|XEP-\d{4}) [\d.]+( and (RFC \d{4}|XEP-\d{4}) [\d.]+)?: /, name);
  });
});

describe("the transcript player", () => {
  const transcript = (...lines: string[]): Transcript =>
    readTranscript("x.txt", ["# RFC 6120 4: x", "partner: fabrikam.example external", ...lines].join("\n"));

  it("joins lines that touch and keeps others apart", () => {
    const { steps } = transcript("> <a>", "> <b/>", "", "> </a>", "< x", "! closed");
    assert.deepEqual(
      steps.map(({ kind, text }) => `${kind}${text}`),
      ["><a><b/>", "></a>", "<x", "!closed"],
    );
  });

  it("turns escapes into bytes, and leaves the rest as UTF-8", () => {
    assert.deepEqual(bytesOf("é\\xC0\\xAF\\n\\\\n"), Buffer.from([0xc3, 0xa9, 0xc0, 0xaf, 0x0a, 0x5c, 0x6e]));
  });

  it("takes expected text literally from where it stands, but for placeholders", () => {
    const { pattern, names } = patternOf("<a id='{id}' b='{known}'>{...}</a>{id}", new Map([["known", "k."]]));
    assert.deepEqual(names, ["id"]);
    assert.equal(pattern.exec("<a id='7' b='k.'><x/></a>7")?.groups?.id, "7");
    for (const other of ["<a id='7' b='kk'></a>7", "<a id='7' b='k.'></a>8", " <a id='7' b='k.'></a>7"])
      assert.doesNotMatch(other, pattern);
  });

  it("says where something else came than expected", async () => {
    const wrong = transcript("! connect", "> <stream:stream>", "< <something/>");
    await assert.rejects(play(wrong), /x\.txt:5: < <something\/>\nexpected .*bad-namespace-prefix/s);
  });

  it("does not overlook an answer, a failure or a stanza that the transcript does not mention", async () => {
    await assert.rejects(play(transcript("! connect", "> <!")), /unread on stream in/);
    await assert.rejects(play(transcript("! connect", "> <!", "< {...}</stream:stream>")), /does not mention: xml-refused/);
    const stanza = "> <message from='bob@fabrikam.example' to='ann@contoso.example'/>";
    await assert.rejects(play(transcript("! play authenticated", stanza)), /stanzas that the transcript does not mention/);
  });

  it("refuses lines that it does not know", () => {
    assert.throws(() => transcript("? what"), /x\.txt:3: expected/);
    return assert.rejects(play(transcript("! dance")), /x\.txt:3: ! dance\nunknown directive/);
  });
});
