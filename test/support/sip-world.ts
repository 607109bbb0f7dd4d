/** A SIP side on loopback with handlers that remember, certificates of one authority, and the requests that a Lync user would send. */
import { randomBytes } from "node:crypto";
import { parseDocument } from "../../gateway/config/parse.ts";
import type { EdgeDocument, EdgeDocumentInput } from "../../gateway/config/schema.ts";
import type { EdgeState, Resolver, SipAnswer, SipHandlers, SipSide, SipText } from "../../gateway/server/ports.ts";
import { type SipSideOptions, sipSide } from "../../gateway/server/sip-side.ts";
import { headerOf, type SipMessage } from "../../gateway/sip/message.ts";
import { issue, makeAuthority } from "./certificates.ts";
import { makeTestClock, type TestClock } from "./clock.ts";
import { documentInput } from "./edge-document.ts";

const [high, low] = [(process.pid >> 8) & 0xff, process.pid & 0xff];
/** Where the edge listens, and where the next hop would. */
export const EDGE = `127.83.${high}.${low}`;
export const LYNC = `127.84.${high}.${low}`;
export const ALICE = "sip:alice@contoso.example";
export const ROMEO = "sip:romeo@fabrikam.example";

export const authority = makeAuthority();
/** Server purpose only, as the WebServer template of a Windows authority has it. */
export const lyncIdentity = issue(authority, { dnsNames: ["lync.contoso.example"], extendedKeyUsage: ["serverAuth"] });
export const edgeIdentity = issue(authority, { dnsNames: ["xmppgw.contoso.example"] });

/** What the handlers were told, and what they answer. */
export class Handlers implements SipHandlers {
  readonly told: string[] = [];
  readonly texts: SipText[] = [];
  answers: Partial<Record<"onText" | "onSession" | "onSubscribe", SipAnswer | Promise<SipAnswer>>> = {};

  async onText(text: SipText): Promise<SipAnswer> {
    this.texts.push(text);
    return (await this.answers.onText) ?? { status: 202, reason: "" };
  }
  async onSession(from: string, to: string): Promise<SipAnswer> {
    this.told.push(`session ${from} ${to}`);
    return (await this.answers.onSession) ?? { status: 200, reason: "" };
  }
  onSessionOpened(from: string, to: string): void {
    this.told.push(`opened ${from} ${to}`);
  }
  onSessionEnded(from: string, to: string): void {
    this.told.push(`ended ${from} ${to}`);
  }
  async onSubscribe(from: string, to: string, expires: number): Promise<SipAnswer> {
    this.told.push(`subscribe ${from} ${to} ${expires}`);
    return (await this.answers.onSubscribe) ?? { status: 200, reason: "" };
  }
}

export interface SipBench {
  readonly side: SipSide;
  readonly world: Handlers;
  readonly clock: TestClock;
  readonly state: EdgeState;
  /** Names of what was logged. */
  readonly logs: string[];
}

/** The test document with changes; trusted is our authority alone. */
export function sipDocument(sip: Partial<EdgeDocument["sip"]> = {}, changes: Partial<EdgeDocumentInput> = {}): EdgeDocument {
  const document = parseDocument(documentInput(changes));
  return { ...document, sip: { ...document.sip, useSystemAuthorities: false, trustedAuthorities: [authority.certificatePem], ...sip } };
}

/** @param dns in place of the answers that know the next hop alone */
export async function startSide(document: EdgeDocument, options: SipSideOptions = {}, dns: Partial<Resolver> = {}): Promise<SipBench> {
  const world = new Handlers();
  const clock = makeTestClock();
  const logs: string[] = [];
  const state: EdgeState = { document, xmppIdentity: edgeIdentity, sipIdentity: edgeIdentity, dialbackSecret: "x" };
  const resolver = { srv: async () => [], addresses: async (name: string) => (name === "lync.contoso.example" ? [LYNC] : []), ...dns };
  const surroundings = { clock, resolver, log: (what: string) => logs.push(what), bindAddress: EDGE, random: randomBytes };
  const side = sipSide(state, surroundings, world, options);
  await side.start();
  return { side, world, clock, state, logs };
}

export type LineChanges = Partial<Record<"uri" | "from" | "to" | "callId" | "cseq" | "via", string>>;

let serial = 0;

/** The lines of a request of Lync's user; a new branch each time. */
export function lines(method: string, extra: readonly string[] = [], changes: LineChanges = {}): string[] {
  serial++;
  return [
    `${method} ${changes.uri ?? ROMEO} SIP/2.0`,
    changes.via ?? `Via: SIP/2.0/TLS lync.contoso.example:5061;branch=z9hG4bK${serial};ms-received-cid=1A00`,
    "Max-Forwards: 69",
    `From: "Alice" <${changes.from ?? ALICE}>;tag=a1;epid=0123456789`,
    `To: <${ROMEO}>${changes.to ?? ""}`,
    `Call-ID: ${changes.callId ?? `call${serial}`}`,
    `CSeq: ${changes.cseq ?? "1"} ${method}`,
    ...extra,
  ];
}

export const PLAIN = ["Content-Type: text/plain; charset=UTF-8; msgr=WAAtAE0A"];
export const CONTACT = "Contact: <sip:alice@contoso.example;opaque=user:epid:abc;gruu>";
export const SDP = [CONTACT, "Content-Type: application/sdp"];
/** Lync's offer of an IM session. */
export const OFFER =
  "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n";

/** A text of the partner's user. */
export const text = (changes: Partial<SipText> = {}): SipText => ({
  from: `${ROMEO};gr=balcony`,
  to: ALICE,
  body: "Wherefore? ä",
  contentType: "text/plain",
  chat: true,
  thread: null,
  subject: null,
  language: null,
  ...changes,
});

/** The tag of To as a parameter, to be put into the next request. */
export const toTag = (response: SipMessage): string => /;tag=[^;]+/.exec(headerOf(response, "to") ?? "")?.[0] ?? "";
