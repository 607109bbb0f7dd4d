/** The image table: which command a container image stands for. Read at each start, so that registering needs no restart. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

export interface Image {
  /** The executable, absolute, and its arguments. */
  readonly command: readonly string[];
  /** What the image itself sets; the container group's values win. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Full reference (`name@sha256:...`, `name:tag`) -> image, the newest last. */
type Images = Readonly<Record<string, Image>>;

const file = (dir: string): string => join(dir, "images.json");

export const readImages = (dir: string): Images => (existsSync(file(dir)) ? (JSON.parse(readFileSync(file(dir), "utf8")) as Images) : {});

/** A reference without tag and digest means `:latest`. */
export const fullReference = (reference: string): string => (/[:@][^/]*$/.test(reference) ? reference : `${reference}:latest`);

export function writeImage(dir: string, reference: string, image: Image): void {
  const { [fullReference(reference)]: _, ...others } = readImages(dir);
  const kept = [...Object.entries(others), [fullReference(reference), image] as const].slice(-LIMITS.images);
  const beside = `${file(dir)}.${process.pid}`;
  writeFileSync(beside, `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`, { mode: 0o600 });
  renameSync(beside, file(dir));
}

/** @throws Refusal when nothing is registered by this reference */
export function findImage(dir: string, reference: string): Image {
  const images = readImages(dir);
  const image = images[fullReference(reference)];
  if (image !== undefined) return image;
  const known = Object.keys(images).join(", ");
  throw new Refusal(400, "InaccessibleImage", `image not found: ${reference}; registered: ${known === "" ? "none" : known}`);
}
