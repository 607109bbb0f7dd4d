import { createHash, randomBytes } from "node:crypto";
import type { Field } from "../fields.ts";
import { isProperties, type Properties } from "../wire.ts";
import { arm, groupId, LOCATION, RESOURCE_GROUP, TAGS, uuidFrom } from "./arm.ts";

const boolean: Field = { type: "boolean" };
const any: Field = { type: "any" };
const uuid: Field = { type: "string", pattern: /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i, expected: "a GUID" };
const texts: Field = { type: "array", of: { type: "string" } };
const VAULT_NAME = /^[A-Za-z](?=.{2,23}$)(?:-?[A-Za-z0-9])+$/;

const vaultId = (inputs: Properties, subscription: string): string =>
  `${groupId(inputs, subscription)}/providers/Microsoft.KeyVault/vaults/${String(inputs.vaultName)}`;

export const vault = arm({
  type: "azure-native:keyvault:Vault",
  armType: "Microsoft.KeyVault/vaults",
  inputs: {
    ...RESOURCE_GROUP,
    ...LOCATION,
    ...TAGS,
    properties: {
      type: "object",
      required: true,
      fields: {
        tenantId: { ...uuid, required: true },
        sku: {
          type: "object",
          required: true,
          fields: {
            family: { type: "string", oneOf: ["A"], required: true },
            name: { type: "string", oneOf: ["standard", "premium"], required: true },
          },
        },
        accessPolicies: {
          type: "array",
          max: 1024,
          of: {
            type: "object",
            fields: {
              tenantId: { ...uuid, required: true },
              objectId: { type: "string", required: true },
              applicationId: uuid,
              permissions: { type: "object", required: true, fields: { certificates: texts, keys: texts, secrets: texts, storage: texts } },
            },
          },
        },
        createMode: { type: "string", oneOf: ["default", "recover"] },
        enablePurgeProtection: boolean,
        enableRbacAuthorization: boolean,
        enableSoftDelete: boolean,
        enabledForDeployment: boolean,
        enabledForDiskEncryption: boolean,
        enabledForTemplateDeployment: boolean,
        networkAcls: any,
        publicNetworkAccess: { type: "string", oneOf: ["Enabled", "Disabled", "enabled", "disabled"] },
        softDeleteRetentionInDays: { type: "number", integer: true, min: 7, max: 90 },
      },
    },
  },
  naming: {
    property: "vaultName",
    kind: "random",
    pattern: VAULT_NAME,
    expected: "3 to 24 letters, digits and single hyphens, beginning with a letter",
  },
  parent: groupId,
  id: vaultId,
  hasLocation: true,
  computed: ["properties.vaultUri", "properties.provisioningState"],
  compute: (inputs, { control }) => ({
    "properties.vaultUri": `${control.url}/vault/${String(inputs.vaultName)}/`,
    "properties.provisioningState": "Succeeded",
  }),
});

/** A new value is a new version. The value is never given back, as by the real one. */
export const secret = arm({
  type: "azure-native:keyvault:Secret",
  armType: "Microsoft.KeyVault/vaults/secrets",
  inputs: {
    ...RESOURCE_GROUP,
    ...TAGS,
    vaultName: { type: "string", pattern: VAULT_NAME, expected: "the name of a vault", required: true, replace: true },
    properties: {
      type: "object",
      required: true,
      fields: {
        value: { type: "string" },
        contentType: { type: "string" },
        attributes: {
          type: "object",
          fields: { enabled: boolean, expires: { type: "number", integer: true }, notBefore: { type: "number", integer: true } },
        },
      },
    },
  },
  naming: { property: "secretName", kind: "copy", pattern: /^[A-Za-z0-9-]{1,127}$/, expected: "1 to 127 letters, digits and hyphens" },
  parent: vaultId,
  id: (inputs, subscription) => `${vaultId(inputs, subscription)}/secrets/${String(inputs.secretName)}`,
  hasLocation: false,
  computed: ["properties.secretUri", "properties.secretUriWithVersion"],
  volatile: ["properties.secretUriWithVersion"],
  inputOnly: ["vaultName"],
  echo: (inputs) => {
    if (!isProperties(inputs.properties)) return inputs;
    const { value: _, ...properties } = inputs.properties;
    return { ...inputs, properties };
  },
  compute: (inputs, { control }) => {
    const uri = `${control.url}/vault/${String(inputs.vaultName)}/secrets/${String(inputs.secretName)}`;
    const version = uuidFrom(createHash("sha256").update(randomBytes(16)).digest()).replaceAll("-", "");
    return { "properties.secretUri": uri, "properties.secretUriWithVersion": `${uri}/${version}` };
  },
});
