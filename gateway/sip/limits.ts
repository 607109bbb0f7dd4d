/** Bounds on what one SIP message may make this code hold or do. Bytes unless the name says otherwise. */
export const LIMITS = {
  /** Start line and headers together. */
  headBytes: 65_536,
  /** A longer body is answered 413. */
  bodyBytes: 65_536,
  /** A body up to this length is read past, so that one large message does not cost the peer its connection; beyond, it does. */
  skippedBodyBytes: 16_777_216,
  headers: 512,
  /** Parameters of one URI or one header value. */
  parameters: 64,
  /** Elements of one header that is a list. */
  listElements: 256,
  /** Parts of a multipart body. */
  bodyParts: 16,
  /** Media descriptions of a session description. */
  media: 16,
} as const;
