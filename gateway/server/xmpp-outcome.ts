/** What an outbound connection is for, what is known before it, and how its negotiation may end. */
import type { Pair } from "../negotiation/dialback.ts";
import type { NegotiationFailure } from "../negotiation/failures.ts";
import type { DialbackAnswer, PeerProof } from "../negotiation/proof.ts";
import type { Resumption } from "./xmpp-management.ts";
import type { OutboundStream } from "./xmpp-outbound.ts";

/** What the connection is for. */
export type Purpose =
  | {
      readonly kind: "stanzas";
      /** What is left of an earlier stream of the pair; the first stream that is proven takes it. */
      readonly left: Left | null;
    }
  | { readonly kind: "verify"; readonly streamId: string; readonly key: string };

/** A resumption that is taken once. */
export interface Left {
  readonly resumption: Resumption;
  taken: boolean;
}

/** What an earlier connection of the same attempt taught. */
export interface Lessons {
  readonly externalSkipped: boolean;
  readonly plainForbidden: boolean;
}

/** How the negotiation of one connection ended. */
export type Outcome =
  | { readonly kind: "ready"; readonly stream: OutboundStream; readonly proof: PeerProof }
  | { readonly kind: "verified"; readonly expected: DialbackAnswer; readonly answer: DialbackAnswer }
  | { readonly kind: "retryWithoutExternal"; readonly because: NegotiationFailure }
  /** `silent`: it ended before either said anything, so another of the peer's servers may do better. */
  | { readonly kind: "failed"; readonly because: NegotiationFailure; readonly silent: boolean };

export interface OutboundTask {
  readonly pair: Pair;
  readonly purpose: Purpose;
  readonly lessons: Lessons;
  /** TLS from the first byte (XEP-0368): the stream begins behind it. */
  readonly directTls: boolean;
  /** Called once, unless the stream ends after it was ready. */
  readonly settle: (outcome: Outcome) => void;
}
