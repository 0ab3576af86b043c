import { pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createLogger, type Logger } from "../../../src/cli/logger.ts";
import type { Fields, Level } from "../../../src/cli/log-line.ts";

/** What a line's format has to hold: each with its level, its fields and its text. */
const lines: readonly (readonly [Level, Fields, string])[] = [
  ["info", {}, "listening on ws://127.0.0.1:8080"],
  ["trace", { channel: "sluice:shard", event: "started", shard: 2 }, "started"],
  ["debug", { nothing: undefined, none: null, off: false, gap: NaN }, "values"],
  ["warn", { path: 'C:\\run\\"x"', nested: { a: [1, "zwei"] } }, 'a "quote"'],
  ["info", { progress: { done: 3 }, url: "ws://x", state: "closing" }, "gone"],
  ["error", { err: new Error("no") }, "failed"],
  [
    "fatal",
    { code: "E", err: new TypeError("up", { cause: new RangeError("down") }) },
    "with a cause",
  ],
  [
    "error",
    { err: Object.assign(new Error("no"), { errno: -98, syscall: "listen" }) },
    "of the system",
  ],
  [
    "error",
    { err: new AggregateError([new Error("one"), new Error("two")], "both") },
    "many",
  ],
  [
    "warn",
    {
      shard: 1,
      err: { name: "Error", message: "far", stack: "Error: far\n  at x" },
    },
    "of another thread",
  ],
  ["error", { err: "a text" }, "no error at all"],
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_123 });
});

afterEach(() => {
  vi.useRealTimers();
});

function written(
  log: "json" | "pretty",
  colorize: boolean,
  say: (logger: Logger) => void,
): string {
  let text = "";
  const sink = (line: string): void => void (text += line);
  say(createLogger({ log, logLevel: "trace" }, sink, colorize));
  return text;
}

describe("a line of the log", () => {
  it.each(lines)("is pino's, as JSON: %s %j %s", (level, fields, text) => {
    let theirs = "";
    const write = (line: string): void => void (theirs += line);
    pino({ level: "trace" }, { write })[level](fields, text);
    const ours = written("json", false, (logger) =>
      logger[level](fields, text),
    );
    expect(ours).toBe(theirs);
  });

  it.each(
    lines.flatMap((line) =>
      [true, false].map((color) => [color, ...line] as const),
    ),
  )(
    "is pino-pretty's, for people (colours: %s): %s %j %s",
    (colorize, level, fields, text) => {
      const prettify = prettyFactory({
        colorize,
        singleLine: true,
        translateTime: "SYS:HH:MM:ss.l",
        ignore: "pid,hostname,channel,event,state,signal,url,progress,report",
      });
      const json = written("json", false, (logger) =>
        logger[level](fields, text),
      );
      const ours = written("pretty", colorize, (logger) =>
        logger[level](fields, text),
      );
      // Which leaves a space where an error is all that follows.
      expect(ours).toBe(prettify(json)?.replace(" \n", "\n"));
    },
  );

  it("is written whatever its fields hold", () => {
    const circle: Record<string, unknown> = { size: 12n };
    circle["self"] = circle;
    const error: Error = new Error("round");
    error.cause = error;
    const text = written("json", false, (logger) =>
      logger.warn({ circle, err: error }, "odd"),
    );
    expect(JSON.parse(text)).toMatchObject({
      circle: expect.stringContaining("[Circular"),
      err: { message: "round" },
      msg: "odd",
    });
  });

  it("is not written below the level, and none when the log is silent", () => {
    const heard: string[] = [];
    for (const logLevel of ["warn", "silent"] as const) {
      const logger = createLogger(
        { log: "json", logLevel },
        (line) => heard.push(line),
        false,
      );
      logger.info("no");
      logger.warn(`yes at ${logLevel}`);
      expect(logger.isLevelEnabled("error")).toBe(logLevel === "warn");
    }
    expect(heard).toEqual([expect.stringContaining("yes at warn")]);
  });
});
