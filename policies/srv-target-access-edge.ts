import type { StackValidationPolicy } from "@pulumi/policy";
import { normaliseDomain } from "../gateway/config/schema.ts";
import { COMPONENTS, xmppRecordOf } from "./component-inputs.ts";

/** "The SRV record will resolve to the Access Edge FQDN": Microsoft's page. It takes the whole stack to know which that is. */
export const srvTargetAccessEdge: StackValidationPolicy = {
  name: "srv-target-access-edge",
  description: "Every _xmpp-server._tcp and _xmpps-server._tcp record must lead to the Access Edge FQDN of an edge in this stack.",
  enforcementLevel: "mandatory",
  severity: "high",
  remediationSteps: "Set data.target of the record to accessEdge.fqdn of the edge, or let FederationDns make the record.",
  validateStack: ({ resources }, report) => {
    const edges = resources.filter(({ type }) => type === COMPONENTS.federationEdge);
    const names = new Set(edges.map(({ props }) => normal(props.accessEdgeFqdn)));
    if (names.size === 0) return;
    for (const { type, props, urn } of resources) {
      const record = xmppRecordOf(type, props);
      if (record === null || names.has(normal(record.data.target))) continue;
      report(`${record.name}: target is ${record.data.target}; expected ${[...names].join(" or ")}`, urn);
    }
  },
};

const normal = (name: unknown): string => normaliseDomain(String(name)) ?? String(name);
