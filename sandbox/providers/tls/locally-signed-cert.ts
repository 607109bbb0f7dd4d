import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { extension } from "../../../gateway/pki/build.ts";
import { extensionsOf, readExtensions, subjectOf } from "../../../gateway/pki/certificate.ts";
import { bytesOf, type Der, decode, encode, itemsOf, oidOf, sequence, tagOf } from "../../../gateway/pki/der.ts";
import { OID } from "../../../gateway/pki/oids.ts";
import { ProviderError, type ResourceRow } from "../resource.ts";
import {
  authorityKeyId,
  checkKeyGiven,
  givenKey,
  isReadyForRenewal,
  issue,
  keyFields,
  publicKeyOf,
  renewalDue,
  renewed,
  USES_FIELD,
  VALIDITY,
} from "./certificates.ts";
import { algorithmOf } from "./keys.ts";

const COMPUTED = ["certPem", "caKeyAlgorithm", "validityStartTime", "validityEndTime"] as const;
/** Kinds of general names that the real provider carries over from a request: DNS name, URI, address. It drops the others. */
const CARRIED: ReadonlySet<number | null> = new Set([2, 6, 7]);

export const locallySignedCert: ResourceRow = {
  inputs: {
    certRequestPem: { type: "string", required: true, replace: true },
    caCertPem: { type: "string", required: true, replace: true },
    ...keyFields("caPrivateKeyPem"),
    ...VALIDITY,
    allowedUses: USES_FIELD,
  },
  computed: [...COMPUTED, "readyForRenewal"],
  inputOnly: ["caPrivateKeyPemWo"],
  secretOutputs: ["caPrivateKeyPem"],
  check: (inputs) => checkKeyGiven(inputs, "caPrivateKeyPem"),
  drift: renewalDue,
  async create(inputs) {
    const request = readRequest(String(inputs.certRequestPem));
    const authority = readAuthority(String(inputs.caCertPem));
    const issuerKey = givenKey(inputs, "caPrivateKeyPem");
    if (!publicKeyOf(issuerKey).equals(authority.publicKey)) {
      throw new ProviderError("caPrivateKeyPem is not the key of caCertPem: their public keys differ");
    }
    const authorityId = extensionsOf(authority).get(OID.subjectKeyIdentifier);
    const extensions = [...(authorityId ? [authorityKeyId(bytesOf(decode(authorityId.value), "octetString"))] : []), ...request.names];
    const { subject, publicKey } = request;
    const { id, ...certificate } = issue({ inputs, subject, issuer: subjectOf(authority), publicKey, extensions, issuerKey });
    const readyForRenewal = isReadyForRenewal(certificate.validityEndTime, inputs.earlyRenewalHours);
    return { id, computed: { ...certificate, caKeyAlgorithm: algorithmOf(issuerKey), readyForRenewal } };
  },
  read: async (_id, { inputs, outputs }) => ({ inputs, outputs: { ...outputs, ...renewed(outputs, inputs, COMPUTED) } }),
  update: async (_id, inputs, outputs) => renewed(outputs, inputs, COMPUTED),
  delete: async () => {},
};

function readAuthority(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new ProviderError("caCertPem holds no certificate in PEM form");
  }
}

/** Subject, key and the names that are carried over from a PKCS #10 request (RFC 2986 section 4.1). */
function readRequest(pem: string): { readonly subject: Der; readonly publicKey: KeyObject; readonly names: readonly Der[] } {
  const base64 = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----/.exec(pem)?.[1];
  if (base64 === undefined) throw new ProviderError("certRequestPem holds no certificate request in PEM form");
  try {
    const [information] = itemsOf(decode(Buffer.from(base64, "base64")), "sequence");
    const [, subject, key, attributes] = itemsOf(information, "sequence");
    if (subject === undefined || key === undefined) throw new Error("subject or key is missing");
    const publicKey = createPublicKey({ key: encode(key), format: "der", type: "spki" });
    return { subject, publicKey, names: attributes === undefined ? [] : requestedNames(attributes) };
  } catch (error) {
    throw new ProviderError(`certRequestPem cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function requestedNames(attributes: Der): readonly Der[] {
  for (const attribute of itemsOf(attributes)) {
    const [type, values] = itemsOf(attribute, "sequence");
    if (oidOf(type) !== OID.extensionRequest) continue;
    const requested = readExtensions(itemsOf(values, "set")[0]).get(OID.subjectAltName);
    if (requested === undefined) continue;
    const carried = itemsOf(decode(requested.value), "sequence").filter((name) => CARRIED.has(tagOf(name)));
    return carried.length === 0 ? [] : [extension(OID.subjectAltName, false, sequence(...carried))];
  }
  return [];
}
