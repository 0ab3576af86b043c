/** A case as rows of text, for the terminal and for the page alike. */
import type { Spread } from "../measure/statistics.ts";
import { labelOf, metrics, significant, type MetricName } from "./metrics.ts";
import type { CaseResult, ContenderResult } from "./results.ts";
import { metricSpread, ratioTo } from "./summary.ts";

/** A table: the first cell of each row is a name, all others are figures. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const missing = "–";

/**
 * Builds a case's table: medians, the spread of the figure of merit, and the
 * ratio to the reference.
 *
 * @param result - The case.
 */
export function caseTable(result: CaseResult): Table {
  const [figure, ...others] = result.columns;
  return {
    head: [
      "",
      labelOf(figure, result.unit),
      "lowest–highest",
      "ratio",
      ...others.map((column) => labelOf(column, result.unit)),
    ],
    rows: result.contenders.map((contender) => [
      contender.title,
      medianText(contender, figure),
      spreadText(metricSpread(contender, figure), figure),
      ratioText(result, contender),
      ...others.map((column) => medianText(contender, column)),
    ]),
  };
}

/**
 * Writes a table as markdown.
 *
 * @param table - Its cells must not contain `|`.
 */
export function markdownTable(table: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = table.head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [line(table.head), line(rule), ...table.rows.map(line)].join("\n");
}

/** Writes a table in columns for a terminal. */
export function plainTable(table: Table): string {
  const lines = [table.head, ...table.rows];
  const widths = table.head.map((_, column) =>
    Math.max(...lines.map((cells) => (cells[column] ?? "").length)),
  );
  return lines
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0
            ? cell.padEnd(widths[column] ?? 0)
            : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}

function medianText(contender: ContenderResult, metric: MetricName): string {
  const median = metricSpread(contender, metric)?.median;
  return median === undefined ? missing : metrics[metric].format(median);
}

function spreadText(values: Spread | undefined, metric: MetricName): string {
  if (values === undefined) return missing;
  const { format } = metrics[metric];
  return `${format(values.lowest)} – ${format(values.highest)}`;
}

function ratioText(result: CaseResult, contender: ContenderResult): string {
  if (contender.relativeTo === undefined) return missing;
  if (contender.relativeTo === contender.id) return "1";
  const ratio = ratioTo(result, contender.id, contender.relativeTo);
  return ratio === undefined ? missing : significant(ratio.median);
}
