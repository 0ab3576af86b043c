import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createLogger } from "../../../src/cli/logger.ts";
import {
  createProgressBar,
  createProgressLog,
  describeProgress,
  measureProgress,
} from "../../../src/cli/progress.ts";
import { FakeOutput } from "./fake-io.ts";
import { statsOf } from "./fake-server.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("progress", () => {
  it("counts what ended since the shutdown began", () => {
    expect(measureProgress(statsOf(), 100)).toEqual({
      waiting: 0,
      closing: 120,
      draining: 3000,
      done: 1880,
      total: 5000,
      leftMs: 5200,
    });
  });

  it("knows connections that have not been told yet", () => {
    const stats = statsOf({
      connections: 10,
      states: { "open.healthy": 6, upgrading: 1, closing: 3, draining: 0 },
    });
    expect(measureProgress(stats, 1980)).toMatchObject({
      waiting: 7,
      done: 0,
      total: 10,
    });
  });

  it("reads as one line", () => {
    const progress = measureProgress(statsOf(), 100);
    expect(describeProgress(progress)).toBe(
      "1880 of 5000 done, 120 closing, 3000 draining, 5.2 s left",
    );
    expect(describeProgress({ ...progress, waiting: 7, leftMs: 0 })).toBe(
      "1880 of 5000 done, 7 open, 120 closing, 3000 draining, 0.0 s left",
    );
  });
});

describe("progress in the log", () => {
  it("is a line at once and then every second, until it stops", () => {
    const lines: string[] = [];
    const logger = createLogger(
      { log: "json", logLevel: "info" },
      (line) => lines.push(line),
      false,
    );
    const display = createProgressLog(logger);
    display.start(statsOf);
    display.start(statsOf);
    vi.advanceTimersByTime(2000);
    display.stop();
    vi.advanceTimersByTime(5000);
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      msg: "0 of 3120 done, 120 closing, 3000 draining, 5.2 s left",
      progress: { done: 0, total: 3120, closing: 120, draining: 3000 },
    });
  });
});

describe("progress on a terminal", () => {
  it("is a bar that is redrawn in place and leaves nothing behind", () => {
    const terminal = new FakeOutput(true);
    const display = createProgressBar(terminal);
    let clean = 0;
    display.start(() =>
      statsOf({
        connections: 100 - clean,
        states: { closing: 0, draining: 100 - clean },
        ledger: {
          outcomes: {
            rejected: 3,
            served: 0,
            cut: 0,
            clean,
            unacknowledged: 0,
            forced: 0,
            lost: 0,
            crashed: 0,
          },
        },
      }),
    );
    clean = 50;
    vi.advanceTimersByTime(300);
    expect(terminal.text).toContain(
      "==========---------- 50 of 100 done, 0 closing, 50 draining, 5.2 s left",
    );
    expect(terminal.text).not.toContain("\n");
    display.stop();
    const length = terminal.text.length;
    vi.advanceTimersByTime(1000);
    expect(terminal.text).toHaveLength(length);
    expect(terminal.text.endsWith("\u001B[1G\u001B[0J")).toBe(true);
  });

  it("says what else it was given where that has room, and not where it has none", () => {
    for (const [columns, isSaid] of [
      [120, true],
      [64, false],
    ] as const) {
      const terminal = new FakeOutput(true);
      terminal.columns = columns;
      const bar = createProgressBar(terminal, "; Ctrl-C again forces the rest");
      bar.start(statsOf);
      bar.write("\n");
      bar.stop();
      expect(terminal.text).toContain("5.2 s left");
      expect(terminal.text.includes("Ctrl-C again forces the rest")).toBe(
        isSaid,
      );
    }
  });

  it("gives its own width up to the numbers on a narrow terminal", () => {
    const terminal = new FakeOutput(true);
    terminal.columns = 64;
    const bar = createProgressBar(terminal);
    bar.start(statsOf);
    bar.write("\n");
    bar.stop();
    expect(terminal.text).toContain(
      "\u001B[1G--------- 0 of 3120 done, 120 closing, 3000 draining, 5.2 s left\u001B[0K",
    );
  });

  it("stays below what is logged, and only while it is there", () => {
    const terminal = new FakeOutput(true);
    const bar = createProgressBar(terminal);
    bar.write("before\n");
    expect(terminal.text).toBe("before\n");
    bar.start(statsOf);
    bar.write("meanwhile\n");
    expect(terminal.text).toContain("\u001B[2Kmeanwhile\n\u001B[1G-----");
    bar.stop();
    bar.write("after\n");
    expect(terminal.text.endsWith("\u001B[0Jafter\n")).toBe(true);
  });
});
