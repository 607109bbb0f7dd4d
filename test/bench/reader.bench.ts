/**
 * How fast the stream reader is: 406-byte chat stanzas with their element trees, cut three ways. Time is the processor time of
 * this thread, so that other work on the machine does not count.
 * Run: node test/bench/reader.bench.ts [seconds a measurement]
 */
import { READER_LIMITS, StreamReader } from "../../gateway/stream/reader.ts";

const STANZA_BYTES = 406;
const REPETITIONS = 6;
const HEADER = Buffer.from(
  "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='contoso.example' version='1.0'>",
);

/** A chat message with body, thread, chat state and receipt request, padded to the size. */
function stanza(): Buffer {
  const make = (body: string) =>
    `<message from='juliet@fabrikam.example/balcony' to='romeo@contoso.example/orchard' type='chat' id='ktx72v49' xml:lang='en'>` +
    `<body>${body}</body><thread>e0ffe42b28561960c6b12b944a092794b9683a38</thread>` +
    `<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
  const text = "Art thou not Romeo, and a Montague? ".repeat(8);
  const bytes = make(text.slice(0, STANZA_BYTES - make("").length));
  return Buffer.from(bytes);
}

function measure(name: string, chunks: readonly Buffer[], stanzas: number, seconds: number): void {
  const rates: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const reader = new StreamReader(READER_LIMITS);
    reader.write(HEADER);
    let seen = 0;
    const begin = threadMilliseconds();
    let elapsed = 0;
    for (; elapsed < seconds * 1000; elapsed = threadMilliseconds() - begin) {
      for (const chunk of chunks) for (const event of reader.write(chunk)) if (event.kind === "element") seen++;
    }
    if (seen === 0 || seen % stanzas !== 0) throw new Error(`${name}: ${seen} stanzas read; expected a multiple of ${stanzas}`);
    rates.push((seen / elapsed) * 1000);
  }
  // The first repetition warms the compiler up.
  const median = rates.slice(1).toSorted((one, other) => one - other)[(REPETITIONS - 1) >> 1] ?? 0;
  const megabytes = (median * STANZA_BYTES) / 1e6;
  console.log(
    `${name.padEnd(24)} ${Math.round(median).toLocaleString("en").padStart(9)} stanzas/s ${megabytes.toFixed(1).padStart(7)} MB/s`,
  );
}

function threadMilliseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

const seconds = Number(process.argv[2] ?? 1);
const one = stanza();
const many = Buffer.concat(Array.from({ length: 2000 }, () => one));
console.log(`${one.length}-byte stanzas, node ${process.version}`);
measure("one stanza a write", cut(many, one.length), 2000, seconds);
measure("16 KiB writes", cut(many, 16_384), 2000, seconds);
measure("one byte a write", cut(many.subarray(0, 100 * one.length), 1), 100, seconds);
