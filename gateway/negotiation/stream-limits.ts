/** What one side takes from the other on a stream (XEP-0478), read and made. */
import { childOf, element, textOf, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";

/** Null where the peer says nothing. */
export interface StreamLimits {
  /** Bytes of one first-level element. */
  readonly maxBytes: number | null;
  /** Seconds of silence after which the stream may be closed. */
  readonly idleSeconds: number | null;
}

export const NO_STREAM_LIMITS: StreamLimits = { maxBytes: null, idleSeconds: null };

export const limitsElement = ({ maxBytes, idleSeconds }: StreamLimits): XmlElement =>
  element(
    NS.limits,
    "limits",
    {},
    maxBytes === null ? undefined : element(NS.limits, "max-bytes", {}, String(maxBytes)),
    idleSeconds === null ? undefined : element(NS.limits, "idle-seconds", {}, String(idleSeconds)),
  );

/** The limits inside stream features, or inside `<bidi/>`, where they hold for the reverse direction. */
export function readLimits(parent: XmlElement): StreamLimits {
  const limits = childOf(parent, NS.limits, "limits");
  return limits === undefined
    ? NO_STREAM_LIMITS
    : { maxBytes: numberIn(limits, "max-bytes"), idleSeconds: numberIn(limits, "idle-seconds") };
}

/** A number that cannot be read says nothing. */
function numberIn(limits: XmlElement, name: string): number | null {
  const child = childOf(limits, NS.limits, name);
  const text = child === undefined ? "" : textOf(child).trim();
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}
