import type { DrainPlan } from "../../protocol/messages.ts";

/** Unless a rate is given: how fast connections are told, and what share of the time that may take at most. */
const AUTO_RATE_PER_SECOND = 2_000;
const AUTO_SHARE_OF_TIME = 0.5;
/** Unless given: for how many clients a second the others have to make room, and the shortest window. */
const AUTO_RETURNS_PER_SECOND = 500;
const AUTO_SPREAD_MIN_MS = 1_000;

/** When each of a number of connections is told to go, and when each is asked to come back. */
export interface Pace {
  /** Over how long the telling is spread; 0 tells everyone at once. */
  windowMs: number;
  /** When the one told as number `index` is asked to come back, milliseconds from then. */
  retryAfterMs(index: number): number;
  /** The same for somebody who is not among those counted, at a share of the time over which all are spread, from 0 to 1. */
  retryAfterMsAt(share: number): number;
}

/**
 * Works out the pace of a drain plan.
 *
 * @param count - Connections on this shard; the others are assumed to have as many.
 * @param nowMs - On the clock of the plan's deadline.
 */
export function paceOf(count: number, plan: DrainPlan, nowMs: number): Pace {
  const { rate, retryMinMs, retrySpreadMs, shards, turn } = plan;
  const total = count * shards;
  const remainingMs = Math.max(0, plan.deadline - nowMs);
  const spreadMs =
    retrySpreadMs === "auto"
      ? Math.max(AUTO_SPREAD_MIN_MS, (total / AUTO_RETURNS_PER_SECOND) * 1000)
      : retrySpreadMs;
  return {
    windowMs: windowMs(total, rate, remainingMs),
    retryAfterMs: (index) =>
      Math.round(
        retryMinMs +
          (spreadMs * (index * shards + turn + 0.5)) /
            // Someone may come who was not counted.
            Math.max(1, total),
      ),
    retryAfterMsAt: (share) => Math.round(retryMinMs + spreadMs * share),
  };
}

function windowMs(
  total: number,
  rate: DrainPlan["rate"],
  remainingMs: number,
): number {
  if (rate === "unlimited") return 0;
  const perSecond = rate === "auto" ? AUTO_RATE_PER_SECOND : rate;
  const wantedMs = (total / perSecond) * 1000;
  // Whatever the rate: the last one told still needs time to answer.
  return Math.min(wantedMs, remainingMs * AUTO_SHARE_OF_TIME);
}
