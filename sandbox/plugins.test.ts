import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { installPlugins } from "./plugins.ts";
import { PACKAGES, sdkVersion } from "./providers/package-version.ts";

/** Does with its arguments what the engine does: copies the folder's content to where plugins stand. */
const ENGINE = `#!/bin/sh
echo "$*" >> "$PULUMI_HOME/calls"
mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5" && cp "$7"/* "$PULUMI_HOME/plugins/resource-$4-v$5/"
`;

describe("the stand-in plugins", () => {
  let dir: string;
  let engine: string;
  const calls = () =>
    readFileSync(join(dir, "home", "calls"), "utf8")
      .trim()
      .split("\n").length;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xmpp-edge-plugins-"));
    engine = join(dir, "pulumi");
    writeFileSync(engine, ENGINE, { mode: 0o755 });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("are installed at exactly the SDKs' versions, once", async () => {
    const home = join(dir, "home");
    await installPlugins(home, engine);
    await installPlugins(home, engine);
    assert.equal(calls(), PACKAGES.length);
    for (const name of PACKAGES) {
      const script = readFileSync(join(home, "plugins", `resource-${name}-v${sdkVersion(name)}`, `pulumi-resource-${name}`), "utf8");
      assert.match(script, new RegExp(`^#!/bin/sh\nexec '.*node' '.*/sandbox/providers/${name}\\.ts' "\\$@"\n$`));
    }
  });

  it("are installed again when they are not as they should be", async () => {
    const home = join(dir, "home");
    await installPlugins(home, engine);
    writeFileSync(join(home, "plugins", `resource-tls-v${sdkVersion("tls")}`, "pulumi-resource-tls"), "");
    await installPlugins(home, engine);
    assert.equal(calls(), PACKAGES.length + 1);
  });

  it("never go into a user's own home", async () => {
    await assert.rejects(
      installPlugins(join(homedir(), ".pulumi"), engine),
      /is your own Pulumi home: stand-ins go only into the sandbox's/,
    );
  });

  it("say what the engine said when it refuses", async () => {
    writeFileSync(engine, "#!/bin/sh\necho 'no room' >&2\nexit 1\n", { mode: 0o755 });
    await assert.rejects(installPlugins(join(dir, "home"), engine), /the engine does not install the tls stand-in: no room/);
  });
});
