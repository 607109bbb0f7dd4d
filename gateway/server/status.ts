/** What /status tells: the document in force, what was refused, partners, connections, attempts, counters. */
import { X509Certificate } from "node:crypto";
import { matrixRow } from "../config/matrix.ts";
import type { EdgeDocument } from "../config/schema.ts";
import type { EdgeWatch } from "./edge-state.ts";
import type { Identity, SipSide, XmppSide } from "./ports.ts";
import type { Router } from "./router.ts";

export interface StatusParts {
  readonly watch: EdgeWatch;
  readonly xmpp: XmppSide;
  readonly sip: SipSide;
  readonly router: Router;
  readonly now: number;
  /** Ports in use, which a reload does not change. */
  readonly listen: EdgeDocument["listen"];
  readonly draining: boolean;
}

/** The whole status as one JSON value; holds no key, no secret and no message text. */
export function statusReport(parts: StatusParts) {
  const { watch } = parts;
  const { document, xmppIdentity, furtherIdentities = [], sipIdentity } = watch.state;
  const restartNeeded = JSON.stringify(document.listen) !== JSON.stringify(parts.listen);
  return {
    at: iso(parts.now),
    draining: parts.draining,
    document: {
      tag: watch.documentTag,
      appliedAt: iso(watch.appliedAt),
      refusal: watch.refusal && { ...watch.refusal, at: iso(watch.refusal.at) },
      warnings: watch.warnings,
      restartNeeded: restartNeeded ? "the document names other ports than those in use: they count after a restart" : null,
    },
    listen: parts.listen,
    accessEdgeFqdn: document.accessEdgeFqdn,
    sipDomains: document.sipDomains,
    certificates: {
      xmpp: certificateStatus(xmppIdentity),
      further: furtherIdentities.map(certificateStatus),
      sip: certificateStatus(sipIdentity),
    },
    partners: document.partners.map((partner) => {
      const row = matrixRow(partner, document.gateway.negotiationMode);
      return {
        domain: partner.domain,
        additionalDomains: partner.additionalDomains,
        partnerType: partner.partnerType,
        row: row.row,
        methods: row.methods,
        verdict: row.verdict,
      };
    }),
    counters: parts.router.counters(),
    connections: { xmpp: parts.xmpp.connections(), sip: parts.sip.connections() },
    nextHops: parts.sip.nextHops(),
    attempts: { xmpp: parts.xmpp.attempts(), sip: parts.sip.attempts() },
  };
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

function certificateStatus(identity: Identity) {
  const leaf = new X509Certificate(identity.certificateChain);
  return {
    subject: leaf.subject,
    issuer: leaf.issuer,
    names: leaf.subjectAltName ?? "",
    validTo: leaf.validToDate.toISOString(),
    fingerprint: leaf.fingerprint256,
  };
}
