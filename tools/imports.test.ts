import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { CORE, checkFile, checkImports, GATEWAY_ORDER } from "./imports.ts";

const texts = (file: string, text: string): string[] => checkFile(file, text).map((violation) => violation.text);

describe("the import rule", () => {
  it("holds in the whole of this repository", () => {
    const root = dirname(dirname(fileURLToPath(import.meta.url)));
    assert.deepEqual(
      checkImports(root).map(({ file, line, text }) => `${file}:${line} ${text}`),
      [],
    );
  });

  it("lets a part import itself and what stands below it, and nothing above, for every pair of parts", () => {
    GATEWAY_ORDER.forEach((from, above) => {
      GATEWAY_ORDER.forEach((to, below) => {
        if (from === "main" || to === "main") return;
        const refused = texts(`gateway/${from}/a.ts`, `import { x } from "../${to}/b.ts";`);
        assert.deepEqual(refused, above <= below ? [] : [`gateway/${from} may not import gateway/${to}`]);
      });
    });
  });

  it("knows gateway/main.ts as the outermost part", () => {
    assert.deepEqual(texts("gateway/main.ts", `import { x } from "./server/router.ts";`), []);
    assert.deepEqual(texts("gateway/server/a.ts", `import { x } from "../main.ts";`), ["gateway/server may not import gateway/main"]);
  });

  // biome-ignore format: one form of import, one line
  for (const [form, code] of [
    ["a plain import",        `import { x } from "../server/a.ts";`],
    ["a type import",         `import type { X } from "../server/a.ts";`],
    ["an inline type import", `import { type X } from "../server/a.ts";`],
    ["a bare import",         `import "../server/a.ts";`],
    ["a re-export",           `export { x } from "../server/a.ts";`],
    ["a star re-export",      `export * from "../server/a.ts";`],
    ["a dynamic import",      `const later = () => import("../server/a.ts");`],
    ["an import in a type",   `type X = import("../server/a.ts").X;`],
    ["a detour",              `import { x } from "../xmpp/../server/a.ts";`],
  ] as const) {
    it(`sees ${form}`, () => {
      assert.deepEqual(texts("gateway/xmpp/b.ts", code), ["gateway/xmpp may not import gateway/server"]);
    });
  }

  // biome-ignore format: one pair, one line
  for (const [file, imported, allowed] of [
    ["components/a.ts",      "../gateway/config/schema.ts",   true],
    ["components/a.ts",      "../gateway/pki/names.ts",       true],
    ["components/a.ts",      "../gateway/xmpp/domain.ts",     false],
    ["components/a.ts",      "../sandbox/dns.ts",             false],
    ["policies/a.ts",        "../gateway/config/matrix.ts",   true],
    ["policies/a.ts",        "../components/names.ts",        false],
    ["stacks/index.ts",      "../components/a.ts",            true],
    ["stacks/index.ts",      "../gateway/negotiation/a.ts",   false],
    ["sandbox/a.ts",         "../gateway/sip/message.ts",     true],
    ["sandbox/a.ts",         "../gateway/store/contacts.ts",  false],
    ["sandbox/a.ts",         "../tools/process.ts",           true],
    ["tools/a.ts",           "../sandbox/a.ts",               false],
    ["cli/up.ts",            "../sandbox/a.ts",               true],
    ["gateway/config/a.ts",  "../../components/a.ts",         false],
    ["gateway/server/a.ts",  "../../sandbox/a.ts",            false],
  ] as const) {
    it(`${allowed ? "lets" : "does not let"} ${file} import ${imported}`, () => {
      assert.equal(texts(file, `import { x } from "${imported}";`).length, allowed ? 0 : 1);
    });
  }

  it("keeps Pulumi out of the whole gateway", () => {
    assert.equal(texts("gateway/server/a.ts", `import * as pulumi from "@pulumi/pulumi";`).length, 1);
  });

  it("lets a test use test/support, and nothing else use it", () => {
    assert.deepEqual(texts("gateway/config/a.test.ts", `import { x } from "../../test/support/a.ts";`), []);
    assert.equal(texts("gateway/config/a.ts", `import { x } from "../../test/support/a.ts";`).length, 1);
  });

  it("asks for a place when a part is new", () => {
    assert.match(texts("gateway/novelty/a.ts", "")[0] ?? "", /has no place/);
  });

  it("names file and line", () => {
    assert.deepEqual(checkFile("gateway/xmpp/b.ts", `\n\nimport "../sip/a.ts";`), [
      { file: "gateway/xmpp/b.ts", line: 3, text: "gateway/xmpp may not import gateway/sip" },
    ]);
  });
});

describe("the core", () => {
  // biome-ignore format: one way out, one line
  for (const code of [
    `import net from "node:net";`,       `import { readFileSync } from "node:fs";`,   `import dns from "node:dns/promises";`,
    `import tls from "node:tls";`,       `import { setTimeout } from "node:timers";`, `import { env } from "node:process";`,
    `import fs from "fs";`,              `import pino from "pino";`,                  `import * as crypto from "node:crypto";`,
    `import { randomBytes } from "node:crypto";`, `import { randomUUID as id } from "node:crypto";`,
    `const t = Date.now();`,             `const t = new Date();`,                     `const t = Date();`,
    `const r = Math.random();`,          `const e = process.env["X"];`,               `setTimeout(() => {}, 1);`,
    `console.log("x");`,                 `const f = fetch("http://x");`,              `queueMicrotask(() => {});`,
    `const p = performance.now();`,      `const g = globalThis;`,                     `const id = crypto.randomUUID();`,
    `const m = await import(name);`,     `const { now } = performance;`,              `const later = setTimeout;`,
  ]) {
    it(`may not say ${code}`, () => {
      for (const part of CORE) assert.ok(texts(`gateway/${part}/a.ts`, code).length > 0, part);
    });
  }

  // biome-ignore format: one harmless look-alike, one line
  for (const code of [
    `import { createHmac, timingSafeEqual } from "node:crypto";`, `import { z } from "zod";`, `import forge from "node-forge";`,
    `const at = new Date(milliseconds);`,  `const at = Date.parse(text);`,  `const text = "process.env, Date.now()";`,
    `// console.log(Date.now())`,          `const x = step.process(value);`, `const y = { process: 1, console: 2 };`,
    `interface X { fetch: number; process(): void }`,
  ]) {
    it(`may say ${code}`, () => {
      assert.deepEqual(texts("gateway/sip/a.ts", code), []);
    });
  }

  it("is the only part so bound: tests beside it and the server may look at the clock", () => {
    assert.deepEqual(texts("gateway/sip/a.test.ts", `import fs from "node:fs"; const t = Date.now();`), []);
    assert.deepEqual(texts("gateway/server/a.ts", `import net from "node:net"; const t = Date.now();`), []);
  });
});
