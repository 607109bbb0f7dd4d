/** Who may do what: one pure function over facts that the caller has gathered. */
import type { Partner } from "../config/schema.ts";
import { GRANTS, type Wish } from "./partner-types.ts";
import type { Reason } from "./refusals.ts";

/** What is asked, and everything the answer depends on. */
export interface Ask {
  /** `fromPartner`: a partner's user wants something of a user here. `toPartner`: a user here wants it of a partner's user. */
  readonly direction: "fromPartner" | "toPartner";
  /** Owner of the domain on the partner's side; null where nobody lists it. */
  readonly partner: Pick<Partner, "partnerType"> | null;
  /** Whether the domain on our side is one of the SIP domains. */
  readonly served: boolean;
  /** Lync's -EnableXmppAccess for the user here. Default true: whoever may not is stopped by Lync itself. */
  readonly userEnabled?: boolean;
  readonly wish: Wish;
  /** Whether the user here has added the partner's user (consent.ts). */
  readonly hasConsent: boolean;
  /** Whether this belongs to a session that the user here has opened and that is still alive. */
  readonly inOwnSession?: boolean;
}

export type Decision = { readonly verdict: "allow" } | { readonly verdict: "deny"; readonly because: Reason };

const ALLOW: Decision = { verdict: "allow" };
const deny = (because: Reason): Decision => ({ verdict: "deny", because });

/** Guard clauses in a fixed order: partner listed, domain served, user enabled, partner type, contact. What none allows is denied. */
export function decide(ask: Ask): Decision {
  if (ask.partner === null) return deny("partner-not-listed");
  if (!ask.served) return deny("domain-not-served");
  if (!(ask.userEnabled ?? true)) return deny("user-not-enabled");
  // The types limit what a partner's users get, never what our users may ask of them.
  if (ask.direction === "toPartner") return ALLOW;
  const grant = GRANTS[ask.partner.partnerType][ask.wish];
  switch (grant) {
    case "always":
      return ALLOW;
    case "ifContact":
      return ask.hasConsent || isAnswer(ask) ? ALLOW : deny("not-a-contact");
    case "never":
      return deny("never-for-type");
    default:
      grant satisfies never;
      return deny("never-for-type");
  }
}

/** Who is written to may write back, as long as that session lives; it shows nobody's presence. */
const isAnswer = (ask: Ask): boolean => ask.wish === "sendMessage" && ask.inOwnSession === true;
