import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { documentSchema } from "../gateway/config/schema.ts";
import { table } from "./docs/markdown.ts";
import { printedFiles } from "./docs/pages.ts";
import { jsonText, settingPaths, settingsSections } from "./docs/settings.ts";
import { staleDocs, writeDocs } from "./docs.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

describe("the printed documents", () => {
  it("are what the code says; where this fails: npm run docs", async () => {
    assert.deepEqual(await staleDocs(ROOT), []);
  });

  it("are found stale when a word of one differs, and printed anew", async () => {
    const root = await mkdtemp(join(tmpdir(), "docs-"));
    try {
      assert.deepEqual(await writeDocs(root), [...printedFiles().keys()]);
      const page = join(root, "docs/configuration.md");
      await writeFile(page, (await readFile(page, "utf8")).replace("300", "301"));
      assert.deepEqual(await staleDocs(root), ["docs/configuration.md"]);
      assert.deepEqual(await writeDocs(root), ["docs/configuration.md"]);
      assert.deepEqual(await staleDocs(root), []);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

describe("the page of settings", () => {
  const text = settingsSections(documentSchema);
  const rowOf = (path: string): string[] =>
    (text.split("\n").find((line) => line.startsWith(`| \`${path}\` `)) ?? "").split("|").map((cell) => cell.trim());

  it("has a row with a meaning for every setting", () => {
    const paths = settingPaths(documentSchema);
    assert.ok(paths.includes("partners[].tlsNegotiation") && paths.includes("sip.nextHop.port") && paths.length > 30);
    for (const path of paths) assert.ok((rowOf(path)[5] ?? "–") !== "–", path);
  });

  // biome-ignore format: one setting, one line
  for (const [path, ...cells] of [
    ["partners[].partnerType",       "-PartnerType",        "`federated`, `publicVerified`, `publicUnverified`", "`publicUnverified`"],
    ["partners[].additionalDomains", "-AdditionalDomains",  "list of domain names, at most 100 entries",         "empty"],
    ["partners[].domain",            "-Domain",             "domain name",                                       "**required**"],
    ["partners[].connectionLimit",   "-ConnectionLimit",    "1 to 10000 streams",                                "none"],
    ["gateway.keepAliveInterval",    "-KeepAliveInterval",  "10 to 86400 seconds",                               "`300`"],
    ["listen.xmppPort",              "–",                   "1 to 65535",                                        "`5269`"],
  ] as const) {
    it(`tells Lync's name, values and default of ${path}`, () => {
      assert.deepEqual(rowOf(path).slice(2, 5), cells);
    });
  }
});

describe("the JSON schema", () => {
  it("is draft 2020-12, allows no unknown key, and asks for what has no default", () => {
    const schema = JSON.parse(printedFiles().get("docs/edge-document.schema.json") ?? "");
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
    assert.equal(schema.additionalProperties, false);
    assert.deepEqual(schema.required, ["accessEdgeFqdn", "sipDomains", "sip"]);
  });
});

describe("printing", () => {
  it("keeps a bar and a line end inside a cell", () => {
    assert.equal(table(["a"], [["x|y\nz"], [""]]), "| a      |\n| ------ |\n| x\\|y z |\n| –      |");
  });

  it("writes JSON that reads back as what it was", () => {
    const value = { a: [1, 2], b: [], c: {}, d: [{ e: null }], f: '"\n' };
    assert.deepEqual(JSON.parse(jsonText(value)), value);
  });
});
