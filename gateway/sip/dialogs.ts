/** Dialog state of both sides (RFC 3261 section 12), as values: each step gives a new one. */
import type { HeaderPair, NewRequest } from "./compose.ts";
import { type Fault, fail, type Outcome, ok } from "./faults.ts";
import { parameter, parseParameters, splitList } from "./grammar.ts";
import { headerOf, headersOf } from "./message.ts";
import type { Received, ReceivedRequest, ReceivedResponse } from "./parse.ts";
import { headerParametersStart, isSipUri, parseNameAddress } from "./uri.ts";

export interface Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From of our requests, without tag; To of theirs. As written, so that epid and display names stay. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** URI of the peer's Contact. */
  readonly remoteTarget: string;
  /** Route values, byte for byte as recorded, in the order in which we send them. */
  readonly routeSet: readonly string[];
  /** CSeq number of our last request. */
  readonly localCseq: number;
  /** CSeq number of the peer's last request; null before the first. */
  readonly remoteCseq: number | null;
}

/** Call-ID, local tag, remote tag (RFC 3261 12). */
export const dialogKey = (callId: string, localTag: string, remoteTag: string): string => `${callId} ${localTag} ${remoteTag}`;
export const keyOf = (dialog: Dialog): string => dialogKey(dialog.callId, dialog.localTag, dialog.remoteTag);

/** The key under which a request inside a dialog is found; null outside of any. */
export function keyOfRequest({ essentials }: ReceivedRequest): string | null {
  return essentials.toTag === null ? null : dialogKey(essentials.callId, essentials.toTag, essentials.fromTag ?? "");
}

/** The dialog that our 2xx makes (RFC 3261 12.1.1). */
export function asServer(received: ReceivedRequest, localTag: string): Outcome<Dialog> {
  const { essentials, message } = received;
  const parts = peerParts(received);
  if (!parts.ok) return parts;
  return ok({
    callId: essentials.callId,
    localTag,
    remoteTag: essentials.fromTag ?? "",
    localAddress: withoutTag(headerOf(message, "to") ?? ""),
    remoteAddress: withoutTag(headerOf(message, "from") ?? ""),
    ...parts.value,
    localCseq: 0,
    remoteCseq: essentials.cseq.number,
  });
}

/** The dialog that the peer's 2xx makes (RFC 3261 12.1.2). */
export function asClient(received: ReceivedResponse): Outcome<Dialog> {
  const { essentials, message } = received;
  const parts = peerParts(received);
  if (!parts.ok) return parts;
  return ok({
    callId: essentials.callId,
    localTag: essentials.fromTag ?? "",
    remoteTag: essentials.toTag ?? "",
    localAddress: withoutTag(headerOf(message, "from") ?? ""),
    remoteAddress: withoutTag(headerOf(message, "to") ?? ""),
    remoteTarget: parts.value.remoteTarget,
    routeSet: parts.value.routeSet.toReversed(),
    localCseq: essentials.cseq.number,
    remoteCseq: null,
  });
}

function peerParts(received: Received): Outcome<Pick<Dialog, "remoteTarget" | "routeSet">> {
  const contact = received.contacts[0];
  if (contact === undefined || received.contacts.length > 1)
    return fail("header-missing", "Contact", "expected exactly one to make a dialog");
  const routeSet: string[] = [];
  for (const value of headersOf(received.message, "record-route")) {
    const routes = splitList(value, "Record-Route");
    if (!routes.ok) return routes;
    routeSet.push(...routes.value);
  }
  return ok({ remoteTarget: contact.uri.text, routeSet });
}

/** From or To without its tag; display name, URI and other parameters (epid) are kept as written. */
export function withoutTag(value: string): string {
  const start = headerParametersStart(value);
  const parameters = parseParameters(value, start, "tag");
  if (!parameters.ok) return value;
  const others = parameters.value
    .filter(([name]) => name !== "tag")
    .map(([name, text]) => (text === null ? `;${name}` : `;${name}=${text}`));
  return value.slice(0, start).trimEnd() + others.join("");
}

/**
 * The next request inside the dialog (RFC 3261 12.2.1.1). ACK takes the CSeq number of its INVITE.
 * A first route without `lr` is a strict router: it goes to the Request-URI.
 */
export function nextRequest(
  dialog: Dialog,
  method: string,
  own: Pick<NewRequest, "branch" | "fqdn" | "port">,
  headers: readonly HeaderPair[] = [],
  cseq: number = dialog.localCseq + 1,
): { readonly parts: NewRequest; readonly dialog: Dialog } {
  const [first, ...others] = dialog.routeSet;
  const strict = first === undefined || isLoose(first) ? null : uriOfRoute(first);
  const parts: NewRequest = {
    ...own,
    method,
    uri: strict ?? dialog.remoteTarget,
    routes: strict === null ? dialog.routeSet : [...others, `<${dialog.remoteTarget}>`],
    from: `${dialog.localAddress};tag=${dialog.localTag}`,
    to: dialog.remoteTag === "" ? dialog.remoteAddress : `${dialog.remoteAddress};tag=${dialog.remoteTag}`,
    callId: dialog.callId,
    cseq,
    headers,
  };
  return { parts, dialog: method === "ACK" ? dialog : { ...dialog, localCseq: cseq } };
}

function isLoose(route: string): boolean {
  const parsed = parseNameAddress(route, "Route");
  return parsed.ok && isSipUri(parsed.value.uri) && parameter(parsed.value.uri.parameters, "lr") !== undefined;
}

function uriOfRoute(route: string): string | null {
  const parsed = parseNameAddress(route, "Route");
  return parsed.ok ? parsed.value.uri.text : null;
}

/** Host and port that a request inside the dialog goes to first: its first route, else the peer's Contact. Null where neither is a SIP URI. */
export function firstHop(dialog: Dialog): { readonly host: string; readonly port: number | null } | null {
  const parsed = parseNameAddress(dialog.routeSet[0] ?? `<${dialog.remoteTarget}>`, "Route");
  return parsed.ok && isSipUri(parsed.value.uri) ? { host: parsed.value.uri.host, port: parsed.value.uri.port } : null;
}

export type Taken =
  | { readonly ok: true; readonly dialog: Dialog }
  | { readonly ok: false; readonly status: 500 | 400; readonly fault: Fault | null };

/** Methods that replace the remote target (RFC 3261 12.2.2, RFC 6665 4.4.1). */
const TARGET_REFRESH: ReadonlySet<string> = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY"]);

/** Takes a request of the peer: CSeq must rise, or the answer is 500 (RFC 3261 12.2.2). */
export function takeRequest(dialog: Dialog, received: ReceivedRequest): Taken {
  const { number, method } = received.essentials.cseq;
  if (dialog.remoteCseq !== null && number <= dialog.remoteCseq) return { ok: false, status: 500, fault: null };
  const contact = TARGET_REFRESH.has(method) ? received.contacts[0] : undefined;
  return { ok: true, dialog: { ...dialog, remoteCseq: number, remoteTarget: contact?.uri.text ?? dialog.remoteTarget } };
}
