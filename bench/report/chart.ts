/** Bar charts as SVG, drawn by hand: readable on light and dark pages alike. */
import { labelOf, metrics, significant } from "./metrics.ts";
import type { CaseResult } from "./results.ts";
import { metricSpread } from "./summary.ts";
import type { Standing } from "./targets.ts";

const width = 760;
const valueWidth = 110;
const rowHeight = 30;
const barHeight = 16;
const headHeight = 44;
const gap = 10;

const style = `<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { fill: #59636e }
  .bar { fill: #8c959f }
  .own { fill: #0969da }
  .mark { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .bar { fill: #656c76 }
    .own { fill: #4493f8 }
    .mark { stroke: #e6edf3 }
  }
</style>`;

/** One bar, and what is marked on it; lengths are in the chart's unit. */
interface Bar {
  readonly label: string;
  readonly length: number;
  /** What is written at its end. */
  readonly text: string;
  readonly isOwn: boolean;
  /** A line along the bar, from one value to another. */
  readonly range?: readonly [number, number];
  /** A line across the bar. */
  readonly limit?: number;
}

interface Chart {
  readonly title: string;
  readonly note: string;
  readonly labelWidth: number;
  readonly bars: readonly Bar[];
}

/**
 * Draws a case's figure of merit: a bar for each contender's median, with a
 * line from the lowest to the highest round.
 *
 * @param result - The case.
 * @returns The SVG document, or undefined when nobody has the figure.
 */
export function caseChart(result: CaseResult): string | undefined {
  const [figure] = result.columns;
  const { better, format } = metrics[figure];
  return draw({
    title: `${result.title}: ${labelOf(figure, result.unit)}`,
    note: better === "neither" ? "" : `${better} is better`,
    labelWidth: 210,
    bars: result.contenders.flatMap((contender) => {
      const values = metricSpread(contender, figure);
      if (values === undefined) return [];
      return [
        {
          label: contender.title,
          length: values.median,
          text: format(values.median),
          isOwn: contender.id.startsWith("sluice"),
          range: [values.lowest, values.highest],
        },
      ];
    }),
  });
}

/**
 * Draws the ratios that have a target, each with a line across at the target.
 *
 * @param standings - Absolute targets among them are left out.
 * @returns The SVG document, or undefined when there is no such ratio.
 */
export function targetChart(
  standings: readonly Standing[],
): string | undefined {
  return draw({
    title: "Sluice, as a multiple of the reference (ws = 1)",
    note: "the line is the target; lower is better",
    labelWidth: 340,
    bars: standings.flatMap(({ target, value }) => {
      if (target.relativeTo === undefined) return [];
      return [
        {
          label: target.text,
          length: value,
          text: significant(value),
          isOwn: true,
          ...(target.atMost === undefined ? {} : { limit: target.atMost }),
        },
      ];
    }),
  });
}

function draw({ title, note, labelWidth, bars }: Chart): string | undefined {
  if (bars.length === 0) return undefined;
  const largest = Math.max(
    ...bars.map(({ length, range, limit }) =>
      Math.max(length, range?.[1] ?? 0, limit ?? 0),
    ),
  );
  const scale = largest > 0 ? (width - labelWidth - valueWidth) / largest : 0;
  const height = headHeight + bars.length * rowHeight + gap;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    style,
    `<text class="title" x="${gap}" y="24">${escape(title)} <tspan class="note" font-weight="400">${note === "" ? "" : `(${escape(note)})`}</tspan></text>`,
    ...bars.flatMap((bar, index) =>
      drawBar(bar, headHeight + index * rowHeight, labelWidth, scale),
    ),
    "</svg>",
    "",
  ].join("\n");
}

function drawBar(
  { label, length, text, isOwn, range, limit }: Bar,
  top: number,
  left: number,
  scale: number,
): string[] {
  const middle = top + rowHeight / 2;
  const across = (value: number): number => round(left + value * scale);
  const end = Math.max(
    across(length),
    across(range?.[1] ?? 0),
    across(limit ?? 0),
  );
  const lines = [
    `<text x="${left - gap}" y="${middle + 4}" text-anchor="end">${escape(label)}</text>`,
    `<rect class="${isOwn ? "own" : "bar"}" x="${left}" y="${middle - barHeight / 2}" width="${round(length * scale)}" height="${barHeight}" rx="2"/>`,
    `<text x="${end + gap}" y="${middle + 4}">${escape(text)}</text>`,
  ];
  if (range !== undefined) {
    lines.push(
      `<line class="mark" x1="${across(range[0])}" x2="${across(range[1])}" y1="${middle}" y2="${middle}"/>`,
    );
  }
  if (limit !== undefined) {
    lines.push(
      `<line class="mark" x1="${across(limit)}" x2="${across(limit)}" y1="${middle - barHeight / 2 - 4}" y2="${middle + barHeight / 2 + 4}"/>`,
    );
  }
  return lines;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll('"', "&quot;");
}
