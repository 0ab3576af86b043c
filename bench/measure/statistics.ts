/** The few statistics that a report needs: medians, spread, paired ratios. */

/** A median with the smallest and the largest value beside it. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/**
 * The median of `values`.
 *
 * @throws RangeError when there are none.
 */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) {
    throw new RangeError("The median of no values does not exist.");
  }
  return (lower + upper) / 2;
}

/**
 * Median and extremes of `values`. With a handful of rounds the extremes say
 * more than a standard deviation would.
 *
 * @throws RangeError when there are none.
 */
export function spread(values: readonly number[]): Spread {
  return {
    median: median(values),
    lowest: Math.min(...values),
    highest: Math.max(...values),
  };
}

/**
 * Ratios `values[i] / references[i]`, pair by pair: both were measured in the
 * same round, so that whatever slowed the machine then slowed both.
 *
 * @returns The spread of the ratios, or undefined when no pair is complete.
 */
export function pairedRatio(
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): Spread | undefined {
  const ratios: number[] = [];
  for (const [round, value] of values.entries()) {
    const reference = references[round];
    if (value === undefined || reference === undefined) continue;
    if (reference !== 0) ratios.push(value / reference);
  }
  return ratios.length === 0 ? undefined : spread(ratios);
}
