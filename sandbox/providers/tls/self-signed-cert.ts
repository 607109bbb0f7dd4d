import { keyIdentifier } from "../../../gateway/pki/build.ts";
import type { ResourceRow } from "../resource.ts";
import {
  alternativeNames,
  authorityKeyId,
  checkAddresses,
  checkKeyGiven,
  givenKey,
  isReadyForRenewal,
  issue,
  keyFields,
  NAMES,
  publicKeyOf,
  renewalDue,
  renewed,
  subjectName,
  USES_FIELD,
  VALIDITY,
} from "./certificates.ts";
import { algorithmOf } from "./keys.ts";

const COMPUTED = ["certPem", "keyAlgorithm", "validityStartTime", "validityEndTime"] as const;

export const selfSignedCert: ResourceRow = {
  inputs: {
    ...keyFields("privateKeyPem"),
    ...NAMES,
    ...VALIDITY,
    allowedUses: USES_FIELD,
    setAuthorityKeyId: { type: "boolean", default: false, replace: true },
  },
  computed: [...COMPUTED, "readyForRenewal"],
  inputOnly: ["privateKeyPemWo"],
  secretOutputs: ["privateKeyPem"],
  check: (inputs) => [...checkKeyGiven(inputs, "privateKeyPem"), ...checkAddresses(inputs)],
  drift: renewalDue,
  async create(inputs) {
    const key = givenKey(inputs, "privateKeyPem");
    const publicKey = publicKeyOf(key);
    const subject = subjectName(inputs.subject);
    const identifier = inputs.setAuthorityKeyId === true ? [authorityKeyId(keyIdentifier(publicKey))] : [];
    const extensions = [...identifier, ...alternativeNames(inputs)];
    const { id, ...certificate } = issue({ inputs, subject, issuer: subject, publicKey, extensions, issuerKey: key });
    const readyForRenewal = isReadyForRenewal(certificate.validityEndTime, inputs.earlyRenewalHours);
    return { id, computed: { ...certificate, keyAlgorithm: algorithmOf(key), readyForRenewal } };
  },
  read: async (_id, { inputs, outputs }) => ({ inputs, outputs: { ...outputs, ...renewed(outputs, inputs, COMPUTED) } }),
  update: async (_id, inputs, outputs) => renewed(outputs, inputs, COMPUTED),
  delete: async () => {},
};
