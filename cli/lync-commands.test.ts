import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "../gateway/config/parse.ts";
import { documentInput } from "../test/support/edge-document.ts";
import { Failure } from "./failure.ts";
import { type DocumentSource, PARTS, run } from "./lync-commands.ts";

/** Runs the command on a document with one partner: what it asked for and printed. */
async function answer(...argv: string[]) {
  const asked: DocumentSource[] = [];
  let printed = "";
  const code = await run(argv, {
    loadDocument: async (source) => {
      asked.push(source);
      return parseDocument(documentInput({ partners: [{ domain: "fabrikam.example" }] }));
    },
    print: (text) => {
      printed += text;
    },
  });
  return { code, asked, printed };
}

describe("npm run lync-commands", () => {
  it("goes through the Access Edge with the sandbox stack's document by default", async () => {
    const { code, asked, printed } = await answer();
    assert.equal(code, 0);
    assert.deepEqual(asked, [{ stack: "sandbox" }]);
    assert.match(printed, /through the Access Edge\n/);
    assert.match(printed, /New-CsAllowedDomain -Identity 'fabrikam\.example'/);
  });

  it("takes the document of a file or of another stack", async () => {
    assert.deepEqual((await answer("--document", "edge.json")).asked, [{ file: "edge.json" }]);
    assert.deepEqual((await answer("--stack", "prod")).asked, [{ stack: "prod" }]);
  });

  it("goes by static route, with the site, where told so", async () => {
    assert.match((await answer("--via", "static-route", "--site", "Redmond")).printed, /-Site 'Redmond'/);
  });

  it("prints the undo with --undo", async () => {
    assert.match((await answer("--undo")).printed, /^Remove-CsAllowedDomain -Identity 'fabrikam\.example'$/m);
  });

  it("prints data that says the same with --json", async () => {
    const { printed } = await answer("--json", "--via", "static-route", "--undo");
    const script = JSON.parse(printed);
    assert.deepEqual([script.via, script.undo], ["static-route", true]);
    assert.ok(script.steps.every((step: { commands: unknown }) => Array.isArray(step.commands)));
  });

  // biome-ignore format: one mistake, one line
  for (const [argv, expected] of [
    [["--via", "carrier-pigeon"],          /'carrier-pigeon' is invalid. Allowed choices are access-edge, static-route/],
    [["--document", "a", "--stack", "b"],  /'--document <file>' cannot be used with option '-s, --stack <name>'/],
    [["--vai", "access-edge"],             /unknown option '--vai'/],
    [["extra"],                            /too many arguments/],
  ] as const) {
    it(`refuses ${argv.join(" ")} and says why`, async () => {
      await assert.rejects(answer(...argv), (error) => error instanceof Failure && error.exitCode === 64 && expected.test(error.message));
    });
  }

  describe("with a file", () => {
    let folder = "";
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "lync-commands-"));
    });
    after(() => rm(folder, { recursive: true }));

    async function withFile(text: string): Promise<string> {
      const file = join(folder, "edge.json");
      await writeFile(file, text);
      let printed = "";
      await run(["--document", file], {
        ...PARTS,
        print: (part) => {
          printed += part;
        },
      });
      return printed;
    }

    it("reads it", async () => {
      assert.match(await withFile(JSON.stringify(documentInput({ partners: [{ domain: "wingtip.example" }] }))), /'wingtip\.example'/);
    });

    it("that is not a valid document, tells every problem", async () => {
      await assert.rejects(withFile('{"sipDomains":[]}'), /edge document has 3 problems:\n/);
    });

    it("that is not there, says so in one line", async () => {
      await assert.rejects(run(["--document", join(folder, "none.json")]), /none\.json cannot be read \(ENOENT\)$/);
    });
  });
});
