/** What an outbound connection is for, what is known before it, and how its negotiation may end. */
import type { Pair } from "../negotiation/dialback.ts";
import type { NegotiationFailure } from "../negotiation/failures.ts";
import type { DialbackAnswer, PeerProof } from "../negotiation/proof.ts";
import type { OutboundStream } from "./xmpp-outbound.ts";

/** What the connection is for. */
export type Purpose = { readonly kind: "stanzas" } | { readonly kind: "verify"; readonly streamId: string; readonly key: string };

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
  /** `silent`: the peer closed before it said anything, so another of its servers may do better. */
  | { readonly kind: "failed"; readonly because: NegotiationFailure; readonly silent: boolean };

export interface OutboundTask {
  readonly pair: Pair;
  readonly purpose: Purpose;
  readonly lessons: Lessons;
  /** Called once, unless the stream ends after it was ready. */
  readonly settle: (outcome: Outcome) => void;
}
