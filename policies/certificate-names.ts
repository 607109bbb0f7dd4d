import type { ResourceValidationPolicy } from "@pulumi/policy";
import { COMPONENTS, textsOf } from "./component-inputs.ts";

/** Every XMPP domain must stand in the certificate: Lync's certificate planning page knows no wildcards. */
export const certificateNames: ResourceValidationPolicy = {
  name: "certificate-names",
  description: "A certificate request must hold every name that the certificate has to prove.",
  enforcementLevel: "mandatory",
  severity: "high",
  remediationSteps: "Add the missing names to additionalNames of the certificate.",
  validateResource: ({ type, props, name }, report) => {
    if (type !== COMPONENTS.edgeCertificate) return;
    const held = new Set([...textsOf(props.dnsNames), ...textsOf(props.additionalNames), props.subjectName ?? props.commonName]);
    const missing = textsOf(props.requiredNames).filter((required) => !held.has(required));
    if (missing.length > 0) report(`${name}: the request lacks ${missing.join(", ")}`);
  },
};
