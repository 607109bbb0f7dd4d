/**
 * How fast SIP messages are read and written, beside the npm package `sip` on the same messages in the same run: a MESSAGE as Lync
 * sends it, an INVITE with a session description, a SUBSCRIBE with folds and compact names, and a response. Ours checks every
 * character and gives typed essentials; `sip` gives the values of known headers. Time is the processor time of this thread; the two
 * take turns, so that other work on the machine slows both.
 * Run: node test/bench/sip-parse.bench.ts [seconds a measurement]
 */
import { createRequire } from "node:module";
import { Framer } from "../../gateway/sip/framing.ts";
import { interpret, parseMessage } from "../../gateway/sip/parse.ts";
import { serialize } from "../../gateway/sip/serialize.ts";

/** What of `sip` is used here; it has no types of its own. */
interface SipPackage {
  parse(text: string): object | undefined;
  stringify(message: object): string;
}
const other = createRequire(import.meta.url)("sip") as SipPackage;

const MESSAGE_BYTES = 880;
const REPETITIONS = 6;
const BATCH = 200;

const VIAS = [
  'Via: SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bK5C2E8E7B.1F6D3A9C2B4E5D6F;branched=FALSE;ms-internal-info="cgAAAABcx"',
  "Via: SIP/2.0/TLS 192.0.2.77:51334;ms-received-port=51334;ms-received-cid=1A2B00",
];
const ROUTE =
  "Record-Route: <sip:pool01.contoso.example:5061;transport=tls;ms-fe=FE01.contoso.example;opaque=state:F:Ci.R1dd400;lr;ms-route-sig=dcP8nGJ0qvAAyZ9r>;tag=7E0B1F";
const CONTACT =
  'Contact: <sip:alice@contoso.example;opaque=user:epid:qJ9aXk2mVF6xGc1JmWb0TQAA;gruu>;+sip.instance="<urn:uuid:5A7D9AA8-26A9-5C55-B119-CD096C66F44D>"';
const SDP = `v=0\r\no=- 0 0 IN IP4 192.0.2.77\r\ns=session\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain text/html\r\n`;
const TEXT = "But soft! What light through yonder window breaks? ".repeat(10);

const make = (lines: readonly string[], body: string, length = body.length): Buffer =>
  Buffer.from([...lines, `Content-Length: ${length}`, "", body].join("\r\n"), "latin1");

const MESSAGE = [
  "MESSAGE sip:xmppgw.contoso.example:5061;transport=tls SIP/2.0",
  ROUTE,
  ...VIAS,
  "Max-Forwards: 69",
  'From: "Alice Example"<sip:alice@contoso.example>;tag=2f1c4a9d11;epid=8f3b0a91c2',
  "To: <sip:romeo@fabrikam.example>;tag=8c0e5d1f2a3b4c5d",
  "Call-ID: 6fd0b8a94c0c4a3f9d5b2e7a1c8f0d3e",
  "CSeq: 3 MESSAGE",
  "User-Agent: UCCAPI/15.0.5589.1000 OC/15.0.5589.1000 (Microsoft Lync)",
  "Content-Type: text/plain; charset=UTF-8; msgr=WAAtAE0ATQBTAC0ASQBNAC0A",
];

const MESSAGES: Readonly<Record<string, Buffer>> = {
  "MESSAGE, Lync": make(MESSAGE, TEXT.slice(0, MESSAGE_BYTES - make(MESSAGE, "", 10).length)),
  "INVITE, SDP": make(
    [
      "INVITE sip:romeo@fabrikam.example SIP/2.0",
      ROUTE,
      ...VIAS,
      "Max-Forwards: 68",
      'From: "Alice Example"<sip:alice@contoso.example>;tag=2f1c4a9d11;epid=8f3b0a91c2',
      "To: <sip:romeo@fabrikam.example>",
      "Call-ID: 6fd0b8a94c0c4a3f9d5b2e7a1c8f0d3e",
      "CSeq: 1 INVITE",
      CONTACT,
      "Supported: ms-delayed-accept, ms-renders-isf, ms-renders-gif, ms-embedded-first-message",
      "Roster-Manager: sip:alice@contoso.example",
      "Content-Type: application/sdp",
    ],
    SDP,
  ),
  "SUBSCRIBE, compact": make(
    [
      "SUBSCRIBE sip:romeo@fabrikam.example SIP/2.0",
      "v: SIP/2.0/TLS pool01.contoso.example:5061;branch=z9hG4bK5C2E8E7B\r\n ;ms-received-cid=1A2B00",
      "Max-Forwards: 70",
      "f: <sip:alice@contoso.example>;tag=a1;epid=8f3b0a91c2",
      "t: <sip:romeo@fabrikam.example>",
      "i: 8e0d11aa2f",
      "CSeq: 1 SUBSCRIBE",
      "m: <sip:alice@contoso.example;gruu>",
      "o: presence",
      "Accept: application/pidf+xml,\r\n\tapplication/rlmi+xml",
      "Expires: 28800",
    ],
    "",
  ),
  "200, response": make(
    [
      "SIP/2.0 200 OK",
      ...VIAS,
      'From: "Alice Example"<sip:alice@contoso.example>;tag=2f1c4a9d11;epid=8f3b0a91c2',
      "To: <sip:romeo@fabrikam.example>;tag=8c0e5d1f2a3b4c5d",
      "Call-ID: 6fd0b8a94c0c4a3f9d5b2e7a1c8f0d3e",
      "CSeq: 3 MESSAGE",
    ],
    "",
  ),
};

/** Messages a second of each, median of the repetitions but the first, which warms the compiler up. */
function measure(seconds: number, ...works: readonly (() => void)[]): readonly number[] {
  const rates: number[][] = works.map(() => []);
  for (let repetition = 0; repetition < REPETITIONS; repetition++)
    for (const [index, once] of works.entries()) rates[index]?.push(rateOf(once, seconds));
  return rates.map((all) => all.slice(1).toSorted((one, another) => one - another)[(REPETITIONS - 1) >> 1] ?? 0);
}

function rateOf(once: () => void, seconds: number): number {
  const begin = threadMilliseconds();
  let elapsed = 0;
  let done = 0;
  for (; elapsed < seconds * 1000; elapsed = threadMilliseconds() - begin) {
    for (let count = 0; count < BATCH; count++) once();
    done += BATCH;
  }
  return (done / elapsed) * 1000;
}

function threadMilliseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function show(name: string, bytes: number, [ours = 0, theirs]: readonly number[]): void {
  const beside = theirs === undefined ? "" : ` ${figures(theirs, bytes)}   x ${(ours / theirs).toFixed(1)}`;
  console.log(`${name.padEnd(30)} ${String(bytes).padStart(4)} B ${figures(ours, bytes)}${beside}`);
}

const figures = (rate: number, bytes: number): string =>
  `${Math.round(rate).toLocaleString("en").padStart(9)} /s ${((rate * bytes) / 1e6).toFixed(1).padStart(6)} MB/s`;

function check(bytes: Buffer): void {
  if (!parseMessage(bytes).ok) throw new Error("does not parse");
}

const seconds = Number(process.argv[2] ?? 0.3);
console.log(`node ${process.version}; ours, then the package sip, then ours / sip`);
for (const [name, bytes] of Object.entries(MESSAGES)) {
  const parsed = parseMessage(bytes);
  const theirs = other.parse(bytes.toString("latin1"));
  if (!parsed.ok || theirs === undefined) throw new Error(`${name} does not parse`);
  const { message } = parsed.received;
  const parse = measure(
    seconds,
    () => check(bytes),
    () => void other.parse(bytes.toString("latin1")),
  );
  show(`parse ${name}`, bytes.length, parse);
  const write = measure(
    seconds,
    () => void serialize(message),
    () => void Buffer.from(other.stringify(theirs), "latin1"),
  );
  show(`serialize ${name}`, bytes.length, write);
}

const bytes = MESSAGES["MESSAGE, Lync"] as Buffer;
const framer = new Framer();
const framed = measure(seconds, () => {
  for (const one of framer.push(bytes)) if (one.kind !== "message" || !interpret(one.head, one.body).ok) throw new Error("does not parse");
});
show("frame and parse MESSAGE, Lync", bytes.length, framed);
