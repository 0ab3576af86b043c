import { connectionTable } from "../machines/connection-table.ts";
import type { ShardStats } from "./server-types.ts";
import { busyShare } from "./shards/busy-share.ts";
import type { Shard } from "./shards/shard.ts";

/** One shard, read from its counters. */
export function describeShard(shard: Shard): ShardStats {
  const { counters } = shard;
  return {
    shard: shard.index,
    state: shard.state,
    isBlocked: shard.isBlocked,
    states: Object.fromEntries(
      connectionTable.states
        .filter(({ isFinal }) => !isFinal)
        .map(({ name, index }) => [name, counters.states[index] as number]),
    ),
    connections: counters.live,
    messagesIn: counters.get("messagesIn"),
    messagesOut: counters.get("messagesOut"),
    messagesDropped: counters.get("messagesDropped"),
    bytesIn: counters.get("bytesIn"),
    bytesOut: counters.get("bytesOut"),
    handlersInFlight: counters.get("handlers"),
    utilization: busyShare(shard),
    restarts: counters.get("restarts"),
    movedIn: counters.get("movedIn"),
    movedOut: counters.get("movedOut"),
  };
}

/** Live connections by state, over several shards. */
export function sumStates(
  shards: readonly ShardStats[],
): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { states } of shards)
    for (const [state, count] of Object.entries(states))
      total[state] = (total[state] ?? 0) + count;
  return total;
}
