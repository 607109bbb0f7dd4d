/** IPv6 addresses as text (RFC 3986 3.2.2, RFC 4291 2.2). */

const GROUP = /^[0-9a-f]{1,4}$/i;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const GROUPS = 8;
/** 45 characters are the longest address; one more is the colon too many below. */
const LONGEST = 46;

/**
 * Whether that is an IPv6 address. `:::` before an embedded IPv4 address counts as `::`: the grammar of RFC 3261 makes it by mistake,
 * and it must be tolerated (RFC 5118 4.10).
 */
export function isIpv6(text: string): boolean {
  if (text.length > LONGEST) return false;
  const [first = "", second, ...more] = text.replace(/:::(?=\d+\.)/, "::").split("::");
  if (more.length > 0) return false;
  if (second === undefined) return groupsOf(first, true) === GROUPS;
  return groupsOf(first, false) + groupsOf(second, true) < GROUPS;
}

/** How many groups of 16 bits; Infinity where one is malformed. An IPv4 address makes two, and only at the end of all. */
function groupsOf(part: string, isLast: boolean): number {
  if (part === "") return 0;
  const pieces = part.split(":");
  const tail = isLast && IPV4.test(pieces.at(-1) ?? "") ? 2 : 0;
  const groups = tail === 0 ? pieces : pieces.slice(0, -1);
  return groups.every((piece) => GROUP.test(piece)) ? groups.length + tail : Number.POSITIVE_INFINITY;
}
