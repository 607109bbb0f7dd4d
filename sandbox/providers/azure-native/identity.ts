/** Identities and what they may do. */
import { randomUUID } from "node:crypto";
import { CLIENT } from "../../client.ts";
import type { Properties } from "../wire.ts";
import { arm, groupId, LOCATION, RESOURCE_GROUP, TAGS } from "./arm.ts";

export const userAssignedIdentity = arm({
  type: "azure-native:managedidentity:UserAssignedIdentity",
  armType: "Microsoft.ManagedIdentity/userAssignedIdentities",
  inputs: { ...RESOURCE_GROUP, ...LOCATION, ...TAGS },
  naming: {
    property: "resourceName",
    kind: "random",
    pattern: /^[A-Za-z0-9][-\w]{2,127}$/,
    expected: "3 to 128 letters, digits, - and _, beginning with a letter or digit",
  },
  parent: groupId,
  id: (inputs, subscription) =>
    `${groupId(inputs, subscription)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${String(inputs.resourceName)}`,
  hasLocation: true,
  computed: ["principalId", "clientId", "tenantId"],
  compute: (_inputs, { before }) => ({
    principalId: before.principalId ?? randomUUID(),
    clientId: before.clientId ?? randomUUID(),
    tenantId: CLIENT.tenantId,
  }),
});

const ROLE_DEFINITION =
  /^(?:\/subscriptions\/[^/]+)?\/providers\/Microsoft\.Authorization\/roleDefinitions\/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Azure changes neither scope, principal nor role of an assignment. */
export const roleAssignment = arm({
  type: "azure-native:authorization:RoleAssignment",
  armType: "Microsoft.Authorization/roleAssignments",
  inputs: {
    scope: {
      type: "string",
      pattern: /^\/subscriptions\/[^/]+(\/.+)?$/,
      expected: "the id of a subscription, group or resource",
      required: true,
      replace: true,
    },
    principalId: { type: "string", required: true, replace: true },
    principalType: {
      type: "string",
      oneOf: ["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"],
      default: "User",
      replace: true,
    },
    roleDefinitionId: {
      type: "string",
      pattern: ROLE_DEFINITION,
      expected: "/subscriptions/ID/providers/Microsoft.Authorization/roleDefinitions/GUID",
      required: true,
      replace: true,
    },
    condition: { type: "string" },
    conditionVersion: { type: "string" },
    description: { type: "string" },
    delegatedManagedIdentityResourceId: { type: "string" },
  },
  naming: {
    property: "roleAssignmentName",
    kind: "uuid",
    pattern: /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
    expected: "a GUID",
  },
  id: (inputs: Properties) =>
    `${String(inputs.scope)}/providers/Microsoft.Authorization/roleAssignments/${String(inputs.roleAssignmentName)}`,
  hasLocation: false,
});
