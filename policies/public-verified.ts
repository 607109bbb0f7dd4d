import type { ResourceValidationPolicy } from "@pulumi/policy";
import { partnersOf } from "./component-inputs.ts";

/** "This setting is not recommended": Microsoft's page, of the public verified partner type. */
export const publicVerified: ResourceValidationPolicy = {
  name: "public-verified",
  description: "A public provider should be publicUnverified, so that its users get through only to those who added them.",
  enforcementLevel: "advisory",
  severity: "medium",
  remediationSteps: "Set partnerType to publicUnverified, or to federated for an organisation you know.",
  validateResource: ({ type, props }, report) => {
    for (const { partner } of partnersOf(type, props)) {
      if (partner.partnerType === "publicVerified") report(`partner ${partner.domain}: partnerType publicVerified is not recommended`);
    }
  },
};
