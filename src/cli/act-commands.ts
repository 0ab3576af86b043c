import { setTimeout as delay } from "node:timers/promises";

import type { Status } from "../admin/api.ts";
import { SluiceError } from "../errors.ts";
import {
  addTargetFlags,
  type AdminClient,
  connectAdmin,
} from "./admin-client.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";

const LOOK_EVERY_MS = 250;

/** `sluice restart <shard>` */
export const addRestartCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("restart")
    .summary("end a shard's thread gently, and start another in its place")
    .description(
      "Has a shard tell its connections to come back, ends its thread when they are gone, and starts another in its place. The other shards go on.",
    )
    .argument("<shard>", "which one, by its number")
    .option("--no-wait", "do not wait until it serves again");
  addTargetFlags(command).action(async (shard: string) => {
    const { wait, json } = command.opts<{ wait: boolean; json?: true }>();
    const client = connectAdmin(command, io);
    const before = findShard(await statusOf(client), shard);
    await client.post(`/api/shards/${encodeURIComponent(shard)}/restart`, {});
    if (wait) await untilRestarted(client, shard, before?.restarts ?? 0);
    await writeLine(
      io.stdout,
      json === true
        ? JSON.stringify(findShard(await statusOf(client), shard) ?? {})
        : `shard ${shard} ${wait ? "serves again, in another thread" : "is being replaced"}`,
    );
  });
};

/** `sluice close <id>` */
export const addCloseCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("close")
    .summary("close one connection of a running server")
    .description(
      'Closes one connection: its handlers in flight finish, and what they send goes out before the close frame. "sluice connections" lists the ids.',
    )
    .argument("<id>", "which one, such as c42")
    .option("--code <CODE>", "close code that the client is sent [1000]")
    .option("--reason <TEXT>", "reason that the client is sent [none]");
  addTargetFlags(command).action(async (id: string) => {
    const { code, reason, json } = command.opts<{
      code?: string;
      reason?: string;
      json?: true;
    }>();
    const path = `/api/connections/${encodeURIComponent(id)}/close`;
    await connectAdmin(command, io).post(path, { code, reason });
    await writeLine(
      io.stdout,
      json === true ? "{}" : `connection ${id} is told to go`,
    );
  });
};

function statusOf(client: AdminClient): Promise<Status> {
  return client.get<Status>("/api/status");
}

function findShard(
  { shards }: Status,
  shard: string,
): Status["shards"][number] | undefined {
  return shards.find((each) => String(each.shard) === shard);
}

/** A server that is asked to stop meanwhile has no thread to wait for. */
async function untilRestarted(
  client: AdminClient,
  shard: string,
  before: number,
): Promise<void> {
  for (;;) {
    const status = await statusOf(client);
    const { server } = status;
    const found = findShard(status, shard);
    if (found === undefined || server.shutdown !== undefined)
      throw new SluiceError(
        "ERR_SLUICE_ADMIN",
        `shard ${shard} is not replaced: the server is ${server.state}`,
      );
    if (found.restarts > before && found.state === "serving.accepting") return;
    await delay(LOOK_EVERY_MS);
  }
}
