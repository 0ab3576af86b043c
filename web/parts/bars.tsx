import type { ShardStatus } from "../../src/admin/api.ts";
import { population } from "../live.ts";

/**
 * Heights of one bar per shard. The square root lets a few be seen beside very
 * many, and whoever is there at all can be seen.
 *
 * @param most - Connections of the fullest shard in any state.
 */
export function barHeights(
  shards: readonly ShardStatus[],
  state: string,
  most: number,
  height: number,
): number[] {
  return shards.map((shard) => {
    const live = population([shard], state);
    if (live === 0 || most === 0) return 0;
    return Math.max(2, Math.sqrt(live / most) * height);
  });
}

/** Connections of the fullest shard in any state. */
export function fullest(shards: readonly ShardStatus[]): number {
  return Math.max(1, ...shards.flatMap(({ states }) => Object.values(states)));
}

/** The colour of a state, by the family that it belongs to. */
export function familyOf(state: string): string {
  const [top = "", child] = state.split(".");
  return top === "open" && child !== undefined && child !== "healthy"
    ? child
    : top;
}
