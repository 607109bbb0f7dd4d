/**
 * Addresses of the two sides (RFC 7247 section 6). Of the escapes of XEP-0106 all ten are used, not only the RFC's three:
 * a SIP user part may hold every character that a localpart may not.
 */

import { parameter } from "../sip/grammar.ts";
import { utf8Of } from "../sip/message.ts";
import { isSipUri, parseUri } from "../sip/uri.ts";
import { type Jid, JidError, type JidPart, jidOf } from "../xmpp/jid.ts";
import { escapeLocalpart, unescapeLocalpart } from "../xmpp/jid-escaping.ts";

/** What may stand unencoded in the user part of a SIP URI: unreserved and user-unreserved (RFC 3261 25.1). */
const USER = /[A-Za-z0-9\-_.!~*'()&=+$,;?/]/;
/** The same for the value of a parameter: unreserved and param-unreserved. */
const PARAMETER = /[A-Za-z0-9\-_.!~*'()[\]/:&+$]/;

/**
 * JID -> `sip:user@domain`, with `;gr=` where there is a resource (RFC 7247 section 6.4). A JID without localpart, which is a
 * server, gives `sip:domain`. The rare localpart that looks escaped and is not (`\5commas`) is refused: its SIP address
 * would be another one's too.
 */
export function jidToSip({ local, domain, resource }: Jid): string | JidError {
  const user = local === null ? null : unescapeLocalpart(local);
  if (user !== null && escapeLocalpart(user) !== local) {
    return notAllowed(
      "localpart",
      `localpart ${JSON.stringify(local)} has an escape where XEP-0106 has none, so that it has no SIP address of its own`,
    );
  }
  const gr = resource === null ? "" : `;gr=${percentEncode(resource, PARAMETER)}`;
  return `sip:${user === null ? "" : `${percentEncode(user, USER)}@`}${domain}${gr}`;
}

/**
 * SIP or SIPS URI -> JID (RFC 7247 section 6.3): percent-decoded as UTF-8, escaped, prepared; `gr` becomes the resource where it
 * has a value. Port, password and all other parameters say nothing about whom it is about.
 */
export function sipToJid(text: string): Jid | JidError {
  const parsed = parseUri(text, "address");
  if (!parsed.ok) return notAllowed("domainpart", parsed.fault.what);
  const uri = parsed.value;
  if (!isSipUri(uri)) return notAllowed("domainpart", `${JSON.stringify(uri.scheme)} addresses are not supported; expected sip or sips`);
  const user = uri.user === null ? null : percentDecode(uri.user, "localpart");
  const gr = parameter(uri.parameters, "gr");
  const resource = typeof gr === "string" ? percentDecode(gr, "resourcepart") : null;
  if (user instanceof JidError) return user;
  if (resource instanceof JidError) return resource;
  return jidOf(user === null ? null : escapeLocalpart(user), uri.host, resource);
}

const notAllowed = (part: JidPart, text: string): JidError => new JidError(part, "not-allowed", text);

function percentEncode(text: string, plain: RegExp): string {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const character = String.fromCharCode(byte);
    encoded += byte < 0x80 && plain.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Not replaced by U+FFFD: two wrong addresses would become the same one. */
function percentDecode(text: string, part: JidPart): string | JidError {
  const bytes = text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return utf8Of(bytes) ?? notAllowed(part, `${JSON.stringify(text)} is not UTF-8 when percent-decoded`);
}
