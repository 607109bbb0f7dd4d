/**
 * Stream management (XEP-0198): its elements, read and made, and its counters. What is counted are stanzas, each direction
 * for itself, from `<enable/>` and `<enabled/>` on.
 */
import { childElements, element, type XmlElement } from "../xmpp/element.ts";
import { NS } from "../xmpp/namespaces.ts";
import type { StanzaErrorCondition } from "../xmpp/stanza-errors.ts";

/** Counters are 32 bits long and begin again at 0 (XEP-0198 section 4). */
const WRAP = 2 ** 32;

/** Length of the name of a stream that may be resumed, in characters: 4000 bytes are the most that XEP-0198 section 3 allows. */
const ID_LENGTH = 4000;

/** An element of stream management as it came. Absent and unreadable values are null. */
export interface ManagementElement {
  readonly name: string;
  /** Number of stanzas handled. */
  readonly h: number | null;
  readonly id: string | null;
  readonly previd: string | null;
  readonly resume: boolean;
  /** Seconds for which the peer keeps a lost stream. */
  readonly max: number | null;
  /** Of `<failed/>`. */
  readonly condition: string;
}

export function readManagement(found: XmlElement): ManagementElement | null {
  if (found.namespace !== NS.sm) return null;
  const { attributes } = found;
  return {
    name: found.name,
    h: unsigned(attributes.get("h")),
    id: named(attributes.get("id")),
    previd: named(attributes.get("previd")),
    resume: ["true", "1"].includes(attributes.get("resume") ?? ""),
    max: unsigned(attributes.get("max")),
    condition: childElements(found).find(({ namespace }) => namespace === NS.stanzaErrors)?.name ?? "undefined-condition",
  };
}

/** xs:unsignedInt. */
function unsigned(text: string | undefined): number | null {
  const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : WRAP;
  return value < WRAP ? value : null;
}

const named = (text: string | undefined): string | null => (text && text.length <= ID_LENGTH ? text : null);

export const enableElement = (): XmlElement => element(NS.sm, "enable", { resume: "true" });

/** @param max seconds; null where the stream cannot be resumed */
export const enabledElement = (id: string | null, max: number): XmlElement =>
  element(NS.sm, "enabled", id === null ? {} : { id, max: String(max), resume: "true" });

export const resumeElement = (previd: string, h: number): XmlElement => element(NS.sm, "resume", { h: String(h), previd });
export const resumedElement = (previd: string, h: number): XmlElement => element(NS.sm, "resumed", { h: String(h), previd });

/** @param h of the stream that cannot be resumed, where it is known (XEP-0198 section 5) */
export const failedElement = (condition: StanzaErrorCondition, h: number | null = null): XmlElement =>
  element(NS.sm, "failed", h === null ? {} : { h: String(h) }, element(NS.stanzaErrors, condition));

export const requestElement = (): XmlElement => element(NS.sm, "r");
export const ackElement = (h: number): XmlElement => element(NS.sm, "a", { h: String(h) });

/** What goes into the stream error when more was acknowledged than was sent (XEP-0198 section 4). */
export const tooHighElement = (h: number, sent: number): XmlElement =>
  element(NS.sm, "handled-count-too-high", { h: String(h), "send-count": String(sent) });

export const next = (counter: number): number => (counter + 1) % WRAP;

/**
 * How many of the stanzas that wait for it are acknowledged by `h`; null where that is more than were sent.
 * @param acknowledged the last `h`
 * @param waiting stanzas sent since, not acknowledged
 */
export function acknowledgedBy(h: number, acknowledged: number, waiting: number): number | null {
  const more = (h - acknowledged + WRAP) % WRAP;
  return more <= waiting ? more : null;
}

/** The counter `more` stanzas later. */
export const ahead = (counter: number, more: number): number => (counter + more) % WRAP;
