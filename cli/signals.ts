/** Ctrl-C and its kin: a command that is doing something that must not be torn apart says what to do instead of ending. */
import { EXIT } from "./failure.ts";

/** One Ctrl-C reaches this process more than once: from the terminal, and from the wrappers that forward it. */
const SAME_MILLISECONDS = 100;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Handler = (count: number) => void;
let handler: Handler | null = null;
let count = 0;
let last = 0;

function onSignal(): void {
  const now = Date.now();
  if (now - last < SAME_MILLISECONDS) return;
  last = now;
  count += 1;
  if (handler === null) process.exit(EXIT.interrupted);
  handler(count);
}

export function listenForSignals(): void {
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

/** Whether the user has asked to stop. */
export const isInterrupted = (): boolean => count > 0;

/** While `work` runs, `onInterrupt` gets each request to stop with its number, from 1; otherwise the command would end at once. */
export async function uninterrupted<T>(onInterrupt: Handler, work: () => Promise<T>): Promise<T> {
  const before = handler;
  handler = onInterrupt;
  try {
    return await work();
  } finally {
    handler = before;
  }
}
