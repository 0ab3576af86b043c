import type { ShutdownReport } from "../index.ts";

/**
 * What went wrong, one sentence each; empty after a shutdown that ended by its
 * deadline with every connection accounted for.
 */
export function describeProblems(report: ShutdownReport): readonly string[] {
  const { shardsKilled, shardsStuck, shardsCrashed, deadlineMs, durationMs } =
    report;
  const problems: string[] = [];
  if (shardsKilled > 0) {
    problems.push(`${plural(shardsKilled, "thread")} had to be ended by force`);
  }
  if (shardsStuck > 0) {
    problems.push(
      `${plural(shardsStuck, "thread")} could not be ended: a handler is inside a native call`,
    );
  }
  if (shardsCrashed > 0) {
    problems.push(`${plural(shardsCrashed, "thread")} crashed`);
  }
  if (!report.deadlineHeld && shardsStuck === 0) {
    problems.push(
      `it took ${seconds(durationMs)}, past the deadline of ${seconds(deadlineMs)}`,
    );
  }
  if (!report.balanced) {
    problems.push("the ledger does not add up");
  }
  return problems;
}

/** `shut down in 1.24 s: 5000 connections, 4500 clean, 500 unacknowledged` */
export function summarize({
  durationMs,
  opened,
  outcomes,
}: ShutdownReport): string {
  const counts = Object.entries(outcomes)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `, ${count} ${name}`);
  return `shut down in ${seconds(durationMs)}: ${plural(opened, "connection")}${counts.join("")}`;
}

/** The report for people; sixty columns at most, without a final line break. */
export function renderReport(report: ShutdownReport): string {
  const { outcomes, opened, closeCodes, states } = report;
  const { rejected, ...endings } = outcomes;
  const codes = Object.entries(closeCodes);
  const visited = byPhase(states);
  return [
    `Shutdown (${report.reason}) took ${seconds(report.durationMs)} of ${seconds(report.deadlineMs)}.`,
    ...describeProblems(report).map(
      (problem) => `Not as it should be: ${problem}.`,
    ),
    "",
    row("accepted", report.accepted),
    row("rejected", rejected),
    row("opened", opened),
    ...(report.movedIn > 0 ? [row("moved in", report.movedIn)] : []),
    ...(report.movedOut > 0 ? [row("moved out", report.movedOut)] : []),
    ...Object.entries(endings).map(([name, count]) =>
      row(`  ${name}`, count, share(count, opened)),
    ),
    ...(codes.length > 0 ? ["", "close codes"] : []),
    ...codes.map(([code, count]) => row(`  ${code}`, count)),
    ...(visited.length > 0
      ? ["", timesRow("time spent in", ["p50", "p99", "max"])]
      : []),
    ...visited.map(([name, { p50Ms, p99Ms, maxMs }]) =>
      timesRow(`  ${name}`, [p50Ms, p99Ms, maxMs].map(time)),
    ),
  ].join("\n");
}

/** The states in the order of a life: what begins with the same phase stands together. */
function byPhase<Value>(states: Readonly<Record<string, Value>>) {
  const phases = Map.groupBy(
    Object.entries(states),
    ([name]) => name.split(".")[0],
  );
  return [...phases.values()].flat();
}

function row(name: string, count: number, note = ""): string {
  return `${name.padEnd(18)}${String(count).padStart(10)}${note}`;
}

function share(part: number, whole: number): string {
  if (part === 0 || whole === 0) return "";
  return `${((100 * part) / whole).toFixed(1)} %`.padStart(10);
}

function timesRow(name: string, cells: readonly string[]): string {
  return name.padEnd(26) + cells.map((cell) => cell.padStart(12)).join("");
}

function time(milliseconds: number): string {
  return milliseconds < 1000
    ? `${Math.round(milliseconds)} ms`
    : seconds(milliseconds);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
