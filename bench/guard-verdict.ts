/** What the guard makes of a case: how often it measures, what counts, and when it has seen enough. */
import { pairedRatio } from "./measure/statistics.ts";
import type { RoundResult } from "./report/results.ts";

/** One round: both servers, one right after the other. */
export interface Pair {
  readonly own: RoundResult;
  readonly reference: RoundResult;
}

/**
 * After so many pairs the guard looks. One within its limit is let go at the
 * first look; what is over it is measured on, and everything that was measured
 * counts: a machine that others use as well for a few seconds spoils a few pairs,
 * and a server that has become slower is slower in all.
 */
const LOOKS: readonly number[] = [2, 5, 9];

/** As soon as there are so many pairs that nothing has disturbed, the others do not count. */
const ENOUGH_UNDISTURBED = 3;

/** What is known so far. */
export interface Verdict {
  /** The median over the pairs that count; undefined where none has a result. */
  readonly ratio: number | undefined;
  /** So many pairs count. */
  readonly pairs: number;
  readonly isWithin: boolean;
  /** More has to be measured before it can be said. */
  readonly isOpen: boolean;
}

/**
 * Judges one case by all that was measured of it so far.
 *
 * @param pairs - In the order in which they were measured.
 * @param metric - The case's figure of merit.
 * @param limit - The most that the ratio may be.
 */
export function judge(
  pairs: readonly Pair[],
  metric: keyof RoundResult["metrics"],
  limit: number,
): Verdict {
  const complete = pairs.filter(
    ({ own, reference }) =>
      own.metrics[metric] !== undefined &&
      reference.metrics[metric] !== undefined,
  );
  const undisturbed = complete.filter(
    ({ own, reference }) =>
      own.disturbed.length === 0 && reference.disturbed.length === 0,
  );
  const counted =
    undisturbed.length >= ENOUGH_UNDISTURBED ? undisturbed : complete;
  const ratio = pairedRatio(
    counted.map(({ own }) => own.metrics[metric]),
    counted.map(({ reference }) => reference.metrics[metric]),
  )?.median;
  const isLook = LOOKS.includes(pairs.length);
  const isWithin = isLook && ratio !== undefined && ratio <= limit;
  return {
    ratio,
    pairs: counted.length,
    isWithin,
    isOpen: !isWithin && pairs.length < Math.max(...LOOKS),
  };
}
