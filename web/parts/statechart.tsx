import type { GraphEvent, GraphState } from "../../src/diagrams/graph.ts";
import {
  type Box,
  type Chart,
  METRICS,
  type Placement,
  roundedPath,
} from "../../src/diagrams/layout.ts";
import { rate } from "../format.ts";
import { familyOf } from "./bars.tsx";

/** What a state shows besides its name. */
export interface StateFace {
  /** Large, at the right. */
  readonly count?: string;
  /** One bar per shard. */
  readonly bars?: readonly number[];
  /** Small lines below, such as how many ended how. */
  readonly lines?: readonly (readonly [name: string, value: string])[];
  readonly isLit?: boolean;
  /** Where a click leads. */
  readonly href?: string;
  /** For who cannot see the picture. */
  readonly spoken: string;
}

const BARS = { top: 28, height: 13 } as const;
const LINE_HEIGHT = 14.5;

/** A machine's drawing with what is in it at the moment. */
export function Statechart({
  chart,
  faceOf,
  traffic,
  isCounted = false,
  label,
}: {
  chart: Chart;
  faceOf: (state: GraphState) => StateFace;
  /** Transitions a second along each edge; anything above zero shows. */
  traffic: readonly number[];
  /** Whether the traffic is written beside the edge, too. */
  isCounted?: boolean;
  label: string;
}) {
  const { graph, placement } = chart;
  const { width, height } = placement;
  return (
    <svg
      class="statechart"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="group"
      aria-label={label}
    >
      <defs>
        {["idle", "busy"].map((kind) => (
          <marker
            key={kind}
            id={`arrow-${graph.id}-${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            markerUnits="userSpaceOnUse"
            orient="auto-start-reverse"
          >
            <path class={`arrow ${kind}`} d="M0 0L8 4L0 8z" />
          </marker>
        ))}
      </defs>
      {graph.states.map((state, at) => (
        <State
          key={state.id}
          state={state}
          box={placement.states[at] as Box}
          face={faceOf(state)}
        />
      ))}
      {graph.edges.map(({ source, target, events }, at) => (
        <Edge
          key={`${source} ${target}`}
          machine={graph.id}
          events={events}
          route={placement.edges[at] as Placement["edges"][number]}
          perSecond={traffic[at] ?? 0}
          isCounted={isCounted}
        />
      ))}
    </svg>
  );
}

function State({
  state,
  box,
  face,
}: {
  state: GraphState;
  box: Box;
  face: StateFace;
}) {
  const { x, y, width, height } = box;
  const { kind, id, name, isInitial, description, loops } = state;
  const classes = [
    "state",
    kind,
    `family-${familyOf(id)}`,
    face.isLit === true ? "lit" : "",
    isEmpty(face) ? "vacant" : "",
  ].join(" ");
  const picture = (
    <g class={classes} data-state={id}>
      <title>{description === "" ? id : `${id}: ${description}`}</title>
      <rect x={x} y={y} width={width} height={height} rx="9" />
      {kind === "final" && (
        <rect
          class="inner"
          x={x + 4}
          y={y + 4}
          width={width - 8}
          height={height - 8}
          rx="6"
        />
      )}
      {isInitial && <circle class="initial" cx={x + 15} cy={y + 18} r="3.5" />}
      <text class="name" x={x + (isInitial ? 24 : 12)} y={y + 22.5}>
        {name}
      </text>
      {face.count !== undefined && (
        <text class="count" x={x + width - 12} y={y + 23} text-anchor="end">
          {face.count}
        </text>
      )}
      {face.bars !== undefined && kind === "leaf" && (
        <Bars heights={face.bars} box={box} />
      )}
      {face.lines?.map(([title, value], at) => (
        <g key={title}>
          <text class="line" x={x + 14} y={y + 44 + at * LINE_HEIGHT}>
            {title}
          </text>
          <text
            class="line value"
            x={x + width - 14}
            y={y + 44 + at * LINE_HEIGHT}
            text-anchor="end"
          >
            {value}
          </text>
        </g>
      ))}
      {loops.map((event, at) => (
        <text
          key={event.name}
          class="event"
          x={x + 12}
          y={y + METRICS.stateHeight - 2 + at * METRICS.loopLineHeight}
        >
          ↻ {event.name}
        </text>
      ))}
    </g>
  );
  if (face.href === undefined)
    return (
      <g role="img" aria-label={face.spoken}>
        {picture}
      </g>
    );
  return (
    <a href={face.href} aria-label={face.spoken}>
      {picture}
    </a>
  );
}

function isEmpty({ count, bars }: StateFace): boolean {
  return (
    count === "0" && (bars === undefined || bars.every((bar) => bar === 0))
  );
}

function Bars({ heights, box }: { heights: readonly number[]; box: Box }) {
  const room = box.width - 24;
  const step = room / heights.length;
  const gap = Math.min(3, step / 4);
  const bottom = box.y + BARS.top + BARS.height;
  return (
    <g class="bars">
      {heights.map((height, at) => (
        <g key={at}>
          <rect
            class="track"
            x={box.x + 12 + at * step}
            y={bottom}
            width={Math.max(0.5, step - gap)}
            height="1"
          />
          <rect
            class="bar"
            x={box.x + 12 + at * step}
            y={bottom - height}
            width={Math.max(0.5, step - gap)}
            height={height}
            rx="1"
          />
        </g>
      ))}
    </g>
  );
}

/** How high the bars of a state can be. */
export const BAR_HEIGHT = BARS.height;

function Edge({
  machine,
  events,
  route: { points, label },
  perSecond,
  isCounted,
}: {
  machine: string;
  events: readonly GraphEvent[];
  route: Placement["edges"][number];
  perSecond: number;
  isCounted: boolean;
}) {
  const isBusy = perSecond > 0;
  const kind = isBusy ? "busy" : "idle";
  const width = isBusy ? Math.min(5, 1.6 + Math.log10(1 + perSecond)) : 1.2;
  const path = roundedPath(points);
  return (
    <g class={`edge ${kind}`}>
      <path
        d={path}
        stroke-width={width}
        marker-end={`url(#arrow-${machine}-${kind})`}
      />
      {isBusy && <path class="flow" d={path} stroke-width={width} />}
      {events.map(({ name, isDelay, actions }, at) => (
        <text
          key={`${name}${isDelay}`}
          class={`event ${isDelay ? "delay" : ""}`}
          x={label[0] + 4}
          y={label[1] + (at + 0.75) * METRICS.labelLineHeight}
        >
          {actions.length > 0 && <title>{actions.join(", ")}</title>}
          {isDelay ? "◷ " : ""}
          {name}
          {isBusy && isCounted && at === events.length - 1 && (
            <tspan class="rate" dx="5">
              {rate(perSecond)}/s
            </tspan>
          )}
        </text>
      ))}
    </g>
  );
}
