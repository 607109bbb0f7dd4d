import type { ResourceValidationPolicy } from "@pulumi/policy";
import { normaliseDomain } from "../gateway/config/schema.ts";
import { SRV_PORT, type XmppRecord, xmppRecordOf } from "./component-inputs.ts";

/** What Microsoft's page, RFC 2782 and XEP-0368 want of an `_xmpp-server._tcp` or `_xmpps-server._tcp` record by itself. */
export const srvTargetAndPort: ResourceValidationPolicy = {
  name: "srv-target-and-port",
  description:
    "An _xmpp-server._tcp record must name a host as target, port 5269 (_xmpps-server._tcp: another), and its priority in both places.",
  enforcementLevel: "mandatory",
  severity: "high",
  remediationSteps:
    "Let FederationDns make the record, or set data.target to the Access Edge FQDN, data.port to 5269 (for _xmpps-server._tcp to the port of direct TLS) and both priorities alike.",
  validateResource: ({ type, props }, report) => {
    const record = xmppRecordOf(type, props);
    if (record === null) return;
    const { name, data, priority } = record;
    const expected = expectedPort(record);
    if (expected !== null) report(`${name}: port is ${data.port}; expected ${expected}`);
    // "." is RFC 2782's way to say that there is no such service.
    if (typeof data.target !== "string" || normaliseDomain(data.target) === null) {
      report(`${name}: target is ${JSON.stringify(data.target)}; expected the Access Edge FQDN`);
    }
    if (priority !== data.priority) report(`${name}: priority is ${priority} and data.priority ${data.priority}; expected the same number`);
  },
};

/** What the port should be, or null where it is right. Port 5269 is where partners begin in clear, so direct TLS cannot be there. */
function expectedPort({ directTls, data: { port } }: XmppRecord): string | null {
  if (!directTls) return port === SRV_PORT ? null : String(SRV_PORT);
  return Number(port) >= 1 && Number(port) <= 65_535 && port !== SRV_PORT ? null : `the port of direct TLS, which is not ${SRV_PORT}`;
}
