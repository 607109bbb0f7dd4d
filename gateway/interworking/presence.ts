/**
 * Presence stanzas from partners. Presence is not carried to the SIP side yet, and what asks for it is told so: a partner's
 * user who waits for an answer gets one.
 */
import type { XmlElement } from "../xmpp/element.ts";
import { stanzaError } from "../xmpp/stanza-errors.ts";

type Answer = "not-implemented" | "none";

/** By type; "" is available presence. */
// biome-ignore format: one type a line
const ANSWERS: ReadonlyMap<string, Answer> = new Map([
  // type           answer               why
  ["",             "not-implemented"], // it would have to reach the user
  ["probe",        "not-implemented"], // `unsubscribed` (RFC 6121 4.3.2) would end, for good, what may be answered later
  ["subscribe",    "not-implemented"], // RFC 6121 3.1.3
  ["subscribed",   "none"],            // RFC 6121 3.1.6: answers what was never asked
  ["unsubscribe",  "none"],            // RFC 6121 3.3.3: nothing is there to end
  ["unsubscribed", "none"],            // RFC 6121 3.2.3: the same
  ["unavailable",  "none"],            // RFC 6121 4.5.4: takes back what was never passed on
  ["error",        "none"],            // RFC 6120 8.3.1: an error is never answered
]);

/** The answer; null where none is owed. `stanza` is a presence, its `from` and `to` set. */
export function answerPresence(stanza: XmlElement): XmlElement | null {
  const type = stanza.attributes.get("type") ?? "";
  const answer = ANSWERS.get(type);
  //= RFC 6121 4.7.1: no other types exist
  if (answer === undefined) return stanzaError(stanza, "bad-request", "this type of presence does not exist");
  return answer === "none" ? null : stanzaError(stanza, "feature-not-implemented", "presence is not supported here; messages are");
}
