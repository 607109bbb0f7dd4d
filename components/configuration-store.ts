/** Where the running gateway finds what may change without a restart: files in blob storage, secrets in a vault. */
import * as authorization from "@pulumi/azure-native/authorization/index.js";
import * as keyvault from "@pulumi/azure-native/keyvault/index.js";
import * as managedidentity from "@pulumi/azure-native/managedidentity/index.js";
import * as storage from "@pulumi/azure-native/storage/index.js";
import * as pulumi from "@pulumi/pulumi";
import { FILE_CONTAINER, FILES, SECRETS, storeNames, TYPES } from "./names.ts";

/** Built-in roles of Azure that the gateway's identity gets, and nothing more. */
const ROLES = {
  storageBlobDataReader: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
  keyVaultSecretsUser: "4633458b-17de-408a-874b-0445c86b69e6",
} as const;

/** Days in which a deleted secret can be brought back. */
const SOFT_DELETE_DAYS = 90;

export interface ConfigurationStoreArgs {
  resourceGroupName: pulumi.Input<string>;
  location?: pulumi.Input<string> | undefined;
  /** The document, JSON. */
  document: pulumi.Input<string>;
  /** Certificate chain shown to partners, PEM. */
  certificateChain: pulumi.Input<string>;
  /** Its private key, PEM. */
  privateKeyPem: pulumi.Input<string>;
  /** Certificate chain shown to the Lync side, PEM. */
  sipCertificateChain: pulumi.Input<string>;
  /** Its private key, PEM. */
  sipPrivateKeyPem: pulumi.Input<string>;
  /** Secret from which dialback keys are made. */
  dialbackSecret: pulumi.Input<string>;
  /** Whether vault and storage refuse to be deleted. */
  protect: boolean;
}

/** What the gateway's host needs to reach the store. */
export interface StoreAccess {
  /** Environment of the gateway: where each file and secret is, and as whom to ask. Never a secret itself. */
  readonly environment: Readonly<Record<string, pulumi.Input<string>>>;
  /** Resource id of the identity that may read. */
  readonly identityId: pulumi.Output<string>;
  /** Storage account, which also holds the gateway's own state. */
  readonly accountName: pulumi.Output<string>;
}

/**
 * The store. Each thing that changes by itself is a resource by itself, so that a new document updates one blob.
 * The contents are not inputs of the component: they would stand in the state twice, keys among them.
 */
export class ConfigurationStore extends pulumi.ComponentResource {
  readonly access: StoreAccess;

  constructor(name: string, args: ConfigurationStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    const { resourceGroupName, location, protect } = args;
    super(TYPES.configurationStore, name, { resourceGroupName, location, protect }, opts);
    const names = storeNames(name);
    const client = authorization.getClientConfigOutput({ parent: this });
    const place = { resourceGroupName, ...(location === undefined ? {} : { location }) };
    const child = { parent: this };
    const kept = { parent: this, protect };

    const identity = new managedidentity.UserAssignedIdentity(names.identity, place, child);
    const account = new storage.StorageAccount(names.account, { ...place, ...ACCOUNT }, kept);
    const inAccount = { resourceGroupName, accountName: account.name };
    const container = new storage.BlobContainer(
      names.container,
      { ...inAccount, containerName: FILE_CONTAINER, publicAccess: storage.PublicAccess.None },
      child,
    );
    const vault = new keyvault.Vault(names.vault, { ...place, properties: vaultProperties(client.tenantId, protect) }, kept);

    const files: ReadonlyArray<readonly [string, string, pulumi.Input<string>]> = [
      [FILES.document, "application/json", args.document],
      [FILES.certificate, "application/x-pem-file", args.certificateChain],
      [FILES.sipCertificate, "application/x-pem-file", args.sipCertificateChain],
    ];
    for (const [file, contentType, text] of files) {
      const source = pulumi.output(text).apply((content) => new pulumi.asset.StringAsset(content));
      const inputs = { ...inAccount, containerName: container.name, blobName: file, contentType, type: storage.BlobType.Block, source };
      new storage.Blob(names.blob(file), inputs, child);
    }

    const secrets: ReadonlyArray<readonly [string, pulumi.Input<string>]> = [
      [SECRETS.key, args.privateKeyPem],
      [SECRETS.sipKey, args.sipPrivateKeyPem],
      [SECRETS.dialback, args.dialbackSecret],
    ];
    for (const [secretName, value] of secrets) {
      const inputs = { resourceGroupName, vaultName: vault.name, secretName, properties: { value: pulumi.secret(value) } };
      new keyvault.Secret(names.secret(secretName), inputs, child);
    }

    const role = (id: string) =>
      pulumi.interpolate`/subscriptions/${client.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${id}`;
    const reader = { principalId: identity.principalId, principalType: authorization.PrincipalType.ServicePrincipal };
    new authorization.RoleAssignment(
      names.readFiles,
      { ...reader, scope: container.id, roleDefinitionId: role(ROLES.storageBlobDataReader) },
      child,
    );
    new authorization.RoleAssignment(
      names.readSecrets,
      { ...reader, scope: vault.id, roleDefinitionId: role(ROLES.keyVaultSecretsUser) },
      child,
    );

    // From the endpoints that account and vault tell, not from the blobs: a changed blob must not reach the host's inputs.
    const file = (blob: string) => pulumi.interpolate`${account.primaryEndpoints.blob}${container.name}/${blob}`;
    const secret = (secretName: string) => pulumi.interpolate`${vault.properties.vaultUri}secrets/${secretName}`;
    this.access = {
      environment: {
        EDGE_DOCUMENT: file(FILES.document),
        EDGE_CERTIFICATE: file(FILES.certificate),
        EDGE_KEY: secret(SECRETS.key),
        EDGE_SIP_CERTIFICATE: file(FILES.sipCertificate),
        EDGE_SIP_KEY: secret(SECRETS.sipKey),
        EDGE_DIALBACK_SECRET: secret(SECRETS.dialback),
        AZURE_CLIENT_ID: identity.clientId,
      },
      identityId: identity.id,
      accountName: account.name,
    };
    this.registerOutputs({ documentUrl: this.access.environment.EDGE_DOCUMENT, identityId: identity.id, accountName: account.name });
  }
}

/** Access by key stays on: blobs are uploaded with it, and a container group mounts its file share with it. */
const ACCOUNT = {
  kind: storage.Kind.StorageV2,
  sku: { name: storage.SkuName.Standard_ZRS },
  allowBlobPublicAccess: false,
  allowSharedKeyAccess: true,
  enableHttpsTrafficOnly: true,
  minimumTlsVersion: storage.MinimumTlsVersion.TLS1_2,
};

/** Purge protection cannot be taken back, so it comes with `protect` only; Azure refuses an explicit false. */
const vaultProperties = (tenantId: pulumi.Input<string>, protect: boolean) => ({
  tenantId,
  sku: { family: keyvault.SkuFamily.A, name: keyvault.SkuName.Standard },
  enableRbacAuthorization: true,
  enableSoftDelete: true,
  softDeleteRetentionInDays: SOFT_DELETE_DAYS,
  ...(protect ? { enablePurgeProtection: true } : {}),
});
