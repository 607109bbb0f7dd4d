/** The stand-in of `@pulumi/azure-native`: a slice of Azure that lives in the sandbox process. */
import { CLIENT, resourcePath } from "../../client.ts";
import { sdkVersion } from "../package-version.ts";
import type { Provider } from "../resource.ts";
import { askSandbox } from "../sandbox.ts";
import { fromJson, type JsonObject } from "../wire.ts";
import { groupId, RESOURCE_GROUP, subscriptionOf } from "./arm.ts";
import { containerGroup } from "./container-group.ts";
import { roleAssignment, userAssignedIdentity } from "./identity.ts";
import { secret, vault } from "./key-vault.ts";
import { resourceGroup } from "./resource-group.ts";
import { blob, blobContainer, fileShare, storageAccount } from "./storage.ts";

export const azureNative: Provider = {
  name: "azure-native",
  version: sdkVersion("azure-native"),
  resources: {
    "azure-native:resources:ResourceGroup": resourceGroup,
    "azure-native:storage:StorageAccount": storageAccount,
    "azure-native:storage:BlobContainer": blobContainer,
    "azure-native:storage:Blob": blob,
    "azure-native:storage:FileShare": fileShare,
    "azure-native:keyvault:Vault": vault,
    "azure-native:keyvault:Secret": secret,
    "azure-native:managedidentity:UserAssignedIdentity": userAssignedIdentity,
    "azure-native:authorization:RoleAssignment": roleAssignment,
    "azure-native:containerinstance:ContainerGroup": containerGroup,
  },
  invokes: {
    "azure-native:authorization:getClientConfig": {
      inputs: {},
      run: async (_args, { config }) => ({ ...CLIENT, subscriptionId: subscriptionOf(config) }),
    },
    "azure-native:storage:listStorageAccountKeys": {
      inputs: { ...RESOURCE_GROUP, accountName: { type: "string", required: true }, expand: { type: "string", oneOf: ["kerb"] } },
      run: async (args, { config }) => {
        const id = `${groupId(args, subscriptionOf(config))}/providers/Microsoft.Storage/storageAccounts/${String(args.accountName)}`;
        return fromJson((await askSandbox("GET", resourcePath(id).replace("resources", "storage-keys"))) as JsonObject);
      },
    },
  },
};
