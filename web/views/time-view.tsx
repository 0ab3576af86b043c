import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import type { Sample, Status } from "../../src/admin/api.ts";
import { samples } from "../live.ts";
import { count, shortCount } from "../format.ts";

const SPAN_S = 600;
/** Shorter histories are drawn as wide as this one. */
const SHORTEST_SPAN_S = 60;
const HEIGHT = 190;
/** A pause as long as this is a gap: nobody looked. */
const GAP_S = 5;

interface Series {
  readonly label: string;
  /** Names the colour. */
  readonly colour: string;
  readonly read: (sample: Sample) => number;
}

interface Plot {
  readonly title: string;
  readonly isStacked: boolean;
  readonly unit: string;
  readonly series: readonly Series[];
}

const plots: readonly Plot[] = [
  {
    title: "Connections by state",
    isStacked: true,
    unit: "",
    series: [
      stateSeries("healthy", "open", "open.healthy"),
      stateSeries("probing", "probing", "open.probing"),
      stateSeries("congested", "congested", "open.congested"),
      stateSeries("moving", "moving", "open.moving"),
      stateSeries("closing", "closing", "closing"),
      stateSeries("draining", "draining", "draining"),
      stateSeries("upgrading", "upgrading", "upgrading"),
    ],
  },
  {
    title: "Accepts a second",
    isStacked: false,
    unit: "/s",
    series: [
      {
        label: "accepts",
        colour: "upgrading",
        read: ({ acceptsPerSecond }) => acceptsPerSecond,
      },
    ],
  },
  {
    title: "Messages a second",
    isStacked: false,
    unit: "/s",
    series: [
      {
        label: "in",
        colour: "open",
        read: ({ messagesInPerSecond }) => messagesInPerSecond,
      },
      {
        label: "out",
        colour: "closing",
        read: ({ messagesOutPerSecond }) => messagesOutPerSecond,
      },
    ],
  },
  {
    title: "Event-loop delay, p99 of the worst shard",
    isStacked: false,
    unit: " ms",
    series: [
      {
        label: "delay",
        colour: "congested",
        read: ({ loopDelayP99Ms }) => loopDelayP99Ms,
      },
    ],
  },
];

function stateSeries(label: string, colour: string, state: string): Series {
  return {
    label,
    colour,
    read: ({ states }) =>
      Object.entries(states).reduce(
        (sum, [name, live]) =>
          name === state || name.startsWith(`${state}.`) ? sum + live : sum,
        0,
      ),
  };
}

/** The last ten minutes, for as much of them as somebody looked. */
export function TimeView({ status }: { status: Status }) {
  const [history, setHistory] = useState(samples.all);
  const isDark = useDark();
  useEffect(() => samples.listen(setHistory), []);
  return (
    <section aria-labelledby="time-title">
      <h2 id="time-title">The last ten minutes</h2>
      <p class="lead">
        Kept only while somebody looks, on any page: gaps are times when nobody
        did.
      </p>
      {history.length < 2 && (
        <p class="faint" role="status">
          The first points show in a moment.
        </p>
      )}
      <div class="plots">
        {plots.map((plot) => (
          <Drawing
            key={`${plot.title}${isDark}`}
            plot={plot}
            history={history}
            now={status.at}
          />
        ))}
      </div>
    </section>
  );
}

function Drawing({
  plot,
  history,
  now,
}: {
  plot: Plot;
  history: readonly Sample[];
  now: number;
}) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const made = new uPlot(optionsOf(plot, element.clientWidth), [[]], element);
    chart.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [plot]);
  useEffect(() => {
    chart.current?.setData(toData(plot, history), false);
    const end = now / 1000;
    const begin = (history[0]?.at ?? now) / 1000;
    chart.current?.setScale("x", {
      min: Math.max(end - SPAN_S, Math.min(begin, end - SHORTEST_SPAN_S)),
      max: end,
    });
  }, [plot, history, now]);
  const last = history.at(-1);
  return (
    <figure class="plot">
      <figcaption>
        <h3>{plot.title}</h3>
        <ul>
          {plot.series.map(({ label, colour, read }) => (
            <li key={label} class={`family-${colour}`}>
              {label}{" "}
              <strong>
                {last === undefined ? "–" : count(read(last))}
                {plot.unit}
              </strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

function toData(
  { series, isStacked }: Plot,
  history: readonly Sample[],
): uPlot.AlignedData {
  const times: number[] = [];
  const values: (number | null)[][] = series.map(() => []);
  let previous: number | undefined;
  for (const sample of history) {
    const at = sample.at / 1000;
    if (previous !== undefined && at - previous > GAP_S) {
      times.push(previous + 1);
      for (const column of values) column.push(null);
    }
    previous = at;
    times.push(at);
    let below = 0;
    for (const [index, { read }] of series.entries()) {
      const value = read(sample);
      below += value;
      values[index]?.push(isStacked ? below : value);
    }
  }
  // The tallest is drawn first and the lowest last, in front of it.
  if (isStacked) values.reverse();
  return [times, ...values] as uPlot.AlignedData;
}

function optionsOf(plot: Plot, width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string =>
    style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour("faint"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const isSingle = plot.series.length === 1;
  const drawn = plot.isStacked ? plot.series.toReversed() : plot.series;
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true }, y: { range: rangeOf } },
    axes: [
      {
        ...axis,
        space: 90,
        size: 30,
        values: [
          [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
          [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
        ],
      },
      {
        ...axis,
        size: 52,
        values: (_, ticks) =>
          ticks.map((tick) => `${shortCount(tick)}${plot.unit}`),
      },
    ],
    series: [
      {},
      ...drawn.map(({ colour: name }) => ({
        stroke: colour(name),
        width: 1.5,
        points: { show: false },
        // Opaque, where one stands in front of the other.
        ...(plot.isStacked && {
          fill: mix(colour(name), colour("surface"), 0.35),
        }),
        ...(isSingle && { fill: mix(colour(name), colour("surface"), 0.15) }),
      })),
    ],
  };
}

/** A share of one colour on another; both as `#rrggbb`. */
function mix(colour: string, ground: string, share: number): string {
  const channel = (text: string, at: number): number =>
    parseInt(text.slice(1 + at * 2, 3 + at * 2), 16);
  const mixed = [0, 1, 2].map((at) =>
    Math.round(channel(colour, at) * share + channel(ground, at) * (1 - share)),
  );
  return `rgb(${mixed.join(",")})`;
}

/** From zero, with some room above, and never empty. */
function rangeOf(_: uPlot, __: number, max: number | null): [number, number] {
  return [0, Math.max(1, (max ?? 0) * 1.15)];
}

function useDark(): boolean {
  const [isDark, setDark] = useState(
    () => matchMedia("(prefers-color-scheme: dark)").matches,
  );
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const onChange = (): void => setDark(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  return isDark;
}
