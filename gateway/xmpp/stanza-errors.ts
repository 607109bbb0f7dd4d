/** Stanza errors (RFC 6120 section 8.3): the closed list of conditions with type and meaning, made into stanzas and read from them. */
import { childElements, childOf, element, textOf, type XmlElement } from "./element.ts";
import { NS } from "./namespaces.ts";

/** What the sender of the stanza may do about it (RFC 6120 section 8.3.2). */
export const STANZA_ERROR_TYPES = ["auth", "cancel", "continue", "modify", "wait"] as const;
export type StanzaErrorType = (typeof STANZA_ERROR_TYPES)[number];

// biome-ignore format: one condition a line
export const STANZA_ERRORS = {
  //                          type (the RFC's; the first where it gives two)                                              RFC 6120
  "bad-request":              { type: "modify", meaning: "the stanza cannot be processed as it is",                       cite: "8.3.3.1"  },
  "conflict":                 { type: "cancel", meaning: "something with the same name or address exists",                cite: "8.3.3.2"  },
  "feature-not-implemented":  { type: "cancel", meaning: "the feature asked for is not implemented",                      cite: "8.3.3.3"  },
  "forbidden":                { type: "auth",   meaning: "the sender lacks the permission",                               cite: "8.3.3.4"  },
  "gone":                     { type: "cancel", meaning: "the recipient can no longer be reached at this address",        cite: "8.3.3.5"  },
  "internal-server-error":    { type: "cancel", meaning: "a fault of the server",                                         cite: "8.3.3.6"  },
  "item-not-found":           { type: "cancel", meaning: "the address or item does not exist",                            cite: "8.3.3.7"  },
  "jid-malformed":            { type: "modify", meaning: "an address is no JID",                                          cite: "8.3.3.8"  },
  "not-acceptable":           { type: "modify", meaning: "the stanza does not meet the recipient's criteria",             cite: "8.3.3.9"  },
  "not-allowed":              { type: "cancel", meaning: "nobody may do this",                                            cite: "8.3.3.10" },
  "not-authorized":           { type: "auth",   meaning: "the sender has not proven who it is",                           cite: "8.3.3.11" },
  "policy-violation":         { type: "modify", meaning: "a local policy or limit was violated",                          cite: "8.3.3.12" },
  "recipient-unavailable":    { type: "wait",   meaning: "the recipient is unavailable for now",                          cite: "8.3.3.13" },
  "redirect":                 { type: "modify", meaning: "the recipient is at another address for now",                   cite: "8.3.3.14" },
  "registration-required":    { type: "auth",   meaning: "the sender has to register first",                              cite: "8.3.3.15" },
  "remote-server-not-found":  { type: "cancel", meaning: "the recipient's domain does not exist or cannot be resolved",   cite: "8.3.3.16" },
  "remote-server-timeout":    { type: "wait",   meaning: "the recipient's domain could not be reached in time",           cite: "8.3.3.17" },
  "resource-constraint":      { type: "wait",   meaning: "the server lacks the resources for now",                        cite: "8.3.3.18" },
  "service-unavailable":      { type: "cancel", meaning: "the service asked for is not provided",                         cite: "8.3.3.19" },
  "subscription-required":    { type: "auth",   meaning: "the sender has to subscribe first",                             cite: "8.3.3.20" },
  "undefined-condition":      { type: "cancel", meaning: "a condition none of the others names",                          cite: "8.3.3.21" },
  "unexpected-request":       { type: "wait",   meaning: "the request was understood, but not expected now",              cite: "8.3.3.22" },
} as const satisfies Readonly<Record<string, { readonly type: StanzaErrorType; readonly meaning: string; readonly cite: string }>>;

export type StanzaErrorCondition = keyof typeof STANZA_ERRORS;

export const isStanzaErrorCondition = (name: string): name is StanzaErrorCondition => Object.hasOwn(STANZA_ERRORS, name);

export interface StanzaErrorDetails {
  /** Default: the type in the table. */
  readonly type?: StanzaErrorType | undefined;
  readonly text?: string | undefined;
  /** Who found the error (RFC 6120 8.3.2). */
  readonly by?: string | undefined;
  /** New address as a URI; with `gone` and `redirect` only (8.3.3.5, 8.3.3.14). */
  readonly address?: string | undefined;
  /** Application-specific condition (8.3.4). */
  readonly application?: XmlElement | undefined;
}

/** A stanza error as read. */
export interface StanzaError {
  readonly type: StanzaErrorType;
  /** `undefined-condition` where the peer named none of the list. */
  readonly condition: StanzaErrorCondition;
  /** Empty where the peer gave none. */
  readonly text: string;
  readonly by: string | null;
  readonly address: string | null;
  readonly application: XmlElement | null;
}

/** Whether a stanza may be answered with an error: never an error, nor the result of a request (RFC 6120 sections 8.3.1 and 8.2.3). */
export const mayAnswerWithError = (stanza: XmlElement): boolean => {
  const type = stanza.attributes.get("type");
  return type !== "error" && !(stanza.name === "iq" && type === "result");
};

/**
 * The error reply to a stanza, from its recipient to its sender, with its id and without its content. Ask mayAnswerWithError
 * first.
 */
export const stanzaError = (stanza: XmlElement, condition: StanzaErrorCondition, text?: string, by?: string): XmlElement =>
  errorReply(stanza, errorElement(stanza.namespace, condition, { text, by }));

/** The reply that carries an `<error/>` made by errorElement. */
export function errorReply(stanza: XmlElement, error: XmlElement): XmlElement {
  const { attributes } = stanza;
  const swapped = { from: attributes.get("to"), to: attributes.get("from"), id: attributes.get("id"), type: "error" };
  return element(stanza.namespace, stanza.name, swapped, error);
}

/** `<error/>` in the namespace of its stanza: condition, text, application-specific condition. */
export function errorElement(namespace: string, condition: StanzaErrorCondition, details: StanzaErrorDetails = {}): XmlElement {
  const { type = STANZA_ERRORS[condition].type, text, by, address, application } = details;
  const carriesAddress = condition === "gone" || condition === "redirect";
  return element(
    namespace,
    "error",
    { type, by },
    element(NS.stanzaErrors, condition, {}, carriesAddress ? address : undefined),
    text ? element(NS.stanzaErrors, "text", { "xml:lang": "en" }, text) : undefined,
    application,
  );
}

/** Reads the `<error/>` of a stanza; null where it has none. */
export function readStanzaError(stanza: XmlElement): StanzaError | null {
  const error = childOf(stanza, stanza.namespace, "error");
  if (error === undefined) return null;
  const children = childElements(error);
  const named = children.find((child) => child.namespace === NS.stanzaErrors && child.name !== "text");
  const condition = named !== undefined && isStanzaErrorCondition(named.name) ? named.name : "undefined-condition";
  const type = STANZA_ERROR_TYPES.find((one) => one === error.attributes.get("type"));
  const text = childOf(error, NS.stanzaErrors, "text");
  return {
    type: type ?? STANZA_ERRORS[condition].type,
    condition,
    text: text ? textOf(text) : "",
    by: error.attributes.get("by") ?? null,
    address: (condition === "gone" || condition === "redirect") && named ? textOf(named) || null : null,
    application: children.find((child) => child.namespace !== NS.stanzaErrors) ?? null,
  };
}
