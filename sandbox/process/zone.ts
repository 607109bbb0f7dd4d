/** Answers to DNS questions from a set of records: RFC 1034 section 4.3.2 without delegation. Values in, values out. */
import type { Answer, SoaAnswer } from "dns-packet";
import { LIMITS } from "./limits.ts";
import type { WorldRecord } from "./state.ts";

export type ZoneRecord = WorldRecord;
export type Zone = ReadonlyMap<string, readonly ZoneRecord[]>;

const DEFAULT_TTL = 60;
/** How long a "no" may be remembered; short, since records come and go here. */
const NEGATIVE_TTL = 1;

export const normaliseName = (name: string): string => name.toLowerCase().replace(/\.$/, "");

/** By name; empty lists stand for names that only have names below them (RFC 8020). */
export function makeZone(records: readonly ZoneRecord[]): Zone {
  const zone = new Map<string, ZoneRecord[]>();
  const at = (name: string): ZoneRecord[] => {
    const there = zone.get(name) ?? [];
    zone.set(name, there);
    return there;
  };
  for (const record of records) {
    const name = normaliseName(record.name);
    at(name).push(record);
    for (let parent = parentOf(name); parent !== ""; parent = parentOf(parent)) at(parent);
  }
  return zone;
}

const parentOf = (name: string): string => name.split(".").slice(1).join(".");

export interface Lookup {
  /** RFC 1035 4.1.1: 0 no error, 3 no such name. */
  readonly rcode: 0 | 3;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
}

/** Follows CNAMEs inside the zone, at most LIMITS.cnameChain of them. */
export function lookUp(zone: Zone, question: { readonly name: string; readonly type: string }): Lookup {
  const answers: Answer[] = [];
  let name = normaliseName(question.name);
  for (let step = 0; step <= LIMITS.cnameChain; step++) {
    const here = zone.get(name);
    if (here === undefined) return { rcode: 3, answers, authorities: [soa(zone, name)] };
    const matching = here.filter((record) => record.type === question.type);
    const alias = here.find((record) => record.type === "CNAME");
    if (matching.length > 0 || alias === undefined) {
      answers.push(...matching.map((record) => toAnswer(name, record)));
      return { rcode: 0, answers, authorities: matching.length > 0 ? [] : [soa(zone, name)] };
    }
    answers.push(toAnswer(name, alias));
    name = normaliseName(alias.data);
  }
  return { rcode: 0, answers, authorities: [] };
}

/** The start of authority that a negative answer carries (RFC 2308): of the zone's last two labels, or of the root. */
function soa(zone: Zone, name: string): SoaAnswer {
  const apex = name.split(".").slice(-2).join(".");
  const data = { mname: "ns.sandbox.invalid", rname: "hostmaster.sandbox.invalid", serial: 1, refresh: 60, retry: 60, expire: 60 };
  return { type: "SOA", name: zone.has(apex) ? apex : ".", ttl: NEGATIVE_TTL, data: { ...data, minimum: NEGATIVE_TTL } };
}

function toAnswer(name: string, { type, data, ttl = DEFAULT_TTL }: ZoneRecord): Answer {
  if (type === "SRV") {
    const [priority, weight, port, target = ""] = data.split(/\s+/);
    return {
      type,
      name,
      ttl,
      data: { priority: Number(priority), weight: Number(weight), port: Number(port), target: normaliseName(target) },
    };
  }
  if (type === "TXT") return { type, name, ttl, data: textParts(data) };
  return { type, name, ttl, data: type === "CNAME" ? normaliseName(data) : data };
}

/** Quoted strings as they stand, else one text cut into strings of 255 bytes (RFC 1035 3.3). */
function textParts(data: string): Buffer[] {
  const quoted = data.match(/"(?:[^"\\]|\\.)*"/g);
  if (quoted !== null && data.trim().startsWith('"')) return quoted.map((part) => Buffer.from(part.slice(1, -1).replace(/\\(.)/g, "$1")));
  const bytes = Buffer.from(data);
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / 255)) }, (_, index) => bytes.subarray(index * 255, index * 255 + 255));
}
