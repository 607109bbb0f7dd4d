/**
 * DER values, written and read (X.690). node-forge keeps the encoding; this file gives it one name per ASN.1 type and an
 * error of its own. Forge holds bytes as strings of one character per byte, which nothing outside this file sees.
 */
import forge from "node-forge";

const { asn1 } = forge;
const { Class, Type } = asn1;

/** One value. Opaque: made by the writers below, looked into by the readers. */
export type Der = forge.asn1.Asn1;

/** The bytes are not the DER that was expected; the message says what was expected where. */
export class DerError extends Error {
  override readonly name = "DerError";
  readonly code = "der-malformed";
}

// ---- writers ---------------------------------------------------------------------------------------------------

const universal = (type: forge.asn1.Type, bytes: Buffer): Der => asn1.create(Class.UNIVERSAL, type, false, bytes.toString("latin1"));

export const sequence = (...items: readonly Der[]): Der => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [...items]);
export const set = (...items: readonly Der[]): Der => asn1.create(Class.UNIVERSAL, Type.SET, true, [...items]);
export const oid = (text: string): Der => universal(Type.OID, Buffer.from(asn1.oidToDer(text).getBytes(), "latin1"));
export const nothing = (): Der => universal(Type.NULL, Buffer.alloc(0));
export const boolean = (value: boolean): Der => universal(Type.BOOLEAN, Buffer.of(value ? 0xff : 0));
export const octetString = (bytes: Buffer): Der => universal(Type.OCTETSTRING, bytes);
export const utf8String = (text: string): Der => universal(Type.UTF8, Buffer.from(text, "utf8"));
export const ia5String = (text: string): Der => universal(Type.IA5STRING, Buffer.from(text, "latin1"));
export const printableString = (text: string): Der => universal(Type.PRINTABLESTRING, Buffer.from(text, "latin1"));
/** UTF-16 code units; forge writes and reads this one type as text. */
export const bmpString = (text: string): Der => asn1.create(Class.UNIVERSAL, Type.BMPSTRING, false, text);

/** A non-negative INTEGER. */
export function integer(value: number | bigint): Der {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  return universal(Type.INTEGER, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** A BIT STRING that holds whole bytes. */
export const bitString = (bytes: Buffer): Der => universal(Type.BITSTRING, Buffer.concat([Buffer.of(0), bytes]));

/** A BIT STRING of named bits, trailing zeros left out (X.690 11.2.2). */
export function namedBits(bits: readonly number[]): Der {
  const highest = Math.max(...bits);
  const bytes = Buffer.alloc(1 + (highest >> 3) + 1);
  bytes[0] = 7 - (highest & 7);
  for (const bit of bits) bytes[1 + (bit >> 3)] = (bytes[1 + (bit >> 3)] ?? 0) | (0x80 >> (bit & 7));
  return universal(Type.BITSTRING, bytes);
}

/** `[tag] EXPLICIT` or an IMPLICIT constructed value. */
export const tagged = (tag: number, ...items: readonly Der[]): Der => asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [...items]);
/** `[tag] IMPLICIT` of a primitive value. */
export const taggedBytes = (tag: number, bytes: Buffer): Der => asn1.create(Class.CONTEXT_SPECIFIC, tag, false, bytes.toString("latin1"));

/** UTCTime before 2050 and GeneralizedTime from then on (RFC 5280 4.1.2.5); seconds are whole. */
export function time(date: Date): Der {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? universal(Type.UTCTIME, Buffer.from(digits.slice(2)))
    : universal(Type.GENERALIZEDTIME, Buffer.from(digits));
}

/** The order that DER wants in a SET OF (X.690 11.6). */
export const inSetOrder = (items: readonly Der[]): Der[] => items.toSorted((one, other) => Buffer.compare(encode(one), encode(other)));

export const encode = (value: Der): Buffer => Buffer.from(asn1.toDer(value).getBytes(), "latin1");

// ---- readers ---------------------------------------------------------------------------------------------------

/** Forge takes options here, which its types do not tell: a BIT STRING is not guessed at, and nothing may follow the value. */
const fromDer = asn1.fromDer as unknown as (
  bytes: string,
  options: { readonly strict: boolean; readonly parseAllBytes: boolean; readonly decodeBitStrings: boolean },
) => Der;

/** The value that these bytes are, all of them. @throws DerError */
export function decode(bytes: Buffer): Der {
  try {
    return fromDer(bytes.toString("latin1"), { strict: true, parseAllBytes: true, decodeBitStrings: false });
  } catch (error) {
    throw new DerError(`not DER: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Universal types by the names the readers below take. */
// biome-ignore format: a table
const READABLE = {
  sequence: Type.SEQUENCE, set: Type.SET, oid: Type.OID, boolean: Type.BOOLEAN, integer: Type.INTEGER,
  bitString: Type.BITSTRING, octetString: Type.OCTETSTRING, utf8String: Type.UTF8, ia5String: Type.IA5STRING, bmpString: Type.BMPSTRING,
} as const;
export type DerType = keyof typeof READABLE;

export const isType = (value: Der | undefined, type: DerType): value is Der =>
  value !== undefined && value.tagClass === Class.UNIVERSAL && value.type === READABLE[type];

/** The context tag, or null for a universal type. */
export const tagOf = (value: Der): number | null => (value.tagClass === Class.CONTEXT_SPECIFIC ? value.type : null);

/** The values inside a constructed one. @throws DerError */
export function itemsOf(value: Der | undefined, type?: "sequence" | "set"): readonly Der[] {
  if (value === undefined || !value.constructed || typeof value.value === "string" || (type && !isType(value, type))) {
    throw new DerError(`expected ${type ?? "a constructed value"}`);
  }
  return value.value;
}

/** The content bytes of a primitive value. @throws DerError */
export function bytesOf(value: Der | undefined, type?: DerType): Buffer {
  const content = value?.value;
  if (typeof content !== "string" || (type && !isType(value, type))) throw new DerError(`expected ${type ?? "a primitive value"}`);
  return isType(value, "bmpString") ? utf16be(content) : Buffer.from(content, "latin1");
}

/** @throws DerError */
export function oidOf(value: Der | undefined): string {
  const bytes = bytesOf(value, "oid");
  if (bytes.length === 0) throw new DerError("expected an object identifier, got an empty one");
  return asn1.derToOid(forge.util.createBuffer(bytes.toString("latin1")));
}

/** A non-negative INTEGER small enough to count with. @throws DerError */
export function numberOf(value: Der | undefined): number {
  const bytes = bytesOf(value, "integer");
  if (bytes.length === 0 || bytes.length > 4 || (bytes[0] ?? 0) & 0x80) throw new DerError("expected a small whole number");
  return bytes.readUIntBE(0, bytes.length);
}

/** The bits that are set in a BIT STRING, counted from 0. @throws DerError */
export function bitsOf(value: Der | undefined): ReadonlySet<number> {
  const bytes = bytesOf(value, "bitString").subarray(1);
  const found = new Set<number>();
  for (let bit = 0; bit < Math.min(bytes.length * 8, 64); bit++) {
    if ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) found.add(bit);
  }
  return found;
}

/** The text of any string type; null where the bytes are not valid for it. @throws DerError where it is no string. */
export function textOfString(value: Der | undefined): string | null {
  const bytes = bytesOf(value);
  if (isType(value, "bmpString")) return bytes.swap16().toString("utf16le");
  return isType(value, "utf8String") ? utf8(bytes) : bytes.toString("latin1");
}

// ---- reading without decoding ------------------------------------------------------------------------------------

/**
 * One value where it stands: for what is signed, whose bytes count as they are, and for lists too long to be decoded into a
 * tree.
 */
export interface Span {
  /** The identifier octet. */
  readonly tag: number;
  /** The whole value, its header included. */
  readonly bytes: Buffer;
  readonly content: Buffer;
}

/** Identifier octets of the types that are walked. */
// biome-ignore format: a table
export const TAG = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, oid: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30,
} as const;

/** The value that these bytes are, all of them. @throws DerError */
export function spanOf(bytes: Buffer): Span {
  const span = spanAt(bytes, 0);
  if (span.bytes.length !== bytes.length) throw new DerError("not DER: bytes follow the value");
  return span;
}

/** The values that stand in these bytes, one after the other. @throws DerError, while it is walked */
export function* spansIn(content: Buffer): Generator<Span, void> {
  for (let at = 0; at < content.length; ) {
    const span = spanAt(content, at);
    yield span;
    at += span.bytes.length;
  }
}

/** Definite lengths in their shortest form (X.690 10.1), tags of one octet. */
function spanAt(bytes: Buffer, at: number): Span {
  const tag = bytes[at] ?? 0x1f;
  const first = bytes[at + 1] ?? 0x80;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if ((tag & 0x1f) === 0x1f || first === 0x80 || more > 4 || at + 2 + more > bytes.length) throw new DerError("not DER: a broken header");
  const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
  if (more > 0 && length < (more === 1 ? 0x80 : 2 ** (8 * (more - 1))))
    throw new DerError("not DER: a length in a longer form than need be");
  const start = at + 2 + more;
  if (start + length > bytes.length) throw new DerError("not DER: a value is longer than what holds it");
  return { tag, bytes: bytes.subarray(at, start + length), content: bytes.subarray(start, start + length) };
}

/** UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 writes them: in UTC, with seconds, without fractions. @throws DerError */
export function timeOf(span: Span | undefined): Date {
  const text = span?.content.toString("latin1") ?? "";
  const short = span?.tag === TAG.utcTime && /^\d{12}Z$/.test(text);
  const long = span?.tag === TAG.generalizedTime && /^\d{14}Z$/.test(text);
  const digits = short ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const date = new Date(digits.replace(/^(....)(..)(..)(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(short || long) || Number.isNaN(date.getTime())) throw new DerError("expected a time in UTC");
  return date;
}

/** Strict UTF-8, or null. */
export function utf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const utf16be = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();
