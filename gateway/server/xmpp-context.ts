/** What every stream of the XMPP side shares: the present state, the list of streams, the record of failures. */
import type { Partner } from "../config/schema.ts";
import { type Judgement, judgeCertificate, type PeerCertificate } from "../negotiation/certificate.ts";
import type { Pair } from "../negotiation/dialback.ts";
import { type Facts, type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import { type Directory, makeDirectory } from "../negotiation/partners.ts";
import type { DialbackAnswer, PeerProof } from "../negotiation/proof.ts";
import { AttemptRing } from "./attempts.ts";
import type { AttemptRecord, EdgeState, Surroundings, XmppConnection, XmppHandlers } from "./ports.ts";
import type { RevocationLists } from "./revocation.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";
import type { Pending, Resumption } from "./xmpp-management.ts";
import type { Resumptions } from "./xmpp-resumptions.ts";
import type { Streams } from "./xmpp-streams.ts";
import { makeTlsMaterial, type TlsMaterial } from "./xmpp-tls.ts";

/** One state of the edge, digested. */
export interface Current {
  readonly state: EdgeState;
  readonly directory: Directory;
  readonly tls: TlsMaterial;
}

/** @throws where the identity cannot be used */
export const digest = (state: EdgeState): Current => ({ state, directory: makeDirectory(state.document), tls: makeTlsMaterial(state) });

/** A stream as the registry, the reload and the drain see it. */
export interface EdgeStream {
  readonly id: string;
  readonly direction: "in" | "out";
  /** Address without port: limits before proof count by it. */
  readonly host: string;
  /** Epoch milliseconds of the last byte. */
  readonly lastHeard: number;
  /** Whether some pair is proven on it. */
  readonly proven: boolean;
  /** The partners it counts for. */
  partners(): ReadonlySet<Partner>;
  /** Proven pairs. */
  pairs(): readonly Pair[];
  carries(pair: Pair): boolean;
  /** What takes our stanzas of the pair, where this stream does. */
  carrierFor(pair: Pair): Carrier | null;
  describe(): XmppConnection;
  /** The document, certificates or roots changed. */
  revalidate(): void;
  /** Closes with the closing tag only. */
  stop(): void;
  destroy(why: string): void;
}

/** A stream as those who send on it see it. */
export interface Carrier {
  readonly usable: boolean;
  /** Bytes handed over and not yet taken by the kernel. */
  readonly waiting: number;
  /** Bytes of the longest stanza that the peer takes (XEP-0478); null where it does not say. */
  readonly maxBytes: number | null;
  /** Why it ended. */
  readonly reason: NegotiationFailure;
  /** What proves the partner of the pair on it. */
  proofFor(pair: Pair): PeerProof | null;
  carry(pending: Pending): void;
  /** Asks for a sign of life. */
  ping(pair: Pair): void;
  /** The peer does not take what is written: ends the stream, so that nothing reaches it late. */
  abandon(detail: string): NegotiationFailure;
  /** Called once, when the stream carries nothing any more; with what may be resumed by us, where there is such. */
  onLost(act: (left: Resumption | null) => void): void;
}

export type VerifyOutcome =
  | { readonly answered: true; readonly expected: DialbackAnswer; readonly answer: DialbackAnswer }
  | { readonly answered: false; readonly because: NegotiationFailure };

export interface XmppContext {
  readonly surroundings: Surroundings;
  readonly handlers: XmppHandlers;
  readonly streams: Streams;
  readonly attempts: Attempts;
  readonly pings: Pings;
  /** The state in force now; never kept. */
  readonly current: () => Current;
  /** Revocation lists in force. */
  readonly revocation: RevocationLists;
  /** What is left of lost inbound streams. */
  readonly resumptions: Resumptions;
  /** A stream has become able to carry our stanzas of a pair. */
  readonly offer: (pair: Pair, carrier: Carrier) => void;
  /** Asks the partner's authoritative server about a key (dialback steps 2 and 3). */
  readonly verify: (pair: Pair, streamId: string, key: string) => Promise<VerifyOutcome>;
}

/** A certificate judged against the trust of this moment. */
export function judge(context: XmppContext, shown: PeerCertificate | null, domain: string | null): Judgement {
  const { directory, tls } = context.current();
  const anchors = tls.anchorsOf(domain === null ? null : directory.partner(domain));
  const now = new Date(context.surroundings.clock.now());
  const judgement = judgeCertificate(shown, domain, { ...anchors, revocation: context.revocation.policy, now });
  if (judgement.unchecked) context.revocation.report(judgement.unchecked);
  return judgement;
}

/** A name for a stream or a ping: 128 random bits, so that nobody guesses it (RFC 6120 4.7.3). */
export const freshId = ({ random }: Surroundings): string => random(16).toString("hex");

export const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(":"));

/** Failed and refused attempts, the last XMPP_LIMITS.attempts of them. */
export class Attempts {
  readonly #ring: AttemptRing;

  constructor(surroundings: Surroundings) {
    this.#ring = new AttemptRing(surroundings, XMPP_LIMITS.attempts, (log, record) => log("xmpp-attempt-failed", { ...record }));
  }

  /** Remembers and logs one. Returns its failure. */
  add(attempt: Omit<AttemptRecord, "at" | "code" | "text">, code: FailureCode, facts: Facts): NegotiationFailure {
    const because = failure(code, facts);
    this.#ring.add({ ...attempt, code, text: because.text });
    return because;
  }

  list(): readonly AttemptRecord[] {
    return this.#ring.list();
  }
}

/** Ids of our own pings, so that their answers (XEP-0199) go no further than here. */
export class Pings {
  readonly #ids = new Set<string>();

  add(id: string): void {
    const [oldest] = this.#ids;
    if (this.#ids.size >= XMPP_LIMITS.pings && oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.add(id);
  }

  /** Whether this id was one; it is forgotten then. */
  take(id: string): boolean {
    return this.#ids.delete(id);
  }
}

/** Lync -ConnectionLimit of the partner, else -PartnerConnectionLimit. */
export const limitOf = (current: Current, partner: Partner): number =>
  partner.connectionLimit ?? current.state.document.gateway.partnerConnectionLimit;
