import type { ShardCounters } from "../protocol/shard-counters.ts";
import type { Clock } from "./lifecycle/timer-wheel.ts";

const BEAT_MS = 100;

/**
 * Shows main, in shared memory, that this thread's event loop turns. A handler
 * that blocks it stops the beat.
 */
export function beginBeat(
  counters: ShardCounters,
  clock: Clock,
): { stop(): void } {
  let last = performance.eventLoopUtilization();
  let timer: unknown;
  const beat = (): void => {
    const now = performance.eventLoopUtilization();
    counters.set(
      "utilization",
      performance.eventLoopUtilization(now, last).utilization,
    );
    last = now;
    counters.set("beatAt", clock.now());
    timer = clock.setTimeout(beat, BEAT_MS);
  };
  beat();
  return { stop: () => clock.clearTimeout(timer) };
}
