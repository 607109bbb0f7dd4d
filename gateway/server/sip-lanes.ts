/** Texts of ours to one pair, one after the other: order is kept, and what waits is bounded. */
import type { SipAnswer } from "./ports.ts";
import { madeHere, type SipContext } from "./sip-context.ts";
import type { OutgoingText } from "./sip-texts.ts";

interface Waiting {
  readonly outgoing: OutgoingText;
  readonly resolve: (answer: SipAnswer) => void;
  readonly until: number;
}

/** What came of one text. `all`: the answer holds for those behind it too, since no session could be opened. */
export interface LaneResult {
  readonly answer: SipAnswer;
  readonly all: boolean;
}

export class Lanes {
  readonly #context: SipContext;
  readonly #send: (outgoing: OutgoingText) => Promise<LaneResult>;
  readonly #lanes = new Map<string, Waiting[]>();
  #size = 0;

  constructor(context: SipContext, send: (outgoing: OutgoingText) => Promise<LaneResult>) {
    this.#context = context;
    this.#send = send;
  }

  add(pair: string, outgoing: OutgoingText): Promise<SipAnswer> {
    const { limits, surroundings } = this.#context;
    const lane = this.#lanes.get(pair);
    if ((lane?.length ?? 0) >= limits.queuedPerPair) {
      return Promise.resolve(madeHere(503, `More than ${limits.queuedPerPair} messages of this pair are waiting`));
    }
    if (this.#size >= limits.queued) return Promise.resolve(madeHere(503, `More than ${limits.queued} messages are waiting`));
    return new Promise((resolve) => {
      const waiting = { outgoing, resolve, until: surroundings.clock.now() + limits.delivery };
      this.#size++;
      if (lane !== undefined) lane.push(waiting);
      else {
        const made = [waiting];
        this.#lanes.set(pair, made);
        void this.#run(pair, made);
      }
    });
  }

  async #run(pair: string, lane: Waiting[]): Promise<void> {
    for (let first = lane[0]; first !== undefined; first = lane[0]) {
      if (first.until <= this.#context.surroundings.clock.now())
        this.#finish(lane, 1, madeHere(504, "The message waited too long to be sent"));
      else {
        const { answer, all } = await this.#send(first.outgoing);
        this.#finish(lane, all ? lane.length : 1, answer);
      }
    }
    this.#lanes.delete(pair);
  }

  #finish(lane: Waiting[], many: number, answer: SipAnswer): void {
    for (const waiting of lane.splice(0, many)) {
      this.#size--;
      waiting.resolve(answer);
    }
  }
}
