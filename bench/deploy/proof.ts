/**
 * The full-size proof: many clients with numbered messages in flight through
 * moves between shards, reloads and upgrades of the process.
 */
import { setTimeout as after } from "node:timers/promises";
import type { ShutdownReport } from "../../src/index.ts";
import { Crowd } from "./crowd.ts";
import { Phase, type PhaseResult } from "./phase.ts";
import { SluiceProcesses } from "./sluice.ts";
import type { Tally } from "./tally.ts";

const WORKERS = 2;
const QUIET_MS = 5_000;

export interface ProofOptions {
  readonly clients: number;
  /** Between two messages of a client. */
  readonly intervalMs: number;
  /** How often a shard is emptied, and the shards are evened out again. */
  readonly moves: number;
  readonly reloads: number;
  readonly upgrades: number;
}

export interface ProofResult {
  readonly options: ProofOptions;
  readonly phases: readonly PhaseResult[];
  readonly messages: number;
  /** That have served, one after the other. */
  readonly processes: number;
  readonly movedBetweenProcesses: number;
}

/**
 * @param tell - Told of each kind of operation when it is over.
 * @throws Error with everything that was not as it should be.
 */
export async function prove(
  options: ProofOptions,
  tell: (phase: PhaseResult) => void,
): Promise<ProofResult> {
  const { clients, intervalMs } = options;
  await using server = await SluiceProcesses.start({
    port: 0,
    workers: WORKERS,
  });
  const habits = { port: server.port, wire: "websocket", path: "/" } as const;
  using crowd = await Crowd.open(clients, { ...habits, intervalMs });
  const { tally } = crowd;
  const phases = await operate(server, tally, options, tell);
  await crowd.allAnswered();
  const { ledger } = await server.stats();
  const faults = faultsOf(tally);
  const reports = await server.shutdown();
  faults.push(...faultsIn(reports, clients, ledger.live));
  if (faults.length > 0) throw new Error(faults.join("; "));
  return {
    options,
    phases,
    messages: tally.sent,
    processes: reports.length,
    movedBetweenProcesses: sumOf(reports, ({ movedOut }) => movedOut),
  };
}

async function operate(
  server: SluiceProcesses,
  tally: Tally,
  { moves, reloads, upgrades }: ProofOptions,
  tell: (phase: PhaseResult) => void,
): Promise<PhaseResult[]> {
  const quiet = new Phase("nothing happens", tally);
  const emptied = new Phase("a shard is emptied (`drain --move`)", tally);
  const evened = new Phase("the shards are evened out (`rebalance`)", tally);
  const reloaded = new Phase("a reload", tally);
  const upgraded = new Phase("an upgrade", tally);
  const results: PhaseResult[] = [];
  const over = (...phases: readonly Phase[]): void => {
    for (const { result } of phases) {
      if (result.times === 0) continue;
      tell(result);
      results.push(result);
    }
  };
  await after(QUIET_MS / 2);
  await quiet.run(() => after(QUIET_MS));
  over(quiet);
  for (let turn = 0; turn < moves; turn++) {
    const shard = turn % WORKERS;
    await emptied.run(() => server.tell({ do: "move", shard }));
    await evened.run(() => server.tell({ do: "rebalance" }));
  }
  over(emptied, evened);
  for (let turn = 0; turn < reloads; turn++)
    await reloaded.run(() => server.tell({ do: "reload" }));
  over(reloaded);
  for (let turn = 0; turn < upgrades; turn++)
    await upgraded.run(() => server.upgrade());
  over(upgraded);
  return results;
}

/** What clients have seen that they should not have. */
function faultsOf({
  closeCount,
  lost,
  wrong,
  sent,
  answered,
}: Tally): string[] {
  const faults: string[] = [];
  if (closeCount > 0) faults.push(`${closeCount} connections were closed`);
  if (lost > 0) faults.push(`${lost} messages were lost`);
  if (wrong > 0) faults.push(`${wrong} replies were repeated or out of order`);
  if (sent !== answered)
    faults.push(`${sent} messages were sent, ${answered} answered`);
  return faults;
}

/** What does not add up in the reports of all processes together. */
function faultsIn(
  reports: readonly ShutdownReport[],
  clients: number,
  live: number,
): string[] {
  const faults = reports.flatMap((report, index) =>
    report.balanced ? [] : [`the ledger of process ${index} does not add up`],
  );
  const expect = (what: string, count: number, expected: number): void => {
    if (count !== expected) faults.push(`${what}: ${count}, not ${expected}`);
  };
  const told = (code: string) =>
    sumOf(reports, ({ closeCodes }) => closeCodes[code] ?? 0);
  expect("live at the end", live, clients);
  expect(
    "moved in",
    sumOf(reports, ({ movedIn }) => movedIn),
    sumOf(reports, ({ movedOut }) => movedOut),
  );
  expect(
    "accepted",
    sumOf(reports, ({ accepted }) => accepted),
    sumOf(
      reports,
      ({ opened, rejected, probes }) => opened + rejected + probes,
    ),
  );
  expect(
    "outcomes",
    sumOf(reports, ({ outcomes: { rejected: _, ...rest } }) =>
      Object.values(rest).reduce((sum, count) => sum + count, 0),
    ),
    sumOf(reports, ({ opened }) => opened),
  );
  expect("told to go by the last process", told("1001"), clients);
  expect("told to come back", told("1012"), 0);
  for (const outcome of ["crashed", "lost", "forced"] as const)
    expect(
      outcome,
      sumOf(reports, ({ outcomes }) => outcomes[outcome]),
      0,
    );
  return faults;
}

function sumOf(
  reports: readonly ShutdownReport[],
  countOf: (report: ShutdownReport) => number,
): number {
  return reports.reduce((sum, report) => sum + countOf(report), 0);
}
