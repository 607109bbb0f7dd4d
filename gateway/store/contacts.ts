/** Who here has added whom: kept in SQLite, so that consent outlives a restart. */
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { type Consent, renewedConsent } from "../access/consent.ts";

export const LIMITS = {
  /** Contacts of one user; Lync bounds them as well (-MaxContacts, Set-CsUserServicesConfiguration). */
  contactsPerUser: 1000,
  /** Contacts of all users together. */
  contacts: 100_000,
  /** Characters of one address: three parts of 1023 bytes and two separators (RFC 7622 3.1). */
  addressLength: 3071,
  /** Rows that one list gives back. */
  listed: 10_000,
  /** Milliseconds to wait for another process that writes (the operator's command). */
  busy: 5000,
} as const;

/** Addresses are bare JIDs in prepared form; times are milliseconds since the epoch. */
export interface Contact extends Consent {
  readonly user: string;
  readonly contact: string;
}

export type GrantResult = "granted" | "too-many-contacts";

export interface Contacts {
  /**
   * Records or renews. Where there is no room, rows not renewed since `since` are dropped first; where that makes none,
   * nothing is recorded.
   */
  grant(user: string, contact: string, at: number, since?: number): GrantResult;
  /** Whether the consent was renewed at `since` or later. */
  has(user: string, contact: string, since: number): boolean;
  /** By user and contact, at most LIMITS.listed rows. */
  list(filter?: { readonly user?: string; readonly contact?: string }): readonly Contact[];
  /** False where there was none. */
  revoke(user: string, contact: string): boolean;
  /** Drops what was not renewed since; returns how many rows. */
  prune(since: number): number;
  close(): void;
}

export type StoreErrorCode = "store-damaged" | "store-newer" | "store-unavailable";

/** The store cannot be used. The text names the file and what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, text: string, cause?: unknown) {
    super(text, { cause });
    this.code = code;
  }
}

/** Version of the tables, in user_version; a file of a newer one is not touched. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE contacts (
    user TEXT NOT NULL, contact TEXT NOT NULL, granted_at INTEGER NOT NULL, renewed_at INTEGER NOT NULL,
    PRIMARY KEY (user, contact)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX contacts_renewed ON contacts (renewed_at);
  PRAGMA user_version = ${SCHEMA_VERSION};`;

const PUT = `
  INSERT INTO contacts (user, contact, granted_at, renewed_at) VALUES (:user, :contact, :grantedAt, :renewedAt)
  ON CONFLICT (user, contact) DO UPDATE SET granted_at = :grantedAt, renewed_at = :renewedAt`;

const COLUMNS = "user, contact, granted_at AS grantedAt, renewed_at AS renewedAt";

const LIST = `
  SELECT ${COLUMNS} FROM contacts
  WHERE (:user IS NULL OR user = :user) AND (:contact IS NULL OR contact = :contact)
  ORDER BY user, contact LIMIT ${LIMITS.listed}`;

/** Those of LIMITS that may be set otherwise. */
type StoreLimits = Readonly<Record<"contactsPerUser" | "contacts" | "busy", number>>;

/** Opens or makes the store. `:memory:` forgets everything at the end of the process. @throws StoreError */
export function openContacts(path: string, limits: Partial<StoreLimits> = {}): Contacts {
  const all = { ...LIMITS, ...limits };
  return guarded(path, () => new SqliteContacts(openDatabase(path, all.busy), path, all));
}

function openDatabase(path: string, busy: number): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busy });
  try {
    // A rollback journal and no shared memory: the state folder may be a network share, where WAL does not work (sqlite.org/wal.html).
    database.exec("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;");
    migrate(database, path);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      "store-newer",
      `${path} was written by a newer version (schema ${version}; this one knows ${SCHEMA_VERSION}): upgrade, or give another state folder`,
    );
  }
  if (version === 0) database.exec(SCHEMA);
}

class SqliteContacts implements Contacts {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #limits: StoreLimits;
  readonly #statements;

  constructor(database: DatabaseSync, path: string, limits: StoreLimits) {
    this.#database = database;
    this.#path = path;
    this.#limits = limits;
    this.#statements = {
      put: database.prepare(PUT),
      has: database.prepare("SELECT 1 FROM contacts WHERE user = ? AND contact = ? AND renewed_at >= ?"),
      one: database.prepare(`SELECT ${COLUMNS} FROM contacts WHERE user = ? AND contact = ?`),
      countOfUser: database.prepare("SELECT count(*) AS rows FROM contacts WHERE user = ?"),
      count: database.prepare("SELECT count(*) AS rows FROM contacts"),
      list: database.prepare(LIST),
      revoke: database.prepare("DELETE FROM contacts WHERE user = ? AND contact = ?"),
      prune: database.prepare("DELETE FROM contacts WHERE renewed_at < ?"),
    };
  }

  grant(user: string, contact: string, at: number, since = 0): GrantResult {
    for (const address of [user, contact]) {
      if (address === "" || address.length > LIMITS.addressLength)
        throw new RangeError(`an address of ${address.length} characters; expected 1 to ${LIMITS.addressLength}`);
    }
    return this.#inTransaction(() => {
      const previous = this.#statements.one.get(user, contact);
      if (previous === undefined && !this.#hasRoom(user, since)) return "too-many-contacts";
      const { grantedAt, renewedAt } = renewedConsent(previous === undefined ? null : toContact(previous), at, since);
      this.#statements.put.run({ user, contact, grantedAt, renewedAt });
      return "granted";
    });
  }

  has(user: string, contact: string, since: number): boolean {
    return guarded(this.#path, () => this.#statements.has.get(user, contact, since) !== undefined);
  }

  list(filter: { readonly user?: string; readonly contact?: string } = {}): readonly Contact[] {
    const rows = guarded(this.#path, () => this.#statements.list.all({ user: filter.user ?? null, contact: filter.contact ?? null }));
    return rows.map(toContact);
  }

  revoke(user: string, contact: string): boolean {
    return guarded(this.#path, () => this.#statements.revoke.run(user, contact).changes === 1);
  }

  prune(since: number): number {
    return guarded(this.#path, () => Number(this.#statements.prune.run(since).changes));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #hasRoom(user: string, since: number): boolean {
    if (this.#isFull(user)) this.#statements.prune.run(since);
    return !this.#isFull(user);
  }

  #isFull(user: string): boolean {
    const { count, countOfUser } = this.#statements;
    return Number(countOfUser.get(user)?.rows) >= this.#limits.contactsPerUser || Number(count.get()?.rows) >= this.#limits.contacts;
  }

  #inTransaction<T>(work: () => T): T {
    return guarded(this.#path, () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }
}

const toContact = (row: Readonly<Record<string, SQLOutputValue>>): Contact => ({
  user: String(row.user),
  contact: String(row.contact),
  grantedAt: Number(row.grantedAt),
  renewedAt: Number(row.renewedAt),
});

/** Primary result codes of SQLite (sqlite.org/rescode.html) and what each means to the person who set the folder. */
// biome-ignore format: a table
const SQLITE_TROUBLE: ReadonlyMap<number, readonly [StoreErrorCode, string]> = new Map([
  [5,  ["store-unavailable", "has been locked by another process for too long: only one gateway may use a state folder"]],
  [8,  ["store-unavailable", "cannot be written: give the gateway's user write permission on the file and its folder"]],
  [10, ["store-unavailable", "cannot be read or written: the disk or share has a fault"]],
  [11, ["store-damaged",     "is damaged: restore it, or move it away and let users add their contacts again"]],
  [13, ["store-unavailable", "cannot grow: the disk or share is full"]],
  [14, ["store-unavailable", "cannot be opened: the state folder must exist and be writable"]],
  [26, ["store-damaged",     "is not a contact store: give another state folder, or move the file away"]],
] as const);

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : -1; // extended codes keep the primary one in the low byte
    const trouble = SQLITE_TROUBLE.get(code);
    if (trouble === undefined) throw error;
    throw new StoreError(trouble[0], `${path} ${trouble[1]}`, error);
  }
}
