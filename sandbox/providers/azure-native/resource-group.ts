import { arm, groupId, LOCATION, TAGS } from "./arm.ts";

export const resourceGroup = arm({
  type: "azure-native:resources:ResourceGroup",
  armType: "Microsoft.Resources/resourceGroups",
  inputs: { ...LOCATION, managedBy: { type: "string", replace: true }, ...TAGS },
  naming: {
    property: "resourceGroupName",
    kind: "random",
    pattern: /^[-\w.()]{0,89}[-\w()]$/,
    expected: "1 to 90 letters, digits, and - _ . ( ), not ending in a period",
  },
  id: groupId,
  hasLocation: true,
  check: ({ location }) =>
    location === undefined ? [{ property: "location", reason: "is required: give it, or configure azure-native:location" }] : [],
  computed: ["properties"],
  compute: () => ({ properties: { provisioningState: "Succeeded" } }),
});
