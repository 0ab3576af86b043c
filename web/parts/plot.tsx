import { useEffect, useRef, useState } from "preact/hooks";
import { shortCount } from "../format.ts";
import { timeTicks, valueTicks } from "./ticks.ts";

const HEIGHT = 190;
const MARGIN = { top: 8, right: 14, bottom: 26, left: 58 } as const;
/** A pause as long as this is a gap: the server did not run, or could not look. */
const GAP_MS = 12_000;
const TICK_WIDTH = 90;
const VALUE_TICKS = 4;
const MS_PER_MINUTE = 60_000;

export interface Series<Point> {
  readonly label: string;
  /** Names the colour. */
  readonly colour: string;
  /** Undefined where it was not measured. */
  readonly read: (point: Point) => number | undefined;
}

export interface Plot<Point> {
  readonly title: string;
  /** One on the other. */
  readonly isStacked: boolean;
  readonly unit: string;
  readonly series: readonly Series<Point>[];
}

/** Where one series runs at one moment: from its foot to its top. */
type Place = readonly [at: number, foot: number, top: number];

/** Series over time. What it says stands beside it as text: it is hidden from screen readers. */
export function Plotted<Point extends { readonly at: number }>({
  plot,
  points,
  from,
  to,
}: {
  plot: Plot<Point>;
  points: readonly Point[];
  /** Epoch milliseconds at the left. */
  from: number;
  to: number;
}) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={place} class="canvas" style={{ height: `${HEIGHT}px` }}>
      {width > 0 && (
        <Drawn
          plot={plot}
          points={points.filter(({ at }) => at >= from)}
          from={from}
          to={to}
          width={width}
        />
      )}
    </div>
  );
}

function Drawn<Point extends { readonly at: number }>({
  plot,
  points,
  from,
  to,
  width,
}: {
  plot: Plot<Point>;
  points: readonly Point[];
  from: number;
  to: number;
  width: number;
}) {
  const runs = plot.series.map((_, at) => runsOf(plot, points, at));
  const tops = runs.flat(2).map(([, , top]) => top);
  const values = valueTicks(
    tops.reduce((most, top) => Math.max(most, top), 0),
    VALUE_TICKS,
  );
  const greatest = values.at(-1) as number;
  const right = width - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (at: number): number =>
    MARGIN.left + ((at - from) / (to - from)) * (right - MARGIN.left);
  const y = (value: number): number =>
    bottom - (value / greatest) * (bottom - MARGIN.top);
  const { at: times, stepMs } = timeTicks(
    from,
    to,
    Math.max(2, (right - MARGIN.left) / TICK_WIDTH),
  );
  return (
    <svg width={width} height={HEIGHT} aria-hidden="true">
      {values.map((value) => (
        <g key={value}>
          <line
            class="grid"
            x1={MARGIN.left}
            x2={right}
            y1={y(value)}
            y2={y(value)}
          />
          <text x={MARGIN.left - 8} y={y(value) + 4} text-anchor="end">
            {shortCount(value)}
            {plot.unit}
          </text>
        </g>
      ))}
      {times.map((at) => (
        <g key={at}>
          <line
            class="grid"
            x1={x(at)}
            x2={x(at)}
            y1={MARGIN.top}
            y2={bottom}
          />
          <text x={x(at)} y={HEIGHT - 8} text-anchor="middle">
            {timeOf(at, stepMs)}
          </text>
        </g>
      ))}
      {plot.series.map(({ label, colour }, at) => (
        <g key={label} class={`family-${colour}`}>
          {runs[at]?.map((run) => (
            <g key={run[0]?.[0]}>
              {(plot.isStacked || plot.series.length === 1) && (
                <path class="area" d={areaOf(run, x, y)} />
              )}
              <path class="run" d={lineOf(run, x, y)} />
            </g>
          ))}
        </g>
      ))}
    </svg>
  );
}

/** The pieces of a series between gaps. */
function runsOf<Point extends { readonly at: number }>(
  { series, isStacked }: Plot<Point>,
  points: readonly Point[],
  index: number,
): Place[][] {
  const runs: Place[][] = [];
  let previous = -Infinity;
  for (const point of points) {
    const own = series[index]?.read(point);
    if (own === undefined) continue;
    const below = isStacked ? series.slice(0, index) : [];
    const foot = below.reduce((sum, { read }) => sum + (read(point) ?? 0), 0);
    if (point.at - previous > GAP_MS) runs.push([]);
    previous = point.at;
    runs.at(-1)?.push([point.at, foot, foot + own]);
  }
  return runs;
}

type Scale = (value: number) => number;

function lineOf(run: readonly Place[], x: Scale, y: Scale): string {
  const points = run.map(([at, , top]) => spot(x(at), y(top)));
  return `M${points.join("L")}`;
}

function areaOf(run: readonly Place[], x: Scale, y: Scale): string {
  const feet = run.map(([at, foot]) => spot(x(at), y(foot))).toReversed();
  return `${lineOf(run, x, y)}L${feet.join("L")}Z`;
}

function spot(x: number, y: number): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

/** `12:04`, with seconds where the moments are closer than a minute. */
function timeOf(at: number, stepMs: number): string {
  const text = new Date(at).toLocaleTimeString("en-GB");
  return stepMs % MS_PER_MINUTE === 0 ? text.slice(0, 5) : text;
}
