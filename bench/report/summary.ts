/** What the rounds of a contender come to: the one place that does the sums. */
import { pairedRatio, spread, type Spread } from "../measure/statistics.ts";
import type { MetricName } from "./metrics.ts";
import {
  presentValues,
  valuesOf,
  type CaseResult,
  type ContenderResult,
} from "./results.ts";

/**
 * Median and extremes of a metric over the rounds.
 *
 * @returns undefined when no round has it.
 */
export function metricSpread(
  contender: ContenderResult,
  metric: MetricName,
): Spread | undefined {
  const values = presentValues(contender, metric);
  return values.length === 0 ? undefined : spread(values);
}

/**
 * A contender's metric as a multiple of another's, from rounds in pairs.
 *
 * @param result - The case.
 * @param id - The contender.
 * @param referenceId - The other.
 * @param metric - What is compared; the case's figure of merit unless given.
 * @returns undefined when either is missing.
 */
export function ratioTo(
  result: CaseResult,
  id: string,
  referenceId: string,
  metric: MetricName = result.columns[0],
): Spread | undefined {
  const contender = result.contenders.find((one) => one.id === id);
  const reference = result.contenders.find((one) => one.id === referenceId);
  if (contender === undefined || reference === undefined) return undefined;
  return pairedRatio(valuesOf(contender, metric), valuesOf(reference, metric));
}

/**
 * What disturbed a contender's rounds, and which failed, in one line.
 *
 * @returns undefined when there is nothing to say.
 */
export function remark(contender: ContenderResult): string | undefined {
  const found = contender.rounds.flatMap(({ disturbed, failed }, index) => {
    const what = failed === undefined ? disturbed : [`failed: ${failed}`];
    return what.length === 0 ? [] : [`round ${index + 1} ${what.join(", ")}`];
  });
  return found.length === 0
    ? undefined
    : `${contender.title}: ${found.join("; ")}`;
}

/** The remarks on all contenders of a case. */
export function remarksOn(result: CaseResult): string[] {
  return result.contenders.map(remark).filter((found) => found !== undefined);
}
