/** A certificate that nobody vouches for: TLS works with it until the issued one is there, and proves no name to anybody. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { basicConstraints, distinguishedName, extendedKeyUsage, serverKeyUsage, signCertificate, subjectKeyIdentifier } from "./build.ts";
import { isDomain, subjectAltName } from "./names.ts";
import { OID } from "./oids.ts";

export interface SelfSignedSettings {
  /** DNS-IDs in A-label form, one or more; the first is the subject as well where it fits there. */
  readonly names: readonly string[];
  readonly privateKeyPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Hexadecimal, 1 to 40 digits, not zero; the top bit is cleared where it would make 21 bytes. */
  readonly serial: string;
}

/** Longest common name (RFC 5280 appendix A.1). */
const LONGEST_COMMON_NAME = 64;

/** The certificate as PEM, for TLS servers only, no authority. @throws RangeError for names, dates or a serial that make no certificate. */
export function selfSigned({ names, privateKeyPem, notBefore, notAfter, serial }: SelfSignedSettings): string {
  const bad = names.find((name) => !isDomain(name));
  if (names.length === 0 || bad !== undefined)
    throw new RangeError(`${JSON.stringify(bad ?? "")} is not a domain name; expected one or more`);
  if (!(notBefore < notAfter)) throw new RangeError("the certificate would end before it begins");
  if (!/^(?!0+$)[0-9a-f]{1,40}$/i.test(serial)) throw new RangeError("expected a serial of 1 to 40 hexadecimal digits, not zero");
  const key = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(key);
  const subject = distinguishedName({ commonName: names.find((name) => name.length <= LONGEST_COMMON_NAME) ?? "" });
  const extensions = [
    basicConstraints(false),
    serverKeyUsage(key),
    extendedKeyUsage(OID.serverAuth),
    subjectKeyIdentifier(publicKey),
    subjectAltName(
      { dns: names },
      names.every((name) => name.length > LONGEST_COMMON_NAME),
    ),
  ];
  const positive = BigInt.asUintN(159, BigInt(`0x${serial}`)) || 1n; // RFC 5280 4.1.2.2: positive, at most 20 bytes
  return signCertificate({ subject, issuer: subject, publicKey, serial: positive, notBefore, notAfter, extensions }, key);
}
