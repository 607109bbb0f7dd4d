/** Texts of the peer: a MESSAGE, in a session or outside, to the handler and its answer back; and a text of ours as a MESSAGE. */
import type { Answer, HeaderPair, NewRequest } from "../sip/compose.ts";
import { type Refusal, refusal, unsupportedType } from "../sip/judge.ts";
import { bytesOf, headerOf, utf8Of } from "../sip/message.ts";
import type { ReceivedRequest } from "../sip/parse.ts";
import { readText } from "../sip/text.ts";
import { addressOf, instanceOf, isSipUri, parseUri } from "../sip/uri.ts";
import type { SipAnswer, SipText } from "./ports.ts";
import { explain, handled, madeHere, type SipContext } from "./sip-context.ts";
import type { ServerTransaction } from "./sip-transaction.ts";

/** Who speaks to whom: `sip:user@domain`, with `;gr=` where it is known. */
export interface Correspondents {
  readonly from: string;
  readonly to: string;
}

/** From and Request-URI of a request outside a dialog; null where one of them names no user. */
export function correspondents({ essentials, requestUri }: ReceivedRequest): Correspondents | null {
  const from = instanceOf(essentials.from.uri);
  const to = instanceOf(requestUri);
  return from === null || to === null ? null : { from, to };
}

/** Answers a transaction, with the reason in the dialect's header. */
export function refuse(context: SipContext, transaction: ServerTransaction, { status, reason, headers }: Refusal): void {
  transaction.respond({ status, reason: bytesOf(reason), headers: [...headers, ...explain(context, status, reason)] });
}

/** Answers with what a handler said. */
export function pass(
  context: SipContext,
  transaction: ServerTransaction,
  { status, reason }: SipAnswer,
  headers: Answer["headers"] = [],
): void {
  transaction.respond({
    status,
    ...(reason === "" ? {} : { reason: bytesOf(reason) }),
    headers: [...headers, ...explain(context, status, reason)],
  });
}

/** What a text is, besides what its request says. Its thread is the Call-ID where nothing else is known. */
export type Place = Correspondents & Pick<SipText, "chat"> & Partial<Pick<SipText, "thread">>;

/** The text of a MESSAGE for the handler, or why it is refused. */
export function textOf(context: SipContext, received: ReceivedRequest, where: Place): SipText | Refusal {
  const read = readText(received.message, context.limits.bodyBytes);
  if (!read.ok) return read.status === 415 ? unsupportedType(read.reason) : refusal(read.status, read.reason);
  return { thread: received.essentials.callId, ...where, ...read.text, ...labels(received) };
}

/** Subject and language, which also an INVITE gives to the text inside it. */
export function labels({ message }: ReceivedRequest): Pick<SipText, "subject" | "language"> {
  const subject = utf8Of(headerOf(message, "subject") ?? "");
  const language = headerOf(message, "content-language");
  return { subject: subject === "" ? null : subject, language: language?.split(",")[0]?.trim() || null };
}

/** Hands a MESSAGE to the handler and answers it. */
export async function takeText(context: SipContext, transaction: ServerTransaction, where: Place): Promise<void> {
  const text = textOf(context, transaction.received, where);
  if ("status" in text) return refuse(context, transaction, text);
  pass(context, transaction, await handled(context, "onText", () => context.handlers.onText(text)));
}

/** A text of ours whose addresses were read. */
export interface OutgoingText {
  readonly text: SipText;
  /** Addresses of record: what makes a pair. */
  readonly local: string;
  readonly remote: string;
}

/** Reads the addresses of a text of ours, or answers why it cannot be sent. */
export function readOutgoing(text: SipText, bodyBytes: number): OutgoingText | SipAnswer {
  const from = parseUri(text.from, "from");
  const to = parseUri(text.to, "to");
  const local = from.ok && isSipUri(from.value) ? addressOf(from.value) : null;
  const remote = to.ok && isSipUri(to.value) ? addressOf(to.value) : null;
  if (local === null) return madeHere(400, "The sender has no SIP address of the form sip:user@domain");
  if (remote === null) return madeHere(400, "The recipient has no SIP address of the form sip:user@domain");
  const size = Buffer.byteLength(text.body);
  if (size > bodyBytes) return { status: 413, reason: `Text of ${size} bytes, at most ${bodyBytes}` };
  return { text, local, remote };
}

/** Headers and body of a MESSAGE that carries the text. */
export function messageParts({ body, contentType, subject, language }: SipText): Pick<NewRequest, "headers" | "body"> {
  const headers: HeaderPair[] = [["Content-Type", `${bytesOf(contentType)};charset=UTF-8`]];
  if (language !== null) headers.push(["Content-Language", bytesOf(language)]);
  if (subject !== null) headers.push(["Subject", bytesOf(subject)]);
  return { headers, body: Buffer.from(body, "utf8") };
}
