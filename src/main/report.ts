import type { Outcome } from "../machines/connection-machine.ts";
import { connectionTable } from "../machines/connection-table.ts";
import {
  bucketCeilingMs,
  type DurationSummary,
  HISTOGRAM_SLOTS,
  summarize,
} from "../protocol/histogram.ts";
import type { ShardCounters } from "../protocol/shard-counters.ts";
import type { Fleet } from "./shards/fleet.ts";

/** How many connections ended how. The sums always hold: accepted = rejected + served + cut + probes + opened + upgrading + plain, opened + movedIn = live + movedOut + all other outcomes. */
export interface Ledger {
  accepted: number;
  /** Open connections that another process has given to this one. A move is an event, not an outcome. */
  movedIn: number;
  /** Open connections that this process has given to another. */
  movedOut: number;
  /** In their opening handshake. */
  upgrading: number;
  /** Speak plain HTTP. */
  plain: number;
  /** Health checks (`/healthz`, `/readyz`) that were answered. */
  probes: number;
  /** Requests of plain HTTP that were given to the handlers, and those of them that were answered whole. */
  requests: number;
  answers: number;
  opened: number;
  live: number;
  outcomes: Record<Outcome, number>;
}

/** What became of those who were there when a shutdown began, or came since. */
export interface ShutdownPart {
  /** Connections that were live when it began. */
  live: number;
  accepted: number;
  rejected: number;
  probes: number;
  requests: number;
  answers: number;
  opened: number;
  movedIn: number;
  movedOut: number;
  outcomes: Record<Outcome, number>;
  /** As in the whole report. */
  closeCodes: Record<string, number>;
  /** Threads that had to be ended. */
  shardsKilled: number;
  /** Threads that died. */
  shardsCrashed: number;
  /** Time spent in each state that any has left since. */
  states: Record<string, DurationSummary>;
}

/** What a shutdown came to. But for `shutdown`, counts are of the server's whole life. */
export interface ShutdownReport {
  /** Why: `SIGTERM`, or what `shutdown()` was given. */
  reason: string;
  /** How this shutdown went: what was counted from its request on. */
  shutdown: ShutdownPart;
  accepted: number;
  rejected: number;
  /** Health checks that were answered. */
  probes: number;
  /** Requests of plain HTTP that were given to the handlers, and those of them that were answered whole. */
  requests: number;
  answers: number;
  opened: number;
  /** Open connections taken over from another process, and given to one. */
  movedIn: number;
  movedOut: number;
  /** Every connection that was accepted has one. */
  outcomes: Record<Outcome, number>;
  /** Opened connections by the close code that ended them; 1006 where no close frame did. */
  closeCodes: Record<string, number>;
  /** From the request to the end of the last shard, milliseconds. */
  durationMs: number;
  deadlineMs: number;
  /** It ended by the deadline and the second of grace in which the last are forced, with all its threads. */
  deadlineHeld: boolean;
  /** Whether the sums of the ledger hold. */
  balanced: boolean;
  /** Threads that had to be ended, since the start. */
  shardsKilled: number;
  /** Threads that could not even be ended, and are still there: a handler is inside a native call. */
  shardsStuck: number;
  /** Threads that died, since the start. */
  shardsCrashed: number;
  /** Time spent in each state of a connection that any has left, over the server's whole life. */
  states: Record<string, DurationSummary>;
}

/** Why and when a server ended. */
interface EndTimes {
  readonly reason: string;
  readonly durationMs: number;
  readonly deadlineMs: number;
}

/** What the deadline may be exceeded by: forcing, ending threads, counting. */
const DEADLINE_GRACE_MS = 1_000;

/** Adds the shards' counters up, as they stand at this moment. */
export function readLedger(
  shards: readonly ShardCounters[],
  refusedByMain: number,
  relayed = { movedIn: 0, movedOut: 0, dropped: 0 },
): Ledger {
  const sum = (read: (shard: ShardCounters) => number): number =>
    shards.reduce((total, shard) => total + read(shard), 0);
  const opened = sum((shard) => shard.get("opened"));
  const endings = {
    clean: sum((shard) => shard.get("clean")),
    unacknowledged: sum((shard) => shard.get("unacknowledged")),
    forced: sum((shard) => shard.get("forced")),
    lost: sum((shard) => shard.get("lost")),
    crashed: sum((shard) => shard.get("crashed")) + relayed.dropped,
  };
  return {
    movedIn: relayed.movedIn,
    movedOut: relayed.movedOut,
    accepted: sum((shard) => shard.get("handed")) + refusedByMain,
    upgrading: sum((shard) => shard.upgrading),
    plain: sum((shard) => shard.plain),
    probes: sum((shard) => shard.get("probes")),
    requests: sum((shard) => shard.get("requests")),
    answers: sum((shard) => shard.get("answers")),
    opened,
    // Not the sum over the shards: one that is between two is on neither.
    live: opened + relayed.movedIn - relayed.movedOut - sumOf(endings),
    outcomes: {
      rejected:
        sum((shard) => shard.get("rejected") + shard.get("abandoned")) +
        refusedByMain,
      served: sum((shard) => shard.get("served")),
      cut: sum((shard) => shard.get("cut")),
      ...endings,
    },
  };
}

/** Nothing is live and every connection has its outcome. */
export function isBalanced({
  accepted,
  movedIn,
  movedOut,
  upgrading,
  plain,
  probes,
  opened,
  live,
  outcomes,
}: Ledger): boolean {
  const { rejected, served, cut, ...ended } = outcomes;
  return (
    upgrading === 0 &&
    plain === 0 &&
    live === 0 &&
    accepted === rejected + served + cut + probes + opened &&
    opened + movedIn === sumOf(ended) + movedOut
  );
}

/** How far everything had come at one moment. */
export interface Standing {
  readonly ledger: Ledger;
  readonly closeCodes: Record<string, number>;
  readonly kills: number;
  readonly crashes: number;
  readonly visits: Visits;
}

/** By state, how many connections have left it after how long. */
type Visits = Readonly<
  Record<string, { readonly buckets: Float64Array; readonly longestMs: number }>
>;

/** What is counted, as it stands at this moment. */
export function takeStanding(
  ledger: Ledger,
  { counters, kills, crashes }: Pick<Fleet, "counters" | "kills" | "crashes">,
): Standing {
  return {
    ledger,
    closeCodes: readCloseCodes(counters),
    kills,
    crashes,
    visits: readVisits(counters),
  };
}

/** What was counted from one moment to another. */
export function partSince(begun: Standing, now: Standing): ShutdownPart {
  const [before, after] = [begun.ledger, now.ledger];
  return {
    live: before.live,
    accepted: after.accepted - before.accepted,
    rejected: after.outcomes.rejected - before.outcomes.rejected,
    probes: after.probes - before.probes,
    requests: after.requests - before.requests,
    answers: after.answers - before.answers,
    opened: after.opened - before.opened,
    movedIn: after.movedIn - before.movedIn,
    movedOut: after.movedOut - before.movedOut,
    outcomes: difference(after.outcomes, before.outcomes),
    closeCodes: Object.fromEntries(
      Object.entries(difference(now.closeCodes, begun.closeCodes)).filter(
        ([, count]) => count > 0,
      ),
    ),
    // Those of a version on trial that failed are not the server's, and go with it.
    shardsKilled: Math.max(0, now.kills - begun.kills),
    shardsCrashed: Math.max(0, now.crashes - begun.crashes),
    states: visitsSince(begun.visits, now.visits),
  };
}

function visitsSince(
  before: Visits,
  after: Visits,
): Record<string, DurationSummary> {
  const durations: Record<string, DurationSummary> = {};
  for (const [name, { buckets, longestMs }] of Object.entries(after)) {
    const earlier = before[name]?.buckets;
    const since = buckets.map((count, bucket) =>
      Math.max(0, count - (earlier?.[bucket] ?? 0)),
    );
    const last = since.findLastIndex((count) => count > 0);
    // How long the longest of them took is known as far as its bucket.
    if (last !== -1)
      durations[name] = summarize(
        since,
        Math.min(longestMs, bucketCeilingMs(last)),
      );
  }
  return durations;
}

function difference<Name extends string>(
  after: Readonly<Record<Name, number>>,
  before: Readonly<Record<string, number>>,
): Record<Name, number> {
  return Object.fromEntries(
    Object.entries<number>(after).map(([name, count]) => [
      name,
      count - (before[name] ?? 0),
    ]),
  ) as Record<Name, number>;
}

/**
 * The report of an end.
 *
 * @param begun - How everything stood when the shutdown was requested.
 * @param end - Spans in milliseconds, as they were measured.
 */
export function describeEnd(
  ledger: Ledger,
  fleet: Pick<Fleet, "counters" | "kills" | "stuck" | "crashes">,
  begun: Standing,
  { reason, durationMs, deadlineMs }: EndTimes,
): ShutdownReport {
  const now = takeStanding(ledger, fleet);
  return {
    reason,
    shutdown: partSince(begun, now),
    accepted: ledger.accepted,
    rejected: ledger.outcomes.rejected,
    probes: ledger.probes,
    requests: ledger.requests,
    answers: ledger.answers,
    opened: ledger.opened,
    movedIn: ledger.movedIn,
    movedOut: ledger.movedOut,
    outcomes: ledger.outcomes,
    closeCodes: now.closeCodes,
    durationMs: Math.round(durationMs),
    deadlineMs: Math.round(deadlineMs),
    deadlineHeld:
      fleet.stuck === 0 && durationMs <= deadlineMs + DEADLINE_GRACE_MS,
    balanced: isBalanced(ledger),
    shardsKilled: now.kills,
    shardsStuck: fleet.stuck,
    shardsCrashed: now.crashes,
    states: summarizeVisits(now.visits),
  };
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
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
  return summarizeVisits(readVisits(shards));
}

function summarizeVisits(visits: Visits): Record<string, DurationSummary> {
  const durations: Record<string, DurationSummary> = {};
  for (const [name, { buckets, longestMs }] of Object.entries(visits)) {
    const summary = summarize(buckets, longestMs);
    if (summary.count > 0) durations[name] = summary;
  }
  return durations;
}

function readVisits(shards: readonly ShardCounters[]): Visits {
  const visits: Record<string, Visits[string]> = {};
  for (const { name, index, isFinal } of connectionTable.states) {
    if (isFinal) continue;
    const buckets = new Float64Array(HISTOGRAM_SLOTS);
    for (const shard of shards)
      for (const [bucket, count] of shard.histogram(index).entries())
        (buckets[bucket] as number) += count;
    const longestMs = shards.map((shard) => shard.longestVisitMs(index));
    visits[name] = { buckets, longestMs: Math.max(0, ...longestMs) };
  }
  return visits;
}
