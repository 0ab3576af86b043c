/** What is known of a shard when connections are to be shared out anew. */
export interface Weight {
  /** Connections on it, and on their way to it. */
  readonly load: number;
  /** Share of time that its event loop is busy, 0 to 1. */
  readonly utilization: number;
}

/** So many connections from one to another, by index. */
export interface Shift {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Of the busiest shard's connections, at most so many move at a time: what they cost is not known before. */
const SHARE_AT_A_TIME = 0.05;

/**
 * The fewest moves after which no shard has more than one connection more than
 * another.
 */
export function evenOut(loads: readonly number[]): Shift[] {
  const total = loads.reduce((sum, load) => sum + load, 0);
  const fair = Math.floor(total / loads.length);
  // The fullest keep what does not divide.
  const fullest = [...loads.keys()].toSorted(
    (a, b) => (loads[b] as number) - (loads[a] as number),
  );
  const surplus = loads.map((load) => load - fair);
  for (const index of fullest.slice(0, total % loads.length))
    (surplus[index] as number) -= 1;
  const shifts: Shift[] = [];
  for (const from of surplus.keys())
    for (const to of surplus.keys()) {
      const count = Math.min(surplus[from] as number, -(surplus[to] as number));
      if (count <= 0) continue;
      (surplus[from] as number) -= count;
      (surplus[to] as number) += count;
      shifts.push({ from, to, count });
    }
  return shifts;
}

/**
 * A few connections from the busiest shard to the idlest, when they differ by
 * more than the bound.
 *
 * @param bound - Difference in utilization, 0 to 1.
 */
export function relieve(
  weights: readonly Weight[],
  bound: number,
): Shift | undefined {
  let busiest = 0;
  let idlest = 0;
  for (const [index, { utilization }] of weights.entries()) {
    if (utilization > (weights[busiest] as Weight).utilization) busiest = index;
    if (utilization < (weights[idlest] as Weight).utilization) idlest = index;
  }
  const from = weights[busiest];
  const to = weights[idlest];
  if (from === undefined || to === undefined) return undefined;
  if (from.utilization - to.utilization <= bound || from.load < 2)
    return undefined;
  const count = Math.max(1, Math.floor(from.load * SHARE_AT_A_TIME));
  return { from: busiest, to: idlest, count };
}
