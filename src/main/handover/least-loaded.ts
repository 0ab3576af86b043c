import type { Shard } from "../shards/shard.ts";

/** The shard with the fewest connections among those that take some. */
export function leastLoaded(
  shards: readonly Shard[],
  except?: Shard,
): Shard | undefined {
  let chosen: Shard | undefined;
  for (const shard of shards) {
    if (shard === except || !shard.isAccepting || shard.isBlocked) continue;
    if (chosen === undefined || shard.load < chosen.load) chosen = shard;
  }
  return chosen;
}
