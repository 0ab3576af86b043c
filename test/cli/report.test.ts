import { describe, expect, it } from "vitest";

import {
  describeProblems,
  renderReport,
  summarize,
} from "../../src/cli/report.ts";
import { reportOf } from "./fake-server.ts";

describe("the shutdown report", () => {
  it("is one screen for people", () => {
    expect(renderReport(reportOf())).toBe(
      `
Shutdown (SIGTERM) took 1.24 s of 8.00 s.

accepted                5010
rejected                  10
opened                  5000
  clean                 4500    90.0 %
  unacknowledged         480     9.6 %
  forced                  20     0.4 %
  lost                     0
  crashed                  0

close codes
  1001                  4980
  1006                    20

time spent in                      p50         p99         max
  open.healthy                 61.00 s     90.50 s     91.00 s
  closing                         0 ms      204 ms      1.10 s
`.trim(),
    );
  });

  it("leaves out what a server without connections has none of", () => {
    const empty = reportOf({
      accepted: 0,
      rejected: 0,
      opened: 0,
      outcomes: {
        rejected: 0,
        clean: 0,
        unacknowledged: 0,
        forced: 0,
        lost: 0,
        crashed: 0,
      },
      closeCodes: {},
      states: {},
    });
    expect(renderReport(empty)).not.toMatch(/%|close codes|time spent/);
  });

  it("says what went wrong, and shows it to people", () => {
    const report = reportOf({
      shardsKilled: 1,
      shardsCrashed: 2,
      deadlineHeld: false,
      durationMs: 9100,
      balanced: false,
    });
    const problems = [
      "1 thread had to be ended by force",
      "2 threads crashed",
      "it took 9.10 s, past the deadline of 8.00 s",
      "the ledger does not add up",
    ];
    expect(describeProblems(report)).toEqual(problems);
    for (const problem of problems) {
      expect(renderReport(report)).toContain(problem);
    }
  });

  it("finds no fault with connections that would not answer", () => {
    expect(describeProblems(reportOf())).toEqual([]);
  });

  it("is one line for the log", () => {
    expect(summarize(reportOf())).toBe(
      "shut down in 1.24 s: 5000 connections, 10 rejected, 4500 clean, 480 unacknowledged, 20 forced",
    );
  });
});
