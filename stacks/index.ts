/** The program: reads the stack's configuration, declares one edge, exports what it tells. */
import { FederationEdge } from "../components/federation-edge.ts";
import { edgeArgs } from "./config.ts";

const edge = new FederationEdge("edge", { ...edgeArgs(), now: new Date().toISOString() });

export const {
  accessEdgeFqdn,
  srvRecords,
  gateway,
  document,
  partners,
  certificateRequestPem,
  certificateRequestSummary,
  certificateStatus,
  certificatePrivateKeyPem,
  sipCertificateRequestPem,
  sipCertificateRequestSummary,
  sipCertificateStatus,
  sipCertificatePrivateKeyPem,
  warnings,
  developmentAuthorityPem,
  developmentPeers,
} = edge;
