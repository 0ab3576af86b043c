import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { ShardCounters } from "../../protocol/shard-counters.ts";

const RESOLUTION_MS = 20;
const WINDOW_MS = 1_000;
const NANOS_PER_MS = 1e6;

/** What is measured only while somebody looks. */
export interface Gauges {
  stop(): void;
}

/**
 * Measures this thread's event-loop delay and heap, once a second, into the
 * shard's counters. Both are zero while it is not measured.
 */
export function startGauges(counters: ShardCounters): Gauges {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const measure = (): void => {
    // It measures from one tick of its timer to the next: what is beyond the timer's own time is delay.
    const p99Ms = delays.percentile(99) / NANOS_PER_MS - RESOLUTION_MS;
    counters.set("loopDelayP99", Math.max(0, p99Ms));
    delays.reset();
    counters.set("heapBytes", getHeapStatistics().used_heap_size);
  };
  const timer = setInterval(measure, WINDOW_MS);
  counters.set("heapBytes", getHeapStatistics().used_heap_size);
  return {
    stop() {
      clearInterval(timer);
      delays.disable();
      counters.set("loopDelayP99", 0);
      counters.set("heapBytes", 0);
    },
  };
}
