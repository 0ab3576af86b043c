import type { ShutdownPart, ShutdownReport } from "../index.ts";

/**
 * What went wrong, one sentence each; empty after a shutdown that ended by its
 * deadline with every connection accounted for.
 */
export function describeProblems(report: ShutdownReport): readonly string[] {
  const { shardsStuck, deadlineMs, durationMs } = report;
  // What happened before it is no fault of this shutdown.
  const { shardsKilled, shardsCrashed } = report.shutdown;
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

/** `shut down in 1.24 s: 5000 connections, 4500 clean, 500 unacknowledged`: those that were there, or came since. */
export function summarize({ durationMs, shutdown }: ShutdownReport): string {
  const counts = Object.entries(shutdown.outcomes)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `, ${count} ${name}`);
  return `shut down in ${seconds(durationMs)}: ${plural(thoseOf(shutdown), "connection")}${counts.join("")}`;
}

/** The report for people; sixty columns at most, without a final line break. */
export function renderReport(report: ShutdownReport): string {
  const { shutdown } = report;
  const wholes = [thoseOf(shutdown), thoseOf({ ...report, live: 0 })];
  const both = (name: string, read: Reading): string =>
    row(name, [read(shutdown), read(report)]);
  const seen = (name: string, read: Reading): string[] =>
    read(report) > 0 ? [both(name, read)] : [];
  const codes = Object.keys(report.closeCodes);
  return [
    `Shutdown (${report.reason}) took ${seconds(report.durationMs)} of ${seconds(report.deadlineMs)}.`,
    ...describeProblems(report).map(
      (problem) => `Not as it should be: ${problem}.`,
    ),
    "",
    `${"this shutdown".padStart(28)}${"since start".padStart(20)}`,
    row("live at its begin", [shutdown.live]),
    both("accepted", ({ accepted }) => accepted),
    both("rejected", ({ rejected }) => rejected),
    ...seen("health probes", ({ probes }) => probes),
    ...seen("HTTP requests", ({ requests }) => requests),
    ...seen("  answered", ({ answers }) => answers),
    ...seen("  served", ({ outcomes }) => outcomes.served),
    ...seen("  cut", ({ outcomes }) => outcomes.cut),
    both("opened", ({ opened }) => opened),
    ...seen("moved in", ({ movedIn }) => movedIn),
    ...seen("moved out", ({ movedOut }) => movedOut),
    ...Object.entries(report.outcomes)
      .filter(([name]) => !UNOPENED.has(name))
      .map(([name, since]) => {
        const now = (shutdown.outcomes as Record<string, number>)[name] ?? 0;
        return row(`  ${name}`, [now, since], wholes);
      }),
    ...seen("threads crashed", ({ shardsCrashed }) => shardsCrashed),
    ...seen("threads ended", ({ shardsKilled }) => shardsKilled),
    ...(codes.length > 0 ? ["", "close codes"] : []),
    ...codes.map((code) =>
      both(`  ${code}`, ({ closeCodes }) => closeCodes[code] ?? 0),
    ),
    ...timesOf("time spent in, this shutdown", shutdown.states),
    ...timesOf("time spent in, since start", report.states),
  ].join("\n");
}

/** They have rows of their own. */
const UNOPENED: ReadonlySet<string> = new Set(["rejected", "served", "cut"]);

/** Reads a count of this shutdown, or of the server's whole life. */
type Reading = (of: Omit<ShutdownPart, "live">) => number;

/** All connections that there were: each outcome but `rejected` is a share of them. */
function thoseOf({
  live,
  opened,
  movedIn,
}: Pick<ShutdownPart, "live" | "opened" | "movedIn">): number {
  return live + opened + movedIn;
}

/** How long connections stayed in the states that they have left; nothing where none has. */
function timesOf(title: string, states: ShutdownPart["states"]): string[] {
  const visited = byPhase(states);
  if (visited.length === 0) return [];
  return [
    "",
    timesRow(title, ["p50", "p99", "max"]),
    ...visited.map(([name, { p50Ms, p99Ms, maxMs }]) =>
      timesRow(`  ${name}`, [p50Ms, p99Ms, maxMs].map(time)),
    ),
  ];
}

/** The states in the order of a life: what begins with the same phase stands together. */
function byPhase<Value>(states: Readonly<Record<string, Value>>) {
  const phases = Map.groupBy(
    Object.entries(states),
    ([name]) => name.split(".")[0],
  );
  return [...phases.values()].flat();
}

/** A count for each column, with its share of the whole. */
function row(
  name: string,
  counts: readonly number[],
  wholes: readonly number[] = [],
): string {
  const cells = counts.map(
    (count, column) =>
      String(count).padStart(10) +
      share(count, wholes[column] ?? 0).padStart(10),
  );
  return `${name.padEnd(18)}${cells.join("")}`.trimEnd();
}

function share(part: number, whole: number): string {
  if (part === 0 || whole === 0) return "";
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function timesRow(name: string, cells: readonly string[]): string {
  return name.padEnd(29) + cells.map((cell) => cell.padStart(10)).join("");
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
