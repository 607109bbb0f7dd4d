/** Storage accounts and what is in them. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Field, Fields } from "../fields.ts";
import { ProviderError } from "../resource.ts";
import { Asset, type Properties } from "../wire.ts";
import { arm, groupId, LOCATION, RESOURCE_GROUP, TAGS } from "./arm.ts";

const boolean: Field = { type: "boolean" };
const any: Field = { type: "any" };
const ACCOUNT_NAME = /^[a-z0-9]{3,24}$/;

const accountId = (inputs: Properties, subscription: string): string =>
  `${groupId(inputs, subscription)}/providers/Microsoft.Storage/storageAccounts/${String(inputs.accountName)}`;

// biome-ignore format: a table
const SKUS = ["Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Premium_LRS", "Premium_ZRS", "Standard_GZRS", "Standard_RAGZRS"];

export const storageAccount = arm({
  type: "azure-native:storage:StorageAccount",
  armType: "Microsoft.Storage/storageAccounts",
  inputs: {
    ...RESOURCE_GROUP,
    ...LOCATION,
    ...TAGS,
    kind: { type: "string", oneOf: ["Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"], required: true },
    sku: { type: "object", required: true, fields: { name: { type: "string", oneOf: SKUS, required: true } } },
    accessTier: { type: "string", oneOf: ["Hot", "Cool", "Premium", "Cold"] },
    minimumTlsVersion: { type: "string", oneOf: ["TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"] },
    publicNetworkAccess: { type: "string", oneOf: ["Enabled", "Disabled", "SecuredByPerimeter"] },
    allowBlobPublicAccess: boolean,
    allowCrossTenantReplication: boolean,
    allowSharedKeyAccess: boolean,
    defaultToOAuthAuthentication: boolean,
    enableExtendedGroups: boolean,
    enableHttpsTrafficOnly: boolean,
    enableNfsV3: { ...boolean, replace: true },
    isHnsEnabled: { ...boolean, replace: true },
    isLocalUserEnabled: boolean,
    isSftpEnabled: boolean,
    allowedCopyScope: any,
    azureFilesIdentityBasedAuthentication: any,
    customDomain: any,
    dnsEndpointType: { ...any, replace: true },
    encryption: any,
    extendedLocation: { ...any, replace: true },
    identity: any,
    immutableStorageWithVersioning: { ...any, replace: true },
    keyPolicy: any,
    largeFileSharesState: any,
    networkRuleSet: any,
    routingPreference: any,
    sasPolicy: any,
  },
  naming: { property: "accountName", kind: "random", pattern: ACCOUNT_NAME, expected: "3 to 24 lower-case letters and digits" },
  parent: groupId,
  id: accountId,
  hasLocation: true,
  computed: ["primaryEndpoints", "primaryLocation", "provisioningState", "creationTime", "statusOfPrimary"],
  compute: (inputs, { control, before }) => ({
    primaryEndpoints: { blob: `${control.url}/blob/${String(inputs.accountName)}/` },
    primaryLocation: inputs.location ?? null,
    provisioningState: "Succeeded",
    creationTime: before.creationTime ?? new Date().toISOString(),
    statusOfPrimary: "available",
  }),
});

const inAccount: Fields = {
  ...RESOURCE_GROUP,
  accountName: { type: "string", pattern: ACCOUNT_NAME, expected: "the name of a storage account", required: true, replace: true },
};
const metadata: Field = { type: "map", of: { type: "string" } };

const CONTAINER_NAME = /^(\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62})$/;
const containerId = (inputs: Properties, subscription: string): string =>
  `${accountId(inputs, subscription)}/blobServices/default/containers/${String(inputs.containerName)}`;

export const blobContainer = arm({
  type: "azure-native:storage:BlobContainer",
  armType: "Microsoft.Storage/storageAccounts/blobServices/containers",
  inputs: {
    ...inAccount,
    publicAccess: { type: "string", oneOf: ["Container", "Blob", "None"] },
    metadata,
    defaultEncryptionScope: { type: "string", replace: true },
    denyEncryptionScopeOverride: boolean,
    enableNfsV3AllSquash: boolean,
    enableNfsV3RootSquash: boolean,
    immutableStorageWithVersioning: any,
  },
  naming: {
    property: "containerName",
    kind: "copy",
    pattern: CONTAINER_NAME,
    expected: "3 to 63 lower-case letters, digits and single hyphens",
  },
  parent: accountId,
  id: containerId,
  hasLocation: false,
  inputOnly: ["accountName"],
});

/** `source` is immutable in azure-native: new content is a new blob, made after the old one's end. */
export const blob = arm({
  type: "azure-native:storage:Blob",
  armType: "Microsoft.Storage/storageAccounts/blobServices/containers/blobs",
  inputs: {
    ...inAccount,
    containerName: { type: "string", pattern: CONTAINER_NAME, expected: "the name of a container", required: true, replace: true },
    source: { type: "asset", replace: true },
    contentMd5: { type: "string", replace: true },
    contentType: { type: "string" },
    accessTier: { type: "string", oneOf: ["Hot", "Cool", "Archive"] },
    metadata,
    type: { type: "string", oneOf: ["Block", "Append"], default: "Block", replace: true },
  },
  naming: { property: "blobName", kind: "copy", pattern: /^[^\s\\]{1,1024}$/, expected: "1 to 1024 characters without spaces" },
  parent: containerId,
  id: (inputs, subscription) => `${containerId(inputs, subscription)}/blobs/${String(inputs.blobName)}`,
  hasLocation: false,
  computed: ["url", "contentMd5"],
  inputOnly: ["accountName", "containerName", "source"],
  check: ({ type, source }) =>
    type === "Append" && (source ?? null) !== null ? [{ property: "source", reason: "cannot be given for an Append blob" }] : [],
  compute: (inputs, { control }) => ({
    type: inputs.type ?? "Block",
    url: `${control.url}/blob/${String(inputs.accountName)}/${String(inputs.containerName)}/${String(inputs.blobName)}`,
    contentMd5: inputs.contentMd5 ?? null,
  }),
  content: async ({ source, contentMd5 }) => {
    const bytes = source instanceof Asset ? await assetBytes(source) : Buffer.alloc(0);
    if (typeof contentMd5 === "string" && contentMd5 !== createHash("md5").update(bytes).digest("base64")) {
      throw new ProviderError('Code="Md5Mismatch" Message="contentMd5 is not the MD5 of source"');
    }
    return bytes;
  },
});

async function assetBytes(asset: Asset): Promise<Buffer> {
  if (asset.text !== undefined) return Buffer.from(asset.text);
  if (asset.path !== undefined) return readFile(asset.path);
  throw new ProviderError("source: the stand-in reads texts and files, not remote assets");
}

export const fileShare = arm({
  type: "azure-native:storage:FileShare",
  armType: "Microsoft.Storage/storageAccounts/fileServices/shares",
  inputs: {
    ...inAccount,
    shareQuota: { type: "number", integer: true, min: 1, max: 102_400 },
    accessTier: { type: "string", oneOf: ["TransactionOptimized", "Hot", "Cool", "Premium"] },
    enabledProtocols: { type: "string", oneOf: ["SMB", "NFS"], replace: true },
    metadata,
    rootSquash: { type: "string", oneOf: ["NoRootSquash", "RootSquash", "AllSquash"] },
    expand: any,
    fileSharePaidBursting: any,
    provisionedBandwidthMibps: any,
    provisionedIops: any,
    signedIdentifiers: any,
  },
  naming: {
    property: "shareName",
    kind: "copy",
    pattern: /^[a-z0-9](?:-?[a-z0-9]){2,62}$/,
    expected: "3 to 63 lower-case letters, digits and single hyphens",
  },
  parent: accountId,
  id: (inputs, subscription) => `${accountId(inputs, subscription)}/fileServices/default/shares/${String(inputs.shareName)}`,
  hasLocation: false,
  inputOnly: ["accountName", "expand"],
});
