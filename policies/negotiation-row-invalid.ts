import type { ResourceValidationPolicy } from "@pulumi/policy";
import { noteText } from "../gateway/config/matrix.ts";
import { partnersOf } from "./component-inputs.ts";

/** The five rows of Microsoft's table that are not valid (six in strict mode). */
export const negotiationRowInvalid: ResourceValidationPolicy = {
  name: "negotiation-row-invalid",
  description: "A partner's negotiation settings must leave a method by which a session can be made.",
  enforcementLevel: "mandatory",
  severity: "high",
  remediationSteps: "Choose a valid row of Microsoft's negotiation table: docs/tables/negotiation.md lists all eighteen.",
  validateResource: ({ type, props }, report) => {
    for (const { partner, row } of partnersOf(type, props)) {
      if (row.verdict === "invalid") report(`partner ${partner.domain}: row ${row.row} is not valid: ${noteText(row)}`);
    }
  },
};
