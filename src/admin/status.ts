import { connectionTable } from "../machines/connection-table.ts";
import { busyShare } from "../main/shards/busy-share.ts";
import type { HandoverStats } from "../main/handover/handover.ts";
import type {
  DrainStatus,
  EndReport,
  HandoverStatus,
  ShardStatus,
  Status,
} from "./api.ts";
import type { InspectedServer, InspectedShard } from "./inspected-server.ts";

/** What does not change while a server runs. */
export interface Identity {
  readonly version: string;
  readonly instance: string;
  readonly startedAt: number;
}

const liveStates = connectionTable.states.filter(({ isFinal }) => !isFinal);

/** The server as it stands, read from the shared counters: no shard is asked. */
export function readStatus(
  server: InspectedServer,
  identity: Identity,
  drains: readonly DrainStatus[],
  report: EndReport | undefined,
): Status {
  const { config } = server;
  const { ledger, deadlineInMs, ready, handover, cluster } = server.stats();
  const at = Date.now();
  return {
    at,
    server: {
      ...identity,
      pid: process.pid,
      url: serverUrl(server),
      state: server.machineState,
      ready,
      maxConnections: config.maxConnections,
      shutdownDeadlineMs: config.shutdownDeadlineMs,
      shutdown:
        deadlineInMs === undefined || report !== undefined
          ? undefined
          : {
              reason: server.shutdownReason,
              startedAt: Math.round(at - server.shutdownElapsedMs),
              deadlineMs: Math.round(server.shutdownElapsedMs + deadlineInMs),
              deadlineInMs: Math.round(deadlineInMs),
              part: server.shutdownPart,
            },
    },
    connections: ledger.live,
    ledger,
    shards: server.shards.map(readShard),
    edges: sumEdges(server),
    handover: describeHandover(handover),
    cluster: cluster && { instance: server.instance, ...cluster },
    drains,
    report,
  };
}

function describeHandover({
  movability: { movable, ...immovable },
  refused,
  ...stats
}: HandoverStats): HandoverStatus {
  return {
    ...stats,
    movable,
    immovable: thoseThatAre(immovable),
    refused: thoseThatAre(refused),
  };
}

function thoseThatAre(
  counts: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).filter(([, count]) => count > 0),
  );
}

function readShard(shard: InspectedShard): ShardStatus {
  const { counters, index, state, isBlocked } = shard;
  const heapBytes = counters.get("heapBytes");
  return {
    shard: index,
    state,
    isBlocked,
    connections: counters.live,
    states: Object.fromEntries(
      liveStates.map(({ name, index: at }) => [
        name,
        counters.states[at] as number,
      ]),
    ),
    outcomes: readOutcomes(shard),
    utilization: busyShare(shard),
    // The heap is never empty: nothing has been measured yet.
    loopDelayP99Ms: heapBytes === 0 ? undefined : counters.get("loopDelayP99"),
    heapBytes: heapBytes === 0 ? undefined : heapBytes,
    accepted: counters.get("handed"),
    messagesIn: counters.get("messagesIn"),
    messagesOut: counters.get("messagesOut"),
    bytesIn: counters.get("bytesIn"),
    bytesOut: counters.get("bytesOut"),
    handlersInFlight: counters.get("handlers"),
    heldBytes: counters.get("heldBytes"),
    shed: counters.get("shed"),
    restarts: counters.get("restarts"),
  };
}

/** Ended connections of a shard by outcome. */
export function readOutcomes({
  counters,
}: Pick<InspectedShard, "counters">): Record<string, number> {
  return {
    rejected: counters.get("rejected") + counters.get("abandoned"),
    served: counters.get("served"),
    cut: counters.get("cut"),
    clean: counters.get("clean"),
    unacknowledged: counters.get("unacknowledged"),
    forced: counters.get("forced"),
    lost: counters.get("lost"),
    crashed: counters.get("crashed"),
  };
}

function sumEdges({ shards, pastCounters }: InspectedServer): number[] {
  const all = [
    ...shards.map(({ counters }) => counters),
    ...pastCounters.values(),
  ];
  return connectionTable.edges.map((_, edge) =>
    all.reduce((sum, { edges }) => sum + (edges[edge] as number), 0),
  );
}

function serverUrl({
  config,
  address: { host, port },
}: InspectedServer): string {
  const scheme = config.tlsKeyFile === undefined ? "ws" : "wss";
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
