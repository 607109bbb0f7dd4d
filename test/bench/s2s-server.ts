/**
 * The gateway's XMPP side as a process of its own, with a handler that counts stanzas and forgets them; what s2s.bench.ts
 * measures. Started by it: `node test/bench/s2s-server.ts SETTINGS.json`; ends at SIGTERM.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseDocument } from "../../gateway/config/parse.ts";
import type { EdgeDocumentInput } from "../../gateway/config/schema.ts";
import { makeLog } from "../../gateway/observe/log.ts";
import { wallClock } from "../../gateway/server/clock.ts";
import type { Identity } from "../../gateway/server/ports.ts";
import { makeResolver } from "../../gateway/server/resolver.ts";
import { makeXmppSide } from "../../gateway/server/xmpp-side.ts";

export interface ServerSettings {
  readonly document: EdgeDocumentInput;
  readonly identity: Identity;
  readonly bindAddress: string;
  readonly dnsServer: string;
  /** Where the count goes at the stanza whose id is `last`; written whole. */
  readonly countFile: string;
}

/** Milliseconds that streams may take to close. */
const DRAIN = 1000;

const readSettings = (file: string): ServerSettings => JSON.parse(readFileSync(file, "utf8")) as ServerSettings;

async function serve({ document, identity, bindAddress, dnsServer, countFile }: ServerSettings): Promise<void> {
  let count = 0;
  const write = (text: string): void => {
    writeFileSync(`${countFile}.new`, text);
    renameSync(`${countFile}.new`, countFile);
  };
  const side = makeXmppSide(
    { document: parseDocument(document), xmppIdentity: identity, sipIdentity: identity, dialbackSecret: randomBytes(32).toString("hex") },
    {
      clock: wallClock,
      resolver: makeResolver([dnsServer]),
      log: makeLog({ level: "info", bodiesAllowed: () => false }),
      bindAddress,
      random: (bytes) => randomBytes(bytes),
    },
    {
      onStanza({ attributes }) {
        count++;
        if (attributes.get("id") !== "last") return;
        write(String(count));
        count = 0;
      },
    },
  );
  await side.start();
  process.once("SIGTERM", () => void side.drain(DRAIN).then(() => process.exit(0)));
}

await serve(readSettings(process.argv[2] ?? ""));
