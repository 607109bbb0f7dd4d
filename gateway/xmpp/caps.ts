/** Entity capabilities (XEP-0115): one value that stands for the answer to disco#info. */
import { createHash } from "node:crypto";
import { element, type XmlElement } from "./element.ts";
import { NS } from "./namespaces.ts";
import { GATEWAY_FEATURES, GATEWAY_IDENTITY } from "./stanzas.ts";

/** Names the software (XEP-0115 section 4); no address that anyone fetches. */
export const CAPS_NODE = "urn:xmpp-edge";

/** The verification string of an identity without language, and features (section 5.1). */
export function verificationString(
  { category, type, name = "" }: { readonly category: string; readonly type: string; readonly name?: string },
  features: readonly string[],
): string {
  const sorted = [...new Set(features)].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return createHash("sha1")
    .update([`${category}/${type}//${name}`, ...sorted, ""].join("<"))
    .digest("base64");
}

const VER = verificationString(GATEWAY_IDENTITY, GATEWAY_FEATURES);

/** The stream feature (section 6.3). */
export const capsElement = (): XmlElement => element(NS.caps, "c", { hash: "sha-1", node: CAPS_NODE, ver: VER });

/** The node that disco#info is asked for by those who saw the feature (section 6.2). */
export const CAPS_INFO_NODE = `${CAPS_NODE}#${VER}`;
