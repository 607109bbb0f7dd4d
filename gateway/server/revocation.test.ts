import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeAuthority } from "../../test/support/certificates.ts";
import { makeCrl, makeCrlPem } from "../../test/support/crls.ts";
import { extension } from "../pki/build.ts";
import { octetString } from "../pki/der.ts";
import type { Fetch } from "./ports.ts";
import { REVOCATION_LIMITS, RevocationLists } from "./revocation.ts";

const root = makeAuthority({ name: "Root" });
const DAY = 86_400_000;
const START = Date.parse("2026-06-01T12:00:00Z");
const at = (days: number) => new Date(Date.parse("2026-06-01T00:00:00Z") + days * DAY);

/** A clock that stands still until it is told; timers run in their order. */
function clockwork() {
  let now = START;
  const timers = new Set<{ readonly due: number; readonly act: () => void }>();
  return {
    now: () => now,
    after(milliseconds: number, act: () => void) {
      const timer = { due: now + milliseconds, act };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    get waiting() {
      return [...timers].map(({ due }) => due - now).sort((one, next) => one - next);
    },
    async pass(milliseconds: number) {
      const until = now + milliseconds;
      for (;;) {
        const [next] = [...timers].filter(({ due }) => due <= until).sort((one, other) => one.due - other.due);
        if (!next) break;
        timers.delete(next);
        now = next.due;
        next.act();
        await settled();
      }
      now = until;
    },
  };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Lists with a network made of a map: an address not in it cannot be reached. */
function world() {
  const clock = clockwork();
  const logged: { readonly what: string; readonly facts: Readonly<Record<string, unknown>> }[] = [];
  const pages = new Map<string, () => Response | Promise<Response>>();
  const asked: string[] = [];
  let under = 0;
  let most = 0;
  const fetch: Fetch = async (address, how) => {
    asked.push(address);
    assert.equal(how.redirect, "error");
    most = Math.max(most, ++under);
    try {
      const page = pages.get(address);
      if (page) return await page();
      throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
    } finally {
      under--;
    }
  };
  let changes = 0;
  const make = (crls: string[], revocation: "off" | "soft" | "hard" = "hard", how: Fetch | undefined = fetch) =>
    new RevocationLists(
      { revocation, crls },
      { clock, log: (what, facts = {}) => logged.push({ what, facts }), fetch: how },
      () => changes++,
    );
  return {
    clock,
    logged,
    pages,
    asked,
    make,
    get most() {
      return most;
    },
    get changes() {
      return changes;
    },
  };
}

const body = (bytes: Buffer, status = 200) => new Response(new Uint8Array(bytes), { status });
const URL_A = "http://crl.example/a.crl";

describe("revocation lists", () => {
  it("that stand in the document count at once, without a connection", () => {
    const { make, asked } = world();
    const lists = make([makeCrlPem(root)]);
    assert.deepEqual([lists.policy.mode, lists.policy.crls.length, asked.length], ["hard", 1, 0]);
    assert.throws(() => make(["-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----"]), /cannot be read/);
  });

  it("are not asked for at all where revocation is off", async () => {
    const { make, asked } = world();
    const lists = make([URL_A, makeCrlPem(root)], "off");
    await lists.use({ revocation: "off", crls: [URL_A, makeCrlPem(root)] });
    assert.deepEqual([lists.policy.crls.length, asked.length], [0, 0]);
  });

  it("are fetched, DER or PEM, and logged", async () => {
    const { make, pages, logged, clock } = world();
    const url = "https://crl.example/b.crl";
    pages.set(URL_A, () => body(makeCrl(root)));
    pages.set(url, () => new Response(makeCrlPem(makeAuthority({ name: "Second" }))));
    const lists = make([URL_A, url]);
    await lists.use({ revocation: "hard", crls: [URL_A, url] });
    assert.equal(lists.policy.crls.length, 2);
    assert.deepEqual(logged[0], {
      what: "revocation-list-read",
      facts: { location: URL_A, issuer: "Root", thisUpdate: at(0).toISOString(), nextUpdate: at(7).toISOString(), revoked: 0 },
    });
    lists.stop();
    assert.deepEqual(clock.waiting, []);
  });

  it("are looked for again before they end, and the new one counts", async () => {
    const { make, pages, clock, logged, asked } = world();
    pages.set(URL_A, () => body(makeCrl(root, { thisUpdate: at(0), nextUpdate: at(1) })));
    const lists = make([URL_A]);
    await lists.use({ revocation: "hard", crls: [URL_A] });
    assert.deepEqual(clock.waiting, [REVOCATION_LIMITS.longest]);
    await clock.pass(10.5 * 3_600_000);
    assert.equal(asked.length, 11);
    assert.ok((clock.waiting[0] ?? 0) < REVOCATION_LIMITS.longest, "nearer to its end, sooner");
    pages.set(URL_A, () => body(makeCrl(root, { thisUpdate: at(0.4), nextUpdate: at(2) })));
    await clock.pass(3_600_000);
    assert.deepEqual(
      lists.policy.crls.map(({ nextUpdate }) => nextUpdate),
      [at(2)],
    );
    assert.equal(logged.filter(({ what }) => what === "revocation-list-read").length, 2, "what did not change is not told again");
    lists.stop();
  });

  it("that are out of date are looked for no more often than the shortest wait", async () => {
    const { make, pages, clock } = world();
    pages.set(URL_A, () => body(makeCrl(root, { thisUpdate: at(-8), nextUpdate: at(-1) })));
    const lists = make([URL_A]);
    await lists.use({ revocation: "hard", crls: [URL_A] });
    assert.deepEqual(clock.waiting, [REVOCATION_LIMITS.shortest]);
    lists.stop();
  });

  it("keep the one before where the next cannot be had, say so once, and try again", async () => {
    const { make, pages, clock, logged } = world();
    pages.set(URL_A, () => body(makeCrl(root)));
    const lists = make([URL_A]);
    await lists.use({ revocation: "hard", crls: [URL_A] });
    const failures = () => logged.filter(({ what }) => what === "revocation-list-unusable").map(({ facts }) => facts.why);
    for (const [page, why] of [
      [undefined, /could not be reached \(ECONNREFUSED\)/],
      [() => body(Buffer.alloc(0), 404), /answered 404/],
      [() => body(Buffer.from("<html>")), /cannot be read/],
      [() => body(makeCrl(root, { thisUpdate: at(-1) })), /older than the one before/],
      [() => body(makeCrl(root, { nextUpdate: null })), /it does not say when the next one comes/],
    ] as const) {
      if (page) pages.set(URL_A, page);
      else pages.delete(URL_A);
      const before = failures().length;
      await clock.pass(REVOCATION_LIMITS.longest);
      await clock.pass(REVOCATION_LIMITS.retry);
      assert.equal(failures().length, before + 1, String(why));
      assert.match(String(failures().at(-1)), why);
      assert.deepEqual(clock.waiting, [REVOCATION_LIMITS.retry]);
      assert.equal(lists.policy.crls.length, 1);
    }
    lists.stop();
  });

  it("that do not end are given up", async () => {
    const { make, pages, logged } = world();
    const chunk = new Uint8Array(1_048_576);
    let sent = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent++;
            controller.enqueue(chunk);
          },
        }),
      );
    pages.set(URL_A, endless);
    const lists = make([URL_A]);
    await lists.use({ revocation: "hard", crls: [URL_A] });
    assert.match(String(logged[0]?.facts.why), /longer than \d+ bytes/);
    assert.ok(sent < 12);
    lists.stop();
  });

  it("have a bounded sum", async () => {
    const { make, pages, logged } = world();
    const large = makeCrl(root, { extensions: [extension("1.2.3.4.5", false, octetString(Buffer.alloc(4_000_000)))] });
    const urls = Array.from({ length: 9 }, (_, index) => `http://crl.example/${index}.crl`);
    for (const url of urls) pages.set(url, () => body(large));
    const lists = make(urls);
    await lists.use({ revocation: "hard", crls: urls });
    assert.equal(lists.policy.crls.length, 8);
    assert.match(String(logged.at(-1)?.facts.why), /all lists together have more than 33554432 bytes/);
    lists.stop();
  });

  it("are fetched a few at a time", async () => {
    const told = world();
    const { make, pages, asked } = told;
    const urls = Array.from({ length: 12 }, (_, index) => `http://crl.example/${index}.crl`);
    for (const url of urls)
      pages.set(url, async () => {
        await settled();
        return body(makeCrl(root));
      });
    const lists = make(urls);
    await lists.use({ revocation: "hard", crls: urls });
    assert.equal(asked.length, 12);
    assert.equal(told.most, REVOCATION_LIMITS.atOnce);
    lists.stop();
  });

  it("do not hold up the start for longer than the limit", async () => {
    const { make, pages, clock } = world();
    let answer: (response: Response) => void = () => {};
    pages.set(URL_A, () => new Promise((resolve) => (answer = resolve)));
    const lists = make([URL_A], "soft");
    let started = false;
    void lists.use({ revocation: "soft", crls: [URL_A] }).then(() => (started = true));
    await clock.pass(REVOCATION_LIMITS.firstReading - 1);
    await settled();
    assert.equal(started, false);
    await clock.pass(1);
    await settled();
    assert.equal(started, true);
    answer(body(makeCrl(root)));
    await settled();
    lists.stop();
  });

  it("are in force before the demand for them is", async () => {
    const told = world();
    const { make, pages } = told;
    let answer: (response: Response) => void = () => {};
    pages.set(URL_A, () => new Promise((resolve) => (answer = resolve)));
    const lists = make([], "soft");
    const done = lists.use({ revocation: "hard", crls: [URL_A] });
    await settled();
    assert.equal(lists.policy.mode, "soft");
    answer(body(makeCrl(root)));
    await done;
    assert.deepEqual([lists.policy.mode, lists.policy.crls.length, told.changes], ["hard", 1, 1]);
    lists.stop();
  });

  it("that are no longer named are forgotten, and the newest settings win", async () => {
    const { make, pages, clock } = world();
    pages.set(URL_A, () => body(makeCrl(root)));
    const lists = make([URL_A]);
    const first = lists.use({ revocation: "hard", crls: [URL_A] });
    await lists.use({ revocation: "soft", crls: [] });
    await first;
    assert.deepEqual([lists.policy.mode, lists.policy.crls.length], ["soft", 0]);
    assert.deepEqual(clock.waiting, []);
  });

  it("in files are read, and looked at every minute", async () => {
    const folder = mkdtempSync(join(tmpdir(), "edge-crl-"));
    try {
      const { make, clock, logged } = world();
      const url = pathToFileURL(join(folder, "a.crl")).href;
      writeFileSync(join(folder, "a.crl"), makeCrl(root));
      const lists = make([url]);
      await lists.use({ revocation: "hard", crls: [url] });
      assert.deepEqual([lists.policy.crls.length, clock.waiting], [1, [REVOCATION_LIMITS.shortest]]);
      rmSync(join(folder, "a.crl"));
      await clock.pass(REVOCATION_LIMITS.shortest);
      await settled();
      assert.match(String(logged.at(-1)?.facts.why), /no such file/);
      assert.equal(lists.policy.crls.length, 1);
      lists.stop();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("come from where the document says or not at all: a redirect is not followed", async () => {
    const server = createServer((request, response) => {
      if (request.url === "/moved") response.writeHead(302, { location: "/a.crl" }).end();
      else response.end(makeCrl(root));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.82.0.1", resolve));
    try {
      const base = `http://127.82.0.1:${(server.address() as AddressInfo).port}`;
      const { make, logged } = world();
      const crls = [`${base}/a.crl`, `${base}/moved`];
      const lists = make(crls, "hard", (address, how) => fetch(address, how));
      await lists.use({ revocation: "hard", crls });
      assert.equal(lists.policy.crls.length, 1);
      assert.equal(logged.find(({ what }) => what === "revocation-list-unusable")?.facts.location, crls[1]);
      lists.stop();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("that are missing are reported once each, and no more than are remembered", () => {
    const { make, logged } = world();
    const lists = make([], "soft");
    const report = (issuer: string) => lists.report([{ issuer, why: "there is none" }]);
    report("A");
    report("A");
    assert.deepEqual(logged, [{ what: "revocation-unchecked", facts: { issuer: "A", why: "there is none" } }]);
    for (let index = 0; index < REVOCATION_LIMITS.reports + 10; index++) report(`authority ${index}`);
    assert.equal(logged.length, REVOCATION_LIMITS.reports);
  });
});
