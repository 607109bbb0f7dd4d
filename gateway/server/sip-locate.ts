/** Asks DNS where a next hop's servers are, in the order of gateway/sip's rows. */
import { lookupOf, type NaptrRecord, type Place, placesOf, srvNames } from "../sip/locate.ts";
import type { Resolver, SrvTarget } from "./ports.ts";
import type { Hop } from "./sip-transport.ts";
import { inOrder } from "./xmpp-targets.ts";

/**
 * The places of a hop in the order to try; empty where SRV says that there is none. A question that fails counts like one
 * without an answer: many resolvers have trouble with NAPTR, and a wrong way does no harm, since the certificate decides.
 * @param random a number in [0, 1)
 */
export async function locate(resolver: Resolver, { fqdn, port }: Hop, random: () => number): Promise<readonly Place[]> {
  const questions: readonly string[] = lookupOf(port).questions;
  if (port !== undefined && !questions.includes("SRV")) return [{ name: fqdn, port }];
  const naptr = await orNone<NaptrRecord>(resolver.naptr?.(fqdn));
  const found: SrvTarget[] = [];
  for (const name of srvNames(fqdn, naptr)) found.push(...inOrder(await orNone<SrvTarget>(resolver.srv(name)), random));
  return placesOf(fqdn, found);
}

async function orNone<T>(question: Promise<readonly T[]> | undefined): Promise<readonly T[]> {
  try {
    return (await question) ?? [];
  } catch {
    return [];
  }
}
