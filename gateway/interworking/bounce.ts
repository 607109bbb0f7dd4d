/** What a SIP user is told when a message that was taken (202) comes back as an error of the partner's side. */
import type { XmlElement } from "../xmpp/element.ts";
import { bareJid, JidError, jidToString, parseJid } from "../xmpp/jid.ts";
import { readStanzaError, STANZA_ERRORS, type StanzaErrorCondition } from "../xmpp/stanza-errors.ts";

export const LIMITS = {
  /** Characters of the partner's own words that are shown. */
  textLength: 200,
} as const;

export interface Bounce {
  /** One sentence for the sender: whom the message did not reach and why, with the partner's words where it has some. */
  readonly body: string;
  readonly why: StanzaErrorCondition;
}

/** @param error a message of type error */
export function bounceToText(error: XmlElement): Bounce {
  const found = readStanzaError(error);
  const why = found?.condition ?? "undefined-condition";
  const words = oneLine(found?.text ?? "");
  return {
    body: `Your message to ${recipient(error)} was not delivered: ${STANZA_ERRORS[why].meaning}${words ? ` ("${words}")` : ""}.`,
    why,
  };
}

/** Errors come from whom the message went to. */
function recipient(error: XmlElement): string {
  const jid = parseJid(error.attributes.get("from") ?? "");
  return jid instanceof JidError ? "this contact" : jidToString(bareJid(jid));
}

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\s]+/gu, " ").trim();
  const characters = [...line];
  return characters.length > LIMITS.textLength ? `${characters.slice(0, LIMITS.textLength).join("")}...` : line;
}
