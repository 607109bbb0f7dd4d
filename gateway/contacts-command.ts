/**
 * The operator's command for consent: who here has added which public unverified contact, and ending it. It works on the
 * store of a running gateway, which sees the change at its next look.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CONTACTS_FILE } from "./run.ts";
import { UsageError } from "./settings.ts";
import { openContacts } from "./store/contacts.ts";

const USAGE = `usage: contacts list   [--state DIR] [--user JID] [--json]
       contacts revoke [--state DIR] --user JID --contact JID
JIDs are bare: alice@contoso.com. DIR is the gateway's state folder (or EDGE_STATE).`;

/** @returns the exit code. @throws UsageError for wrong arguments, Error when there is no store. */
export function contactsCommand(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>): number {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    strict: true,
    options: {
      state: { type: "string" },
      user: { type: "string" },
      contact: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return say(USAGE);
  const state = values.state ?? environment.EDGE_STATE;
  if (!state) throw new UsageError(`--state (or EDGE_STATE) is missing\n${USAGE}`);
  const path = join(state, CONTACTS_FILE);
  if (!existsSync(path)) throw new Error(`${path} does not exist: give the state folder of a gateway that has run`);
  const contacts = openContacts(path);
  try {
    const [action, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`unexpected ${rest.join(" ")}\n${USAGE}`);
    if (action === "list") return list(contacts.list(values.user ? { user: values.user } : {}), values.json === true);
    if (action === "revoke") {
      if (!values.user || !values.contact) throw new UsageError(`revoke needs --user and --contact\n${USAGE}`);
      const ended = contacts.revoke(values.user, values.contact);
      say(ended ? `${values.user} no longer has ${values.contact}` : `${values.user} had not added ${values.contact}`);
      return ended ? 0 : 1;
    }
    throw new UsageError(`${action ?? "nothing"} is not an action; expected list or revoke\n${USAGE}`);
  } finally {
    contacts.close();
  }
}

interface Consent {
  readonly user: string;
  readonly contact: string;
  readonly grantedAt: number;
  readonly renewedAt: number;
}

function list(rows: readonly Consent[], json: boolean): number {
  if (json) return say(JSON.stringify(rows));
  if (rows.length === 0) return say("nobody has added anybody");
  const shown = rows.map((row) => [row.user, row.contact, new Date(row.grantedAt).toISOString(), new Date(row.renewedAt).toISOString()]);
  const table = [["user", "contact", "added", "last subscription"], ...shown];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return say(
    table
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      )
      .join("\n"),
  );
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
