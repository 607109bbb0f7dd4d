/**
 * The IPv6 cases of RFC 5118, section 4, sent over TLS to the running SIP side as an endpoint. The messages are made here from what the
 * RFC describes; the addresses are the documentation prefix.
 */
import assert from "node:assert/strict";
import { parameter } from "../../gateway/sip/grammar.ts";
import { parseMessage, type ReceivedRequest } from "../../gateway/sip/parse.ts";
import { readMedia } from "../../gateway/sip/sdp.ts";
import { serialize } from "../../gateway/sip/serialize.ts";
import { isSipUri, type SipUri } from "../../gateway/sip/uri.ts";
import { connectTo, type PeerConnection } from "../support/sip-peer.ts";
import { EDGE, lines, lyncIdentity, type SipBench, sipDocument, startSide } from "../support/sip-world.ts";

interface Case {
  readonly section: string;
  readonly method: string;
  readonly uri: string;
  /** Default: one of an IPv6 host. */
  readonly via?: readonly string[];
  readonly to?: string;
  readonly contact?: string;
  readonly media?: readonly string[];
  readonly parses: boolean;
  /** The answer; the connection stays. */
  readonly status: number;
  readonly why: string;
}

const HOST_VIA = "SIP/2.0/TLS [2001:db8::9:1];branch=z9hG4bK";
const CALLER = '"Caller" <sip:caller@[2001:db8::9:1]>';
const audio = (...connections: string[]) => ["v=0", "o=- 1 1 IN IP6 2001:db8::20", "s=-", ...connections];

// biome-ignore format: one row a line
const CASES: Readonly<Record<string, Case>> = {
  reference:       { section: "4.1",  method: "REGISTER", uri: "sip:[2001:db8::10]",              contact: CALLER, parses: true,  status: 405, why: "well formed; we are no registrar" },
  bare:            { section: "4.2",  method: "REGISTER", uri: "sip:2001:db8::10",                contact: CALLER, parses: false, status: 400, why: "an address without brackets is no host" },
  portInside:      { section: "4.3",  method: "REGISTER", uri: "sip:[2001:db8::10:5070]",         contact: CALLER, parses: true,  status: 405, why: "what stands in brackets is address, not port" },
  portOutside:     { section: "4.4",  method: "REGISTER", uri: "sip:[2001:db8::10]:5070",         contact: CALLER, parses: true,  status: 405, why: "what follows the brackets is the port" },
  receivedBrackets:{ section: "4.5",  method: "BYE",      uri: "sip:[2001:db8::10]",              via: ["SIP/2.0/TLS [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK"], parses: true, status: 481, why: "received with brackets, as many send it" },
  receivedBare:    { section: "4.5",  method: "BYE",      uri: "sip:[2001:db8::10]",              via: ["SIP/2.0/TLS [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK"],   parses: true, status: 481, why: "received without, as the grammar has it" },
  sdp:             { section: "4.6",  method: "INVITE",   uri: "sip:user@[2001:db8::10]",         contact: CALLER, media: audio("c=IN IP6 2001:db8::20", "t=0 0", "m=audio 6000 RTP/AVP 0"), parses: true, status: 488, why: "IPv6 in the session description; audio is not for us" },
  mixedVia:        { section: "4.7",  method: "BYE",      uri: "sip:user@host.example.net",       via: ["SIP/2.0/TLS [2001:db8::9:1]:6050;branch=z9hG4bK", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKa", "SIP/2.0/UDP [2001:db8::9:255];branch=z9hG4bKb;received=[2001:db8::9:255]"], parses: true, status: 481, why: "both families in the Via headers of one request" },
  mixedSdp:        { section: "4.8",  method: "INVITE",   uri: "sip:user@[2001:db8::10]",         contact: CALLER, media: audio("t=0 0", "m=audio 6000 RTP/AVP 0", "c=IN IP6 2001:db8::1", "m=video 6050 RTP/AVP 31", "c=IN IP4 192.0.2.4"), parses: true, status: 488, why: "both families in one description" },
  mapped:          { section: "4.9",  method: "INVITE",   uri: "sip:user@example.com",            via: ["SIP/2.0/TLS [::ffff:192.0.2.10]:19823;branch=z9hG4bK", "SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKa"], contact: '"desk" <sip:desk@[::ffff:192.0.2.2]>', media: ["v=0", "o=- 1 1 IN IP6 ::ffff:192.0.2.2", "s=-", "c=IN IP6 ::ffff:192.0.2.2", "t=0 0", "m=audio 6000 RTP/AVP 2"], parses: true, status: 488, why: "IPv4-mapped addresses" },
  threeColons:     { section: "4.10", method: "OPTIONS",  uri: "sip:user@[2001:db8:::192.0.2.1]", to: "sip:user@[2001:db8:::192.0.2.1]", parses: true, status: 200, why: "the colon too many of RFC 3261's grammar is tolerated" },
  twoColons:       { section: "4.10", method: "OPTIONS",  uri: "sip:user@[2001:db8::192.0.2.1]",  to: "sip:user@[2001:db8::192.0.2.1]",  parses: true, status: 200, why: "an IPv4 address inside" },
};

let serial = 0;

const rowOf = (name: string): Case => CASES[name] as Case;

function messageOf({ method, uri, via = [HOST_VIA], to = "sip:user@example.com", contact, media }: Case): Buffer {
  serial++;
  const body = (media ?? []).map((line) => `${line}\r\n`).join("");
  const inDialog = method === "BYE" ? ";tag=here" : "";
  const head = [
    `${method} ${uri} SIP/2.0`,
    ...via.map((value) => `Via: ${value.replace(/z9hG4bK(?=;|$)/, `z9hG4bK5118n${serial}`)}`),
    `To: ${inDialog === "" ? to : `<${to}>${inDialog}`}`,
    "From: sip:user@example.com;tag=81x2",
    `Call-ID: rfc5118-${serial}`,
    `CSeq: ${serial} ${method}`,
    "Max-Forwards: 70",
    ...(contact === undefined ? [] : [`Contact: ${contact}`]),
    ...(media === undefined ? [] : ["Content-Type: application/sdp"]),
    `Content-Length: ${body.length}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`, "latin1");
}

function parsed(name: string): ReceivedRequest {
  const result = parseMessage(messageOf(rowOf(name)));
  assert.ok(result.ok, name);
  return result.received as ReceivedRequest;
}

describe("RFC 5118", () => {
  let bench: SipBench;
  let connection: PeerConnection;

  before(async () => {
    bench = await startSide(sipDocument({}, { sipDomains: ["example.com"] }));
  });
  beforeEach(async () => {
    connection = await connectTo(EDGE, 5061, lyncIdentity);
  });
  afterEach(() => void connection.socket.destroy());
  after(() => bench.side.drain(1));

  it("has a row for every section", () => {
    const sections = new Set(Object.values(CASES).map(({ section }) => section));
    assert.deepEqual(
      [...sections],
      Array.from({ length: 10 }, (_, index) => `4.${index + 1}`),
    );
  });

  for (const [name, row] of Object.entries(CASES)) {
    it(`${row.section} ${name}: ${row.status} (${row.why})`, async () => {
      assert.equal(parseMessage(messageOf(row)).ok, row.parses, "parses");
      connection.socket.write(messageOf(row));
      assert.equal((await connection.response()).status, row.status);
      connection.send(lines("OPTIONS"));
      assert.equal((await connection.response()).status, 200);
      assert.deepEqual(connection.unread(), []);
    });
    if (!row.parses) continue;
    it(`${name} is written again as an equivalent message`, () => {
      const first = parseMessage(messageOf(row));
      assert.ok(first.ok);
      const second = parseMessage(serialize(first.received.message));
      assert.ok(second.ok);
      assert.deepEqual(second.received, first.received);
    });
  }

  describe("reads", () => {
    const requestUri = (name: string) => parsed(name).requestUri as SipUri;

    it("a port only after the brackets", () => {
      assert.deepEqual([requestUri("portInside").host, requestUri("portInside").port], ["[2001:db8::10:5070]", null]);
      assert.deepEqual([requestUri("portOutside").host, requestUri("portOutside").port], ["[2001:db8::10]", 5070]);
    });
    it("received as it stands", () => {
      const received = (name: string) => parameter(parsed(name).essentials.via[0].parameters, "received");
      assert.equal(received("receivedBrackets"), "[2001:db8::9:255]");
      assert.equal(received("receivedBare"), "2001:db8::9:255");
    });
    it("hosts of both families", () => {
      assert.deepEqual(
        parsed("mixedVia").essentials.via.map(({ host, port }) => [host, port]),
        [
          ["[2001:db8::9:1]", 6050],
          ["192.0.2.1", null],
          ["[2001:db8::9:255]", null],
        ],
      );
      assert.deepEqual(
        parsed("mapped").essentials.via.map(({ host }) => host),
        ["[::ffff:192.0.2.10]", "[::ffff:192.0.2.2]"],
      );
      const [contact] = parsed("mapped").contacts;
      assert.ok(contact && isSipUri(contact.uri));
      assert.equal(contact.uri.host, "[::ffff:192.0.2.2]");
    });
    it("session descriptions of either family, and of both", () => {
      for (const [name, types] of Object.entries({ sdp: ["audio"], mixedSdp: ["audio", "video"], mapped: ["audio"] })) {
        const media = readMedia(parsed(name).message.body);
        assert.deepEqual(media.ok && media.value.map(({ type }) => type), types, name);
      }
    });
    it("the colon too many as it stands, and no other address with it", () => {
      assert.equal(requestUri("threeColons").host, "[2001:db8:::192.0.2.1]");
      for (const host of ["[2001:db8:::1]", "[2001:db8::::192.0.2.1]", "[2001:db8::1::1]", "[2001:db8::12345]", "[::1", "[]"]) {
        const result = parseMessage(messageOf({ ...rowOf("threeColons"), uri: `sip:user@${host}` }));
        assert.ok(!result.ok && result.fault.code === "uri-malformed" && result.fault.where === "Request-URI", host);
      }
    });
  });
});
