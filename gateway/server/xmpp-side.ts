/** The XMPP side of the gateway: listener, outbound queues, and everything that streams share, behind one interface. */
import { failure } from "../negotiation/failures.ts";
import type { MakeXmppSide } from "./ports.ts";
import { Attempts, digest, Pings, Streams, type XmppContext } from "./xmpp-context.ts";
import { Listener } from "./xmpp-listener.ts";
import { Pairs } from "./xmpp-pairs.ts";
import { Verifier } from "./xmpp-verifier.ts";

/** @throws where the identity or the trusted authorities of the first state cannot be used */
export const makeXmppSide: MakeXmppSide = (state, surroundings, handlers) => {
  let current = digest(state);
  const verifier = new Verifier();
  const context: XmppContext = {
    surroundings,
    handlers,
    streams: new Streams(),
    attempts: new Attempts(surroundings),
    pings: new Pings(),
    current: () => current,
    verify: (pair, streamId, key) => verifier.ask(context, pair, streamId, key),
  };
  const listener = new Listener(context);
  const pairs = new Pairs(context);

  return {
    start: () => listener.listen(),
    reload(next) {
      current = digest(next);
      pairs.reload();
      for (const stream of context.streams.list()) stream.revalidate();
    },
    send: (stanza, deadline) => pairs.send(stanza, deadline),
    connections: () => context.streams.list().map((stream) => stream.describe()),
    attempts: () => context.attempts.list(),
    async drain(milliseconds) {
      listener.close();
      pairs.stop();
      verifier.stop(failure("edge-stopping"));
      for (const stream of context.streams.list()) stream.stop();
      await emptied(context, milliseconds);
      for (const stream of context.streams.list()) stream.destroy("the time to close was over");
    },
  };
};

/** Resolves when no stream is left, or after the time given. */
function emptied({ streams, surroundings }: XmppContext, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = surroundings.clock.after(milliseconds, resolve);
    streams.whenEmpty(() => {
      timer.cancel();
      resolve();
    });
  });
}
