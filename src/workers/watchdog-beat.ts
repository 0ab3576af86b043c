import type { ShardCounters } from "../protocol/shard-counters.ts";
import type { Clock } from "./lifecycle/timer-wheel.ts";

const BEAT_MS = 100;

/**
 * Shows main, in shared memory, that this thread's event loop turns. A handler
 * that blocks it stops the beat.
 *
 * @param measureLoad - Share of time that the loop was busy since it was last asked.
 */
export function beginBeat(
  counters: ShardCounters,
  clock: Clock,
  measureLoad: () => number,
): { stop(): void } {
  let timer: unknown;
  const beat = (): void => {
    counters.set("utilization", measureLoad());
    counters.set("beatAt", clock.now());
    timer = clock.setTimeout(beat, BEAT_MS);
  };
  beat();
  return { stop: () => clock.clearTimeout(timer) };
}
