import type { ResourceValidationPolicy } from "@pulumi/policy";
import { normaliseDomain } from "../gateway/config/schema.ts";
import { SRV_PORT, xmppRecordOf } from "./component-inputs.ts";

/** What Microsoft's page and RFC 2782 want of an `_xmpp-server._tcp` record by itself. */
export const srvTargetAndPort: ResourceValidationPolicy = {
  name: "srv-target-and-port",
  description: "An _xmpp-server._tcp record must name a host as target, port 5269, and its priority in both places.",
  enforcementLevel: "mandatory",
  severity: "high",
  remediationSteps:
    "Let FederationDns make the record, or set data.target to the Access Edge FQDN, data.port to 5269 and both priorities alike.",
  validateResource: ({ type, props }, report) => {
    const record = xmppRecordOf(type, props);
    if (record === null) return;
    const { name, data, priority } = record;
    if (data.port !== SRV_PORT) report(`${name}: port is ${data.port}; expected ${SRV_PORT}`);
    // "." is RFC 2782's way to say that there is no such service.
    if (typeof data.target !== "string" || normaliseDomain(data.target) === null) {
      report(`${name}: target is ${JSON.stringify(data.target)}; expected the Access Edge FQDN`);
    }
    if (priority !== data.priority) report(`${name}: priority is ${priority} and data.priority ${data.priority}; expected the same number`);
  },
};
