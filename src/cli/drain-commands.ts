import { setTimeout as delay } from "node:timers/promises";

import type { DrainStatus } from "../admin/api.ts";
import {
  addTargetFlags,
  type AdminClient,
  connectAdmin,
} from "./admin-client.ts";
import { readDuration } from "./connections-command.ts";
import type { AddCommand } from "./context.ts";
import { describeRefusals } from "./handover-commands.ts";
import { writeLine } from "./io.ts";
import { formatAge } from "./text-table.ts";

const LOOK_EVERY_MS = 250;

interface Flags {
  readonly shard?: string;
  readonly path?: string;
  readonly olderThan?: string;
  readonly deadline?: string;
  readonly move?: true;
  readonly wait: boolean;
  readonly callOff?: string;
  readonly json?: true;
}

/** `sluice drain` */
export const addDrainCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("drain")
    .summary("close connections of a running server, which goes on")
    .description(
      "Tells connections to go at a pace, each with its own time to come back, and waits until they are gone. The server goes on. Without --shard, --path and --older-than that is everybody. With --move nobody is closed.",
    )
    .option(
      "--shard <N>",
      "of this shard, which takes no new ones until resumed",
    )
    .option("--path <PREFIX>", "whose path starts so")
    .option("--older-than <TIME>", "open for longer, such as 5m")
    .option("--deadline <TIME>", "until those told are forced")
    .option(
      "--move",
      "move the shard's connections to the others, then start it again",
    )
    .option("--no-wait", "do not wait until it is done")
    .option("--call-off <ID>", "call this drain off, and end with that");
  addTargetFlags(command).action(async () => {
    const flags = command.opts<Flags>();
    const client = connectAdmin(command, io);
    if (flags.callOff !== undefined) {
      const path = `/api/drains/${encodeURIComponent(flags.callOff)}/call-off`;
      const calledOff = await client.post<DrainStatus>(path, {});
      await writeLine(
        io.stdout,
        flags.json === true
          ? JSON.stringify(calledOff)
          : `drain ${calledOff.id} is called off: who was not told stays`,
      );
      return;
    }
    const started = await client.post<DrainStatus>("/api/drain", {
      shard: flags.shard,
      pathPrefix: flags.path,
      olderThanMs: readDuration(flags.olderThan, "--older-than"),
      deadlineMs: readDuration(flags.deadline, "--deadline"),
      move: flags.move,
    });
    const drain = flags.wait ? await untilDone(client, started) : started;
    await writeLine(
      io.stdout,
      flags.json === true ? JSON.stringify(drain) : renderDrain(drain),
    );
  });
};

/** `sluice resume` */
export const addResumeCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("resume")
    .summary("let drained shards take connections again")
    .description("Lets shards that were drained take new connections again.")
    .option("--shard <N>", "this one; all without it");
  addTargetFlags(command).action(async () => {
    const { shard, json } = command.opts<Flags>();
    const answer = await connectAdmin(command, io).post<object>("/api/resume", {
      shard,
    });
    const what = shard === undefined ? "every shard" : `shard ${shard}`;
    await writeLine(
      io.stdout,
      json === true
        ? JSON.stringify(answer)
        : `${what} takes connections again`,
    );
  });
};

async function untilDone(
  client: AdminClient,
  started: DrainStatus,
): Promise<DrainStatus> {
  let drain = started;
  while (drain.report === undefined) {
    await delay(LOOK_EVERY_MS);
    drain = await client.get<DrainStatus>(`/api/drains/${started.id}`);
  }
  return drain;
}

function renderDrain({ id, isMove, report }: DrainStatus): string {
  if (report === undefined) return `drain ${id} is under way`;
  const { notified, moved, refused, wasCalledOff, durationMs } = report;
  const end = `${wasCalledOff ? "then called off" : "all ended"}, in ${formatAge(durationMs)}`;
  if (!isMove) return `${notified} told to go, ${end}`;
  return `${moved} moved to other shards, ${notified} told to come back${describeRefusals(refused)}, ${wasCalledOff ? "then called off" : "and the shard serves again"}, in ${formatAge(durationMs)}`;
}
