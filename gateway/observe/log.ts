/** Structured logs: one JSON object a line, its `what` from the closed list of events. */
import { type DestinationStream, pino } from "pino";
import { EVENTS, type EventName } from "./events.ts";

/** Facts for people who run this: `what` is a name of EVENTS, never free text. */
export type Log = (what: string, facts?: Readonly<Record<string, unknown>>) => void;

/** Facts that may never reach a log while message bodies are not to be logged; the router is the only one to hand them in. */
const BODY_FACTS = ["body", "subject"] as const;

/** Longest text fact that is written; peers choose some of them. */
const TEXT_LIMIT = 2048;

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error";
  /** Lync `-EnableLoggingAllMessageBodies`; asked at each line, since a reload may change it. */
  readonly bodiesAllowed: () => boolean;
}

/** Makes the log. An event that is not in the list is written as an error, so that it cannot go unnoticed. */
export function makeLog(settings: LogSettings, destination?: DestinationStream): Log {
  const options = { base: null, level: settings.level, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = destination ? pino(options, destination) : pino(options);
  return (what, facts = {}) => {
    const event = EVENTS[what as EventName];
    const shown = Object.fromEntries(
      Object.entries(facts)
        .filter(([key]) => settings.bodiesAllowed() || !BODY_FACTS.includes(key as (typeof BODY_FACTS)[number]))
        .map(([key, value]) => [key, typeof value === "string" && value.length > TEXT_LIMIT ? `${value.slice(0, TEXT_LIMIT)}...` : value]),
    );
    if (event) logger[event.level]({ what, ...shown });
    else logger.error({ what, unlisted: true, ...shown });
  };
}
