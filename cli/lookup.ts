/** What DNS answers right now. */
import { Resolver } from "node:dns/promises";

export const LIMITS = { timeoutMilliseconds: 2000, tries: 2 } as const;

export interface SrvAnswer {
  readonly name: string;
  /** `priority weight port target`, one a record; empty when there is none. */
  readonly records: readonly string[];
  /** The code of the failure, where the server gave no answer. */
  readonly error?: string;
}

/** Asks for the SRV records of each name; `server` is `address:port`, or null for the system's. */
export async function lookUpSrv(names: readonly string[], server: string | null): Promise<SrvAnswer[]> {
  const resolver = new Resolver({ timeout: LIMITS.timeoutMilliseconds, tries: LIMITS.tries });
  if (server !== null) resolver.setServers([server]);
  return await Promise.all(
    names.map(async (name) => {
      try {
        const records = await resolver.resolveSrv(name);
        return { name, records: records.map(({ priority, weight, port, name: target }) => `${priority} ${weight} ${port} ${target}`) };
      } catch (error) {
        return { name, records: [], error: (error as NodeJS.ErrnoException).code ?? String(error) };
      }
    }),
  );
}
