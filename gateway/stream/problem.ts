import type { StreamErrorCondition } from "../xmpp/stream-errors.ts";

/** Why the reader refuses what it read. Thrown inside gateway/stream only; the reader turns it into an error event. */
export class XmlProblem extends Error {
  override readonly name = "XmlProblem";
  readonly condition: StreamErrorCondition;
  constructor(condition: StreamErrorCondition, text: string) {
    super(text);
    this.condition = condition;
  }
}

export const notWellFormed = (text: string): XmlProblem => new XmlProblem("not-well-formed", text);

export const overLimit = (what: string, limit: number, unit = "bytes"): XmlProblem =>
  new XmlProblem("policy-violation", `${what} exceeds the limit of ${limit}${unit === "" ? "" : ` ${unit}`}`);
