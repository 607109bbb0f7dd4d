/** What a command says while it works: steps with their durations, and progress of the long ones. */

export const LIMITS = {
  /** Between two lines of progress where they cannot overwrite each other. */
  progressMilliseconds: 15_000,
} as const;

export interface Reporter {
  /** A whole line. */
  say(line: string): void;
  /** What goes on right now; overwritten by the next on a terminal, thinned out elsewhere. */
  progress(line: string): void;
  /** Runs one step and tells how long it took; `note` is what came of it. */
  step<T>(title: string, work: () => Promise<T>, note?: (result: T) => string): Promise<T>;
  /** Seconds of each step so far, by title. */
  readonly durations: Readonly<Record<string, number>>;
}

interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const TITLE_WIDTH = 18;

/** Reports to `sink`: standard output for people, standard error where the command prints JSON. */
export function reporterTo(sink: Sink, now: () => number = Date.now): Reporter {
  const durations: Record<string, number> = {};
  let shown = false;
  let lastProgress = 0;
  const clear = (): void => {
    if (shown) sink.write("\r\u001b[K");
    shown = false;
  };
  const reporter: Reporter = {
    durations,
    say(line) {
      clear();
      sink.write(`${line}\n`);
    },
    progress(line) {
      if (sink.isTTY === true) {
        clear();
        sink.write(`  ${line}`.slice(0, (sink.columns ?? 80) - 1));
        shown = true;
      } else if (now() - lastProgress >= LIMITS.progressMilliseconds) {
        lastProgress = now();
        sink.write(`  ${line}\n`);
      }
    },
    async step(title, work, note = () => "") {
      const began = now();
      lastProgress = began - LIMITS.progressMilliseconds / 2;
      if (sink.isTTY === true) reporter.progress(`${title} ...`);
      try {
        const result = await work();
        durations[title] = (now() - began) / 1000;
        reporter.say(stepLine(title, durations[title], note(result)));
        return result;
      } catch (error) {
        clear();
        throw error;
      }
    },
  };
  return reporter;
}

export function stepLine(title: string, seconds: number, note: string): string {
  return `  ${title.padEnd(TITLE_WIDTH)} ${seconds.toFixed(1).padStart(6)} s  ${note}`.trimEnd();
}
