/** Requests of the peer: judged, matched to a dialog, given to the method's own part. */
import { keyOfRequest } from "../sip/dialogs.ts";
import { ALLOW, judge, type METHODS, refusal } from "../sip/judge.ts";
import { headerOf } from "../sip/message.ts";
import type { ReceivedRequest } from "../sip/parse.ts";
import { ACCEPTED_TYPES } from "../sip/text.ts";
import type { SipContext } from "./sip-context.ts";
import type { Sessions } from "./sip-sessions.ts";
import type { Subscriptions } from "./sip-subscriptions.ts";
import { correspondents, refuse, takeText } from "./sip-texts.ts";
import type { ServerTransaction } from "./sip-transaction.ts";
import type { Core } from "./sip-transactions.ts";

export interface CoreParts {
  readonly context: SipContext;
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly cancel: (transaction: ServerTransaction) => boolean;
  readonly isMerged: (transaction: ServerTransaction) => boolean;
  readonly isDraining: () => boolean;
}

type TakenMethod = { [Method in keyof typeof METHODS]: (typeof METHODS)[Method] extends "taken" ? Method : never }[keyof typeof METHODS];
type Outside = (parts: CoreParts, transaction: ServerTransaction) => void | Promise<void>;

const noDialog: Outside = ({ context }, transaction) => refuse(context, transaction, refusal(481));

/** Requests outside dialogs, by method. ACK is never one: it has no transaction. */
const OUTSIDE = {
  ACK: noDialog,
  BYE: noDialog,
  CANCEL: onCancel,
  INVITE: ({ sessions }, transaction) => sessions.onInvite(transaction),
  MESSAGE: onMessage,
  OPTIONS: onOptions,
  SUBSCRIBE: ({ subscriptions }, transaction) => subscriptions.onSubscribe(transaction),
} as const satisfies Record<TakenMethod, Outside>;

const HANDLERS: ReadonlyMap<string, Outside> = new Map(Object.entries(OUTSIDE));

export function makeCore(parts: CoreParts): Core {
  return {
    onRequest: (transaction) => onRequest(parts, transaction),
    onAck: (received) => parts.sessions.onAck(received),
  };
}

function onRequest(parts: CoreParts, transaction: ServerTransaction): void {
  const { context } = parts;
  const { document } = context.state();
  const { received } = transaction;
  const verdict = judge(received, { fqdn: document.sip.fqdn, sipDomains: document.sipDomains, dialect: context.dialect });
  const key = keyOfRequest(received);
  if (verdict !== null) refuse(context, transaction, verdict);
  else if (received.message.method === "CANCEL") onCancel(parts, transaction);
  else if (key !== null) inDialog(parts, transaction, key);
  else outside(parts, transaction);
}

function outside(parts: CoreParts, transaction: ServerTransaction): void {
  const { context } = parts;
  if (parts.isDraining()) refuse(context, transaction, refusal(503, "The gateway is stopping"));
  else if (parts.isMerged(transaction)) refuse(context, transaction, refusal(482, "The same request came before by another way"));
  else void (HANDLERS.get(transaction.received.message.method) ?? noDialog)(parts, transaction);
}

function inDialog({ context, sessions, subscriptions }: CoreParts, transaction: ServerTransaction, key: string): void {
  const taken = sessions.onRequest(transaction, key) || subscriptions.onRequest(transaction, key);
  if (!taken) refuse(context, transaction, refusal(481));
}

function onCancel({ context, cancel }: CoreParts, transaction: ServerTransaction): void {
  if (cancel(transaction)) transaction.respond({ status: 200 });
  else refuse(context, transaction, refusal(481));
}

/** One MESSAGE of its own (RFC 3428). */
function onMessage({ context }: CoreParts, transaction: ServerTransaction): void | Promise<void> {
  const between = correspondents(transaction.received);
  if (between === null) return refuse(context, transaction, refusal(404, "Request-URI names no user"));
  return takeText(context, transaction, { ...between, chat: false });
}

/** What we are able to do (RFC 3261 11.2), and Lync's keep-alive where it is asked for. */
function onOptions({ context }: CoreParts, transaction: ServerTransaction): void {
  transaction.respond({
    status: 200,
    headers: [
      ["Allow", ALLOW],
      ["Accept", ["application/sdp", ...ACCEPTED_TYPES].join(", ")],
      ["Accept-Encoding", "identity"],
      ["Allow-Events", "presence"],
      ...keepAlive(context, transaction.received),
    ],
  });
}

const keepAlive = ({ dialect }: SipContext, { message }: ReceivedRequest): readonly [string, string][] =>
  dialect.keepAliveAnswer !== null && /^UAC\b/i.test(headerOf(message, "ms-keep-alive") ?? "")
    ? [["ms-keep-alive", dialect.keepAliveAnswer]]
    : [];
