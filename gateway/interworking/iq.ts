/** Requests from partners: the gateway answers for its domains what every XMPP entity owes, and refuses the rest. */
import type { XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { mayAnswerWithError, stanzaError } from "../xmpp/stanza-errors.ts";
import { discoInfoResult, discoItemsResult, isDiscoInfo, isDiscoItems, isPing, pingResult, requestPayload } from "../xmpp/stanzas.ts";

/** What disco#info says of a domain of ours, beside itself (XEP-0030 section 3.1). */
export const FEATURES = [NS.discoItems, NS.ping] as const;

/** The answer; null where none may be given: to results and errors (RFC 6120 8.2.3). `stanza` is an iq, its `from` and `to` set. */
export function answerIq(stanza: XmlElement): XmlElement | null {
  if (!mayAnswerWithError(stanza)) return null;
  if (requestPayload(stanza) === undefined || !stanza.attributes.get("id")) {
    return stanzaError(stanza, "bad-request", "expected type get or set, an id, and one child element");
  }
  const toUser = stanza.attributes.get("to")?.includes("@") ?? false;
  // A user's features and items are presence: whoever may not see that is told the same as for a user who does not exist (RFC 6121 8.5.1).
  if (toUser) return stanzaError(stanza, "service-unavailable", "users here are reached by message only");
  if (isPing(stanza)) return pingResult(stanza);
  if (isDiscoInfo(stanza)) return hasNode(stanza) ? stanzaError(stanza, "item-not-found") : discoInfoResult(stanza, FEATURES);
  if (isDiscoItems(stanza)) return hasNode(stanza) ? stanzaError(stanza, "item-not-found") : discoItemsResult(stanza);
  //= RFC 6120 8.4: a payload that is not understood
  return stanzaError(stanza, "service-unavailable", "this request is not supported");
}

/** XEP-0030 section 3.2: we have no nodes. */
const hasNode = (stanza: XmlElement): boolean => requestPayload(stanza)?.attributes.has("node") ?? false;
