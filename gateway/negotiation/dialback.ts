/** The elements of Server Dialback (XEP-0220), read and made. Attributes are domains, compared in normalised form only. */
import { normaliseDomain, toUnicodeDomain } from "../xmpp/domain.ts";
import { childElements, element, textOf, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import { isStanzaErrorCondition, STANZA_ERRORS } from "../xmpp/stanza-errors.ts";
import type { Condition } from "./failures.ts";
import type { DialbackAnswer } from "./proof.ts";

/** An element of dialback. Requests have no `type`: db:result is step 1, db:verify step 2; with one they are steps 4 and 3. */
export interface DialbackElement extends DialbackAnswer {
  readonly name: "result" | "verify";
  readonly key: string;
  /** Condition of type='error', else empty; and what the peer says about it. */
  readonly error: string;
  readonly errorText: string;
}

/** A domain pair, seen from us. */
export interface Pair {
  readonly local: string;
  readonly partner: string;
}

export function readDialback(found: XmlElement): DialbackElement | null {
  if (found.namespace !== NS.dialback || (found.name !== "result" && found.name !== "verify")) return null;
  const { attributes } = found;
  const failed = childElements(childElements(found).find(({ name }) => name === "error") ?? NO_ERROR);
  return {
    name: found.name,
    type: attributes.get("type"),
    from: normaliseDomain(attributes.get("from") ?? ""),
    to: normaliseDomain(attributes.get("to") ?? ""),
    id: found.name === "verify" ? (attributes.get("id") ?? "") : null,
    key: textOf(found).trim(),
    error: attributes.get("type") === "error" ? (failed.find(isCondition)?.name ?? "undefined-condition") : "",
    errorText: textOf(failed.find(({ name }) => name === "text") ?? NO_ERROR),
  };
}

const NO_ERROR = element(NS.server, "error");
const isCondition = ({ namespace, name }: XmlElement): boolean => namespace === NS.stanzaErrors && name !== "text";

/** From us to the partner, with the stream's id where it is a verification; domains as XMPP writes them. */
const addresses = ({ local, partner }: Pair, id: string | null = null) => ({
  from: toUnicodeDomain(local),
  id: id ?? undefined,
  to: toUnicodeDomain(partner),
});

/** Step 1: we ask the receiving server to authorise the pair. */
export const keyElement = (pair: Pair, key: string): XmlElement => element(NS.dialback, "result", addresses(pair), key);

/** Step 2: we ask the authoritative server of the partner about a key that came on the stream we call `id`. */
export const verifyElement = (pair: Pair, id: string, key: string): XmlElement => element(NS.dialback, "verify", addresses(pair, id), key);

/** Step 3 (with an id) or 4 (without): valid or invalid. */
export function answerElement(pair: Pair, id: string | null, type: "valid" | "invalid"): XmlElement {
  return element(NS.dialback, id === null ? "result" : "verify", { ...addresses(pair, id), type });
}

/** Step 3 or 4 as an error (XEP-0220 2.5): not fatal for the stream. */
export function errorElement(pair: Pair, id: string | null, condition: Condition, text: string): XmlElement {
  const type = isStanzaErrorCondition(condition) ? STANZA_ERRORS[condition].type : "cancel";
  const detail = element(NS.stanzaErrors, "text", { "xml:lang": "en" }, text);
  const error = element(NS.server, "error", { type }, element(NS.stanzaErrors, condition), detail);
  return element(NS.dialback, id === null ? "result" : "verify", { ...addresses(pair, id), type: "error" }, error);
}
