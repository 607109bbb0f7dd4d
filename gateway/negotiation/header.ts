/** Stream headers (RFC 6120 4.7): what a received one says, judged once. */
import type { StreamHeader } from "../stream/reader.ts";
import { normaliseDomain } from "../xmpp/domain.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { HeaderKnown } from "./known.ts";

/** Judges a header. Domains on the wire may be U-labels; only normalised forms are compared. */
export function readHeader(header: StreamHeader): HeaderKnown {
  const from = domainOf(header.attributes.get("from"));
  const to = domainOf(header.attributes.get("to"));
  const rightRoot = header.name === "stream" && header.namespace === NS.streams;
  return {
    from: from.domain,
    to: to.domain,
    fromInvalid: from.invalid,
    toInvalid: to.invalid,
    contentNamespace: rightRoot ? contentNamespace(header) : header.namespace,
    version: versionOf(header.attributes.get("version")),
    dialbackDeclared: [...header.namespaces.values()].includes(NS.dialback),
  };
}

/** A header without prefix leaves the content namespace to each stanza, where it is looked at in any case (RFC 6120 4.8.2). */
const contentNamespace = ({ defaultNamespace }: StreamHeader): string | null =>
  defaultNamespace === NS.streams ? NS.server : defaultNamespace;

function domainOf(attribute: string | undefined): { readonly domain: string | null; readonly invalid: boolean } {
  if (attribute === undefined) return { domain: null, invalid: false };
  const domain = normaliseDomain(attribute);
  return { domain, invalid: domain === null };
}

/** RFC 6120 4.7.5: numeric major and minor, compared as numbers; a peer of a higher 1.x talks 1.0 with us. */
function versionOf(attribute: string | undefined): HeaderKnown["version"] {
  if (attribute === undefined) return "none";
  const found = /^(\d{1,4})\.(\d{1,4})$/.exec(attribute);
  if (!found) return "unsupported";
  const major = Number(found[1]);
  if (major === 0) return "none";
  // A higher major version: we answer 1.0 and the initiator decides (RFC 6120 4.7.5).
  return "1.0";
}
