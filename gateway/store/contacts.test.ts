import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Contacts, LIMITS, openContacts } from "./contacts.ts";

const ALICE = "alice@contoso.com";
const BOB = "bob@public.example";

describe("contacts", () => {
  let folder: string;
  let path: string;
  const open: Contacts[] = [];
  const opened = (...args: Parameters<typeof openContacts>): Contacts => {
    const contacts = openContacts(...args);
    open.push(contacts);
    return contacts;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "contacts-"));
    path = join(folder, "contacts.sqlite");
  });

  afterEach(() => {
    for (const contacts of open.splice(0)) contacts.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("are there once granted, for that pair and in that direction only", () => {
    const contacts = opened(":memory:");
    assert.equal(contacts.has(ALICE, BOB, 0), false);
    assert.equal(contacts.grant(ALICE, BOB, 1000), "granted");
    assert.equal(contacts.has(ALICE, BOB, 0), true);
    assert.equal(contacts.has(BOB, ALICE, 0), false);
    assert.equal(contacts.has(ALICE, "bob@public.example.evil.example", 0), false);
  });

  it("count only when renewed lately enough", () => {
    const contacts = opened(":memory:");
    contacts.grant(ALICE, BOB, 1000);
    assert.equal(contacts.has(ALICE, BOB, 1000), true);
    assert.equal(contacts.has(ALICE, BOB, 1001), false);
    contacts.grant(ALICE, BOB, 2000);
    assert.equal(contacts.has(ALICE, BOB, 1001), true);
    assert.deepEqual(contacts.list(), [{ user: ALICE, contact: BOB, grantedAt: 1000, renewedAt: 2000 }]);
  });

  it("that had lapsed begin anew, and a clock set back shortens nothing", () => {
    const contacts = opened(":memory:");
    contacts.grant(ALICE, BOB, 1000);
    contacts.grant(ALICE, BOB, 500);
    assert.deepEqual(contacts.list(), [{ user: ALICE, contact: BOB, grantedAt: 1000, renewedAt: 1000 }]);
    contacts.grant(ALICE, BOB, 5000, 4000);
    assert.deepEqual(contacts.list(), [{ user: ALICE, contact: BOB, grantedAt: 5000, renewedAt: 5000 }]);
  });

  it("are listed in order, by user or by contact", () => {
    const contacts = opened(":memory:");
    contacts.grant("zoe@contoso.com", BOB, 1);
    contacts.grant(ALICE, "carol@public.example", 2);
    contacts.grant(ALICE, BOB, 3);
    const pairs = (filter?: Parameters<Contacts["list"]>[0]) => contacts.list(filter).map(({ user, contact }) => `${user} ${contact}`);
    assert.deepEqual(pairs(), [`${ALICE} ${BOB}`, `${ALICE} carol@public.example`, `zoe@contoso.com ${BOB}`]);
    assert.deepEqual(pairs({ user: ALICE }), [`${ALICE} ${BOB}`, `${ALICE} carol@public.example`]);
    assert.deepEqual(pairs({ contact: BOB }), [`${ALICE} ${BOB}`, `zoe@contoso.com ${BOB}`]);
    assert.deepEqual(pairs({ user: ALICE, contact: BOB }), [`${ALICE} ${BOB}`]);
    assert.deepEqual(pairs({ user: "' OR 1=1 --" }), []);
  });

  it("end by an operator", () => {
    const contacts = opened(":memory:");
    contacts.grant(ALICE, BOB, 1000);
    assert.equal(contacts.revoke(ALICE, BOB), true);
    assert.equal(contacts.revoke(ALICE, BOB), false);
    assert.equal(contacts.has(ALICE, BOB, 0), false);
  });

  it("outlive the process, and a second one sees what the first does", () => {
    const first = opened(path);
    first.grant(ALICE, BOB, 1000);
    const second = opened(path);
    assert.equal(second.has(ALICE, BOB, 0), true);
    second.revoke(ALICE, BOB);
    assert.equal(first.has(ALICE, BOB, 0), false);
    first.grant(ALICE, BOB, 2000);
    first.close();
    first.close(); // twice does no harm
    second.close();
    assert.equal(opened(path).has(ALICE, BOB, 0), true);
  });

  it("are bounded for one user and for all, and those who are in may renew", () => {
    const contacts = opened(":memory:", { contactsPerUser: 2, contacts: 3 });
    assert.equal(contacts.grant(ALICE, "a@public.example", 1), "granted");
    assert.equal(contacts.grant(ALICE, "b@public.example", 1), "granted");
    assert.equal(contacts.grant(ALICE, "c@public.example", 1), "too-many-contacts");
    assert.equal(contacts.grant("zoe@contoso.com", "a@public.example", 1), "granted");
    assert.equal(contacts.grant("zoe@contoso.com", "b@public.example", 1), "too-many-contacts");
    assert.equal(contacts.grant(ALICE, "b@public.example", 2), "granted");
    assert.equal(contacts.list().length, 3);
  });

  it("that have lapsed make room, and only where room is needed", () => {
    const contacts = opened(":memory:", { contactsPerUser: 2, contacts: 3 });
    contacts.grant(ALICE, "a@public.example", 1);
    contacts.grant(ALICE, "b@public.example", 100, 50);
    assert.equal(contacts.list().length, 2);
    assert.equal(contacts.grant(ALICE, "c@public.example", 100, 50), "granted");
    assert.deepEqual(
      contacts.list().map(({ contact }) => contact),
      ["b@public.example", "c@public.example"],
    );
    assert.equal(contacts.prune(101), 2);
  });

  it("have addresses of a bounded length", () => {
    const contacts = opened(":memory:");
    assert.throws(() => contacts.grant(ALICE, "x".repeat(LIMITS.addressLength + 1), 1), /expected 1 to 3071/);
    assert.throws(() => contacts.grant("", BOB, 1), RangeError);
    assert.equal(contacts.grant(ALICE, "x".repeat(LIMITS.addressLength), 1), "granted");
  });

  it("say clearly that their folder is missing", () => {
    assert.throws(() => openContacts(join(folder, "missing", "contacts.sqlite")), {
      code: "store-unavailable",
      message: /missing\/contacts.sqlite cannot be opened: the state folder must exist and be writable/,
    });
  });

  it("say clearly that the file is something else, and leave it as it is", () => {
    writeFileSync(path, "this is a letter, not a database".repeat(100));
    assert.throws(() => openContacts(path), { code: "store-damaged", message: /is not a contact store/ });
  });

  it("do not touch the store of a newer version", () => {
    const newer = new DatabaseSync(path);
    newer.exec("CREATE TABLE contacts (something TEXT); PRAGMA user_version = 2");
    newer.close();
    assert.throws(() => openContacts(path), { code: "store-newer", message: /schema 2; this one knows 1/ });
  });

  it("say clearly that another process holds the store", () => {
    const contacts = opened(path);
    const other = new DatabaseSync(path, { timeout: 0 });
    try {
      other.exec("BEGIN EXCLUSIVE");
      assert.throws(() => openContacts(path, { busy: 10 }), { code: "store-unavailable", message: /has been locked by another process/ });
    } finally {
      other.exec("ROLLBACK");
      other.close();
    }
    assert.equal(contacts.grant(ALICE, BOB, 1), "granted");
  });
});
