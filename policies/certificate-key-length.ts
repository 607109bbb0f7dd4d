import type { ResourceValidationPolicy } from "@pulumi/policy";

/** Bits of an RSA key that public authorities and this gateway take (CA/Browser Forum Baseline Requirements 6.1.5). */
const MINIMUM_RSA_BITS = 2048;
/** The provider's default curve, which no TLS peer takes. */
const REFUSED_CURVE = "P224";

/** Lync's wizard proposes 2048 bits; nothing shorter is of use. */
export const certificateKeyLength: ResourceValidationPolicy = {
  name: "certificate-key-length",
  description: `A private key must be RSA of ${MINIMUM_RSA_BITS} bits or more, or of a curve that TLS peers take.`,
  enforcementLevel: "mandatory",
  severity: "high",
  remediationSteps: "Set bitLength to 2048, 3072 or 4096; for an elliptic curve set ecdsaCurve to P256, P384 or P521.",
  validateResource: ({ type, props, name }, report) => {
    if (type !== "tls:index/privateKey:PrivateKey") return;
    if (props.algorithm === "RSA" && (props.rsaBits ?? MINIMUM_RSA_BITS) < MINIMUM_RSA_BITS) {
      report(`${name}: RSA of ${props.rsaBits} bits; expected ${MINIMUM_RSA_BITS} or more`);
    }
    if (props.algorithm === "ECDSA" && (props.ecdsaCurve ?? REFUSED_CURVE) === REFUSED_CURVE) {
      report(`${name}: ECDSA with curve ${REFUSED_CURVE}; expected P256, P384 or P521`);
    }
  },
};
