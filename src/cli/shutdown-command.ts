import type { Status } from "../admin/api.ts";
import { SluiceError } from "../errors.ts";
import type { ShutdownReport } from "../index.ts";
import {
  addTargetFlags,
  type AdminClient,
  connectAdmin,
} from "./admin-client.ts";
import { readDuration } from "./connections-command.ts";
import type { AddCommand } from "./context.ts";
import { EXIT } from "./failure.ts";
import type { Io } from "./io.ts";
import { writeLine } from "./io.ts";
import { createProgressBar } from "./progress.ts";
import { describeProblems, renderReport } from "./print-report.ts";
import type { LiveCounts } from "./served-server.ts";

interface Flags {
  readonly deadline?: string;
  readonly reason?: string;
  readonly callOff?: true;
  readonly force?: true;
  readonly json?: true;
}

/** `sluice shutdown` */
export const addShutdownCommand: AddCommand = (program, { io, exitWith }) => {
  const command = program
    .command("shutdown")
    .summary("shut a running server down, and report")
    .description(
      "Shuts a running server down as SIGTERM does, shows how far it is, and prints the report. Exit status as of the server: 0 when every connection was accounted for by the deadline.",
    )
    .option("--deadline <TIME>", "for the whole shutdown [the server's]")
    .option("--reason <TEXT>", "for the report [sluice shutdown]")
    .option("--force", "force what is left of a shutdown under way")
    .option("--call-off", "call a shutdown off, and end with that");
  addTargetFlags(command).action(async () => {
    const flags = command.opts<Flags>();
    const client = connectAdmin(command, io);
    if (flags.callOff === true) {
      await client.post("/api/shutdown/call-off", {});
      await writeLine(
        io.stdout,
        flags.json === true ? "{}" : "called off: the server listens again",
      );
      return;
    }
    const report = await shutDown(client, flags, io);
    await writeLine(
      io.stdout,
      flags.json === true ? JSON.stringify(report) : renderReport(report),
    );
    exitWith(describeProblems(report).length === 0 ? EXIT.ok : EXIT.failed);
  });
};

/** Follows before it asks, so that nothing of a quick end is missed. */
async function shutDown(
  client: AdminClient,
  flags: Flags,
  { stderr }: Pick<Io, "stderr">,
): Promise<ShutdownReport> {
  const events = await client.events("/api/events");
  if (flags.force === true) await client.post("/api/shutdown/force", {});
  else
    await client.post("/api/shutdown", {
      deadlineMs: readDuration(flags.deadline, "--deadline"),
      reason: flags.reason ?? "sluice shutdown",
    });
  let last: Status | undefined;
  let wasCalledOff = false;
  const bar = stderr.isTTY === true ? createProgressBar(stderr) : undefined;
  try {
    for await (const { event, data } of events) {
      if (event !== "status") continue;
      const status = data as Status;
      // What the report of the server itself is.
      if (status.report !== undefined) return status.report as ShutdownReport;
      const isOnItsWay = status.server.shutdown !== undefined;
      wasCalledOff = last !== undefined && !isOnItsWay;
      if (wasCalledOff) break;
      if (!isOnItsWay) continue;
      if (last === undefined) bar?.start(() => toCounts(last ?? status));
      last = status;
    }
  } finally {
    bar?.stop();
  }
  throw new SluiceError(
    "ERR_SLUICE_ADMIN",
    wasCalledOff
      ? "the shutdown was called off; the server listens again"
      : "the server ended without a report",
  );
}

function toCounts({ connections, shards, server, ledger }: Status): LiveCounts {
  const states: Record<string, number> = {};
  for (const shard of shards)
    for (const [state, count] of Object.entries(shard.states))
      states[state] = (states[state] ?? 0) + count;
  return {
    connections,
    states,
    deadlineInMs: server.shutdown?.deadlineInMs,
    ledger: { outcomes: ledger.outcomes as LiveCounts["ledger"]["outcomes"] },
  };
}
