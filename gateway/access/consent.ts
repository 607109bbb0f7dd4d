/**
 * Consent of a user here towards a user of a public unverified partner: given by adding them, which Lync shows as a
 * subscription. It is a fact about people, so it outlives the subscription, the sign-out and the gateway.
 */

/** All endpoints of a user count as one. Times in milliseconds since the epoch. */
export interface Consent {
  readonly grantedAt: number;
  /** Last subscription. */
  readonly renewedAt: number;
}

export type ConsentEvent =
  /** SUBSCRIBE; `expires` in seconds, 0 is a fetch or the end of one. */
  | { readonly kind: "subscribe"; readonly expires: number }
  /** A subscription ran out or its dialog ended: Lync signs out, restarts, fails over. */
  | { readonly kind: "subscriptionEnded" }
  | { readonly kind: "signedOut" }
  /** By an operator. */
  | { readonly kind: "revoked" };

const DAY = 86_400_000;

/** The oldest last subscription that still counts. `lifetimeDays`: gateway.consentLifetimeDays. */
export const consentSince = (now: number, lifetimeDays: number): number => now - lifetimeDays * DAY;

/** Whether a consent still counts. */
const isAlive = (consent: Consent, since: number): boolean => consent.renewedAt >= since;

/** The consent after a subscription: one that had lapsed begins anew, and a clock set back shortens none. `since`: see consentSince. */
export const renewedConsent = (previous: Consent | null, now: number, since: number): Consent =>
  previous !== null && isAlive(previous, since)
    ? { grantedAt: previous.grantedAt, renewedAt: Math.max(previous.renewedAt, now) }
    : { grantedAt: now, renewedAt: now };

/** The consent after an event; null is none. Only a subscription gives it, only an operator or time ends it. */
export function consentAfter(event: ConsentEvent, previous: Consent | null, now: number, lifetimeDays: number): Consent | null {
  const since = consentSince(now, lifetimeDays);
  const current = previous !== null && isAlive(previous, since) ? previous : null;
  switch (event.kind) {
    case "subscribe":
      return event.expires > 0 ? renewedConsent(current, now, since) : current;
    case "subscriptionEnded":
    case "signedOut":
      return current;
    case "revoked":
      return null;
    default:
      return event satisfies never;
  }
}
