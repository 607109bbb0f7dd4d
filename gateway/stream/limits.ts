/**
 * What one peer may make us hold or work through. Sizes are bytes on the wire unless a line says otherwise; exceeding one is
 * the stream error policy-violation (RFC 6120 sections 4.9.3.14 and 13.12).
 */
export interface ReaderLimits {
  /** Bytes of one first-level element, from its `<` to its last `>`. RFC 6120 section 13.12 forbids less than 10000. */
  readonly elementBytes: number;
  /** Levels of elements in a first-level element, itself included. */
  readonly depth: number;
  /** Attributes of one tag, namespace declarations included. */
  readonly attributes: number;
  /** Bytes of one element or attribute name, prefix included. */
  readonly nameBytes: number;
  /** Bytes of one attribute value, references resolved. */
  readonly attributeBytes: number;
  /** Nodes (elements and texts) of a first-level element, all levels together. */
  readonly children: number;
  /** Prefixes declared at one place: by the tag itself, those around it and the header. */
  readonly namespaces: number;
  /** Bytes from the start of a stream to the end of its header. */
  readonly headerBytes: number;
}

/** For an authenticated peer. */
export const READER_LIMITS: ReaderLimits = {
  elementBytes: 262_144,
  depth: 64,
  attributes: 64,
  nameBytes: 256,
  attributeBytes: 16_384,
  children: 8192,
  namespaces: 64,
  headerBytes: 8192,
};

/** For a peer that has proven nothing yet: enough for features, SASL and dialback. */
export const UNAUTHENTICATED_LIMITS: ReaderLimits = {
  elementBytes: 16_384,
  depth: 16,
  attributes: 32,
  nameBytes: 256,
  attributeBytes: 4096,
  children: 256,
  namespaces: 32,
  headerBytes: 4096,
};
