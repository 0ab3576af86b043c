/** docs/benchmarks.md and its charts, from a result file and nothing else. */
import { caseChart, targetChart } from "./chart.ts";
import { significant } from "./metrics.ts";
import type { CaseResult, Results } from "./results.ts";
import { slowerThan } from "./slower.ts";
import { remarksOn } from "./summary.ts";
import { caseTable, markdownTable } from "./table.ts";
import { standings, type Standing } from "./targets.ts";

/** A rendered report. */
export interface Page {
  readonly markdown: string;
  /** SVG documents by file name. */
  readonly charts: ReadonlyMap<string, string>;
}

const overviewFile = "targets.svg";

const introduction = `# Benchmarks

<!-- Written by \`npm run bench\`; edit bench/report/ instead. -->

Every case runs Sluice and its rivals in turn (A B C A B C …) in one run, each
time as a fresh process, the server pinned to one core and the load to another.
Figures are medians over the rounds; a ratio is the median of the ratios within
each round, since what slowed the machine then slowed both. CPU is user plus
system time of all of a server's threads and processes, from /proc, for each
unit of work; every reply was compared with what was sent, byte for byte.
Compare ratios: absolute figures belong to the machine. Where the load's own CPU
is near 100 %, the server was not saturated, and its throughput is the load's.

\`\`\`
npm run bench                        # everything, and this page
npm run bench -- echo-16 churn       # some cases; --list names them
npm run bench -- echo-1 --servers sluice,ws --rounds 5 --seconds 4
npm run bench -- --render            # this page again, from the last results
\`\`\``;

/**
 * Renders the report.
 *
 * @param results - What was measured.
 * @param chartFolder - Where the charts will be, relative to the page.
 */
export function renderPage(results: Results, chartFolder: string): Page {
  const charts = new Map<string, string>();
  const sections = results.cases.map((result) => {
    const chart = caseChart(result);
    const file = `${result.name}.svg`;
    if (chart !== undefined) charts.set(file, chart);
    const image =
      chart === undefined ? [] : [`![${result.title}](${chartFolder}/${file})`];
    return [
      `### ${result.title} (\`${result.name}\`)`,
      result.description,
      ...image,
      markdownTable(caseTable(result)),
      roundsLine(result),
      ...disturbanceList(result),
    ].join("\n\n");
  });
  const found = standings(results.cases);
  const overview = targetChart(found);
  if (overview !== undefined) charts.set(overviewFile, overview);
  const overviewImage =
    overview === undefined
      ? undefined
      : `![Measured ratios and their targets](${chartFolder}/${overviewFile})`;
  const markdown = [
    introduction,
    "## The machine",
    machineTable(results),
    ...targetSection(found, overviewImage),
    "## The cases",
    ...sections,
    "## Still slower, and why",
    slowerSection(results),
  ].join("\n\n");
  return { markdown: `${markdown}\n`, charts };
}

function machineTable({ machine, versions, configurations }: Results): string {
  const rows = [
    ["machine", `${machine.cores} × ${machine.cpu}, ${machine.memoryGib} GiB`],
    ["kernel", machine.kernel],
    ...Object.entries(versions),
  ];
  const configured = Object.entries(configurations).map(
    ([title, text]) => `- **${title}**: ${text}.`,
  );
  return [
    markdownTable({
      head: ["", ""],
      rows: rows.map(([name, value]) => [name ?? "", value ?? ""]),
    }),
    "How each one is configured:",
    configured.join("\n"),
  ].join("\n\n");
}

function targetSection(
  found: readonly Standing[],
  chart: string | undefined,
): string[] {
  if (found.length === 0) return [];
  const rows = found.map((standing) => [
    standing.target.text,
    limitText(standing),
    standing.target.stretch === undefined ? "–" : `${standing.target.stretch}`,
    significant(standing.value),
    standing.verdict,
  ]);
  const head = ["", "target", "stretch", "measured", ""];
  return [
    "## The targets",
    ...(chart === undefined ? [] : [chart]),
    markdownTable({ head, rows }),
    ...obstacles(found),
  ];
}

/** Why what is missed is missed, as far as that is known. */
function obstacles(found: readonly Standing[]): string[] {
  const missed = found.filter(({ verdict }) => verdict === "missed");
  const texts = new Map<string, string[]>();
  for (const { target } of missed) {
    const why = target.obstacle ?? "not explained yet.";
    texts.set(why, [...(texts.get(why) ?? []), target.text]);
  }
  if (texts.size === 0) return [];
  return [
    "What stands in the way:",
    [...texts]
      .map(([why, which]) => `- **${which.join("; ")}**: ${why}`)
      .join("\n"),
  ];
}

function limitText({ target }: Standing): string {
  const { atMost, atLeast, relativeTo } = target;
  const reference = relativeTo === undefined ? "" : ` × ${relativeTo}`;
  return atMost === undefined
    ? `≥ ${atLeast}${reference}`
    : `≤ ${atMost}${reference}`;
}

function roundsLine(result: CaseResult): string {
  const rounds = Math.max(
    0,
    ...result.contenders.map((contender) => contender.rounds.length),
  );
  const noun = rounds === 1 ? "round" : "rounds";
  return `${rounds} ${noun} on ${result.measuredAt.slice(0, 10)}.`;
}

function disturbanceList(result: CaseResult): string[] {
  const found = remarksOn(result);
  if (found.length === 0) return [];
  return [
    "Disturbed or failed:",
    found.map((remark) => `- ${remark}`).join("\n"),
  ];
}

function slowerSection(results: Results): string {
  const found = slowerThan(results.cases);
  if (found.length === 0) return "In no case measured here.";
  const groups = Map.groupBy(
    found,
    ({ rivalTitle, reason }) => `**${rivalTitle}**: ${reason}`,
  );
  return [...groups]
    .map(([heading, cases]) => {
      const list = cases.map(
        ({ caseTitle, factor }) => `${caseTitle} ${significant(factor)} ×`,
      );
      return `- ${heading} ${list.join("; ")}.`;
    })
    .join("\n");
}
