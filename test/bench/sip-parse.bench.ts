/**
 * How fast SIP messages are read and written: an 880-byte MESSAGE as Lync sends it. Time is the processor time of this thread.
 * Run: node test/bench/sip-parse.bench.ts [seconds a measurement]
 */
import { Framer } from "../../gateway/sip/framing.ts";
import { interpret, parseMessage } from "../../gateway/sip/parse.ts";
import { serialize } from "../../gateway/sip/serialize.ts";

const MESSAGE_BYTES = 880;
const REPETITIONS = 6;
const BATCH = 500;

/** A MESSAGE in an IM session, padded to the size. */
function lyncMessage(): Buffer {
  const make = (body: string, length: number) =>
    [
      "MESSAGE sip:xmppgw.contoso.example:5061;transport=tls SIP/2.0",
      "Record-Route: <sip:pool01.contoso.example:5061;transport=tls;ms-fe=FE01.contoso.example;opaque=state:F:Ci.R1dd400;lr;ms-route-sig=dcP8nGJ0qvAAyZ9r>;tag=7E0B1F",
      'Via: SIP/2.0/TLS 192.0.2.10:5061;branch=z9hG4bK5C2E8E7B.1F6D3A9C2B4E5D6F;branched=FALSE;ms-internal-info="cgAAAABcx"',
      "Via: SIP/2.0/TLS 192.0.2.77:51334;ms-received-port=51334;ms-received-cid=1A2B00",
      "Max-Forwards: 69",
      'From: "Alice Example"<sip:alice@contoso.example>;tag=2f1c4a9d11;epid=8f3b0a91c2',
      "To: <sip:romeo@fabrikam.example>;tag=8c0e5d1f2a3b4c5d",
      "Call-ID: 6fd0b8a94c0c4a3f9d5b2e7a1c8f0d3e",
      "CSeq: 3 MESSAGE",
      "User-Agent: UCCAPI/15.0.5589.1000 OC/15.0.5589.1000 (Microsoft Lync)",
      "Content-Type: text/plain; charset=UTF-8; msgr=WAAtAE0ATQBTAC0ASQBNAC0A",
      `Content-Length: ${length}`,
      "",
      body,
    ].join("\r\n");
  const text = "But soft! What light through yonder window breaks? ".repeat(10);
  const room = MESSAGE_BYTES - make("", 10).length;
  return Buffer.from(make(text.slice(0, room), room));
}

function measure(name: string, seconds: number, once: () => void): void {
  const rates: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const begin = threadMilliseconds();
    let elapsed = 0;
    let done = 0;
    for (; elapsed < seconds * 1000; elapsed = threadMilliseconds() - begin) {
      for (let count = 0; count < BATCH; count++) once();
      done += BATCH;
    }
    rates.push((done / elapsed) * 1000);
  }
  // The first repetition warms the compiler up.
  const median = rates.slice(1).toSorted((one, other) => one - other)[(REPETITIONS - 1) >> 1] ?? 0;
  const megabytes = (median * MESSAGE_BYTES) / 1e6;
  console.log(
    `${name.padEnd(24)} ${Math.round(median).toLocaleString("en").padStart(9)} messages/s ${megabytes.toFixed(1).padStart(7)} MB/s`,
  );
}

function threadMilliseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const seconds = Number(process.argv[2] ?? 1);
const bytes = lyncMessage();
const first = parseMessage(bytes);
if (bytes.length !== MESSAGE_BYTES || !first.ok) throw new Error(`the message of ${bytes.length} bytes does not parse`);
const { message } = first.received;
const framer = new Framer();

console.log(`${bytes.length}-byte messages, node ${process.version}`);
measure("parse", seconds, () => {
  if (!parseMessage(bytes).ok) throw new Error("does not parse");
});
measure("frame and parse", seconds, () => {
  for (const framed of framer.push(bytes))
    if (framed.kind !== "message" || !interpret(framed.head, framed.body).ok) throw new Error("does not parse");
});
measure("serialize", seconds, () => void serialize(message));
