/** A real clock whose seconds may be made short, so that long waits of the standards pass within a test. */
import type { Clock } from "../../gateway/server/ports.ts";

export interface TestClock extends Clock {
  /** How many times faster than real time; counts for waits that begin afterwards. */
  speed: number;
}

export function makeTestClock(): TestClock {
  let base = Date.now();
  let since = base;
  let speed = 1;
  const now = (): number => base + (Date.now() - since) * speed;
  return {
    now,
    after(milliseconds, act) {
      const timer = setTimeout(act, milliseconds / speed);
      return { cancel: () => clearTimeout(timer) };
    },
    get speed() {
      return speed;
    },
    set speed(value) {
      base = now();
      since = Date.now();
      speed = value;
    },
  };
}
