/** Messages of our own: responses that mirror their request (RFC 3261 8.2.6), and what every request carries (8.1.1). */
import { SINGLE } from "./headers.ts";
import { bytesOf, type Header, makeHeader, NO_BODY, type SipRequest, type SipResponse } from "./message.ts";
import { reasonOf } from "./reasons.ts";

/** Name and value of a header to be. */
export type HeaderPair = readonly [name: string, value: string];

export interface Answer {
  readonly status: number;
  /** Default: the phrase of the RFC. */
  readonly reason?: string;
  readonly headers?: readonly HeaderPair[];
  readonly body?: Buffer;
  /** Added to To where it has no tag; needed in every answer but 100. */
  readonly tag?: string;
}

/** Headers of a request that stand in every response to it, in this order. Record-Route makes a dialog's route set (RFC 3261 12.1.1). */
const MIRRORED = ["via", "from", "to", "call-id", "cseq"] as const;

/** The response to a request. `source`: the address it came from, for `received` (RFC 3261 18.2.1). */
export function respond(request: Pick<SipRequest, "headers">, answer: Answer, source: string | null): SipResponse {
  const headers = MIRRORED.flatMap((key) =>
    request.headers.filter((header) => header.key === key).slice(0, SINGLE.has(key) ? 1 : undefined),
  );
  const mirrored = headers.map((header) => (header.key === "to" ? withTag(header, answer.tag) : header));
  return {
    kind: "response",
    status: answer.status,
    reason: bytesOf(answer.reason ?? reasonOf(answer.status)),
    headers: [...withReceived(mirrored, source), ...(answer.headers ?? []).map(([name, value]) => makeHeader(name, value))],
    body: answer.body ?? NO_BODY,
  };
}

const withTag = (to: Header, tag: string | undefined): Header =>
  tag === undefined || /;[ \t]*tag[ \t]*=/i.test(to.value) ? to : { ...to, value: `${to.value};tag=${tag}` };

/** The top Via names the address that the request came from, unless it does already. */
function withReceived(headers: readonly Header[], source: string | null): readonly Header[] {
  const index = headers.findIndex((header) => header.key === "via");
  const via = headers[index];
  if (via === undefined || source === null) return headers;
  const comma = via.value.indexOf(",");
  const top = comma < 0 ? via.value : via.value.slice(0, comma);
  if (/;[ \t]*received[ \t]*=/i.test(top)) return headers;
  const value = `${top.trimEnd()};received=${source}${via.value.slice(top.length)}`;
  return headers.with(index, { ...via, value });
}

/** The 2xx that makes a dialog carries the Record-Route headers of the request, unchanged and in order (RFC 3261 12.1.1). */
export const recordRoutes = (request: Pick<SipRequest, "headers">): readonly HeaderPair[] =>
  request.headers.filter((header) => header.key === "record-route").map((header) => [header.name, header.value] as const);

export interface NewRequest {
  readonly method: string;
  readonly uri: string;
  readonly branch: string;
  /** Our own name, in Via. */
  readonly fqdn: string;
  readonly port: number;
  /** Values of From and To, tags included. */
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
  /** Route values, one a header, as they were recorded. */
  readonly routes?: readonly string[];
  readonly headers?: readonly HeaderPair[];
  readonly body?: Buffer;
}

const MAX_FORWARDS = "70";

/** A request with the headers that each must have (RFC 3261 8.1.1). */
export function request(parts: NewRequest): SipRequest {
  const pairs: HeaderPair[] = [
    ["Via", `SIP/2.0/TLS ${parts.fqdn}:${parts.port};branch=${parts.branch}`],
    ["Max-Forwards", MAX_FORWARDS],
    ...(parts.routes ?? []).map((route): HeaderPair => ["Route", route]),
    ["From", parts.from],
    ["To", parts.to],
    ["Call-ID", parts.callId],
    ["CSeq", `${parts.cseq} ${parts.method}`],
    ...(parts.headers ?? []),
  ];
  return {
    kind: "request",
    method: parts.method,
    uri: parts.uri,
    headers: pairs.map(([name, value]) => makeHeader(name, value)),
    body: parts.body ?? NO_BODY,
  };
}

/** What CANCEL and the ACK of a failure take from their INVITE: its top Via, its Route, its CSeq number (RFC 3261 9.1, 17.1.1.3). */
export function follow(invite: SipRequest, method: "ACK" | "CANCEL", to: string | null): SipRequest {
  const kept = new Set(["via", "max-forwards", "route", "from", "to", "call-id", "cseq"]);
  const headers = invite.headers
    .filter((header) => kept.has(header.key))
    .map((header) => {
      if (header.key === "cseq") return { ...header, value: header.value.replace("INVITE", method) };
      return header.key === "to" && to !== null ? { ...header, value: to } : header;
    });
  return { kind: "request", method, uri: invite.uri, headers, body: NO_BODY };
}
