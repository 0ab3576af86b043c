import { useEffect, useState } from "preact/hooks";
import type { Sample, Status } from "../../src/admin/api.ts";
import { samples } from "../live.ts";
import { count } from "../format.ts";
import { type Plot, Plotted, type Series } from "../parts/plot.tsx";

const SPAN_MS = 600_000;
/** Shorter histories are drawn as wide as this one. */
const SHORTEST_SPAN_MS = 60_000;

const plots: readonly Plot<Sample>[] = [
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
      stateSeries("plain HTTP", "plain", "plain"),
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

function stateSeries(
  label: string,
  colour: string,
  state: string,
): Series<Sample> {
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

/** The last ten minutes, also those in which nobody looked. */
export function TimeView({ status }: { status: Status }) {
  const [history, setHistory] = useState(samples.all);
  useEffect(() => samples.listen(setHistory), []);
  const end = status.at;
  const first = history[0]?.at ?? end;
  const begin = Math.max(
    end - SPAN_MS,
    Math.min(first, end - SHORTEST_SPAN_MS),
  );
  const last = history.at(-1);
  return (
    <section aria-labelledby="time-title">
      <h2 id="time-title">The last ten minutes</h2>
      <p class="lead">
        Every second while somebody looks, and every five while nobody does;
        event-loop delay is measured only while somebody looks.
      </p>
      {history.length < 2 && (
        <p class="faint" role="status">
          The first points show in a moment.
        </p>
      )}
      <div class="plots">
        {plots.map((plot) => (
          <figure class="plot" key={plot.title}>
            <figcaption>
              <h3>{plot.title}</h3>
              <ul>
                {plot.series.map(({ label, colour, read }) => (
                  <li key={label} class={`family-${colour}`}>
                    {label}{" "}
                    <strong>
                      {said(last === undefined ? undefined : read(last))}
                      {plot.unit}
                    </strong>
                  </li>
                ))}
              </ul>
            </figcaption>
            <Plotted plot={plot} points={history} from={begin} to={end} />
          </figure>
        ))}
      </div>
    </section>
  );
}

function said(value: number | undefined): string {
  return value === undefined ? "–" : count(value);
}
