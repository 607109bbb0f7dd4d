/** Private keys: made, read from PEM, and written in the forms that the tls provider gives. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { pemBlock } from "../../../gateway/pki/build.ts";
import { ProviderError } from "../resource.ts";

const generate = promisify(generateKeyPair);

export const ALGORITHMS = ["RSA", "ECDSA", "ED25519"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Curve of the provider -> OpenSSL's name, name in SSH (RFC 5656 section 10.1; P224 has none), bytes of a coordinate. */
// biome-ignore format: a table
export const CURVES = {
  P224: { openssl: "secp224r1",  ssh: null,       bytes: 28 },
  P256: { openssl: "prime256v1", ssh: "nistp256", bytes: 32 },
  P384: { openssl: "secp384r1",  ssh: "nistp384", bytes: 48 },
  P521: { openssl: "secp521r1",  ssh: "nistp521", bytes: 66 },
} as const;
export type Curve = keyof typeof CURVES;

export async function generateKey(algorithm: Algorithm, bits: number, curve: Curve): Promise<KeyObject> {
  switch (algorithm) {
    case "RSA":
      return (await generate("rsa", { modulusLength: bits })).privateKey;
    case "ECDSA":
      return (await generate("ec", { namedCurve: CURVES[curve].openssl })).privateKey;
    case "ED25519":
      return (await generate("ed25519")).privateKey;
  }
}

/** The provider's name for a key's algorithm. */
export function algorithmOf(key: KeyObject): Algorithm {
  const found = ({ rsa: "RSA", ec: "ECDSA", ed25519: "ED25519" } as const)[key.asymmetricKeyType as "rsa"];
  if (found === undefined) throw new ProviderError(`a key of type ${key.asymmetricKeyType} is not one of ${ALGORITHMS.join(", ")}`);
  return found;
}

export function readKey(pem: string, input: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new ProviderError(`${input} holds no private key in PEM form`);
  }
}

/** PKCS #1 for RSA, SEC 1 for ECDSA, PKCS #8 for Ed25519. */
export function traditionalPem(key: KeyObject): string {
  const type = ({ RSA: "pkcs1", ECDSA: "sec1", ED25519: "pkcs8" } as const)[algorithmOf(key)];
  return key.export({ type, format: "pem" } as { type: "pkcs8"; format: "pem" }) as string;
}

const field = (value: Buffer | string): Buffer => {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

const number = (base64url: string | undefined): Buffer => {
  const bytes = Buffer.from(base64url ?? "", "base64url");
  return field((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
};

/** Name, public fields and private fields of a key as SSH writes them (RFC 4253 6.6, RFC 5656 3.1, RFC 8709); null for P224. */
function sshParts(key: KeyObject): { readonly name: string; readonly open: readonly Buffer[]; readonly closed: readonly Buffer[] } | null {
  const named = Object.values(CURVES).find(({ openssl }) => openssl === key.asymmetricKeyDetails?.namedCurve);
  if (named?.ssh === null) return null;
  const jwk = key.export({ format: "jwk" });
  const raw = (part: string | undefined) => Buffer.from(part ?? "", "base64url");
  if (jwk.kty === "RSA") {
    const { n, e, d, qi, p, q } = jwk;
    return { name: "ssh-rsa", open: [number(e), number(n)], closed: [number(n), number(e), number(d), number(qi), number(p), number(q)] };
  }
  if (jwk.kty === "OKP") {
    const open = [field(raw(jwk.x))];
    return { name: "ssh-ed25519", open, closed: [...open, field(Buffer.concat([raw(jwk.d), raw(jwk.x)]))] };
  }
  const ssh = named?.ssh ?? "";
  const open = [field(ssh), field(Buffer.concat([Buffer.of(4), raw(jwk.x), raw(jwk.y)]))];
  return { name: `ecdsa-sha2-${ssh}`, open, closed: [...open, number(jwk.d)] };
}

/** Public key and its fingerprints in SSH's forms, and the private key as OpenSSH keeps it; empty texts where SSH has no such key. */
export function sshForms(key: KeyObject) {
  const parts = sshParts(key);
  if (parts === null) return { publicKey: "", privateKey: "", md5: "", sha256: "" };
  const blob = Buffer.concat([field(parts.name), ...parts.open]);
  const digest = (name: string) => createHash(name).update(blob).digest();
  return {
    publicKey: `${parts.name} ${blob.toString("base64")}\n`,
    privateKey: opensshKey(parts.name, blob, parts.closed),
    md5: digest("md5")
      .toString("hex")
      .replace(/..(?!$)/g, "$&:"),
    sha256: `SHA256:${digest("sha256").toString("base64").replace(/=+$/, "")}`,
  };
}

/** openssh/PROTOCOL.key, without encryption and without a comment. */
function opensshKey(name: string, blob: Buffer, closed: readonly Buffer[]): string {
  const check = randomBytes(4);
  const plain = Buffer.concat([check, check, field(name), ...closed, field("")]);
  const padding = Buffer.from(Array.from({ length: (8 - (plain.length % 8)) % 8 }, (_, index) => index + 1));
  const count = Buffer.from([0, 0, 0, 1]);
  const head = Buffer.concat([Buffer.from("openssh-key-v1\0"), field("none"), field("none"), field(""), count, field(blob)]);
  return pemBlock("OPENSSH PRIVATE KEY", Buffer.concat([head, field(Buffer.concat([plain, padding]))]));
}

export const publicPem = (key: KeyObject): string => createPublicKey(key).export({ type: "spki", format: "pem" }) as string;
