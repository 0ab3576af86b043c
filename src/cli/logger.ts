import { pino } from "pino";
import type { Logger } from "pino";
import { prettyFactory } from "pino-pretty";

import type { TalkSettings } from "./settings.ts";

/** Takes whole lines, each with its line break. */
export type LineSink = (line: string) => void;

/**
 * The command line's logger. It writes at once, so that a line about a crash
 * is out before the process is.
 *
 * @param settings - `log` is the format, `logLevel` the least level.
 * @param sink - Where lines go.
 * @param colorize - Whether pretty lines may have colours.
 */
export function createLogger(
  settings: Pick<TalkSettings, "log" | "logLevel">,
  sink: LineSink,
  colorize: boolean,
): Logger {
  const { log, logLevel: level } = settings;
  if (log === "json") return pino({ level }, { write: sink });
  const prettify = prettyFactory({
    colorize,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    // What a person at a terminal knows, or reads in the message itself.
    ignore: "pid,hostname,channel,event,state,signal,url,progress,report",
  });
  return pino(
    { level },
    { write: (line: string) => sink(prettify(defuse(line))) },
  );
}

/**
 * Takes control characters out of a JSON line before it is made pretty. Text
 * from a peer may end up in an error's message, and a terminal obeys escape
 * sequences; in JSON they stay escaped. Line breaks and tabs remain.
 */
function defuse(line: string): string {
  return line
    .replaceAll(/\\(?:\\|[bfr]|u00(?:0[0-8bcef]|1[\da-f]))/g, (escape) =>
      escape === "\\\\" ? escape : "\uFFFD",
    )
    .replaceAll(/[\u007F-\u009F]/g, "\uFFFD");
}
