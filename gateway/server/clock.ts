/** The real clock, for the programs that run; everything else is handed one. */
import type { Clock } from "./ports.ts";

export const wallClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  },
};
