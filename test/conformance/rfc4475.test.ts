/**
 * RFC 4475's 49 torture messages, sent over TLS to the running SIP side as an endpoint, each with the behaviour that the RFC asks
 * for or allows. Where it leaves a choice, the strict reading is ours: what is malformed is answered 400, nothing is repaired.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { parameter } from "../../gateway/sip/grammar.ts";
import { headersOf, utf8Of } from "../../gateway/sip/message.ts";
import { parseMessage, type ReceivedRequest } from "../../gateway/sip/parse.ts";
import { readMedia } from "../../gateway/sip/sdp.ts";
import { serialize } from "../../gateway/sip/serialize.ts";
import { isSipUri, type SipUri } from "../../gateway/sip/uri.ts";
import { connectTo, headerValue, type PeerConnection } from "../support/sip-peer.ts";
import { EDGE, lines, lyncIdentity, type SipBench, sipDocument, startSide } from "../support/sip-world.ts";

const FOLDER = new URL("../data/rfc4475/", import.meta.url);
const bytesOf = (name: string): Buffer => readFileSync(new URL(`${name}.dat`, FOLDER));

/**
 * status: the answer; the connection stays. close: the answer where one is due, then the end, since framing is lost. wait: nothing,
 * until the connection is closed as too slow. discard: no answer, and the connection stays.
 */
type Behaviour = { readonly status: number } | { readonly close: number } | "wait" | "discard";

// biome-ignore format: one row a line
const MESSAGES: Readonly<Record<string, readonly [section: string, parses: boolean, behaviour: Behaviour, why: string]>> = {
  wsinv:      ["3.1.1.1",  true,  { status: 481 }, "well formed; its To tag names a dialog that does not exist"],
  intmeth:    ["3.1.1.2",  true,  { status: 501 }, "an unknown method"],
  esc01:      ["3.1.1.3",  true,  { status: 488 }, "well formed; audio and video are not for us"],
  escnull:    ["3.1.1.4",  true,  { status: 405 }, "well formed; we are no registrar"],
  esc02:      ["3.1.1.5",  true,  { status: 501 }, "RE%47IST%45R is not REGISTER"],
  lwsdisp:    ["3.1.1.6",  true,  { status: 200 }, "no space before < is accepted"],
  longreq:    ["3.1.1.7",  true,  { status: 488 }, "no fixed-size buffers; audio is not for us"],
  dblreq:     ["3.1.1.8",  true,  { status: 405 }, "on a stream what follows is a second message"],
  semiuri:    ["3.1.1.9",  true,  { status: 200 }, "a semicolon in the user part"],
  transports: ["3.1.1.10", true,  { status: 200 }, "any transport in the lower Via headers"],
  mpart01:    ["3.1.1.11", true,  { status: 415 }, "well formed; multipart/mixed is not for us"],
  unreason:   ["3.1.1.12", true,  "discard",       "a response to nothing"],
  noreason:   ["3.1.1.13", true,  "discard",       "a response to nothing"],
  badinv01:   ["3.1.2.1",  false, { status: 400 }, "stray ; and ,"],
  clerr:      ["3.1.2.2",  false, "wait",          "Content-Length larger than the message"],
  ncl:        ["3.1.2.3",  false, { close: 400 },  "negative Content-Length"],
  scalar02:   ["3.1.2.4",  false, { status: 400 }, "CSeq too large"],
  scalarlg:   ["3.1.2.5",  false, "discard",       "a response with CSeq too large"],
  quotbal:    ["3.1.2.6",  false, { status: 400 }, "quote not closed"],
  ltgtruri:   ["3.1.2.7",  false, { status: 400 }, "<> around the Request-URI"],
  lwsruri:    ["3.1.2.8",  false, { status: 400 }, "space inside the Request-URI"],
  lwsstart:   ["3.1.2.9",  false, { status: 400 }, "two spaces in the start line"],
  trws:       ["3.1.2.10", false, { status: 400 }, "spaces at the end of the start line"],
  escruri:    ["3.1.2.11", false, { status: 400 }, "headers in the Request-URI"],
  baddate:    ["3.1.2.12", true,  { status: 488 }, "the date does not matter; audio and video are not for us"],
  regbadct:   ["3.1.2.13", false, { status: 400 }, "a Contact that needs <>"],
  badaspec:   ["3.1.2.14", false, { status: 400 }, "spaces inside <>"],
  baddn:      ["3.1.2.15", false, { status: 400 }, "display name that needs quotes"],
  badvers:    ["3.1.2.16", false, { status: 505 }, "SIP/7.0"],
  mismatch01: ["3.1.2.17", true,  { status: 400 }, "another method in CSeq"],
  mismatch02: ["3.1.2.18", true,  { status: 501 }, "unknown method, another in CSeq"],
  bigcode:    ["3.1.2.19", false, "discard",       "a response with an impossible status"],
  badbranch:  ["3.2.1",    true,  { status: 400 }, "the branch is the cookie alone"],
  insuf:      ["3.3.1",    false, { status: 400 }, "no Call-ID, From, To"],
  unkscm:     ["3.3.2",    true,  { status: 416 }, "unknown scheme"],
  novelsc:    ["3.3.3",    true,  { status: 416 }, "registered but unusual scheme"],
  unksm2:     ["3.3.4",    true,  { status: 405 }, "unusual schemes in headers; we are no registrar"],
  bext01:     ["3.3.5",    true,  { status: 420 }, "unknown extensions required"],
  invut:      ["3.3.6",    true,  { status: 415 }, "unknown body type"],
  regaut01:   ["3.3.7",    true,  { status: 405 }, "we are no registrar"],
  multi01:    ["3.3.8",    false, { status: 400 }, "single headers stand twice"],
  mcl01:      ["3.3.9",    false, { close: 400 },  "two Content-Length values"],
  bcast:      ["3.3.10",   true,  "discard",       "a response with a second Via"],
  zeromf:     ["3.3.11",   true,  { status: 200 }, "an endpoint answers OPTIONS with Max-Forwards 0"],
  cparam01:   ["3.3.12",   true,  { status: 405 }, "we are no registrar"],
  cparam02:   ["3.3.13",   true,  { status: 405 }, "we are no registrar"],
  regescrt:   ["3.3.14",   true,  { status: 405 }, "we are no registrar"],
  sdp01:      ["3.3.15",   true,  { status: 406 }, "an answer to the offer would not be accepted"],
  inv2543:    ["3.4.1",    true,  { close: 400 },  "a stream needs Content-Length"],
};

function parsed(name: string): ReceivedRequest {
  const result = parseMessage(bytesOf(name));
  assert.ok(result.ok, name);
  return result.received as ReceivedRequest;
}

describe("RFC 4475", () => {
  let bench: SipBench;
  let connection: PeerConnection;

  before(async () => {
    const sipDomains = ["example.com", "example.net", "example.org", "192.0.2.example", "ift.client.example.net", "company.com"];
    bench = await startSide(sipDocument({}, { sipDomains }));
  });
  beforeEach(async () => {
    bench.clock.speed = 1;
    connection = await connectTo(EDGE, 5061, lyncIdentity);
  });
  afterEach(() => void connection.socket.destroy());
  after(() => bench.side.drain(1));

  it("has a row for every message of the archive", () => {
    const files = readdirSync(FOLDER).flatMap((file) => (file.endsWith(".dat") && file !== "test.dat" ? [file.slice(0, -4)] : []));
    assert.deepEqual(files.sort(), Object.keys(MESSAGES).sort());
    assert.equal(files.length, 49);
  });

  for (const [name, [section, parses, behaviour, why]] of Object.entries(MESSAGES)) {
    const said = typeof behaviour === "string" ? behaviour : JSON.stringify(behaviour).replace(/[{"}]/g, "");
    it(`${section} ${name}: ${said} (${why})`, async () => {
      assert.equal(parseMessage(bytesOf(name)).ok, parses, "parses");
      if (behaviour === "wait") bench.clock.speed = 300;
      connection.socket.write(name === "baddn" ? Buffer.concat([bytesOf(name), Buffer.from("\r\n")]) : bytesOf(name));
      if (behaviour === "wait") return connection.closed();
      if (behaviour !== "discard")
        assert.equal((await connection.response()).status, "status" in behaviour ? behaviour.status : behaviour.close);
      if (typeof behaviour === "object" && "close" in behaviour) return connection.closed();
      if (name === "dblreq") {
        // The second one has a session description with a space before "=", and is longer than its Content-Length.
        assert.equal((await connection.response()).status, 400);
        return connection.closed();
      }
      connection.send(lines("OPTIONS"));
      assert.equal((await connection.response()).status, 200);
      assert.deepEqual(connection.unread(), []);
    });
  }

  for (const name of Object.keys(MESSAGES).filter((one) => MESSAGES[one]?.[1])) {
    it(`${name} is written again as an equivalent message`, () => {
      const first = parseMessage(bytesOf(name));
      assert.ok(first.ok);
      const second = parseMessage(serialize(first.received.message));
      assert.ok(second.ok);
      const without = (message: typeof first.received.message) => message.headers.filter(({ key }) => key !== "content-length");
      assert.deepEqual(without(second.received.message), without(first.received.message));
      assert.deepEqual({ ...second.received, message: null }, { ...first.received, message: null });
      assert.deepEqual(second.received.message.body, first.received.message.body);
    });
  }

  describe("reads", () => {
    it("an unknown header as it stands", () => {
      assert.deepEqual(headersOf(parsed("wsinv").message, "unknownheaderwithunusualvalue"), [";;,,;;,;"]);
      assert.deepEqual(headersOf(parsed("wsinv").message, "newfangledheader"), ["newfangled value continued newfangled value"]);
    });
    it("odd spacing, case, folds and short names", () => {
      const { essentials, contacts } = parsed("wsinv");
      assert.deepEqual(
        essentials.via.map(({ transport, host }) => `${transport} ${host}`),
        ["UDP 192.0.2.2", "TCP spindle.example.com", "UDP 192.168.255.111"],
      );
      assert.equal(essentials.from.display, 'J Rosenberg \\"');
      assert.equal(essentials.cseq.number, 9);
      assert.equal(essentials.maxForwards, 68);
      assert.equal(contacts[0]?.display, 'Quoted string ""');
      assert.equal(parameter(contacts[0]?.parameters ?? [], "newparam"), "newvalue");
    });
    it("escapes without decoding them, and not twice", () => {
      assert.equal((parsed("esc01").requestUri as SipUri).user, "sips%3Auser%40example.com");
      assert.deepEqual(
        parsed("escnull").contacts.map(({ uri }) => (uri as SipUri).user),
        ["%00", "%00%00"],
      );
    });
    it("a percent sign that is no escape", () => {
      const { message, contacts, essentials } = parsed("esc02");
      assert.equal(message.method, "RE%47IST%45R");
      assert.equal(contacts.length, 2);
      assert.equal(essentials.from.display, "%Z%45");
    });
    it("a user part with a semicolon", () => assert.equal((parsed("semiuri").requestUri as SipUri).user, "user;par=u%40example.net"));
    it("a parameter where it belongs", () => {
      const [first, second] = [parsed("cparam01").contacts[0], parsed("cparam02").contacts[0]];
      assert.ok(first && second && isSipUri(first.uri) && isSipUri(second.uri));
      assert.notEqual(parameter(first.parameters, "unknownparam"), undefined);
      assert.equal(parameter(first.uri.parameters, "unknownparam"), undefined);
      assert.notEqual(parameter(second.uri.parameters, "unknownparam"), undefined);
      assert.equal(parameter(second.parameters, "unknownparam"), undefined);
    });
    it("a header inside a URI as a part of it", () => {
      const [contact] = parsed("regescrt").contacts;
      assert.ok(contact && isSipUri(contact.uri));
      assert.equal(contact.uri.headers, "Route=%3Csip:sip.example.com%3E");
    });
    it("a body with NUL bytes by its length", () => assert.equal(parsed("mpart01").message.body.length, 553));
    it("a reason phrase in UTF-8", () => {
      const result = parseMessage(bytesOf("unreason"));
      assert.ok(result.ok && result.received.message.kind === "response");
      assert.match(utf8Of(result.received.message.reason) ?? "", /^= 2\*\*3 \* 5\*\*2 но сто девяносто девять - простое$/);
    });
    it("nothing beyond the body of a datagram", () => assert.equal(parsed("dblreq").message.body.length, 0));
    it("the body of a datagram without Content-Length to its end", () => {
      const media = readMedia(parsed("inv2543").message.body);
      assert.deepEqual(media.ok && media.value.map(({ type }) => type), ["audio"]);
    });
    it("both extensions that are required, for Unsupported", async () => {
      connection.socket.write(bytesOf("bext01"));
      assert.equal(headerValue(await connection.response(), "unsupported"), "nothingSupportsThis, nothingSupportsThisEither");
    });
  });
});
