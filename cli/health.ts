/** The running gateway's health endpoint, asked by commands. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

export const LIMITS = {
  requestMilliseconds: 3000,
  /** For a gateway to take over a document that was just written: it polls every 10 s. */
  applyMilliseconds: 30_000,
  pollMilliseconds: 250,
} as const;

const statusSchema = z.looseObject({
  document: z.looseObject({ appliedAt: z.string(), refusal: z.looseObject({ why: z.string() }).nullable() }),
});

export type GatewayStatus = z.output<typeof statusSchema>;

/** `base` is the health URL. Null where nothing answers, or what answers is no gateway. */
export async function gatewayStatus(base: string): Promise<GatewayStatus | null> {
  const text = await ask(`${base}/status`);
  if (text === null) return null;
  const parsed = statusSchema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : null;
}

export const isReady = async (base: string): Promise<boolean> => (await ask(`${base}/readyz`)) !== null;

async function ask(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(LIMITS.requestMilliseconds) });
    const text = await response.text();
    return response.ok ? text : null;
  } catch {
    return null;
  }
}

/**
 * Waits until the gateway has applied a document since `since` (epoch ms). Returns what is wrong, or null. A refusal may pass: when
 * certificate and key change together the gateway sees them one after the other.
 */
export async function documentApplied(base: string, since: number, limit: number = LIMITS.applyMilliseconds): Promise<string | null> {
  for (const until = Date.now() + limit; ; await sleep(LIMITS.pollMilliseconds)) {
    const status = await gatewayStatus(base);
    if (status !== null && status.document.refusal === null && Date.parse(status.document.appliedAt) >= since) return null;
    if (Date.now() <= until) continue;
    if (status === null) return `the gateway does not answer at ${base}`;
    return status.document.refusal === null
      ? "the gateway has not taken over the new document"
      : `the gateway refuses the new document and keeps the old one: ${status.document.refusal.why}`;
  }
}
