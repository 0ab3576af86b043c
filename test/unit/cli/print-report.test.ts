import { describe, expect, it } from "vitest";

import {
  describeProblems,
  renderReport,
  summarize,
} from "../../../src/cli/print-report.ts";
import { reportOf } from "./fake-server.ts";

describe("the shutdown report", () => {
  it("is one screen for people", () => {
    expect(renderReport(reportOf())).toBe(
      `
Shutdown (SIGTERM) took 1.24 s of 8.00 s.

               this shutdown         since start
live at its begin       4000
accepted                   1                5010
rejected                   1                  10
opened                     0                5000
  clean                 3500    87.5 %      4500    90.0 %
  unacknowledged         480    12.0 %       480     9.6 %
  forced                  20     0.5 %        20     0.4 %
  lost                     0                   0
  crashed                  0                   0

close codes
  1001                  3980                4980
  1006                    20                  20

time spent in, this shutdown        p50       p99       max
  closing                          0 ms    204 ms    1.10 s

time spent in, since start          p50       p99       max
  open.healthy                  61.00 s   90.50 s   91.00 s
  closing                          0 ms    204 ms    1.10 s
`.trim(),
    );
  });

  it("leaves out what a server without connections has none of", () => {
    const outcomes = {
      rejected: 0,
      served: 0,
      cut: 0,
      clean: 0,
      unacknowledged: 0,
      forced: 0,
      lost: 0,
      crashed: 0,
    };
    const empty = reportOf({
      shutdown: {
        ...reportOf().shutdown,
        ...{ live: 0, accepted: 0, outcomes, states: {} },
      },
      accepted: 0,
      rejected: 0,
      opened: 0,
      outcomes,
      closeCodes: {},
      states: {},
    });
    expect(renderReport(empty)).not.toMatch(/%|close codes|time spent/);
  });

  it("says what went wrong, and shows it to people", () => {
    const report = reportOf({
      shutdown: {
        ...reportOf().shutdown,
        shardsKilled: 1,
        shardsCrashed: 2,
      },
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
      "shut down in 1.24 s: 4000 connections, 1 rejected, 3500 clean, 480 unacknowledged, 20 forced",
    );
  });

  it("finds no fault with a shutdown for what had crashed before it", () => {
    const report = reportOf({ shardsCrashed: 3, shardsKilled: 1 });
    expect(describeProblems(report)).toEqual([]);
    expect(renderReport(report)).toMatch(/^threads crashed +0 +3$/m);
    expect(renderReport(report)).toMatch(/^threads ended +0 +1$/m);
  });

  it("counts shares of those who came by a move too, and health checks apart", () => {
    const report = reportOf({ opened: 2, movedIn: 4998, probes: 7 });
    expect(renderReport(report)).toMatch(
      /^ {2}clean +3500 +87.5 % +4500 +90.0 %$/m,
    );
    expect(renderReport(report)).toMatch(/^health probes +0 +7$/m);
  });
});
