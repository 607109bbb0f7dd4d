import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EVENTS } from "./events.ts";
import { makeLog } from "./log.ts";

const gateway = join(dirname(fileURLToPath(import.meta.url)), "..");

function loggedEvents(): { name: string; file: string }[] {
  const files = readdirSync(gateway, { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.ts$/.test(file) && !/\.test\.ts$/.test(file),
  );
  return files.flatMap((file) =>
    [...readFileSync(join(gateway, file), "utf8").matchAll(/\blog\(\s*"([^"]+)"/g)].map((match) => ({ name: match[1] ?? "", file })),
  );
}

describe("the list of events", () => {
  it("holds every event that the code logs", () => {
    const logged = loggedEvents();
    assert.ok(logged.length > 20, "the search finds the code's events");
    for (const { name, file } of logged) assert.ok(Object.hasOwn(EVENTS, name), `${file} logs ${name}`);
  });

  it("holds no event that the code never logs", () => {
    const logged = new Set(loggedEvents().map(({ name }) => name));
    for (const name of Object.keys(EVENTS)) assert.ok(logged.has(name), name);
  });
});

describe("the log", () => {
  const lines: string[] = [];
  const into = { write: (line: string) => void lines.push(line) };
  const written = () => JSON.parse(lines.splice(0)[0] ?? "null") as Record<string, unknown>;

  it("writes no message text while bodies are not to be logged", () => {
    makeLog({ level: "info", bodiesAllowed: () => false }, into)("message-to-sip", { from: "a@b.example", body: "secret" });
    const { from, body, what } = written();
    assert.deepEqual({ from, body, what }, { from: "a@b.example", body: undefined, what: "message-to-sip" });
  });

  it("writes the text when Lync's EnableLoggingAllMessageBodies is on", () => {
    makeLog({ level: "info", bodiesAllowed: () => true }, into)("message-to-sip", { body: "hello" });
    assert.equal(written().body, "hello");
  });

  it("cuts what a peer made too long", () => {
    makeLog({ level: "info", bodiesAllowed: () => false }, into)("message-failed", { text: "x".repeat(10_000) });
    assert.equal((written().text as string).length, 2051);
  });

  it("shows an event that is not listed as an error", () => {
    makeLog({ level: "info", bodiesAllowed: () => false }, into)("made-up");
    const line = written();
    assert.equal(line.level, 50);
    assert.equal(line.unlisted, true);
  });
});
