/** The closed list of events that the gateway logs: one name, one level, one meaning. Messages' texts are in none of them. */

type Level = "debug" | "info" | "warn" | "error";
type Row = { readonly level: Level; readonly meaning: string };

// biome-ignore format: one event, one line
export const EVENTS = {
  // the process
  "gateway-ready":          { level: "info",  meaning: "both sides listen" },
  "gateway-draining":       { level: "info",  meaning: "asked to stop: streams and sessions are being closed" },
  "gateway-stopped":        { level: "info",  meaning: "everything is closed" },
  "certificate-own":        { level: "warn",  meaning: "no certificate was given: one of our own signing is served, which proves nothing to anybody" },
  // what it is told
  "state-applied":          { level: "info",  meaning: "a new document, certificate or secret is in force" },
  "state-refused":          { level: "error", meaning: "the newest document, certificate or secret cannot be used; the ones before stay in force" },
  "source-waiting":         { level: "warn",  meaning: "a source cannot be read yet; it is asked again" },
  "revocation-list-read":   { level: "info",  meaning: "a new certificate revocation list is in force" },
  "revocation-list-unusable": { level: "warn", meaning: "a certificate revocation list cannot be had or used; the one before stays in force" },
  "revocation-unchecked":   { level: "warn",  meaning: "a partner's certificate was accepted although there is no usable revocation list of its authority" },
  "configuration-warning":  { level: "warn",  meaning: "a setting works but is advised against" },
  // messages
  "message-to-sip":         { level: "info",  meaning: "a partner's message was taken by the SIP side" },
  "message-to-xmpp":        { level: "info",  meaning: "a SIP user's message stands on a partner's stream" },
  "message-refused":        { level: "info",  meaning: "the policy does not allow this message; its sender was told" },
  "message-failed":         { level: "warn",  meaning: "a message was not delivered; its sender was told why" },
  "message-bounced":        { level: "info",  meaning: "a partner sent back a message that stood on its stream; the SIP user was told" },
  "bounce-unknown":         { level: "debug", meaning: "an error came for a message that is not remembered" },
  "answer-failed":          { level: "info",  meaning: "an answer of ours did not reach the partner" },
  "consent-granted":        { level: "info",  meaning: "a user here has added a partner's user" },
  "router-broken":          { level: "error", meaning: "a fault of the gateway itself; the sender was told internal-server-error" },
  // XMPP side
  "xmpp-listening":         { level: "info",  meaning: "partners may connect" },
  "xmpp-listener-problem":  { level: "error", meaning: "the XMPP listener had a fault" },
  "xmpp-stream-proven":     { level: "info",  meaning: "a partner is proven on a stream" },
  "xmpp-stream-closing":    { level: "info",  meaning: "a stream is being closed, with the reason" },
  "xmpp-stream-closed":     { level: "info",  meaning: "a stream has ended" },
  "xmpp-attempt-failed":    { level: "warn",  meaning: "a stream was refused or failed, with peer, step and cause" },
  // SIP side
  "sip-connected":          { level: "info",  meaning: "a SIP peer is connected and its certificate is proven" },
  "sip-disconnected":       { level: "info",  meaning: "a connection with a SIP peer has ended" },
  "sip-attempt-failed":     { level: "warn",  meaning: "a connection or request was refused or failed, with the cause" },
  "sip-hop-down":           { level: "warn",  meaning: "a next hop cannot take requests; it is passed over until it answers" },
  "sip-hop-up":             { level: "info",  meaning: "a next hop answers again" },
  "sip-listener-failed":    { level: "error", meaning: "the SIP listener had a fault" },
  "sip-handler-failed":     { level: "error", meaning: "a fault of the gateway itself; the peer was answered 500" },
  "sip-session-opened":     { level: "info",  meaning: "an IM session began" },
  "sip-session-ended":      { level: "info",  meaning: "an IM session ended" },
} as const satisfies Readonly<Record<string, Row>>;

export type EventName = keyof typeof EVENTS;
