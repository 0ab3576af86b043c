import type { Outcome } from "../machines/connection.ts";
import { connectionTable } from "../machines/connection-table.ts";
import {
  type DurationSummary,
  HISTOGRAM_SLOTS,
  summarize,
} from "../protocol/histogram.ts";
import type { ShardCounters } from "../protocol/shard-counters.ts";

/** How many connections ended how. The sums always hold: accepted = rejected + opened + upgrading, opened = live + all outcomes but `rejected`. */
export interface Ledger {
  accepted: number;
  /** In their opening handshake. */
  upgrading: number;
  opened: number;
  live: number;
  outcomes: Record<Outcome, number>;
}

/** What a shutdown came to. */
export interface ShutdownReport {
  /** Why: `SIGTERM`, or what `shutdown()` was given. */
  reason: string;
  accepted: number;
  rejected: number;
  opened: number;
  /** Every connection that was accepted has one. */
  outcomes: Record<Outcome, number>;
  /** Opened connections by the close code that ended them; 1006 where no close frame did. */
  closeCodes: Record<string, number>;
  /** From the request to the end of the last shard, milliseconds. */
  durationMs: number;
  deadlineMs: number;
  /** It ended by the deadline and the second of grace in which the last are forced. */
  deadlineHeld: boolean;
  /** Whether the sums of the ledger hold. */
  balanced: boolean;
  /** Threads that had to be ended because they did not end by the deadline. */
  shardsKilled: number;
  /** Threads that died, since the start. */
  shardsCrashed: number;
  /** Time spent in each state of a connection that any has left, over the server's whole life. */
  states: Record<string, DurationSummary>;
}

/** What the deadline may be exceeded by: forcing, ending threads, counting. */
export const DEADLINE_GRACE_MS = 1_000;

/** Adds the shards' counters up, as they stand at this moment. */
export function readLedger(
  shards: readonly ShardCounters[],
  refusedByMain: number,
): Ledger {
  const sum = (read: (shard: ShardCounters) => number): number =>
    shards.reduce((total, shard) => total + read(shard), 0);
  return {
    accepted: sum((shard) => shard.get("handed")) + refusedByMain,
    upgrading: sum((shard) => shard.upgrading),
    opened: sum((shard) => shard.get("opened")),
    live: sum((shard) => shard.live),
    outcomes: {
      rejected:
        sum((shard) => shard.get("rejected") + shard.get("abandoned")) +
        refusedByMain,
      clean: sum((shard) => shard.get("clean")),
      unacknowledged: sum((shard) => shard.get("unacknowledged")),
      forced: sum((shard) => shard.get("forced")),
      lost: sum((shard) => shard.get("lost")),
      crashed: sum((shard) => shard.get("crashed")),
    },
  };
}

/** Nothing is live and every connection has its outcome. */
export function isBalanced({
  accepted,
  upgrading,
  opened,
  live,
  outcomes,
}: Ledger): boolean {
  const { rejected, ...ended } = outcomes;
  const endings = Object.values(ended).reduce((sum, count) => sum + count, 0);
  return (
    upgrading === 0 &&
    live === 0 &&
    accepted === rejected + opened &&
    opened === endings
  );
}

/** Ended connections by close code, ascending. */
export function readCloseCodes(
  shards: readonly ShardCounters[],
): Record<string, number> {
  const codes: Record<string, number> = {};
  for (const { closeCodes } of shards)
    for (const [code, count] of closeCodes.entries())
      if (count > 0) codes[code] = (codes[code] ?? 0) + count;
  return codes;
}

/** Time spent in each state that a connection has left. */
export function readDurations(
  shards: readonly ShardCounters[],
): Record<string, DurationSummary> {
  const durations: Record<string, DurationSummary> = {};
  for (const { name, index, isFinal } of connectionTable.states) {
    if (isFinal) continue;
    const buckets = new Float64Array(HISTOGRAM_SLOTS);
    for (const shard of shards)
      for (const [bucket, count] of shard.histogram(index).entries())
        (buckets[bucket] as number) += count;
    const summary = summarize(buckets);
    if (summary.count > 0) durations[name] = summary;
  }
  return durations;
}
