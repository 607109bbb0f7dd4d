/**
 * Stream errors (RFC 6120 section 4.9): the closed list of conditions with what each means, and the element that carries one.
 * A stream error always ends the stream (4.9.1.1).
 */
import { childElements, childOf, element, textOf, type XmlElement } from "./element.ts";
import { NS } from "./namespaces.ts";

// biome-ignore format: one condition a line
export const STREAM_ERRORS = {
  //                          what the peer did, or what happened                                                     RFC 6120
  "bad-format":               { meaning: "XML that cannot be processed, where no better condition fits",             cite: "4.9.3.1"  },
  "bad-namespace-prefix":     { meaning: "a namespace prefix that is not bound or not supported here",               cite: "4.9.3.2"  },
  "conflict":                 { meaning: "another stream conflicts with this one",                                   cite: "4.9.3.3"  },
  "connection-timeout":       { meaning: "no sign of life for too long",                                             cite: "4.9.3.4"  },
  "host-gone":                { meaning: "the domain asked for is no longer served",                                 cite: "4.9.3.5"  },
  "host-unknown":             { meaning: "the domain asked for is not served",                                       cite: "4.9.3.6"  },
  "improper-addressing":      { meaning: "a stanza without `to` or `from`",                                          cite: "4.9.3.7"  },
  "internal-server-error":    { meaning: "a fault of the server",                                                    cite: "4.9.3.8"  },
  "invalid-from":             { meaning: "`from` is not of a domain proven on this stream",                          cite: "4.9.3.9"  },
  "invalid-namespace":        { meaning: "the stream or content namespace is not the one required",                  cite: "4.9.3.10" },
  "invalid-xml":              { meaning: "XML that is well-formed and still not valid here",                         cite: "4.9.3.11" },
  "not-authorized":           { meaning: "something sent before the stream was authenticated",                       cite: "4.9.3.12" },
  "not-well-formed":          { meaning: "XML that is not well-formed",                                              cite: "4.9.3.13" },
  "policy-violation":         { meaning: "a local policy or limit was violated",                                     cite: "4.9.3.14" },
  "remote-connection-failed": { meaning: "another server needed for authentication cannot be reached",               cite: "4.9.3.15" },
  "reset":                    { meaning: "the stream has to be negotiated anew",                                     cite: "4.9.3.16" },
  "resource-constraint":      { meaning: "the server lacks the resources to serve the stream",                       cite: "4.9.3.17" },
  "restricted-xml":           { meaning: "a comment, processing instruction, DTD or undeclared entity",              cite: "4.9.3.18" },
  "see-other-host":           { meaning: "the service is at another host",                                           cite: "4.9.3.19" },
  "system-shutdown":          { meaning: "the server is shutting down",                                              cite: "4.9.3.20" },
  "undefined-condition":      { meaning: "a condition none of the others names",                                     cite: "4.9.3.21" },
  "unsupported-encoding":     { meaning: "an encoding other than UTF-8",                                             cite: "4.9.3.22" },
  "unsupported-feature":      { meaning: "a mandatory feature is not supported",                                     cite: "4.9.3.23" },
  "unsupported-stanza-type":  { meaning: "a first-level element that is no known stanza",                            cite: "4.9.3.24" },
  "unsupported-version":      { meaning: "a stream version that is not supported",                                   cite: "4.9.3.25" },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly cite: string }>>;

export type StreamErrorCondition = keyof typeof STREAM_ERRORS;

export const isStreamErrorCondition = (name: string): name is StreamErrorCondition => Object.hasOwn(STREAM_ERRORS, name);

/** A stream error as read. */
export interface StreamError {
  /** `undefined-condition` where the peer named none of the list (RFC 6120 4.9.3.21). */
  readonly condition: StreamErrorCondition;
  /** Empty where the peer gave none. */
  readonly text: string;
  /** The application-specific condition, if any (4.9.4). */
  readonly application: XmlElement | null;
}

/** The `<stream:error/>` element: defined condition, text, application-specific condition, in the order of RFC 6120 4.9.2. */
export function streamError(condition: StreamErrorCondition, text?: string, appCondition?: XmlElement): XmlElement {
  return element(
    NS.streams,
    "error",
    {},
    element(NS.streamErrors, condition),
    text ? element(NS.streamErrors, "text", { "xml:lang": "en" }, text) : undefined,
    appCondition,
  );
}

export const isStreamError = (candidate: XmlElement): boolean => candidate.name === "error" && candidate.namespace === NS.streams;

/** Reads a `<stream:error/>`; null for any other element. */
export function readStreamError(candidate: XmlElement): StreamError | null {
  if (!isStreamError(candidate)) return null;
  const children = childElements(candidate);
  const named = children.find((child) => child.namespace === NS.streamErrors && child.name !== "text")?.name ?? "";
  const text = childOf(candidate, NS.streamErrors, "text");
  return {
    condition: isStreamErrorCondition(named) ? named : "undefined-condition",
    text: text ? textOf(text) : "",
    application: children.find((child) => child.namespace !== NS.streamErrors) ?? null,
  };
}
