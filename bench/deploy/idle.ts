/** How long very many idle connections take to move to another shard. */
import { Crowd } from "./crowd.ts";
import { SluiceProcesses } from "./sluice.ts";

export interface IdleResult {
  readonly connections: number;
  /** Until the last has landed, milliseconds. */
  readonly movedInMs: number;
  /** Until the shard that they left has started again as well. */
  readonly restartedInMs: number;
}

/** @throws Error when not all have moved, or one was closed. */
export async function moveIdle(connections: number): Promise<IdleResult> {
  await using server = await SluiceProcesses.start({ port: 0, workers: 2 });
  using crowd = await Crowd.open(connections, {
    port: server.port,
    wire: "websocket",
    path: "/",
    intervalMs: undefined,
  });
  // All of them on one shard first.
  await server.tell({ do: "move", shard: 1 });
  const { moved: before } = (await server.stats()).handover;
  const startedAt = performance.now();
  const restarted = server.tell({ do: "move", shard: 0 });
  let movedInMs = 0;
  const landed = async (): Promise<void> => {
    for (;;) {
      const { moved } = (await server.stats()).handover;
      movedInMs = performance.now() - startedAt;
      if (moved - before >= connections) return;
    }
  };
  await Promise.all([landed(), restarted]);
  const restartedInMs = performance.now() - startedAt;
  const { live } = (await server.stats()).ledger;
  if (live !== connections || crowd.tally.closeCount > 0)
    throw new Error(
      `${live} of ${connections} are live, ${crowd.tally.closeCount} were closed`,
    );
  return { connections, movedInMs, restartedInMs };
}
