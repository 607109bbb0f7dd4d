/** Single messages (RFC 7572) and chat sessions (RFC 7573), both ways. Typing and receipts are answered as not implemented. */
import { LIMITS as SIP_LIMITS } from "../sip/limits.ts";
import { NOT_A_CHARACTER, normaliseLineEnds } from "../stream/characters.ts";
import { childOf, element, type XmlElement } from "../xmpp/element.ts";
import { JidError, jidOnWire, parseJid } from "../xmpp/jid.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { StanzaErrorCondition } from "../xmpp/stanza-errors.ts";
import { messageBody, messageSubject, messageThread, messageType, stanzaLang } from "../xmpp/stanzas.ts";
import { jidToSip, sipToJid } from "./addresses.ts";
import { htmlToText } from "./html.ts";
import type { SipText } from "./text.ts";

export const LIMITS = {
  /** Bytes of a text in UTF-8. Sessions and single messages alike go over TLS, where the 1300 bytes of RFC 3428 section 8 do not apply. */
  bodyBytes: SIP_LIMITS.bodyBytes,
  /** Characters; a longer subject is cut. */
  subjectLength: 1000,
  /** Characters; a longer thread is not carried over. */
  threadLength: 255,
} as const;

export type ToSip =
  | { readonly kind: "text"; readonly text: SipText }
  | { readonly kind: "refuse"; readonly condition: StanzaErrorCondition; readonly text: string }
  /** An error: bounce.ts reads it, and it is never answered (RFC 6120 8.3.1). */
  | { readonly kind: "nothing" };

const refuse = (condition: StanzaErrorCondition, text: string): ToSip => ({ kind: "refuse", condition, text });

/**
 * A message stanza -> the text for the SIP side (RFC 7572 table 1). `from` and `to` are JIDs. A headline, which wants no
 * answer, is a text like any other: SIP knows no such thing.
 */
export function messageToSip(stanza: XmlElement): ToSip {
  const type = messageType(stanza);
  if (type === "error") return { kind: "nothing" };
  //= RFC 6121 5.2.2: what has no groupchat answers so
  if (type === "groupchat") return refuse("service-unavailable", "group chat is not supported; only messages between two people are");
  const written = messageBody(stanza);
  if (written === null || written === "") return refuse("feature-not-implemented", whyNoText(stanza));
  const body = normaliseLineEnds(written).replaceAll("\n", "\r\n"); // so text/plain ends its lines (RFC 2046 4.1.1)
  const bytes = Buffer.byteLength(body);
  if (bytes > LIMITS.bodyBytes) return refuse("policy-violation", `the text has ${bytes} bytes; at most ${LIMITS.bodyBytes} are allowed`);
  const addresses = sipAddresses(stanza);
  if (typeof addresses === "string") return refuse("jid-malformed", addresses);
  const thread = messageThread(stanza);
  return {
    kind: "text",
    text: {
      ...addresses,
      body,
      contentType: "text/plain",
      chat: type === "chat",
      thread: thread && thread.length <= LIMITS.threadLength ? thread : null,
      subject: oneLine(messageSubject(stanza)),
      language: languageOf(stanza),
    },
  };
}

/** A subject by itself is no text; typing and receipts have none. */
function whyNoText(stanza: XmlElement): string {
  const has = (namespace: string) => stanza.children.some((child) => typeof child !== "string" && child.namespace === namespace);
  if (has(NS.chatStates)) return "typing notifications are not supported; send messages with a text";
  if (has(NS.receipts)) return "delivery receipts are not supported; send messages with a text";
  return "only messages with a text are supported";
}

function sipAddresses(stanza: XmlElement): Pick<SipText, "from" | "to"> | string {
  const [from, to] = (["from", "to"] as const).map((name) => {
    const jid = parseJid(stanza.attributes.get(name) ?? "");
    return jid instanceof JidError ? jid : jidToSip(jid);
  });
  if (typeof from === "string" && typeof to === "string") return { from, to };
  return typeof from === "object" ? from.text : typeof to === "object" ? to.text : "from and to are missing";
}

/** The body's language, else the stanza's (RFC 6120 8.1.5); null where it is no language tag (RFC 5646 2.1). */
function languageOf(stanza: XmlElement): string | null {
  const body = childOf(stanza, stanza.namespace, "body");
  const language = body?.attributes.get("xml:lang") ?? stanzaLang(stanza);
  return language && /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/.test(language) ? language : null;
}

/** A header has one line. */
function oneLine(text: string | null): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const line = text?.replace(/[\u0000-\u0020\u007f\u0085\u2028\u2029]+/g, " ").trim();
  return line ? [...line].slice(0, LIMITS.subjectLength).join("") : null;
}

export type ToXmpp =
  | { readonly kind: "message"; readonly stanza: XmlElement }
  /** Final status of RFC 3261 21. */
  | { readonly kind: "refuse"; readonly status: number; readonly text: string };

/**
 * A text from the SIP side -> message stanza (RFC 7572 table 2, RFC 7573 section 4). A text of a session is a `chat`
 * message; one that stands alone has no type, that is, `normal`. Either keeps its Call-ID as thread. `id` is what a later error is recognised by.
 */
export function textToMessage(text: SipText, { id }: { readonly id: string }): ToXmpp {
  const [from, to] = [sipToJid(text.from), sipToJid(text.to)];
  if (from instanceof JidError) return { kind: "refuse", status: 400, text: `From: ${from.text}` };
  if (to instanceof JidError) return { kind: "refuse", status: 404, text: `To: ${to.text}` };
  const body = bodyOf(text);
  if (body === null) return { kind: "refuse", status: 415, text: `${text.contentType} is not supported; expected text/plain or text/html` };
  const { chat, thread, subject, language } = text;
  const addresses = { from: jidOnWire(from), to: jidOnWire(to) };
  const stanza = element(
    NS.server,
    "message",
    { ...addresses, id, type: chat ? "chat" : undefined, "xml:lang": language ?? undefined },
    subject ? element(NS.server, "subject", {}, xmlText(subject)) : undefined,
    element(NS.server, "body", {}, xmlText(normaliseLineEnds(body))),
    thread === null ? undefined : element(NS.server, "thread", {}, xmlText(thread)),
  );
  return { kind: "message", stanza };
}

function bodyOf({ contentType, body }: SipText): string | null {
  if (contentType === "text/plain") return body;
  return contentType === "text/html" ? htmlToText(body) : null;
}

const NOT_CHARACTERS = new RegExp(NOT_A_CHARACTER.source, "gu");

/** What XML cannot hold becomes U+FFFD: the rest of the text still arrives. */
const xmlText = (text: string): string => text.replace(NOT_CHARACTERS, "\uFFFD");
