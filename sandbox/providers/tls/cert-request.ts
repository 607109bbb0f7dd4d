import { createHash } from "node:crypto";
import { pemBlock, publicKeyInfo, signed } from "../../../gateway/pki/build.ts";
import { integer, oid, sequence, set, tagged } from "../../../gateway/pki/der.ts";
import { OID } from "../../../gateway/pki/oids.ts";
import type { ResourceRow } from "../resource.ts";
import {
  alternativeNames,
  checkAddresses,
  checkKeyGiven,
  givenKey,
  keyFields,
  NAMES,
  publicKeyOf,
  refuseUpdate,
  subjectName,
} from "./certificates.ts";
import { algorithmOf } from "./keys.ts";

/** PKCS #10 (RFC 2986). Knows DNS names, addresses and URIs, and no other names: as the real provider. */
export const certRequest: ResourceRow = {
  inputs: { ...keyFields("privateKeyPem"), ...NAMES },
  computed: ["certRequestPem", "keyAlgorithm"],
  inputOnly: ["privateKeyPemWo"],
  secretOutputs: ["privateKeyPem"],
  check: (inputs) => [...checkKeyGiven(inputs, "privateKeyPem"), ...checkAddresses(inputs)],
  async create(inputs) {
    const key = givenKey(inputs, "privateKeyPem");
    const names = alternativeNames(inputs);
    const attributes = names.length === 0 ? [] : [sequence(oid(OID.extensionRequest), set(sequence(...names)))];
    const information = sequence(integer(0), subjectName(inputs.subject), publicKeyInfo(publicKeyOf(key)), tagged(0, ...attributes));
    const certRequestPem = pemBlock("CERTIFICATE REQUEST", signed(information, key));
    const id = createHash("sha1").update(certRequestPem).digest("hex");
    return { id, computed: { certRequestPem, keyAlgorithm: algorithmOf(key) } };
  },
  read: async (_id, state) => state,
  // A new write-only key without a new version changes nothing, as its documentation says.
  update: async (_id, _inputs, outputs) =>
    outputs.certRequestPem === undefined
      ? refuseUpdate("a certificate request")
      : { certRequestPem: outputs.certRequestPem, keyAlgorithm: outputs.keyAlgorithm ?? null },
  delete: async () => {},
};
