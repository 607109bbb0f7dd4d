import type { ResourceValidationPolicy } from "@pulumi/policy";
import { noteText } from "../gateway/config/matrix.ts";
import { partnersOf } from "./component-inputs.ts";

/** The rows that Microsoft's page warns of, and those that let a session go without encryption. */
export const negotiationRowWeak: ResourceValidationPolicy = {
  name: "negotiation-row-weak",
  description: "A partner's negotiation settings should neither be warned of nor allow a session without TLS.",
  enforcementLevel: "advisory",
  severity: "medium",
  remediationSteps: "Prefer rows 2, 7 or 8: TLS required, with SASL required and no dialback, or SASL optional.",
  validateResource: ({ type, props }, report) => {
    for (const { partner, row } of partnersOf(type, props)) {
      if (row.verdict === "warning") report(`partner ${partner.domain}: row ${row.row}: ${noteText(row)}`);
      if (row.methods.includes("tcp-dialback")) report(`partner ${partner.domain}: row ${row.row} allows a session without TLS`);
    }
  },
};
