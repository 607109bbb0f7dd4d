/** What is known about a stream at one moment: all that a guard may look at. Drivers fill it in, machines only read. */
import type { Methods } from "./methods.ts";
import type { CertificateStanding } from "./proof.ts";

/** A stream header, judged. Domains are normalised; null where the attribute is absent. */
export interface HeaderKnown {
  readonly from: string | null;
  readonly to: string | null;
  /** Present but no domain name. */
  readonly fromInvalid: boolean;
  readonly toInvalid: boolean;
  readonly contentNamespace: string | null;
  /** `none` is a peer from before RFC 3920, which knows neither features nor dialback errors. */
  readonly version: "none" | "1.0" | "unsupported";
  /** The dialback namespace is declared in it (XEP-0220 2.4.1). */
  readonly dialbackDeclared: boolean;
}

/** Stream management on one stream (XEP-0198). */
export interface ManagementKnown {
  /** The partner's settings admit it. */
  readonly allowed: boolean;
  readonly enabled: boolean;
  /** The acknowledgement at hand is for more than was sent; it has no number that can be read. */
  readonly tooHigh: boolean;
  readonly unreadable: boolean;
}

/** Stanzas both ways on one stream (XEP-0288). */
export interface BidiKnown {
  /** The partner's settings admit it. */
  readonly allowed: boolean;
  /** The initiator asked for it. */
  readonly requested: boolean;
}

/** The pair that a stanza, a dialback key or a verification request speaks of. */
export interface PairKnown {
  readonly addressesValid: boolean;
  /** The partner's domain is listed, ours is served. */
  readonly listed: boolean;
  readonly served: boolean;
  readonly methods: Methods;
  /** This very pair is proven on this stream; its partner is, to some domain of ours. */
  readonly proven: boolean;
  readonly partnerProven: boolean;
}

/** SASL `auth` as it came. */
export interface AuthKnown {
  readonly mechanism: string;
  /** `same`: absent, empty, or the stream's `from` (XEP-0178); `other`: any other name; `malformed`: not base64. */
  readonly authzid: "same" | "other" | "malformed";
}

export interface InboundKnown {
  readonly tls: boolean;
  readonly header: HeaderKnown | null;
  /** The header before the last restart. */
  readonly earlier: HeaderKnown | null;
  /** `from` is absent or listed. */
  readonly listed: boolean;
  readonly served: boolean;
  /** M of the stream's `from`; of any partner where there is no `from`. */
  readonly methods: Methods;
  /** What the client certificate says about `from`. */
  readonly certificate: CertificateStanding;
  /** SASL has succeeded on this stream. */
  readonly authenticated: boolean;
  readonly saslFailures: number;
  /** Something other than white space came behind the present element, in the same piece. */
  readonly bytesFollow: boolean;
  /** The partner's streams (for an unproven one: those of its address) are as many as allowed. */
  readonly limitReached: boolean;
  readonly pairsProven: number;
  readonly pairsOpen: number;
  readonly auth: AuthKnown | null;
  readonly pair: PairKnown | null;
  readonly management: ManagementKnown;
  readonly bidi: BidiKnown;
}

/** What the partner's features offer. */
export interface FeaturesKnown {
  readonly starttls: boolean;
  readonly starttlsRequired: boolean;
  readonly external: boolean;
  readonly dialback: boolean;
  readonly bidi: boolean;
  readonly management: boolean;
}

export interface OutboundKnown {
  /** `stanzas`: to prove ourselves and send. `verify`: only to ask the authoritative server about a key. */
  readonly purpose: "stanzas" | "verify";
  readonly methods: Methods;
  readonly tls: boolean;
  /** TLS was up, or was tried, in an earlier connection of this attempt. */
  readonly plainForbidden: boolean;
  readonly header: HeaderKnown | null;
  readonly features: FeaturesKnown | null;
  readonly certificate: CertificateStanding;
  /** EXTERNAL was refused in an earlier connection of this attempt; in this one. */
  readonly externalSkipped: boolean;
  readonly externalRefused: boolean;
  /** STARTTLS was asked for although it was not advertised (RFC 7590 section 3.1). */
  readonly starttlsUnadvertised: boolean;
  readonly bytesFollow: boolean;
  /** The dialback answer at hand belongs to our request on this stream. */
  readonly answerMatches: boolean;
  /** The stream error at hand says that the peer's server does not know the domain we came for. */
  readonly hostUnknown: boolean;
  readonly management: ManagementKnown;
  /** An earlier stream of the pair was lost and may be resumed. */
  readonly resumable: boolean;
  readonly bidi: BidiKnown;
  /** The stanza at hand has addresses, and they are those of the stream's pair. */
  readonly stanzaAddressed: boolean;
  readonly stanzaOfPair: boolean;
}
