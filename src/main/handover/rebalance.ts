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
  return { from: busiest, to: idlest, count: someOf(from.load) };
}

/**
 * A few connections from the fullest shard to the emptiest, when they differ by
 * more than the bound.
 *
 * @param bound - Of the fullest shard's connections, 0 to 1.
 */
export function refill(
  weights: readonly Weight[],
  bound: number,
): Shift | undefined {
  const loads = weights.map(({ load }) => load);
  const most = Math.max(...loads);
  const difference = most - Math.min(...loads);
  if (difference <= Math.max(1, most * bound)) return undefined;
  return {
    from: loads.indexOf(most),
    to: loads.indexOf(most - difference),
    count: Math.min(someOf(most), Math.floor(difference / 2)),
  };
}

function someOf(load: number): number {
  return Math.max(1, Math.floor(load * SHARE_AT_A_TIME));
}

/** So many looks in a row have to find the difference. */
const LOOKS = 3;

/**
 * Looks at the shards once a second and says when connections are to move by
 * themselves: until a shard that was replaced has its share again, and when
 * one has been busier than another for a while.
 */
export class LoadWatch {
  readonly #bound: number;
  #looksThatDiffer = 0;
  #restarts = 0;
  /** A shard was replaced, and is empty or was lately. */
  #isRefilling = false;

  /** @param bound - Difference that is put up with, 0 to 1. */
  constructor(bound: number) {
    this.#bound = bound;
  }

  /**
   * @param weights - Of the shards that take connections.
   * @param isComplete - These are all.
   * @param restarts - How often any of them was replaced.
   * @returns what is to move now
   */
  look(
    weights: readonly Weight[],
    isComplete: boolean,
    restarts: number,
  ): Shift | undefined {
    if (restarts !== this.#restarts) this.#isRefilling = true;
    this.#restarts = restarts;
    if (this.#isRefilling && isComplete) {
      const shift = refill(weights, this.#bound);
      if (shift !== undefined) return shift;
      this.#isRefilling = false;
    }
    const shift = relieve(weights, this.#bound);
    this.#looksThatDiffer = shift === undefined ? 0 : this.#looksThatDiffer + 1;
    if (this.#looksThatDiffer < LOOKS) return undefined;
    this.#looksThatDiffer = 0;
    return shift;
  }
}
