import { outcomes } from "../machines/connection-machine.ts";
import { connectionTable } from "../machines/connection-table.ts";
import { serverMachine } from "../machines/server-machine.ts";
import type { CounterName, ShardCounters } from "../protocol/shard-counters.ts";
import { busyShare } from "../main/shards/busy-share.ts";
import { addClusterMetrics } from "./cluster-metrics.ts";
import { MetricText, type SetValue } from "./metric-text.ts";
import { readOutcomes } from "./status.ts";
import type { InspectedServer, InspectedShard } from "./inspected-server.ts";

const SECONDS_PER_MS = 1e-3;
const MICROS_PER_SECOND = 1e6;
/** Close codes of the protocol are told apart; those of libraries and applications are not, since a peer may send any of 2,000. */
const FIRST_LIBRARY_CODE = 3000;
const FIRST_APPLICATION_CODE = 4000;

/**
 * The server's metrics, read off the shared counters whenever they are asked
 * for. Counters go on across a shard's restart, as the shared ones do.
 */
export function createMetrics(
  server: InspectedServer,
  version: string,
): MetricText {
  const text = new MetricText();
  const { gauge, counter } = text;
  const eachShard =
    (read: (shard: InspectedShard) => number | undefined) =>
    (set: SetValue): void => {
      for (const shard of server.shards) {
        const value = read(shard);
        if (value !== undefined) set(value, String(shard.index));
      }
    };
  /** A gauge of the shards that there are. */
  const level = (name: CounterName) =>
    eachShard(({ counters }) => counters.get(name));
  /** A counter that goes on over all shards that had an index. */
  const count =
    (name: CounterName) =>
    (set: SetValue): void => {
      for (const [index, counters] of countersByIndex(server))
        set(
          counters.reduce((sum, each) => sum + each.get(name), 0),
          index,
        );
    };

  gauge(
    "sluice_build_info",
    "Always 1; the versions are in the labels.",
    ["version", "node"],
    (set) => set(1, version, process.versions.node),
  );
  gauge(
    "sluice_server_state",
    "1 for the state that the server is in, 0 for the others.",
    ["state"],
    (set) => {
      for (const state of Object.keys(serverMachine.states))
        set(server.state === state ? 1 : 0, state);
    },
  );
  gauge(
    "sluice_ready",
    "Whether new connections are wanted: 0 from the moment closing begins.",
    [],
    (set) => set(server.ready ? 1 : 0),
  );
  gauge(
    "sluice_connections_max",
    "Limit of connections, over all shards.",
    [],
    (set) => set(server.config.maxConnections),
  );
  gauge(
    "sluice_connections",
    "Connections by the state of their machine, from the hand-over of the socket on.",
    ["shard", "state"],
    (set) => {
      for (const { index, counters } of server.shards)
        for (const { name, index: at, isFinal } of connectionTable.states)
          if (!isFinal) set(counters.states[at] as number, String(index), name);
    },
  );
  counter(
    "sluice_sockets_accepted_total",
    "Sockets accepted, over all shards; those included that no shard could take.",
    [],
    (set) => set(server.stats().ledger.accepted),
  );
  counter(
    "sluice_descriptor_refusals_total",
    "Sockets refused because the process had no descriptors left for clients.",
    [],
    (set) => set(server.stats().refusedForDescriptors),
  );
  counter(
    "sluice_connections_opened_total",
    "Connections whose opening handshake was completed.",
    ["shard"],
    count("opened"),
  );
  counter(
    "sluice_connections_moved_in_total",
    "Connections that have come from another shard or process.",
    ["shard"],
    count("movedIn"),
  );
  counter(
    "sluice_connections_moved_out_total",
    "Connections that have gone to another shard or process.",
    ["shard"],
    count("movedOut"),
  );
  gauge(
    "sluice_move_seconds",
    "How long moved connections were not read, since the start.",
    ["percentile"],
    (set) => {
      const { p50Ms, p99Ms, maxMs } = server.stats().handover.durations;
      set(p50Ms * SECONDS_PER_MS, "50");
      set(p99Ms * SECONDS_PER_MS, "99");
      set(maxMs * SECONDS_PER_MS, "100");
    },
  );
  gauge(
    "sluice_connections_movable",
    "Connections that could move, and by cause those that could not.",
    ["cause"],
    (set) => {
      const { movable, ...immovable } = server.stats().handover.movability;
      set(movable, "none");
      for (const [cause, connections] of Object.entries(immovable))
        set(connections, cause);
    },
  );
  counter(
    "sluice_moves_refused_total",
    "Moves that did not come about, by cause.",
    ["cause"],
    (set) => {
      const { refused } = server.stats().handover;
      for (const [cause, refusals] of Object.entries(refused))
        set(refusals, cause);
    },
  );
  counter(
    "sluice_connections_ended_total",
    "Connections by how they ended; rejected, served and cut ones never opened.",
    ["shard", "outcome"],
    (set) => {
      for (const [index, counters] of countersByIndex(server)) {
        const ended = counters.map((each) => readOutcomes({ counters: each }));
        for (const outcome of outcomes)
          set(
            ended.reduce((sum, each) => sum + (each[outcome] ?? 0), 0),
            index,
            outcome,
          );
      }
    },
  );
  counter(
    "sluice_health_probes_total",
    "Health checks that were answered; they are not among the connections that ended.",
    ["shard"],
    count("probes"),
  );
  counter(
    "sluice_http_requests_total",
    "Requests of plain HTTP that were given to the handlers.",
    ["shard"],
    count("requests"),
  );
  counter(
    "sluice_http_answers_total",
    "Requests of plain HTTP that were answered whole.",
    ["shard"],
    count("answers"),
  );
  counter(
    "sluice_connections_closed_total",
    "Opened connections by the close code that ended them; 1006 where no close frame did, 3xxx and 4xxx for codes of libraries and applications.",
    ["code"],
    (set) => {
      for (const [code, closed] of sumCloseCodes(server)) set(closed, code);
    },
  );
  counter(
    "sluice_messages_received_total",
    "Messages from peers.",
    ["shard"],
    count("messagesIn"),
  );
  counter(
    "sluice_messages_sent_total",
    "Messages to peers.",
    ["shard"],
    count("messagesOut"),
  );
  counter(
    "sluice_received_bytes_total",
    "Bytes read from peers, framing included.",
    ["shard"],
    count("bytesIn"),
  );
  counter(
    "sluice_sent_bytes_total",
    "Payload given to send.",
    ["shard"],
    count("bytesOut"),
  );
  gauge(
    "sluice_topics",
    "Topics that have a subscriber on the shard.",
    ["shard"],
    level("topics"),
  );
  gauge(
    "sluice_topic_subscriptions",
    "Subscribers of all topics; a connection counts once for each of its topics.",
    ["shard"],
    level("subscriptions"),
  );
  counter(
    "sluice_topic_messages_total",
    "Messages of topics that found a subscriber on the shard.",
    ["shard"],
    count("topicMessages"),
  );
  counter(
    "sluice_topic_messages_dropped_total",
    "Messages of topics left out for subscribers that were slow and asked for that.",
    ["shard"],
    count("messagesDropped"),
  );
  gauge(
    "sluice_handlers_in_flight",
    "Handlers that have begun and not settled.",
    ["shard"],
    level("handlers"),
  );
  gauge(
    "sluice_shard_up",
    "1 while the shard serves, accepting or not.",
    ["shard"],
    eachShard(({ state }) => (state.startsWith("serving") ? 1 : 0)),
  );
  gauge(
    "sluice_shard_accepting",
    "1 while the shard takes new sockets.",
    ["shard"],
    eachShard(({ state }) => (state === "serving.accepting" ? 1 : 0)),
  );
  gauge(
    "sluice_shard_blocked",
    "1 while the shard's event loop does not answer.",
    ["shard"],
    eachShard(({ isBlocked }) => (isBlocked ? 1 : 0)),
  );
  counter(
    "sluice_shard_restarts_total",
    "Times that the shard's thread was replaced.",
    ["shard"],
    count("restarts"),
  );
  gauge(
    "sluice_event_loop_utilization_ratio",
    "Share of time that the shard's event loop was busy lately.",
    ["shard"],
    eachShard(busyShare),
  );
  gauge(
    "sluice_event_loop_delay_p99_seconds",
    "99th percentile of the event loop's delay over the last second; absent until it has been measured.",
    ["shard"],
    eachShard(({ counters }) =>
      counters.get("heapBytes") === 0
        ? undefined
        : counters.get("loopDelayP99") * SECONDS_PER_MS,
    ),
  );
  gauge(
    "sluice_heap_used_bytes",
    "JavaScript heap in use by the shard's thread; absent until it has been measured.",
    ["shard"],
    eachShard(({ counters }) => counters.get("heapBytes") || undefined),
  );
  gauge(
    "sluice_held_bytes",
    "What the shard's connections hold in memory: read, waiting and unwritten bytes (maxMemoryBytes).",
    ["shard"],
    eachShard(({ counters }) => counters.get("heldBytes")),
  );
  gauge(
    "sluice_shutdown_deadline_seconds",
    "Time left of a shutdown under way; absent without one.",
    [],
    (set) => {
      const { deadlineInMs } = server.stats();
      if (deadlineInMs !== undefined) set(deadlineInMs * SECONDS_PER_MS);
    },
  );
  counter(
    "sluice_malformed_messages_total",
    "Messages of other shards, instances and processes that were dropped because they were not what may come.",
    ["border"],
    (set) => {
      for (const [border, dropped] of Object.entries(server.stats().malformed))
        set(dropped, border);
    },
  );
  addClusterMetrics(server, gauge, counter);
  counter(
    "process_cpu_seconds_total",
    "Processor time of the whole process.",
    [],
    (set) => {
      const { user, system } = process.cpuUsage();
      set((user + system) / MICROS_PER_SECOND);
    },
  );
  gauge(
    "process_resident_memory_bytes",
    "Memory of the whole process.",
    [],
    (set) => set(process.memoryUsage.rss()),
  );
  gauge(
    "process_start_time_seconds",
    "When the process began, in Unix time.",
    [],
    (set) => set(Math.floor(Date.now() * SECONDS_PER_MS - process.uptime())),
  );
  return text;
}

function sumCloseCodes(server: InspectedServer): ReadonlyMap<string, number> {
  const codes = new Map<string, number>();
  for (const counters of countersByIndex(server).values())
    for (const { closeCodes } of counters)
      for (const [code, closed] of closeCodes.entries())
        if (closed > 0) {
          const label = labelOf(code);
          codes.set(label, (codes.get(label) ?? 0) + closed);
        }
  return codes;
}

/** Of the shard that has an index and of those that had it before. */
function countersByIndex({
  shards,
  pastCounters,
}: InspectedServer): ReadonlyMap<string, ShardCounters[]> {
  const all = new Map<string, ShardCounters[]>();
  const present = shards.map(
    ({ index, counters }) => [index, counters] as const,
  );
  for (const [index, counters] of [...present, ...pastCounters]) {
    const same = all.get(String(index)) ?? [];
    same.push(counters);
    all.set(String(index), same);
  }
  return all;
}

function labelOf(code: number): string {
  if (code < FIRST_LIBRARY_CODE) return String(code);
  return code < FIRST_APPLICATION_CODE ? "3xxx" : "4xxx";
}
