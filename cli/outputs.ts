/** The stack's outputs as the commands use them. Checked, since they come from the state of a run that may be an older one. */
import { z } from "zod";
import type { EdgeDocument } from "../gateway/config/schema.ts";
import { Failure } from "./failure.ts";
import { pulumi, type Workspace } from "./workspace.ts";

const partner = z.object({
  domain: z.string(),
  additionalDomains: z.array(z.string()).default([]),
  partnerType: z.string(),
  tlsNegotiation: z.string(),
  saslNegotiation: z.string(),
  supportDialbackNegotiation: z.boolean(),
  row: z.number(),
  verdict: z.string(),
});

const outputsSchema = z.object({
  accessEdgeFqdn: z.string(),
  srvRecords: z.array(z.object({ name: z.string(), target: z.string(), port: z.number(), priority: z.number(), weight: z.number() })),
  gateway: z.object({ xmppAddress: z.string(), sipAddress: z.string(), healthUrl: z.string() }),
  document: z.union([z.string(), z.record(z.string(), z.unknown())]),
  partners: z.array(partner),
  certificateRequestPem: z.string(),
  certificateRequestSummary: z.string(),
  sipCertificateRequestPem: z.string(),
  certificateStatus: z.string(),
  warnings: z.array(z.string()).default([]),
  developmentAuthorityPem: z.string().default(""),
  developmentPeers: z.record(z.string(), z.object({ certificateChain: z.string(), privateKey: z.string() })).default({}),
});

export type Partner = z.output<typeof partner>;

export interface StackOutputs extends Omit<z.output<typeof outputsSchema>, "document"> {
  readonly document: EdgeDocument;
}

/** Null when the stack has none: it was never brought up, or not to the end. @throws Failure when the stack cannot be read */
export async function readOutputs(workspace: Workspace): Promise<StackOutputs | null> {
  const result = await pulumi(workspace, ["stack", "output", "--stack", workspace.stack, "--json", "--show-secrets"]);
  if (result.code !== 0)
    throw new Failure(`the outputs of the stack ${workspace.stack} cannot be read: ${result.stderr.trim().replace(/^error: /, "")}`);
  return parseOutputs(JSON.parse(result.stdout || "{}"));
}

export function parseOutputs(value: unknown): StackOutputs | null {
  const parsed = outputsSchema.safeParse(value);
  if (!parsed.success) return null;
  const { document, ...rest } = parsed.data;
  return { ...rest, document: (typeof document === "string" ? JSON.parse(document) : document) as EdgeDocument };
}
