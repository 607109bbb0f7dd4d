/** Domain names in the one form in which they are compared and looked up, A-labels in lower case, and in that in which XMPP writes them. */
import { domainToUnicode } from "node:url";

declare const brand: unique symbol;

/** Made by normaliseDomain only. */
export type Domain = string & { readonly [brand]: "domain" };

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/**
 * Lower-case A-label form of a domain name, or null: RFC 1035 section 2.3.4 lengths, RFC 5891 conversion by the runtime. Takes
 * U-labels and one final dot; refuses IP addresses and single labels, which no federation knows.
 */
export function normaliseDomain(text: string): Domain | null {
  const trimmed = text.endsWith(".") ? text.slice(0, -1) : text;
  // What URL would read as another part of an address, and the controls that it strips from both ends without a word.
  if (trimmed === "" || /[\p{Cc}\s/?#@:%[\]\\]/u.test(trimmed)) return null;
  let host: string;
  try {
    host = new URL(`http://${trimmed}`).hostname;
  } catch {
    return null;
  }
  const labels = host.split(".");
  if (host.length > 253 || labels.length < 2 || !labels.every((label) => LABEL.test(label))) return null;
  // A name whose last label is a number would be read as an IPv4 address (RFC 3696 section 2).
  return /^\d+$/.test(labels.at(-1) ?? "") ? null : (host as Domain);
}

/** U-label form: what XMPP has on the wire (RFC 7622 3.2.1) and people read; never to compare. */
export const toUnicodeDomain = (domain: string): string => (domain.includes("xn--") ? domainToUnicode(domain) : domain);
