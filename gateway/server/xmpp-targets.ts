/** Where a domain's servers are: SRV by priority and weight, or the domain itself (RFC 6120 3.2.1, RFC 2782). */
import type { Partner } from "../config/schema.ts";
import type { FailureCode } from "../negotiation/failures.ts";
import type { Resolver, SrvTarget } from "./ports.ts";

/** Port of XMPP between servers where no SRV record names another (RFC 6120 14.7). */
export const XMPP_SERVER_PORT = 5269;

export interface Target {
  readonly name: string;
  readonly port: number;
}

export type Targets =
  | { readonly found: true; readonly targets: readonly Target[] }
  | { readonly found: false; readonly code: Extract<FailureCode, "dns-failed" | "no-service">; readonly detail: string };

/**
 * The servers of a partner's domain, in the order to try. Lync -ProxyFqdn replaces the look-up. A look-up that fails is a
 * failure: only the answer "no such record" leads to the domain's own addresses.
 * @param random a number in [0, 1)
 */
export async function findTargets(resolver: Resolver, domain: string, partner: Partner, random: () => number): Promise<Targets> {
  if (partner.proxyFqdn !== undefined) return { found: true, targets: [{ name: partner.proxyFqdn, port: XMPP_SERVER_PORT }] };
  const question = `_xmpp-server._tcp.${domain}`;
  let records: readonly SrvTarget[];
  try {
    records = await resolver.srv(question);
  } catch (error) {
    return { found: false, code: "dns-failed", detail: `${question} SRV: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  }
  if (records.length === 0) return { found: true, targets: [{ name: domain, port: XMPP_SERVER_PORT }] };
  const offered = records.filter(({ name }) => name !== "." && name !== "");
  if (offered.length === 0) return { found: false, code: "no-service", detail: question };
  return { found: true, targets: inOrder(offered, random).map(({ name, port }) => ({ name, port })) };
}

/** RFC 2782: by priority; within one, again and again a draw by weight. */
export function inOrder(records: readonly SrvTarget[], random: () => number): SrvTarget[] {
  const priorities = Map.groupBy(records, ({ priority }) => priority);
  return [...priorities].toSorted(([a], [b]) => a - b).flatMap(([, group]) => draw(group, random));
}

function draw(group: readonly SrvTarget[], random: () => number): SrvTarget[] {
  // Weight 0 first, so that it has a small chance and not none (RFC 2782, "Weight").
  const left = group.toSorted((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const drawn: SrvTarget[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const mark = Math.floor(random() * (total + 1));
    let index = 0;
    for (let sum = left[0]?.weight ?? 0; sum < mark; sum += left[index]?.weight ?? 0) index++;
    drawn.push(...left.splice(index, 1));
  }
  return drawn;
}
