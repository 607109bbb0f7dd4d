/** Why something is refused, and how each side is told: one table, so that both refuse alike. */
import type { StanzaErrorCondition } from "../xmpp/stanza-errors.ts";

export interface Refusal {
  /** RFC 6120 8.3.3, for a sender on the XMPP side. */
  readonly condition: StanzaErrorCondition;
  /** RFC 3261 21, for a sender on the SIP side. */
  readonly status: number;
  /** For the sender's eyes and the log. The same whether or not the user exists, so that it tells nobody who does. */
  readonly text: string;
  readonly cite: string;
}

// biome-ignore format: one reason a line
export const REFUSALS = {
  // reason               XMPP                               SIP          sentence                                                                                    cite
  "partner-not-listed": { condition: "policy-violation",     status: 403, text: "this domain is not a federated partner",                                             cite: "New-CsXmppAllowedPartner" },
  "domain-not-served":  { condition: "item-not-found",       status: 404, text: "this domain is not one of the SIP domains served here",                              cite: "RFC 6120 8.3.3.7"         },
  "user-not-enabled":   { condition: "forbidden",            status: 403, text: "this user may not communicate with XMPP federated users",                            cite: "-EnableXmppAccess"        },
  "never-for-type":     { condition: "forbidden",            status: 403, text: "users of this partner never get this, whatever the user here has agreed to",         cite: "-PartnerType"             },
  "not-a-contact":      { condition: "forbidden",            status: 403, text: "users of this public provider must first be added by the user they want to reach",   cite: "-PartnerType PublicUnverified" },
  "too-many-contacts":  { condition: "resource-constraint",  status: 480, text: "no more contacts of public providers can be recorded; remove some first",            cite: "docs/configuration.md"    },
} as const satisfies Readonly<Record<string, Refusal>>;

export type Reason = keyof typeof REFUSALS;
