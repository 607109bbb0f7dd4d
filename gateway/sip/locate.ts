/**
 * Where a next hop's servers are: RFC 3263 section 4 for a client that speaks TLS over TCP and nothing else. Questions and
 * answers are values here; who asks DNS is elsewhere. The peer's certificate proves its name, so DNS is not trusted for
 * anything but the way.
 */

/** A host and port to look up the addresses of. */
export interface Place {
  readonly name: string;
  readonly port: number;
}

/** One NAPTR record (RFC 3403 section 4). */
export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
}

/** The port of SIP over TLS where nothing names another (RFC 3261 19.1.2). */
export const SIPS_PORT = 5061;
/** Service of SIP over TLS in NAPTR (RFC 3263 4.1), and its SRV name. */
const SERVICE = "SIPS+D2T";
const SRV_PREFIX = "_sips._tcp.";

/** What is asked of DNS, in this order, until something answers. */
export type Question = "NAPTR" | "SRV" | "address";

// biome-ignore format: one row a line
export const LOOKUPS = {
  withPort:    { questions: ["address"],                 cite: "RFC 3263 4.1, 4.2: an explicit port rules out NAPTR and SRV" },
  withoutPort: { questions: ["NAPTR", "SRV", "address"], cite: "RFC 3263 4.1, 4.2" },
} as const satisfies Readonly<Record<string, { readonly questions: readonly Question[]; readonly cite: string }>>;

export const lookupOf = (port: number | undefined): (typeof LOOKUPS)[keyof typeof LOOKUPS] =>
  port === undefined ? LOOKUPS.withoutPort : LOOKUPS.withPort;

/**
 * SRV names to ask for, in order: those that NAPTR gives for TLS by order and preference (RFC 3403 4.1), else the one of the
 * name itself. Records of other services are for other clients, and a record that is not terminal by "s" is none of
 * RFC 3263's.
 */
export function srvNames(fqdn: string, records: readonly NaptrRecord[]): readonly string[] {
  const named = records
    .filter(({ service, flags, regexp }) => service.toUpperCase() === SERVICE && flags.toUpperCase() === "S" && regexp === "")
    .filter(({ replacement }) => replacement !== "" && replacement !== ".")
    .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
    .map(({ replacement }) => replacement);
  return named.length > 0 ? [...new Set(named)] : [`${SRV_PREFIX}${fqdn}`];
}

/**
 * The places of SRV records that are in order already. None at all: the name itself with the usual port. The target "."
 * says that the service is not there (RFC 2782), so that it leads nowhere.
 */
export function placesOf(fqdn: string, targets: readonly Place[]): readonly Place[] {
  if (targets.length === 0) return [{ name: fqdn, port: SIPS_PORT }];
  return targets.filter(({ name }) => name !== "." && name !== "").map(({ name, port }) => ({ name, port }));
}

/** Families by turns, the first one's first, so that addresses of a family that leads nowhere do not hide the other (RFC 8305 4). */
export function byTurns(addresses: readonly string[]): readonly string[] {
  const [six, four] = [addresses.filter((one) => one.includes(":")), addresses.filter((one) => !one.includes(":"))];
  const [first, second] = addresses[0]?.includes(":") === false ? [four, six] : [six, four];
  return Array.from({ length: Math.max(six.length, four.length) }, (_, index) => [first[index], second[index]])
    .flat()
    .filter((one) => one !== undefined);
}
