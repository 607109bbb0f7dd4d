import assert from "node:assert/strict";
import { UnderWay } from "./under-way.ts";

describe("what is under way", () => {
  it("begins in order, and nothing waits for what takes long", async () => {
    const underWay = new UnderWay();
    const seen: string[] = [];
    const slow = Promise.withResolvers<void>();
    underWay.begin("a", async () => {
      seen.push("a1 begins");
      await slow.promise;
      seen.push("a1 ends");
    });
    underWay.begin("a", async () => void seen.push("a2"));
    underWay.begin("b", async () => {
      seen.push("b1");
      slow.resolve();
    });
    await underWay.idle();
    assert.deepEqual(seen, ["a1 begins", "a2", "b1", "a1 ends"]);
    assert.equal(underWay.size, 0);
  });

  it("refuses a task over the limit of its pair, and takes it again when there is room", async () => {
    const underWay = new UnderWay({ perPair: 2, total: 10 });
    const none = async () => {};
    assert.ok(underWay.begin("a", none) && underWay.begin("a", none));
    assert.equal(underWay.begin("a", none), false);
    assert.ok(underWay.begin("b", none));
    await underWay.idle();
    assert.ok(underWay.begin("a", none));
    await underWay.idle();
  });

  it("refuses a task over the limit of all", async () => {
    const underWay = new UnderWay({ perPair: 2, total: 2 });
    const none = async () => {};
    assert.ok(underWay.begin("a", none) && underWay.begin("b", none));
    assert.equal(underWay.begin("c", none), false);
    await underWay.idle();
  });

  it("goes on after a task that failed", async () => {
    const underWay = new UnderWay();
    let ran = false;
    underWay.begin("a", async () => {
      throw new Error("broken");
    });
    underWay.begin("a", async () => {
      ran = true;
    });
    await underWay.idle();
    assert.ok(ran);
  });
});
