/** SASL EXTERNAL between servers (RFC 6120 section 6, XEP-0178 section 3), read and made. */
import { normaliseDomain, toUnicodeDomain } from "../xmpp/domain.ts";
import { childElements, element, textOf, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { AuthKnown } from "./known.ts";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `<auth/>`: the authorisation identity is `from` itself; `=` (empty), nothing at all and the name mean the same (XEP-0178). */
export function readAuth(auth: XmlElement, from: string | null): AuthKnown {
  const mechanism = auth.attributes.get("mechanism") ?? "";
  const text = textOf(auth).trim();
  if (text === "" || text === "=") return { mechanism, authzid: "same" };
  if (!BASE64.test(text)) return { mechanism, authzid: "malformed" };
  const name = normaliseDomain(Buffer.from(text, "base64").toString("utf8"));
  return { mechanism, authzid: name !== null && name === from ? "same" : "other" };
}

/** `<auth/>` with our domain as authorisation identity, which older peers need (XEP-0178 section 3). */
export const authElement = (local: string): XmlElement =>
  element(NS.sasl, "auth", { mechanism: "EXTERNAL" }, Buffer.from(toUnicodeDomain(local)).toString("base64"));

export const successElement = (): XmlElement => element(NS.sasl, "success");

/** @param condition one of RFC 6120 6.5 */
export const saslFailureElement = (condition: string): XmlElement => element(NS.sasl, "failure", {}, element(NS.sasl, condition));

/** The condition of a `<failure/>` and its text, for people. */
export function saslFailureText(failed: XmlElement): string {
  const condition = childElements(failed).find(({ name }) => name !== "text")?.name ?? "no condition";
  const text = childElements(failed).find(({ name }) => name === "text");
  return text ? `${condition} (${textOf(text)})` : condition;
}
