import type { MetricName } from "../../../../bench/report/metrics.ts";
import type {
  CaseResult,
  ContenderResult,
  Results,
} from "../../../../bench/report/results.ts";

/** A contender whose rounds had these values of one metric. */
export function contender(
  id: string,
  values: readonly number[],
  metric: MetricName = "cpuMicros",
): ContenderResult {
  return {
    id,
    title: `the ${id}`,
    relativeTo: "ws",
    rounds: values.map((value) => ({
      metrics: { [metric]: value },
      disturbed: [],
    })),
  };
}

/** A case with these contenders. */
export function caseResult(
  name: string,
  contenders: readonly ContenderResult[],
  columns: CaseResult["columns"] = ["cpuMicros", "p99Micros"],
): CaseResult {
  return {
    name,
    title: `Case ${name}`,
    description: `About ${name}.`,
    unit: "message",
    columns,
    measuredAt: "2026-01-02T03:04:05.000Z",
    secondsPerRound: 2,
    contenders,
  };
}

/** A result file with these cases. */
export function results(cases: readonly CaseResult[]): Results {
  return {
    format: 1,
    machine: { cpu: "A CPU", cores: 2, memoryGib: 8, kernel: "Linux 6" },
    versions: { node: "26.10.0" },
    configurations: { ws: "as it comes" },
    cases,
  };
}
