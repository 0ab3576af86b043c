import type { GraphEvent, GraphState } from "./graph.ts";
import {
  type Box,
  type Chart,
  METRICS,
  type Placement,
  roundedPath,
} from "./layout.ts";

const STYLE = `
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1b2330}
.name{font-weight:600;font-size:13px}
.event{font-size:11px;fill:#47536a}
.delay{font-style:italic}
.state{fill:#fff;stroke:#8793a5}
.parent{fill:#f3f5f8;stroke:#b6c0ce}
.edge{fill:none;stroke:#8793a5;stroke-width:1.3}
.arrow{fill:#8793a5}
@media (prefers-color-scheme:dark){
text{fill:#dfe5ee}.event{fill:#a8b3c5}
.state{fill:#1d2430;stroke:#5b6678}.parent{fill:#161b24;stroke:#3b4556}
.edge{stroke:#5b6678}.arrow{fill:#5b6678}
}`;

/**
 * Draws a machine as a picture that stands by itself, for light and dark.
 */
export function renderSvg(chart: Chart): string {
  const { graph, placement } = chart;
  const { width, height } = placement;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(`the ${graph.id} machine`)}">
<style>${STYLE}</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>
${graph.states.map((state, at) => drawState(state, placement.states[at] as Box)).join("\n")}
${placement.edges.map(({ points }) => `<path class="edge" marker-end="url(#arrow)" d="${roundedPath(points)}"/>`).join("\n")}
${graph.edges.map(({ events }, at) => drawLabel(events, placement.edges[at] as Placement["edges"][number])).join("\n")}
</svg>
`;
}

function drawState(state: GraphState, { x, y, width, height }: Box): string {
  const { kind, name, loops, description, isInitial } = state;
  const kindClass = kind === "parent" ? "parent" : "state";
  const lines = [
    `<g><title>${escape(description === "" ? state.id : `${state.id}: ${description}`)}</title>`,
    `<rect class="${kindClass}" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>`,
    ...(kind === "final"
      ? [
          `<rect class="${kindClass}" fill-opacity="0" x="${x + 4}" y="${y + 4}" width="${width - 8}" height="${height - 8}" rx="5"/>`,
        ]
      : []),
    `<text class="name" x="${x + 12}" y="${y + 23}">${isInitial ? "● " : ""}${escape(name)}</text>`,
    ...loops.map(
      (event, at) =>
        `<text class="event" x="${x + 12}" y="${y + METRICS.stateHeight - 6 + at * METRICS.loopLineHeight}">↻ ${escape(event.name)}</text>`,
    ),
    "</g>",
  ];
  return lines.join("");
}

function drawLabel(
  events: readonly GraphEvent[],
  { label }: Placement["edges"][number],
): string {
  const [x, top] = label;
  const rows = events.map(({ name, isDelay, actions }, at) => {
    const y = top + (at + 0.75) * METRICS.labelLineHeight;
    const title =
      actions.length === 0
        ? ""
        : `<title>${escape(actions.join(", "))}</title>`;
    return `<text class="event${isDelay ? " delay" : ""}" x="${x + 4}" y="${y}">${title}${isDelay ? "◷ " : ""}${escape(name)}</text>`;
  });
  return `<g>${rows.join("")}</g>`;
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
