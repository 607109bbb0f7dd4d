import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findImage, readImages, writeImage } from "./images.ts";
import { LIMITS } from "./limits.ts";

describe("the image table", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xmpp-edge-images-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("finds an image by its full reference only", () => {
    writeImage(dir, "edge@sha256:1", { command: ["/bin/one"] });
    writeImage(dir, "registry:5000/edge", { command: ["/bin/two"] });
    assert.deepEqual(findImage(dir, "edge@sha256:1").command, ["/bin/one"]);
    assert.deepEqual(findImage(dir, "registry:5000/edge:latest").command, ["/bin/two"]);
    assert.throws(
      () => findImage(dir, "edge@sha256:2"),
      /image not found: edge@sha256:2; registered: edge@sha256:1, registry:5000\/edge:latest/,
    );
  });

  it("says that nothing is registered", () => assert.throws(() => findImage(dir, "edge"), /registered: none/));

  it("forgets the oldest beyond its limit, and takes a new registration for an old name", () => {
    for (let index = 0; index <= LIMITS.images; index++) writeImage(dir, `edge:${index}`, { command: [String(index)] });
    writeImage(dir, "edge:1", { command: ["new"] });
    assert.equal(Object.keys(readImages(dir)).length, LIMITS.images);
    assert.throws(() => findImage(dir, "edge:0"));
    assert.deepEqual(findImage(dir, "edge:1").command, ["new"]);
  });
});
