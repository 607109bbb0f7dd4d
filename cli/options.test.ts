import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "mocha";
import { EXIT, Failure } from "./failure.ts";
import { type OptionName, parseStackOptions, userFolder } from "./options.ts";

const ALL: OptionName[] = ["json", "yes", "configFile", "refresh", "requestFile", "demo"];
const parse = (...argv: string[]) => parseStackOptions("up", "", ALL, argv);

describe("the arguments of the commands around the engine", () => {
  it("stand at the sandbox and at text without any", () => {
    assert.deepEqual(parse(), { stack: "sandbox", json: false, yes: false, demo: true, extra: [] });
  });

  it("are read each", () => {
    const options = parse("--stack", "prod", "--json", "--yes", "--refresh", "--request-file", "a.csr", "--no-demo");
    assert.deepEqual(options, {
      stack: "prod",
      json: true,
      yes: true,
      refresh: true,
      requestFile: join(userFolder(), "a.csr"),
      demo: false,
      extra: [],
    });
  });

  it("take --refresh=false as no, and stay undecided without it", () => {
    assert.equal(parse("--refresh=false")?.refresh, false);
    assert.equal(parse()?.refresh, undefined);
  });

  it("hand what stands after -- to pulumi as it is", () => {
    assert.deepEqual(parse("--json", "--", "--diff", "--json", "x")?.extra, ["--diff", "--json", "x"]);
  });

  for (const [argv, words] of [
    [["--bogus"], /unknown option '--bogus'; see: npm run up -- --help/],
    [["name"], /unexpected name/],
    [["--stack"], /argument missing/],
    [["--config-file", "/nowhere.yaml"], /--config-file is \/nowhere\.yaml; expected a file that exists/],
  ] as const) {
    it(`refuse ${argv.join(" ")} with one line and the exit code for usage`, () => {
      assert.throws(
        () => parse(...argv),
        (error) => error instanceof Failure && error.exitCode === EXIT.usage && words.test(error.message) && !error.message.includes("\n"),
      );
    });
  }
});
