/** What passes between the two sides. */

/** A text on its way to or from the SIP side. */
export interface SipText {
  /** `sip:user@domain`, percent-encoded as RFC 7247 says, with `;gr=` where a resource is known. */
  readonly from: string;
  readonly to: string;
  readonly body: string;
  /** Without parameters: `text/plain`, `text/html`. Text is UTF-8. */
  readonly contentType: string;
  /** Part of a chat session (RFC 7573), or a message that stands alone (RFC 7572). */
  readonly chat: boolean;
  /** Ties texts to a conversation: XMPP thread and SIP Call-ID (RFC 7572, RFC 7573). */
  readonly thread: string | null;
  readonly subject: string | null;
  readonly language: string | null;
}
