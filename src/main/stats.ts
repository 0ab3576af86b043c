import { connectionTable } from "../machines/connection-table.ts";
import type { Cluster } from "./cluster/cluster.ts";
import type { HandoverStats } from "./handover/handover.ts";
import type { Malformed } from "./malformed.ts";
import type { Ledger } from "./report.ts";
import type { ServerStats, ShardStats } from "./server-types.ts";
import { busyShare } from "./shards/busy-share.ts";
import type { Shard } from "./shards/shard.ts";

/** One shard, read from its counters. */
function describeShard(shard: Shard): ShardStats {
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
    heldBytes: counters.get("heldBytes"),
    shed: counters.get("shed"),
    utilization: busyShare(shard),
    restarts: counters.get("restarts"),
    movedIn: counters.get("movedIn"),
    movedOut: counters.get("movedOut"),
  };
}

/** The parts that the figures are read from. */
export interface StatsSource {
  readonly lifecycle: Pick<ServerStats, "state" | "deadlineInMs">;
  readonly readiness: { readonly isReady: boolean };
  readonly fleet: { readonly all: readonly Shard[] };
  readonly ledger: Ledger;
  readonly ingress: { readonly refused: { readonly forDescriptors: number } };
  readonly handover: { stats(): HandoverStats };
  readonly cluster: Pick<Cluster, "engine">;
  readonly topics: { readonly undelivered: number };
  readonly malformed: Malformed;
}

/** The server, read from its parts as they stand. */
export function describeServer(source: StatsSource): ServerStats {
  const { lifecycle, ledger, cluster, topics } = source;
  const shards = source.fleet.all.map(describeShard);
  return {
    state: lifecycle.state,
    ready: source.readiness.isReady,
    connections: ledger.live,
    states: sumStates(shards),
    ledger,
    shards,
    handover: source.handover.stats(),
    cluster: cluster.engine.isClustered
      ? { ...cluster.engine.link(), undelivered: topics.undelivered }
      : undefined,
    malformed: source.malformed.counts,
    refusedForDescriptors: source.ingress.refused.forDescriptors,
    deadlineInMs: lifecycle.deadlineInMs,
  };
}

/** Live connections by state, over several shards. */
function sumStates(shards: readonly ShardStats[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { states } of shards)
    for (const [state, count] of Object.entries(states))
      total[state] = (total[state] ?? 0) + count;
  return total;
}
