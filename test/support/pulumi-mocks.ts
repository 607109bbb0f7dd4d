/**
 * The engine's part for component tests: every registered resource is recorded, and the outputs that our components read are
 * made up. Import it before the component. Mocks are global, so they are installed anew by `startMocks` and a test file that
 * uses them runs its components one after the other.
 *
 * What this does not show: options such as protect and parents, secrets that the engine marks, provider checks. Tests with the
 * real engine do.
 */
import { generateKeyPairSync } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

export interface Registered {
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: the engine's own word for "whatever the resource takes"
  readonly inputs: Record<string, any>;
}

export interface Logged {
  readonly severity: "info" | "warn";
  readonly text: string;
}

export interface Mocks {
  readonly registered: readonly Registered[];
  /** What the components told the operator. */
  readonly logged: readonly Logged[];
  /** Resources of a type, by its last part: "PrivateKey". */
  ofType(type: string): readonly Registered[];
  /** The one resource of that name, and of that type (by its last part) where several have it. */
  named(name: string, type?: string): Registered;
}

/** Address that a container group gets. */
export const MOCK_ADDRESS = "192.0.2.10";

const RSA_KEY = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

/** The key that every tls.PrivateKey of a test gets: making one each would cost seconds. */
export const MOCK_KEY_PEM: string = RSA_KEY.privateKey;

export const certificateText = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

type State = Record<string, unknown>;

/** Outputs that a provider adds to the inputs, by resource type. In preview a computed output is unknown: it is left out. */
const OUTPUTS: Readonly<Record<string, (name: string) => State>> = {
  "tls:index/privateKey:PrivateKey": () => ({ privateKeyPem: MOCK_KEY_PEM, publicKeyPem: RSA_KEY.publicKey }),
  "tls:index/selfSignedCert:SelfSignedCert": (name) => ({ certPem: certificateText(name) }),
  "tls:index/locallySignedCert:LocallySignedCert": (name) => ({ certPem: certificateText(name) }),
  "tls:index/certRequest:CertRequest": (name) => ({ certRequestPem: `request of ${name}` }),
  "azure-native:storage:StorageAccount": (name) => ({ primaryEndpoints: { blob: `https://${name}.blob.example/` } }),
  "azure-native:managedidentity:UserAssignedIdentity": (name) => ({ clientId: `client-${name}`, principalId: `principal-${name}` }),
};

const INVOKES: Readonly<Record<string, State>> = {
  "azure-native:authorization:getClientConfig": { tenantId: "tenant", subscriptionId: "subscription" },
  "azure-native:storage:listStorageAccountKeys": { keys: [{ value: "account-key" }] },
};

function outputsOf({ type, name, inputs }: pulumi.runtime.MockResourceArgs): State {
  if (type === "azure-native:keyvault:Vault") {
    return { properties: { ...inputs.properties, vaultUri: `https://${name}.vault.example/` } };
  }
  if (type === "azure-native:storage:BlobContainer") return { name: inputs.containerName ?? name };
  if (type === "azure-native:containerinstance:ContainerGroup") return { ipAddress: { ...inputs.ipAddress, ip: MOCK_ADDRESS } };
  return OUTPUTS[type]?.(name) ?? {};
}

/** Installs the mocks. `preview`: computed outputs are unknown, as before the first `up`. */
export async function startMocks(preview = false): Promise<Mocks> {
  const registered: Registered[] = [];
  const logged: Logged[] = [];
  const recorder = (severity: Logged["severity"]) => async (text: string) => {
    logged.push({ severity, text });
  };
  // Without an engine the SDK would print them between the test names.
  Object.assign(pulumi.log, { info: recorder("info"), warn: recorder("warn") });
  await pulumi.runtime.setMocks(
    {
      newResource(args) {
        registered.push({ type: args.type, name: args.name, inputs: args.inputs });
        const state = { name: args.name, ...args.inputs, ...(preview ? {} : outputsOf(args)) };
        return { id: preview ? undefined : `/id/${args.name}`, state };
      },
      call: ({ token }) => INVOKES[token] ?? {},
    },
    "xmpp-edge",
    "test",
    preview,
  );
  return {
    registered,
    logged,
    ofType: (type) => registered.filter((resource) => resource.type.endsWith(`:${type}`)),
    named(name, type = "") {
      const [found, ...others] = registered.filter((resource) => resource.name === name && resource.type.endsWith(type));
      if (!found || others.length > 0) throw new Error(`${others.length + (found ? 1 : 0)} resources called ${name}`);
      return found;
    },
  };
}

/** The value of an output; undefined where it is not known. */
export async function resolved<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const inner = output as unknown as { promise(): Promise<T>; isKnown: Promise<boolean> };
    inner.isKnown.then((known) => (known ? inner.promise().then(resolve) : resolve(undefined))).catch(reject);
  });
}

/** An input as the provider reads it: the envelope that marks a secret taken off. */
export function unsealed(value: unknown): unknown {
  if (pulumi.runtime.isRpcSecret(value)) return unsealed(pulumi.runtime.unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(unsealed);
  if (typeof value !== "object" || value === null || pulumi.asset.Asset.isInstance(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unsealed(inner)]));
}

export const isSecret = (output: pulumi.Output<unknown>): Promise<boolean> => pulumi.isSecret(output);

/** Waits until everything that a program started is registered. */
export const settled = (): Promise<void> => (pulumi.runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
