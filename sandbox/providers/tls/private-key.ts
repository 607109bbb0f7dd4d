import { createHash, createPublicKey } from "node:crypto";
import type { ResourceRow } from "../resource.ts";
import { refuseUpdate } from "./certificates.ts";
import { ALGORITHMS, type Algorithm, CURVES, type Curve, generateKey, publicPem, sshForms, traditionalPem } from "./keys.ts";

/** OpenSSL makes no shorter RSA key; the upper bound keeps a preview from turning into an hour. */
const RSA_BITS = { min: 512, max: 16_384 } as const;

export const privateKey: ResourceRow = {
  inputs: {
    algorithm: { type: "string", oneOf: ALGORITHMS, required: true, replace: true },
    rsaBits: { type: "number", integer: true, ...RSA_BITS, default: 2048, replace: true },
    ecdsaCurve: { type: "string", oneOf: Object.keys(CURVES), default: "P224", replace: true },
  },
  computed: [
    "privateKeyPem",
    "privateKeyPemPkcs8",
    "privateKeyOpenssh",
    "publicKeyPem",
    "publicKeyOpenssh",
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
  ],
  secretOutputs: ["privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"],
  async create(inputs) {
    const key = await generateKey(inputs.algorithm as Algorithm, Number(inputs.rsaBits), inputs.ecdsaCurve as Curve);
    const der = createPublicKey(key).export({ type: "spki", format: "der" });
    const ssh = sshForms(key);
    return {
      id: createHash("sha1").update(der).digest("hex"),
      computed: {
        privateKeyPem: traditionalPem(key),
        privateKeyPemPkcs8: key.export({ type: "pkcs8", format: "pem" }) as string,
        privateKeyOpenssh: ssh.privateKey,
        publicKeyPem: publicPem(key),
        publicKeyOpenssh: ssh.publicKey,
        publicKeyFingerprintMd5: ssh.md5,
        publicKeyFingerprintSha256: ssh.sha256,
      },
    };
  },
  read: async (_id, state) => state,
  update: async () => refuseUpdate("a private key"),
  delete: async () => {},
};
