import type { Shard } from "./shard.ts";

/** How busy a shard's event loop is, 0 to 1. One that does not turn has measured nothing since: it is busy all the time. */
export function busyShare({
  isBlocked,
  counters,
}: Pick<Shard, "isBlocked" | "counters">): number {
  return isBlocked ? 1 : counters.get("utilization");
}
