/** Dialback steps 2 and 3: asks the authoritative server of a partner about a key, on a connection made for that (XEP-0220 2.1.2). */
import type { Pair } from "../negotiation/dialback.ts";
import { type FailureCode, failure, type NegotiationFailure } from "../negotiation/failures.ts";
import { Attempt } from "./xmpp-connector.ts";
import type { VerifyOutcome, XmppContext } from "./xmpp-context.ts";
import { XMPP_LIMITS } from "./xmpp-limits.ts";

/** What a failure on the way to the authoritative server is to the one who waits for step 4 (XEP-0220 2.5). */
const OUTCOMES = {
  "dns-failed": "authority-not-found",
  "no-service": "authority-not-found",
  "no-address": "authority-not-found",
  "authority-not-found": "authority-not-found",
  "authority-refused": "authority-refused",
  "connect-failed": "authority-unreachable",
  "tls-handshake-failed": "authority-unreachable",
  "starttls-not-offered": "authority-unreachable",
  "starttls-refused": "authority-unreachable",
  "tls-demanded-by-peer": "authority-unreachable",
} as const satisfies Partial<Record<FailureCode, FailureCode>>;

export class Verifier {
  readonly #running = new Map<Attempt, Pair>();

  /** Asks; never rejects. */
  async ask(context: XmppContext, pair: Pair, streamId: string, key: string): Promise<VerifyOutcome> {
    const { directory } = context.current();
    const owner = directory.partner(pair.partner);
    const ofPartner = [...this.#running.values()].filter(({ partner }) => directory.partner(partner) === owner).length;
    if (this.#running.size >= XMPP_LIMITS.verifications || ofPartner >= XMPP_LIMITS.verificationsPerPartner) {
      return { answered: false, because: failure("queue-full", { peer: pair.partner, detail: "dialback verifications under way" }) };
    }
    const attempt = new Attempt(context, pair, { kind: "verify", streamId, key });
    this.#running.set(attempt, pair);
    const outcome = await attempt.settled;
    this.#running.delete(attempt);
    if (outcome.kind === "verified") return { answered: true, expected: outcome.expected, answer: outcome.answer };
    return { answered: false, because: translate(outcome.kind === "failed" ? outcome.because : null, pair) };
  }

  /** Gives up what is under way. */
  stop(because: NegotiationFailure): void {
    for (const attempt of this.#running.keys()) attempt.stop(because);
  }
}

function translate(because: NegotiationFailure | null, { partner }: Pair): NegotiationFailure {
  if (because?.condition === "policy-violation" || because?.condition === "resource-constraint") return because;
  const code = OUTCOMES[(because?.code ?? "") as keyof typeof OUTCOMES] ?? "authority-timeout";
  return because?.code === code ? because : failure(code, { peer: partner, detail: because?.text });
}
