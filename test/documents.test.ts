/** What the documents say of commands, files, settings and examples is true of this repository. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { settingPaths } from "../cli/docs/settings.ts";
import { edgeSchema } from "../components/settings-schema.ts";
import { parseDocumentText } from "../gateway/config/parse.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

const README = read("README.md");

/** Every document that people write or read: those at the top and below docs/. */
const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The rows of the table below a heading of README. */
function rowsBelow(heading: string): string[][] {
  const section = README.split(/^###? /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return section
    .split("\n")
    .filter((line) => /^\| \d/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe("README", () => {
  it("shows the example document as it stands in examples/edge.json, and that is a valid one for two partners", () => {
    const shown = /```json\n([\s\S]*?)```/.exec(README)?.[1];
    assert.equal(shown, read("examples/edge.json"));
    assert.equal(parseDocumentText(shown ?? "").partners.length, 2);
  });

  // biome-ignore format: one part of Microsoft's page, one line
  for (const [heading, steps] of [
    ["Certificates for the XMPP gateway", 17],
    ["The XMPP gateway",                  10],
    ["DNS",                                1],
  ] as const) {
    it(`says what takes the place of each of the ${steps} steps under "${heading}"`, () => {
      const rows = rowsBelow(heading);
      assert.deepEqual(
        rows.map(([step]) => step),
        Array.from({ length: steps }, (_, index) => String(index + 1)),
      );
      for (const row of rows) assert.ok(row.every((cell) => cell !== ""));
    });
  }

  it("names only settings that exist in its table of steps", () => {
    const known = new Set(settingPaths(edgeSchema));
    const named = ["Certificates for the XMPP gateway", "The XMPP gateway", "DNS"]
      .flatMap(rowsBelow)
      .flatMap((row) =>
        [...(row[2] ?? "").matchAll(/`((?:certificate|accessEdge|partners\[\]|gateway)\.\w+)(?:: \w+)?`/g)].map(([, name]) => name ?? ""),
      );
    assert.ok(named.length > 15);
    for (const name of named) assert.ok(known.has(name), name);
  });
});

describe("the documents", () => {
  const scripts = new Set(Object.keys(JSON.parse(read("package.json")).scripts));

  it("name only npm scripts that exist", () => {
    const unknown = DOCUMENTS.flatMap((document) =>
      [...read(document).matchAll(/npm run ([a-z][a-z-]*)/g)]
        .filter(([, script]) => !scripts.has(script ?? ""))
        .map(([text]) => `${document}: ${text}`),
    );
    assert.deepEqual(unknown, []);
  });

  it("link only to files that exist", () => {
    const broken = DOCUMENTS.flatMap((document) =>
      [...read(document).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)]
        .filter(([, target]) => !existsSync(join(ROOT, dirname(document), target ?? "")))
        .map(([, target]) => `${document}: ${target}`),
    );
    assert.deepEqual(broken, []);
  });

  it("have decisions numbered from 0001 without a gap", () => {
    const numbers = readdirSync(join(ROOT, "docs/decisions"))
      .sort()
      .map((name) => Number(name.slice(0, 4)));
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
  });
});
