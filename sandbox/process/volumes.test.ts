import assert from "node:assert/strict";
import { rewriteMounted } from "./volumes.ts";

describe("mount paths in environment variables", () => {
  const mounts = [
    { mountPath: "/etc/edge", folder: "/a" },
    { mountPath: "/etc/edge/keys/", folder: "/b" },
  ];
  // biome-ignore format: a table
  const cases = [
    ["/etc/edge",               "/a"],
    ["/etc/edge/edge.json",     "/a/edge.json"],
    ["/etc/edge/keys/key.pem",  "/b/key.pem"],
    ["/etc/edges",              "/etc/edges"],
    ["file:/etc/edge",          "file:/etc/edge"],
    ["",                        ""],
  ] as const;
  for (const [value, expected] of cases)
    it(`make ${JSON.stringify(value)} ${JSON.stringify(expected)}`, () => assert.equal(rewriteMounted(value, mounts), expected));
});
