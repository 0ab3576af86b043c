/** The shape of a result file: all that a report is rendered from. */
import type { MachineFacts, Versions } from "../measure/machine.ts";
import type { MetricName } from "./metrics.ts";

/** What was measured of one contender in one round. */
export interface RoundResult {
  /** Empty when it failed. */
  readonly metrics: Readonly<Partial<Record<MetricName, number>>>;
  /** What disturbed the measurement, in sentences. */
  readonly disturbed: readonly string[];
  /** Why there is no result. */
  readonly failed?: string;
}

/** One contender of a case: a server, or one configuration of it. */
export interface ContenderResult {
  readonly id: string;
  readonly title: string;
  /** The contender that its ratio refers to; undefined: none. */
  readonly relativeTo?: string;
  readonly rounds: readonly RoundResult[];
}

/** One case, all rounds. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What is counted: message, connection, delivery. */
  readonly unit: string;
  /** The metrics shown; the first one is the figure of merit. */
  readonly columns: readonly [MetricName, ...MetricName[]];
  readonly measuredAt: string;
  readonly secondsPerRound: number;
  readonly contenders: readonly ContenderResult[];
}

/** A whole result file. */
export interface Results {
  readonly format: 1;
  readonly machine: MachineFacts;
  readonly versions: Versions;
  /** How each server was configured, by title. */
  readonly configurations: Readonly<Record<string, string>>;
  readonly cases: readonly CaseResult[];
}

/**
 * The values of one metric, round by round.
 *
 * @returns undefined in the place of a round that failed or has no such value.
 */
export function valuesOf(
  contender: ContenderResult,
  metric: MetricName,
): (number | undefined)[] {
  return contender.rounds.map((round) => round.metrics[metric]);
}

/** The same, without the gaps. */
export function presentValues(
  contender: ContenderResult,
  metric: MetricName,
): number[] {
  return valuesOf(contender, metric).filter((value) => value !== undefined);
}

/**
 * Puts new cases in the place of old ones of the same name.
 *
 * @param old - What is published; undefined: nothing yet.
 * @param fresh - What was just measured.
 * @param order - The names of all cases, in the order of the report.
 * @throws Error when both were not measured on the same kind of machine.
 */
export function mergeResults(
  old: Results | undefined,
  fresh: Results,
  order: readonly string[],
): Results {
  if (old === undefined) return fresh;
  if (JSON.stringify(old.machine) !== JSON.stringify(fresh.machine)) {
    throw new Error(
      "The published results are from another machine: publish a whole run.",
    );
  }
  const byName = new Map(
    [...old.cases, ...fresh.cases].map((result) => [result.name, result]),
  );
  return {
    ...fresh,
    versions: { ...old.versions, ...fresh.versions },
    configurations: { ...old.configurations, ...fresh.configurations },
    cases: [...byName.values()].toSorted(
      (a, b) => order.indexOf(a.name) - order.indexOf(b.name),
    ),
  };
}
