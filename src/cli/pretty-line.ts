import { styleText } from "node:util";

import { type Level, levelNumbers } from "./log-line.ts";

type Style = Parameters<typeof styleText>[0];

const styles: Readonly<Record<Level, Style>> = {
  trace: "gray",
  debug: "blue",
  info: "green",
  warn: "yellow",
  error: "red",
  fatal: "bgRed",
};

const levels = new Map(
  Object.entries(levelNumbers).map(([name, number]) => [number, name as Level]),
);

/** What a person at a terminal knows, or reads in the text itself. */
const known = new Set(
  "level,time,pid,hostname,msg,channel,event,state,signal,url,progress,report".split(
    ",",
  ),
);

const INDENT = "    ";

/**
 * Makes a line of JSON one that people read: time of day, level, text and what
 * else there is; an error's stack below.
 *
 * @param json - A line of {@link renderJsonLine}.
 * @param colorize - Whether it may have colours.
 */
export function renderPrettyLine(json: string, colorize: boolean): string {
  const { level, time, msg, err, ...fields } = JSON.parse(defuse(json)) as {
    readonly level: number;
    readonly time: number;
    readonly msg: string;
    readonly err?: unknown;
    readonly [name: string]: unknown;
  };
  const paint = (style: Style, text: string): string =>
    colorize ? styleText(style, text, { validateStream: false }) : text;
  const name = levels.get(level as 10) ?? "info";
  const rest = Object.entries(fields).filter(([key]) => !known.has(key));
  const words = [
    `[${timeOfDay(new Date(time))}]`,
    `${paint(styles[name], name.toUpperCase())}:`,
    paint("cyan", msg),
  ];
  if (rest.length > 0)
    words.push(
      paint(
        "gray",
        JSON.stringify(Object.fromEntries(rest)).replaceAll("\\\\", "\\"),
      ),
    );
  return `${words.join(" ")}\n${err === undefined ? "" : renderError(err)}`;
}

function timeOfDay(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${clock.map(two).join(":")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** An error's fields as indented JSON, with the lines of a stack as lines. */
function renderError(error: unknown): string {
  const lines = JSON.stringify(error, null, 2)
    .split("\n")
    .map((line, index) => {
      const indented = index === 0 ? line : `${INDENT}${line}`;
      const stack = /^(\s*"stack":) (".*"),?$/.exec(indented);
      if (stack === null) return indented;
      const [, key = "", text = ""] = stack;
      const margin = " ".repeat(key.search(/\S/) + INDENT.length);
      return `${key}\n${margin}${(JSON.parse(text) as string).replaceAll("\n", `\n${margin}`)}`;
    });
  return `${INDENT}err: ${lines.join("\n")}\n`;
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
