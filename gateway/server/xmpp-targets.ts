/** Where a domain's servers are: SRV of both services by priority and weight, or the domain itself (RFC 6120 3.2.1, RFC 2782, XEP-0368). */
import type { Partner } from "../config/schema.ts";
import type { FailureCode } from "../negotiation/failures.ts";
import { type Methods, overTls } from "../negotiation/methods.ts";
import type { Resolver, SrvTarget } from "./ports.ts";

/** Port of XMPP between servers where no SRV record names another (RFC 6120 14.7). */
export const XMPP_SERVER_PORT = 5269;

export interface Target {
  readonly name: string;
  readonly port: number;
  /** TLS from the first byte (XEP-0368 section 3); otherwise a plain connection, on which STARTTLS may follow. */
  readonly directTls: boolean;
}

export type Targets =
  | { readonly found: true; readonly targets: readonly Target[] }
  | { readonly found: false; readonly code: Extract<FailureCode, "dns-failed" | "no-service">; readonly detail: string };

interface Service {
  readonly prefix: string;
  readonly directTls: boolean;
}

const STARTTLS: Service = { prefix: "_xmpp-server._tcp", directTls: false };
const DIRECT_TLS: Service = { prefix: "_xmpps-server._tcp", directTls: true };

/** What the policy says of the one who is looked for. */
export interface Sought {
  readonly partner: Partner;
  readonly methods: Methods;
}

/**
 * The servers of a partner's domain, in the order to try. Lync -ProxyFqdn replaces the look-up. Both services count as one
 * record set; where TLS is of no use with the partner, direct TLS is not asked for. Only the answer "no such record" of all
 * that was asked leads to the domain's own addresses: "." is an answer too, and forbids them (XEP-0368 section 5).
 * @param domain in A-labels
 * @param random a number in [0, 1)
 */
export async function findTargets(
  resolver: Resolver,
  domain: string,
  { partner, methods }: Sought,
  random: () => number,
): Promise<Targets> {
  if (partner.proxyFqdn !== undefined) return only(partner.proxyFqdn);
  const services = overTls(methods) ? [STARTTLS, DIRECT_TLS] : [STARTTLS];
  const answers = await Promise.all(services.map((service) => ask(resolver, service, domain)));
  const records = answers.flatMap((answer) => answer.records);
  const offered = records.filter(({ name }) => name !== "." && name !== "");
  if (offered.length > 0) return { found: true, targets: inOrder(offered, random).map(toTarget) };
  // A service that could not be asked for may be the one that is offered.
  const problems = answers.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) return { found: false, code: "dns-failed", detail: problems.join("; ") };
  if (records.length > 0) return { found: false, code: "no-service", detail: domain };
  return only(domain);
}

type Found = SrvTarget & Pick<Target, "directTls">;

async function ask(
  resolver: Resolver,
  { prefix, directTls }: Service,
  domain: string,
): Promise<{ records: readonly Found[]; problem?: string }> {
  const question = `${prefix}.${domain}`;
  try {
    return { records: (await resolver.srv(question)).map((record) => ({ ...record, directTls })) };
  } catch (error) {
    return { records: [], problem: `${question} SRV: ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  }
}

const only = (name: string): Targets => ({ found: true, targets: [{ name, port: XMPP_SERVER_PORT, directTls: false }] });

const toTarget = ({ name, port, directTls }: Found): Target => ({ name, port, directTls });

/** RFC 2782: by priority; within one, again and again a draw by weight. */
export function inOrder<T extends SrvTarget>(records: readonly T[], random: () => number): T[] {
  const priorities = Map.groupBy(records, ({ priority }) => priority);
  return [...priorities].toSorted(([a], [b]) => a - b).flatMap(([, group]) => draw(group, random));
}

function draw<T extends SrvTarget>(group: readonly T[], random: () => number): T[] {
  // Weight 0 first, so that it has a small chance and not none (RFC 2782, "Weight").
  const left = group.toSorted((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
  const drawn: T[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    const mark = Math.floor(random() * (total + 1));
    let index = 0;
    for (let sum = left[0]?.weight ?? 0; sum < mark; sum += left[index]?.weight ?? 0) index++;
    drawn.push(...left.splice(index, 1));
  }
  return drawn;
}
