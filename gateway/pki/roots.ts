/** PEM text -> certificates: trust roots, chains, what an authority sent back. */
import { X509Certificate } from "node:crypto";
import { LIMITS } from "./limits.ts";

/** A PEM text that cannot be used, and which block of it is broken. */
export class CertificateFormatError extends Error {
  override readonly name = "CertificateFormatError";
  readonly code = "certificate-malformed";
  /** Counted from 1; null when the text as a whole is the trouble. */
  readonly block: number | null;
  constructor(block: number | null, text: string) {
    super(block === null ? text : `block ${block}: ${text}`);
    this.block = block;
  }
}

/**
 * Every certificate of a PEM text, in its order. Text between blocks is skipped, as RFC 7468 section 2 allows.
 * An empty text gives an empty list. `most`: how many there may be.
 * @throws CertificateFormatError
 */
export function readCertificates(pem: string, most: number = LIMITS.certificates): readonly X509Certificate[] {
  if (pem.length > LIMITS.pemBytes) throw new CertificateFormatError(null, `${pem.length} characters; expected at most ${LIMITS.pemBytes}`);
  const blocks = pem.split("-----BEGIN ").slice(1);
  if (blocks.length === 0 && pem.trim() !== "") {
    throw new CertificateFormatError(null, "no PEM block; expected -----BEGIN CERTIFICATE-----");
  }
  if (blocks.length > most) throw new CertificateFormatError(null, `${blocks.length} PEM blocks; expected at most ${most}`);
  return blocks.map((block, index) => readBlock(block, index + 1));
}

/** A root store from many PEM texts, each bounded on its own; a certificate that stands twice is kept once. @throws CertificateFormatError */
export function readRoots(pems: readonly string[]): readonly X509Certificate[] {
  const found = new Map<string, X509Certificate>();
  for (const certificate of pems.flatMap((pem) => readCertificates(pem))) found.set(certificate.fingerprint256, certificate);
  if (found.size > LIMITS.certificates)
    throw new CertificateFormatError(null, `${found.size} roots; expected at most ${LIMITS.certificates}`);
  return [...found.values()];
}

/** What other labels mean to the person who pasted them. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["PKCS7", "a PKCS #7 bundle; convert it with: openssl pkcs7 -print_certs"],
  ["CERTIFICATE REQUEST", "the request, not the certificate that was issued for it"],
  ["NEW CERTIFICATE REQUEST", "the request, not the certificate that was issued for it"],
]);

/** `block` is what follows "-----BEGIN ". */
function readBlock(block: string, position: number): X509Certificate {
  const label = block.slice(0, Math.max(0, block.indexOf("-----")));
  if (label !== "CERTIFICATE") {
    const what = ADVICE.get(label) ?? (label.endsWith("PRIVATE KEY") ? "a private key" : `labelled ${JSON.stringify(label.slice(0, 40))}`);
    throw new CertificateFormatError(position, `is ${what}; expected CERTIFICATE`);
  }
  const end = block.indexOf("-----END CERTIFICATE-----");
  if (end < 0) throw new CertificateFormatError(position, "has no -----END CERTIFICATE-----");
  const base64 = block.slice(label.length + 5, end).replace(/\s+/g, "");
  if (base64.length > (LIMITS.certificateBytes * 4) / 3) {
    throw new CertificateFormatError(position, `is longer than a certificate may be (${LIMITS.certificateBytes} bytes)`);
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new CertificateFormatError(position, "is not base64");
  try {
    return new X509Certificate(Buffer.from(base64, "base64"));
  } catch {
    throw new CertificateFormatError(position, "does not hold a certificate (the base64 is readable, what it says is not)");
  }
}
