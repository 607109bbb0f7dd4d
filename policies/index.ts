/** The rules, in the order in which the engine applies them. A rule's name is what an operator configures: it stays. */
import type { Policies } from "@pulumi/policy";
import { certificateKeyLength } from "./certificate-key-length.ts";
import { certificateNames } from "./certificate-names.ts";
import { negotiationRowInvalid } from "./negotiation-row-invalid.ts";
import { negotiationRowWeak } from "./negotiation-row-weak.ts";
import { publicVerified } from "./public-verified.ts";
import { srvTargetAccessEdge } from "./srv-target-access-edge.ts";
import { srvTargetAndPort } from "./srv-target-and-port.ts";

export const POLICIES = [
  negotiationRowInvalid,
  negotiationRowWeak,
  publicVerified,
  srvTargetAndPort,
  srvTargetAccessEdge,
  certificateKeyLength,
  certificateNames,
] as const satisfies Policies;
