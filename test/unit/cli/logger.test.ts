import { channel, hasSubscribers } from "node:diagnostics_channel";

import { describe, expect, it, onTestFinished } from "vitest";

import { logEvents } from "../../../src/cli/log-events.ts";
import { createLogger } from "../../../src/cli/logger.ts";
import type { TalkSettings } from "../../../src/cli/settings.ts";

function logging(
  log: TalkSettings["log"],
  logLevel: TalkSettings["logLevel"] = "debug",
): readonly string[] {
  const lines: string[] = [];
  const logger = createLogger(
    { log, logLevel },
    (line) => lines.push(line),
    false,
  );
  onTestFinished(logEvents(logger));
  return lines;
}

function parsed(line: string | undefined): unknown {
  return JSON.parse(line ?? "null");
}

const WARN = 40;
const ERROR = 50;

describe("the log", () => {
  it("has a handler's error with its stack", () => {
    const lines = logging("json");
    channel("sluice:handler-error").publish({
      shard: 1,
      connection: 7,
      hook: "message",
      error: {
        name: "TypeError",
        message: "no",
        stack: "TypeError: no\n at x",
      },
    });
    expect(parsed(lines[0])).toMatchObject({
      level: ERROR,
      msg: "handler failed",
      channel: "sluice:handler-error",
      shard: 1,
      connection: 7,
      hook: "message",
      err: { name: "TypeError", message: "no", stack: "TypeError: no\n at x" },
    });
  });

  it("warns of a shard that died", () => {
    const lines = logging("json");
    channel("sluice:shard").publish({
      event: "died",
      shard: 0,
      crashed: 12,
      error: new Error("out of memory"),
      delayMs: 200,
    });
    expect(parsed(lines[0])).toMatchObject({
      level: WARN,
      msg: "shard 0 died; 12 connections are lost with it",
      event: "died",
      delayMs: 200,
      err: { message: "out of memory" },
    });
  });

  it("tells single connections only to those who debug", () => {
    const lines = logging("json", "info");
    channel("sluice:connection").publish({ event: "opened", connection: 1 });
    channel("sluice:rejected").publish({ shard: 0, status: 403 });
    channel("sluice:server").publish({ event: "state", state: "closing" });
    expect(lines).toHaveLength(1);
    expect(parsed(lines[0])).toMatchObject({
      msg: "closing: telling every connection",
    });
  });

  it("does not ask the shards for what it would not log", () => {
    logging("json", "info");
    expect(hasSubscribers("sluice:connection")).toBe(false);
    expect(hasSubscribers("sluice:rejected")).toBe(false);
    expect(hasSubscribers("sluice:handler-error")).toBe(true);
  });

  it("keeps an event that it has no words for", () => {
    const lines = logging("json");
    channel("sluice:shard").publish({ event: "brand-new", shard: 3 });
    expect(parsed(lines[0])).toMatchObject({ event: "brand-new", shard: 3 });
  });

  it("does not let a peer's text reach the terminal as commands", () => {
    const lines = logging("pretty");
    const message = "bad \u001B[2J\u009B2J\r input from C:\\run";
    channel("sluice:handler-error").publish({
      error: { name: "Error", message, stack: `Error: ${message}\n    at x` },
    });
    const text = lines.join("");
    expect(text).toContain("bad \uFFFD[2J\uFFFD2J\uFFFD input from C:\\run");
    // oxlint-disable-next-line no-control-regex -- the very thing that must not be there
    expect(text).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
  });

  it("is one line an event for people", () => {
    const lines = logging("pretty");
    channel("sluice:shard").publish({ event: "started", shard: 2 });
    expect(lines.join("")).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] DEBUG: shard 2 started \{"shard":2\}\n$/,
    );
  });

  it("tells a failing hook a few times, then how often, by the place that failed", () => {
    const lines = logging("json");
    const fail = (hook: string, client: number, line: number): void => {
      const message = `no such user: ${client}`;
      const stack = `Error: ${message}\n    at ${hook} (handlers.ts:${line}:1)`;
      const error = { name: "Error", message, stack };
      channel("sluice:handler-error").publish({ hook, error });
    };
    for (let client = 0; client < 500; client++) {
      fail("authorize", client, 3);
      if (client % 100 === 0) fail("authorize", client, 7);
    }
    expect(lines).toHaveLength(10);
    fail("message", 0, 3);
    expect(lines).toHaveLength(11);
  });

  it("warns of a refused origin, with what can be done", () => {
    const lines = logging("json", "info");
    channel("sluice:origin-refused").publish({
      shard: 0,
      origin: "https://app.example:8443",
      host: "app.example",
    });
    expect(parsed(lines[0])).toMatchObject({
      level: WARN,
      msg: expect.stringMatching(
        /https:\/\/app\.example:8443.*app\.example .*--origins.*Host/,
      ),
    });
  });

  it("falls silent when it is told to stop", () => {
    const lines: string[] = [];
    const stop = logEvents(
      createLogger(
        { log: "json", logLevel: "debug" },
        (l) => lines.push(l),
        false,
      ),
    );
    stop();
    channel("sluice:shard").publish({ event: "started", shard: 2 });
    expect(lines).toEqual([]);
  });

  it("says what it has kept to itself when it is told to stop", () => {
    const lines: string[] = [];
    const stop = logEvents(
      createLogger(
        { log: "json", logLevel: "info" },
        (l) => lines.push(l),
        false,
      ),
    );
    for (let count = 0; count < 100; count++)
      channel("sluice:handler-error").publish({ hook: "message", error: "no" });
    stop();
    expect(lines).toHaveLength(6);
    expect(parsed(lines[5])).toMatchObject({
      level: ERROR,
      hook: "message",
      suppressed: 95,
      msg: expect.stringMatching(/^handler failed: 95 more like it within/),
    });
  });
});
