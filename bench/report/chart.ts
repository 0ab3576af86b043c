/** Bar charts as SVG, drawn by hand: readable on light and dark pages alike. */
import { metrics } from "./metrics.ts";
import type { CaseResult } from "./results.ts";
import { metricSpread } from "./summary.ts";
import { labelOf } from "./metrics.ts";

const width = 760;
const labelWidth = 210;
const valueWidth = 110;
const rowHeight = 30;
const barHeight = 16;
const headHeight = 44;
const plotWidth = width - labelWidth - valueWidth;

const style = `<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { fill: #59636e }
  .bar { fill: #8c959f }
  .own { fill: #0969da }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .bar { fill: #656c76 }
    .own { fill: #4493f8 }
    .spread { stroke: #e6edf3 }
  }
</style>`;

/**
 * Draws a case's figure of merit: a bar for each contender's median, with a
 * line from the lowest to the highest round.
 *
 * @param result - The case.
 * @returns The SVG document, or undefined when nobody has the figure.
 */
export function caseChart(result: CaseResult): string | undefined {
  const [figure] = result.columns;
  const bars = result.contenders.flatMap((contender) => {
    const values = metricSpread(contender, figure);
    return values === undefined ? [] : [{ contender, values }];
  });
  if (bars.length === 0) return undefined;
  const largest = Math.max(...bars.map(({ values }) => values.highest));
  const scale = largest > 0 ? plotWidth / largest : 0;
  const height = headHeight + bars.length * rowHeight + 8;
  const direction = metrics[figure].better;
  const rows = bars.map(({ contender, values }, index) => {
    const top = headHeight + index * rowHeight;
    const middle = top + rowHeight / 2;
    const own = contender.id.startsWith("sluice") ? "own" : "bar";
    const low = round(labelWidth + values.lowest * scale);
    const high = round(labelWidth + values.highest * scale);
    return [
      `<text x="${labelWidth - 10}" y="${middle + 4}" text-anchor="end">${escape(contender.title)}</text>`,
      `<rect class="${own}" x="${labelWidth}" y="${middle - barHeight / 2}" width="${round(values.median * scale)}" height="${barHeight}" rx="2"/>`,
      `<line class="spread" x1="${low}" x2="${high}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${high + 8}" y="${middle + 4}">${escape(metrics[figure].format(values.median))}</text>`,
    ].join("\n");
  });
  const note =
    direction === "neither"
      ? ""
      : ` <tspan class="note">(${direction} is better)</tspan>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(result.title)}">`,
    style,
    `<text class="title" x="10" y="24">${escape(result.title)}: ${escape(labelOf(figure, result.unit))}${note}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
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
