import {
  type Fields,
  type Level,
  levelNumbers,
  renderJsonLine,
} from "./log-line.ts";
import { renderPrettyLine } from "./pretty-line.ts";
import type { TalkSettings } from "./settings.ts";

export type { Level } from "./log-line.ts";

/** Takes whole lines, each with its line break. */
export type LineSink = (line: string) => void;

/** One thing, with fields or without. */
type Said = [fields: Fields, text: string] | [text: string];
type Say = (...said: Said) => void;

/** The command line's log. */
export interface Logger extends Readonly<Record<Level, Say>> {
  /** Whether a line of this level would be written. */
  readonly isLevelEnabled: (level: Level) => boolean;
}

/**
 * The command line's logger. It writes at once, so that a line about a crash
 * is out before the process is.
 *
 * @param settings - `log` is the format, `logLevel` the least level.
 * @param sink - Where lines go.
 * @param colorize - Whether pretty lines may have colours.
 */
export function createLogger(
  { log, logLevel }: Pick<TalkSettings, "log" | "logLevel">,
  sink: LineSink,
  colorize: boolean,
): Logger {
  const least = logLevel === "silent" ? Infinity : levelNumbers[logLevel];
  const isLevelEnabled = (level: Level): boolean =>
    levelNumbers[level] >= least;
  const at =
    (level: Level): Say =>
    (...said: Said): void => {
      if (!isLevelEnabled(level)) return;
      const [fields, text] = said.length === 1 ? [{}, ...said] : said;
      const json = renderJsonLine(level, Date.now(), fields, text);
      sink(log === "json" ? json : renderPrettyLine(json, colorize));
    };
  return {
    isLevelEnabled,
    trace: at("trace"),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    fatal: at("fatal"),
  };
}
