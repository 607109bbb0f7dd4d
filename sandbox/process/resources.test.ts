import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Refusal } from "./refusal.ts";
import { Resources } from "./resources.ts";
import { StateFile } from "./state.ts";

describe("resources of the sandbox", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "xmpp-edge-resources-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const put = (resources: Resources, id: string, outputs = {}) => resources.put({ id, type: "test:T", inputs: {}, outputs });

  it("are on the disk before they are answered, for their owner's eyes only", async () => {
    await put(new Resources(new StateFile(dir, "127.0.0"), {}), "/A/b");
    assert.equal(statSync(join(dir, "state.json")).mode & 0o777, 0o600);
    assert.equal(new Resources(new StateFile(dir, "127.0.0"), {}).find("/a/B")?.id, "/A/b");
    assert.match(readFileSync(join(dir, "state.json"), "utf8"), /"\/a\/b"/);
  });

  it("stay at the addresses they were made with", async () => {
    await put(new Resources(new StateFile(dir, "127.0.0"), {}), "/a");
    assert.throws(() => new StateFile(dir, "127.0.1"), /holds resources at addresses of 127\.0\.0; expected that network, not 127\.0\.1/);
  });

  it("are not kept when making them fails, and the old ones are when changing them fails", async () => {
    const ended: string[] = [];
    let fails = true;
    const apply = async () => {
      if (fails) throw new Refusal(400, "No", "no");
      return { added: 1 };
    };
    const end = async ({ id }: { readonly id: string }) => void ended.push(id);
    const resources = new Resources(new StateFile(dir, "127.0.0"), { "test:T": { apply, end } });
    await assert.rejects(put(resources, "/a"), /no/);
    assert.deepEqual([resources.find("/a"), ended], [undefined, ["/a"]]);
    fails = false;
    assert.deepEqual((await put(resources, "/a", { own: 2 })).outputs, { own: 2, added: 1 });
    fails = true;
    await assert.rejects(put(resources, "/a"), /no/);
    assert.notEqual(resources.find("/a"), undefined);
  });

  it("are changed one after the other, and several at a time", async () => {
    const events: string[] = [];
    const apply = async ({ id }: { readonly id: string }) => {
      events.push(`begin ${id}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      events.push(`end ${id}`);
      return {};
    };
    const resources = new Resources(new StateFile(dir, "127.0.0"), { "test:T": { apply } });
    await Promise.all([put(resources, "/a"), put(resources, "/A"), put(resources, "/b")]);
    assert.deepEqual(
      events.filter((event) => event !== "begin /b" && event !== "end /b"),
      ["begin /a", "end /a", "begin /A", "end /A"],
    );
    assert.ok(events.indexOf("begin /b") < events.indexOf("end /a"));
  });
});
