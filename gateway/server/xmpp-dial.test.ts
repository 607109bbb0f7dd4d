import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { makeTestClock } from "../../test/support/clock.ts";
import { wallClock } from "./clock.ts";
import { byTurns, Dial } from "./xmpp-dial.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

describe("the addresses of one server", () => {
  // biome-ignore format: a table
  const orders: readonly (readonly [readonly string[], readonly string[]])[] = [
    [[],                                          []],
    [["192.0.2.1", "192.0.2.2"],                  ["192.0.2.1", "192.0.2.2"]],
    [["2001:db8::1", "2001:db8::2", "192.0.2.1"], ["2001:db8::1", "192.0.2.1", "2001:db8::2"]],
    [["192.0.2.1", "192.0.2.2", "2001:db8::1"],   ["192.0.2.1", "2001:db8::1", "192.0.2.2"]],
    [["2001:db8::1", "192.0.2.1", "192.0.2.2"],   ["2001:db8::1", "192.0.2.1", "192.0.2.2"]],
  ];
  for (const [given, expected] of orders) {
    it(`${given.join(" ") || "none"}: the families take turns`, () => assert.deepEqual(byTurns(given), expected));
  }
});

describe("a connection to the first address that answers", () => {
  const ADDRESS = "127.83.0.21";
  let server: Server;
  let port = 0;
  before((done) => {
    server = createServer((socket) => socket.on("error", () => {})).listen(0, ADDRESS, () => {
      port = (server.address() as { port: number }).port;
      done();
    });
  });
  after(() => server.close());

  /** Sockets that answer when told. */
  class FakeSocket extends EventEmitter {
    destroyed = false;
    destroy(): void {
      this.destroyed = true;
    }
  }

  /** A dial whose connections are fakes, by address. */
  function fakes(addresses: readonly string[], clock = makeTestClock()) {
    const opened = new Map<string, FakeSocket>();
    const problems: string[] = [];
    const left = new Set(addresses);
    const dial = new Dial(left, {
      port: 5269,
      clock,
      problem: (address, why) => problems.push(`${address} ${why}`),
      open: (address) => {
        const socket = new FakeSocket();
        opened.set(address, socket);
        return socket as unknown as Socket;
      },
    });
    const socket = (address: string): FakeSocket => opened.get(address) ?? assert.fail(`${address} was not tried`);
    return { dial, left, problems, opened, socket };
  }

  const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  it("goes on to the next at once where one refuses, over both families", async () => {
    const problems: string[] = [];
    const left = new Set(["::1", "127.83.0.22", ADDRESS]);
    const dial = new Dial(left, { port, clock: wallClock, problem: (address, why) => problems.push(`${address} ${why}`) });
    const dialled = await dial.answer;
    assert.equal(dialled?.address, ADDRESS);
    assert.deepEqual(problems, ["::1 ECONNREFUSED", "127.83.0.22 ECONNREFUSED"]);
    assert.deepEqual([...left], []);
    dialled?.socket.destroy();
  });

  it("tells that none could be reached", async () => {
    const left = new Set(["127.83.0.22"]);
    assert.equal(await new Dial(left, { port, clock: wallClock, problem: () => {} }).answer, null);
    assert.equal(left.size, 0);
    assert.equal(await new Dial(new Set(), { port, clock: wallClock, problem: () => {} }).answer, null);
  });

  it("tries the next beside one that is silent; the one that answers first is taken, the other is kept for later", async () => {
    const { dial, left, opened, socket } = fakes(["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert.deepEqual([...opened.keys()], ["192.0.2.1"]);
    await later(XMPP_LIMITS.nextAddress + 50);
    assert.deepEqual([...opened.keys()], ["192.0.2.1", "192.0.2.2"]);
    socket("192.0.2.2").emit("connect");
    assert.equal((await dial.answer)?.address, "192.0.2.2");
    assert.deepEqual([socket("192.0.2.1").destroyed, socket("192.0.2.2").destroyed], [true, false]);
    assert.deepEqual([...left], ["192.0.2.1", "192.0.2.3"]);
    await later(XMPP_LIMITS.nextAddress + 50);
    assert.equal(opened.size, 2);
  });

  it("the slower one may still win", async () => {
    const { dial, socket } = fakes(["192.0.2.1", "192.0.2.2"]);
    await later(XMPP_LIMITS.nextAddress + 50);
    socket("192.0.2.1").emit("connect");
    assert.equal((await dial.answer)?.address, "192.0.2.1");
    assert.equal(socket("192.0.2.2").destroyed, true);
    // Its end comes late, and changes nothing.
    socket("192.0.2.2").emit("error", new Error("late"));
  });

  it("an address without an answer is given up after XMPP_LIMITS.connect", async () => {
    const clock = makeTestClock();
    clock.speed = 200;
    const { dial, problems, left } = fakes(["192.0.2.1", "192.0.2.2"], clock);
    assert.equal(await dial.answer, null);
    assert.deepEqual(problems, ["192.0.2.1 no answer", "192.0.2.2 no answer"]);
    assert.equal(left.size, 0);
  });

  it("ends everything when it is given up", async () => {
    const { dial, socket } = fakes(["192.0.2.1", "192.0.2.2"]);
    dial.abort();
    assert.equal(await dial.answer, null);
    assert.equal(socket("192.0.2.1").destroyed, true);
  });
});
