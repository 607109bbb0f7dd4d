/**
 * What the two sides of the gateway and its router promise each other, and what the composition root hands to each.
 * The XMPP side and the SIP side know nothing of one another; only the router knows both.
 */
import type { EdgeDocument } from "../config/schema.ts";
import type { SipText } from "../interworking/text.ts";
import type { PeerProof } from "../negotiation/proof.ts";
import type { Log } from "../observe/log.ts";
import type { NaptrRecord } from "../sip/locate.ts";
import type { XmlElement } from "../xmpp/element.ts";

export type { Log, PeerProof };

// ---- what main.ts makes ----------------------------------------------------------------------------------------

export interface Timer {
  cancel(): void;
}

/** Time. The core never reads it; drivers get it here, tests hand in a fake. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  after(milliseconds: number, act: () => void): Timer;
}

export interface SrvTarget {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}

/** DNS. Empty answers are empty lists; failures reject with a NodeJS.ErrnoException whose code is the dns module's. */
export interface Resolver {
  srv(name: string): Promise<readonly SrvTarget[]>;
  /** For SIP (RFC 3263); where absent, none is asked for. */
  naptr?(name: string): Promise<readonly NaptrRecord[]>;
  /** A and AAAA together, IPv6 first where both exist. */
  addresses(name: string): Promise<readonly string[]>;
}

/** One end-entity identity: PEM chain, leaf first, and its PEM private key. */
export interface Identity {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** Everything that may change while the gateway runs. A reload hands over the whole of it. */
export interface EdgeState {
  readonly document: EdgeDocument;
  /** Served to partners, and shown to them as client, where none of the further ones is for the domain. */
  readonly xmppIdentity: Identity;
  /** Each served, and shown, for those SIP domains that its certificate names. */
  readonly furtherIdentities?: readonly Identity[];
  /** Served to the Lync side, and shown to it as client. */
  readonly sipIdentity: Identity;
  /** Secret from which dialback keys are made (XEP-0185); shared by all nodes. */
  readonly dialbackSecret: string;
}

/** The part of the Fetch standard that is used: nothing but the address, redirects refused, a signal to stop. */
export type Fetch = (address: string, how: { readonly redirect: "error"; readonly signal: AbortSignal }) => Promise<Response>;

export interface Surroundings {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly log: Log;
  /** Address to bind listeners to. */
  readonly bindAddress: string;
  /** `bytes` random bytes. */
  readonly random: (bytes: number) => Buffer;
  /** For revocation lists; where absent, none is fetched. */
  readonly fetch?: Fetch;
}

// ---- why something failed --------------------------------------------------------------------------------------

/** A reason with a stable code and one sentence an administrator understands. */
export interface Failure {
  /** Kebab-case, from the table in observe/events.ts or negotiation: `partner-not-listed`, `tls-certificate-invalid`... */
  readonly code: string;
  readonly text: string;
  /** The XMPP stanza error condition (RFC 6120 8.3.3) this failure is, when told to an XMPP sender. */
  readonly condition: string;
}

// ---- XMPP side -------------------------------------------------------------------------------------------------

export type Sent = { readonly sent: true; readonly proof: PeerProof } | { readonly sent: false; readonly because: Failure };

export interface XmppConnection {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly address: string;
  readonly localDomain: string;
  readonly partnerDomain: string | null;
  readonly state: string;
  readonly security: string;
  readonly method: PeerProof["by"] | null;
  /** What the peer's certificate claims, trusted or not: domains, and its end in epoch milliseconds. Null where none was shown. */
  readonly certificate: { readonly names: readonly string[]; readonly expires: number } | null;
  /** Carries stanzas both ways (XEP-0288). */
  readonly bidirectional: boolean;
  /** Stanzas are acknowledged (XEP-0198). */
  readonly streamManagement: boolean;
  readonly since: number;
  readonly stanzasIn: number;
  readonly stanzasOut: number;
}

/** An attempt that failed or was refused, newest first in lists; kept in a bounded ring. */
export interface AttemptRecord {
  readonly at: number;
  readonly direction: "in" | "out";
  readonly address: string;
  readonly peer: string | null;
  readonly step: string;
  readonly code: string;
  readonly text: string;
}

export interface XmppSide {
  start(): Promise<void>;
  /** New document, certificates, secret: streams no longer admissible close with policy-violation, the others stay. */
  reload(state: EdgeState): void;
  /**
   * Writes a stanza (its `from` is ours, its `to` the partner's; both set) to an authenticated stream, making one if need
   * be. Settles at the latest at `deadline` (epoch ms); after a refusal nothing is written late.
   */
  send(stanza: XmlElement, deadline: number): Promise<Sent>;
  connections(): readonly XmppConnection[];
  attempts(): readonly AttemptRecord[];
  /** Stops listening, closes every stream with its closing tag, at most `milliseconds`. */
  drain(milliseconds: number): Promise<void>;
}

export interface XmppHandlers {
  /**
   * A stanza that arrived on a proven stream: `from` and `to` are present, well-formed, and belong to the proof's pair.
   * Called in order of arrival per stream; the side awaits nothing of what comes back, so order within a pair is the router's.
   */
  onStanza(stanza: XmlElement, proof: PeerProof): void;
}

export type MakeXmppSide = (state: EdgeState, surroundings: Surroundings, handlers: XmppHandlers) => XmppSide;

// ---- SIP side --------------------------------------------------------------------------------------------------

export type { SipText };

/** A final answer: RFC 3261 status, reason phrase, and where known Lync's `ms-diagnostics-public` reason. */
export interface SipAnswer {
  readonly status: number;
  readonly reason: string;
}

export interface SipConnection {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly address: string;
  readonly peerFqdn: string | null;
  readonly since: number;
}

/** One next hop of the document, in its order. */
export interface SipHop {
  readonly fqdn: string;
  /** Null where DNS tells it. */
  readonly port: number | null;
  /** `unknown`: nothing was asked of it yet. `up`: its last answer says so. `down`: it is passed over until it answers. */
  readonly health: "unknown" | "up" | "down";
  /** When that began, in epoch milliseconds. */
  readonly since: number;
  /** Why it is down; null where it is not. */
  readonly because: { readonly code: string; readonly text: string } | null;
}

export interface SipSide {
  start(): Promise<void>;
  reload(state: EdgeState): void;
  /**
   * Delivers a text to a SIP user through the next hop, as the document's messageMode says. `session`: in the session of
   * this pair, opened by INVITE where there is none. Resolves with the final status of the MESSAGE (or of the INVITE that
   * failed); a transport failure or timeout is a 4xx/5xx made here, never a rejection.
   */
  deliver(text: SipText): Promise<SipAnswer>;
  /** Ends the session of a pair with BYE, if there is one (a partner went `gone`, or consent ended). */
  endSession(from: string, to: string): void;
  connections(): readonly SipConnection[];
  nextHops(): readonly SipHop[];
  attempts(): readonly AttemptRecord[];
  /** Takes nothing new, ends what rings with CANCEL and sessions with BYE, waits for answers under way; at most that long. */
  drain(milliseconds: number): Promise<void>;
}

export interface SipHandlers {
  /** A MESSAGE, outside or inside a session. The answer is the transaction's final response; it comes within 25 s. */
  onText(text: SipText): Promise<SipAnswer>;
  /** An INVITE for an IM session. 200 lets the session be made. */
  onSession(from: string, to: string): Promise<SipAnswer>;
  /** The session our user opened (INVITE from our side) towards a partner's user began or ended. */
  onSessionOpened(from: string, to: string): void;
  onSessionEnded(from: string, to: string): void;
  /** A SUBSCRIBE to a partner's user with that many seconds; 0 ends or fetches. 200 accepts; the side then notifies `pending`. */
  onSubscribe(from: string, to: string, expires: number): Promise<SipAnswer>;
}

export type MakeSipSide = (state: EdgeState, surroundings: Surroundings, handlers: SipHandlers) => SipSide;
