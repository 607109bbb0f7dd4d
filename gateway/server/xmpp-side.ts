/** The XMPP side of the gateway: listener, outbound queues, and everything that streams share, behind one interface. */
import { failure } from "../negotiation/failures.ts";
import type { MakeXmppSide } from "./ports.ts";
import { RevocationLists } from "./revocation.ts";
import { Attempts, digest, Pings, type XmppContext } from "./xmpp-context.ts";
import { Listener } from "./xmpp-listener.ts";
import { Pairs } from "./xmpp-pairs.ts";
import { Resumptions } from "./xmpp-resumptions.ts";
import { Streams } from "./xmpp-streams.ts";
import { Verifier } from "./xmpp-verifier.ts";

/** @throws where the identity or the trusted authorities of the first state cannot be used */
export const makeXmppSide: MakeXmppSide = (state, surroundings, handlers) => {
  let current = digest(state);
  const verifier = new Verifier();
  const revocation = new RevocationLists(state.document.xmpp, surroundings, () => revalidate(context));
  const context: XmppContext = {
    surroundings,
    handlers,
    streams: new Streams(),
    attempts: new Attempts(surroundings),
    pings: new Pings(),
    current: () => current,
    revocation,
    resumptions: new Resumptions(surroundings, (left) => {
      for (const pending of left.pending) pending.settled(failure("not-acknowledged", { detail: "the stream was not resumed" }));
    }),
    offer: (pair, carrier) => pairs.offer(pair, carrier),
    verify: (pair, streamId, key) => verifier.ask(context, pair, streamId, key),
  };
  const listeners = [new Listener(context, "starttls"), new Listener(context, "direct")];
  const pairs = new Pairs(context);

  return {
    async start() {
      await revocation.use(current.state.document.xmpp);
      for (const listener of listeners) await listener.listen();
    },
    reload(next) {
      const before = current;
      current = digest(next);
      void revocation.use(next.document.xmpp);
      pairs.reload(before);
      revalidate(context);
    },
    send: (stanza, deadline) => pairs.send(stanza, deadline),
    connections: () => context.streams.list().map((stream) => stream.describe()),
    attempts: () => context.attempts.list(),
    async drain(milliseconds) {
      for (const listener of listeners) listener.close();
      revocation.stop();
      pairs.stop();
      verifier.stop(failure("edge-stopping"));
      context.resumptions.clear();
      for (const stream of context.streams.list()) stream.stop();
      await emptied(context, milliseconds);
      for (const stream of context.streams.list()) stream.destroy("the time to close was over");
    },
  };
};

/** Every stream is looked at again under what counts now. */
function revalidate({ streams }: XmppContext): void {
  for (const stream of streams.list()) stream.revalidate();
}

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
