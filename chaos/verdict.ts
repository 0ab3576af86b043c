import type { ShutdownReport } from "../src/index.ts";
import type { Tally } from "./client.ts";

/** Everything that a run knows of itself at its end. */
export interface Evidence {
  readonly report: ShutdownReport;
  readonly tally: Tally;
  /** Sockets, ports, threads and timers that are left in main, in words. */
  readonly remains: string | undefined;
  /** Resident memory at the first quarter of the run and at its end. */
  readonly memoryMb: readonly [early: number, late: number];
}

/** Beyond what was there after the first quarter, this much is a leak and no noise. */
const MEMORY_GROWTH = 2;
const MEMORY_SLACK_MB = 150;

/** What does not add up; nothing, when all is well. */
export function findFaults(evidence: Evidence): string[] {
  const { report, tally, remains = "", memoryMb } = evidence;
  const { outcomes } = report;
  const [early, late] = memoryMb;
  const checks: [string, boolean][] = [
    ["the ledger is not balanced", report.balanced],
    ["the deadline was not held", report.deadlineHeld],
    [
      `${tally.opened} clients saw their connection open, ${report.opened} were counted`,
      report.opened >= tally.opened,
    ],
    [`${tally.wrong} replies were wrong`, tally.wrong === 0],
    [
      `${tally.cut} clients were cut without a close frame, ${outcomes.crashed} crashed`,
      tally.cut <= outcomes.crashed,
    ],
    [remains, remains === ""],
    [
      `memory grew from ${early} to ${late} MB`,
      late <= early * MEMORY_GROWTH + MEMORY_SLACK_MB,
    ],
  ];
  return checks.filter(([, holds]) => !holds).map(([fault]) => fault);
}
