/** DNS through the system's or given resolvers, with a time limit on every question. */
import { promises as dns } from "node:dns";
import { isIP } from "node:net";
import type { NaptrRecord } from "../sip/locate.ts";
import type { Resolver, SrvTarget } from "./ports.ts";

export const RESOLVER_LIMITS = {
  /** Milliseconds for one try of one question. */
  timeout: 3000,
  tries: 2,
  /** Answers of one question that are looked at; more than this is nobody's real set-up. */
  records: 64,
} as const;

/** "No such name" and "no such record" are empty answers, not failures; a name that is too long for DNS has no record either. */
const EMPTY = new Set(["ENODATA", "ENOTFOUND", "NXDOMAIN", "EBADNAME"]);

/** @param servers `host:port` of resolvers; empty means the system's. */
export function makeResolver(servers: readonly string[]): Resolver {
  const resolver = new dns.Resolver({ timeout: RESOLVER_LIMITS.timeout, tries: RESOLVER_LIMITS.tries });
  if (servers.length > 0) resolver.setServers([...servers]);
  return {
    async srv(name): Promise<readonly SrvTarget[]> {
      const records = await orEmpty(resolver.resolveSrv(name));
      // The first ones by priority, so that a flood of records hides none that is to be tried before them.
      return records
        .toSorted((a, b) => a.priority - b.priority)
        .slice(0, RESOLVER_LIMITS.records)
        .map(({ priority, weight, port, name: target }) => ({ priority, weight, port, name: target }));
    },
    async naptr(name): Promise<readonly NaptrRecord[]> {
      const records = await orEmpty(resolver.resolveNaptr(name));
      return records
        .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
        .slice(0, RESOLVER_LIMITS.records)
        .map(({ order, preference, flags, service, regexp, replacement }) => ({
          order,
          preference,
          flags,
          service,
          regexp,
          replacement,
        }));
    },
    async addresses(name): Promise<readonly string[]> {
      if (isIP(name)) return [name];
      const [six, four] = await Promise.allSettled([orEmpty(resolver.resolve6(name)), orEmpty(resolver.resolve4(name))]);
      // One family that fails does not hide the other that answered; with neither, the failure is told.
      if (six.status === "rejected" && four.status === "rejected") throw four.reason;
      const found = [...(six.status === "fulfilled" ? six.value : []), ...(four.status === "fulfilled" ? four.value : [])];
      if (found.length === 0 && six.status === "rejected") throw six.reason;
      if (found.length === 0 && four.status === "rejected") throw four.reason;
      return found.slice(0, RESOLVER_LIMITS.records);
    },
  };
}

async function orEmpty<T>(question: Promise<T[]>): Promise<T[]> {
  try {
    return await question;
  } catch (error) {
    if (EMPTY.has((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
