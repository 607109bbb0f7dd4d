/** Dialback keys: XEP-0185 (Active 1.0), the method XEP-0220 shows. Any node that knows the secret can check any node's key. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** What a key vouches for, in the words of XEP-0220: the receiving server's domain, the originating one, the stream. */
export interface DialbackClaim {
  readonly receiving: string;
  readonly originating: string;
  /** The id that the receiving server gave the stream in its response header. */
  readonly streamId: string;
}

/** key = HMAC-SHA256(SHA256(secret), receiving ' ' originating ' ' id), both digests in lower-case hexadecimal (XEP-0185 2). */
export function dialbackKey(secret: string, claim: DialbackClaim): string {
  const hashed = createHash("sha256").update(secret).digest("hex");
  // The spaces keep `a.b` + `c` apart from `a` + `b.c` (CVE-2016-0756).
  return createHmac("sha256", hashed).update(`${claim.receiving} ${claim.originating} ${claim.streamId}`).digest("hex");
}

/** Whether the key is ours for this claim; takes the same time wherever it differs (CVE-2021-32921). */
export function isDialbackKey(secret: string, claim: DialbackClaim, key: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(dialbackKey(secret, claim)), digest(key.trim()));
}
