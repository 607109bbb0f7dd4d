/** `npm run bundle`: gateway/main.ts and everything it needs in one file, and the name of the image that stands for it. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { Failure } from "./failure.ts";
import { command, parseWith } from "./options.ts";
import { ROOT } from "./workspace.ts";

const FOLDER = join(ROOT, "build", "gateway");
export const BUNDLE_FILE = join(FOLDER, "main.mjs");
const IMAGE_FILE = join(FOLDER, "image.json");
const IMAGE_NAME = "xmpp-edge-gateway";

export interface Bundle {
  readonly file: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
  /** `name@sha256:digest`: another bundle is another image. */
  readonly image: string;
}

/** Bundles from source. The same source gives the same bytes, whatever the folder it lies in. @throws Failure with what does not build */
export async function bundleGateway(): Promise<Bundle> {
  const text = await bundleText();
  const sha256 = createHash("sha256").update(text).digest("hex");
  const bundle: Bundle = { file: BUNDLE_FILE, sha256, bytes: Buffer.byteLength(text), image: `${IMAGE_NAME}@sha256:${sha256}` };
  mkdirSync(FOLDER, { recursive: true });
  writeWhole(BUNDLE_FILE, text);
  writeWhole(IMAGE_FILE, `${JSON.stringify({ image: bundle.image, sha256, bytes: bundle.bytes }, null, 2)}\n`);
  return bundle;
}

async function bundleText(): Promise<string> {
  try {
    const result = await build({
      entryPoints: ["gateway/main.ts"],
      absWorkingDir: ROOT,
      bundle: true,
      platform: "node",
      target: "node24",
      format: "esm",
      write: false,
      legalComments: "none",
      logLevel: "silent",
      // Packages in CommonJS call require for Node's own modules.
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    });
    return result.outputFiles[0]?.text ?? "";
  } catch (error) {
    throw new Failure(`the gateway does not bundle: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

/** The image of the last bundle, or null when there is none. */
export function bundledImage(): string | null {
  try {
    return (JSON.parse(readFileSync(IMAGE_FILE, "utf8")) as { image: string }).image;
  } catch {
    return null;
  }
}

export async function run(argv: readonly string[]): Promise<number> {
  const options = parseWith(
    command("bundle", "Bundle the gateway into build/gateway/main.mjs").option("--json", "print JSON"),
    argv,
    (program) => program.opts<{ json?: boolean }>(),
  );
  if (options === null) return 0;
  const bundle = await bundleGateway();
  process.stdout.write(
    options.json ? `${JSON.stringify(bundle)}\n` : `${bundle.file}  ${Math.round(bundle.bytes / 1024)} kB  ${bundle.image}\n`,
  );
  return 0;
}
