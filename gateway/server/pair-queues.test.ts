import assert from "node:assert/strict";
import { PairQueues } from "./pair-queues.ts";

describe("the queues of pairs", () => {
  it("run the tasks of one pair in order, and those of another beside them", async () => {
    const queues = new PairQueues();
    const done: string[] = [];
    const first = Promise.withResolvers<void>();
    queues.add("a", async () => {
      await first.promise;
      done.push("a1");
    });
    queues.add("a", async () => void done.push("a2"));
    queues.add("b", async () => {
      done.push("b1");
      first.resolve();
    });
    await queues.idle();
    assert.deepEqual(done, ["b1", "a1", "a2"]);
    assert.equal(queues.size, 0);
  });

  it("refuse a task over the limit of its pair, and take it again when there is room", async () => {
    const queues = new PairQueues({ perPair: 2, total: 10 });
    const none = async () => {};
    assert.ok(queues.add("a", none) && queues.add("a", none));
    assert.equal(queues.add("a", none), false);
    assert.ok(queues.add("b", none));
    await queues.idle();
    assert.ok(queues.add("a", none));
    await queues.idle();
  });

  it("refuse a task over the limit of all", async () => {
    const queues = new PairQueues({ perPair: 2, total: 2 });
    const none = async () => {};
    assert.ok(queues.add("a", none) && queues.add("b", none));
    assert.equal(queues.add("c", none), false);
    await queues.idle();
  });

  it("go on after a task that failed", async () => {
    const queues = new PairQueues();
    let ran = false;
    queues.add("a", async () => {
      throw new Error("broken");
    });
    queues.add("a", async () => {
      ran = true;
    });
    await queues.idle();
    assert.ok(ran);
  });
});
