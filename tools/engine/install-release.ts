/** `install-release.ts VERSION FOLDER`: a process of its own, so that an installer that hangs can be killed with all it started. */
import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { SemVer } from "semver";

const [version = "", root = ""] = process.argv.slice(2);
try {
  await PulumiCommand.install({ version: new SemVer(version), root });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message.split("\n")[0] : String(error)}\n`);
  process.exitCode = 1;
}
