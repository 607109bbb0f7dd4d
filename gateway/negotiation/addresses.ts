/** Stanza addresses as far as negotiation looks at them. */
import { JidError, parseJid } from "../xmpp/jid.ts";

/** The domain of a `from` or `to`, normalised; null where it is missing or no XMPP address (RFC 7622). */
export function domainOfAddress(address: string | undefined): string | null {
  if (address === undefined) return null;
  const jid = parseJid(address);
  return jid instanceof JidError ? null : jid.domain;
}
