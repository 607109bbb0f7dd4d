/** Requests from partners: the gateway answers for its domains what every XMPP entity owes, and refuses the rest. */
import { CAPS_INFO_NODE } from "../xmpp/caps.ts";
import type { XmlElement } from "../xmpp/element.ts";
import { mayAnswerWithError, stanzaError } from "../xmpp/stanza-errors.ts";
import {
  discoInfoResult,
  discoItemsResult,
  GATEWAY_FEATURES,
  isDiscoInfo,
  isDiscoItems,
  isPing,
  pingResult,
  requestPayload,
} from "../xmpp/stanzas.ts";

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
  const node = nodeOf(stanza);
  if (isDiscoInfo(stanza) && (node === undefined || node === CAPS_INFO_NODE)) return discoInfoResult(stanza, GATEWAY_FEATURES);
  if (isDiscoItems(stanza) && node === undefined) return discoItemsResult(stanza);
  if (isDiscoInfo(stanza) || isDiscoItems(stanza)) return stanzaError(stanza, "item-not-found");
  //= RFC 6120 8.4: a payload that is not understood
  return stanzaError(stanza, "service-unavailable", "this request is not supported");
}

/** XEP-0030 section 3.2: we have none but that of our capabilities. */
const nodeOf = (stanza: XmlElement): string | undefined => requestPayload(stanza)?.attributes.get("node");
