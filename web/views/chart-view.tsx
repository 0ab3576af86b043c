import type { Status } from "../../src/admin/api.ts";
import { charts } from "../../src/diagrams/charts.ts";
import type { GraphState } from "../../src/diagrams/graph.ts";
import { count, plural, shortCount } from "../format.ts";
import { type OwnMachine, useMachine } from "../machine.ts";
import { type Live, outcomeTotal, perSecond, population } from "../live.ts";
import { barHeights, familyOf, fullest } from "../parts/bars.tsx";
import {
  BAR_HEIGHT,
  type StateFace,
  Statechart,
} from "../parts/statechart.tsx";
import { connectionsHref, type Route } from "../route.ts";

const machines = ["connection", "shard", "server", "yours"] as const;

/** The statecharts with who is in which state, and the same as a table. */
export function ChartView({
  live,
  status,
  route,
}: {
  live: Live;
  status: Status;
  route: Route;
}) {
  const shown =
    machines.find((name) => name === route.query.get("machine")) ??
    "connection";
  const own = useMachine(shown === "yours");
  return (
    <div class="chart-view">
      <section aria-label="The chart">
        <div class="chooser" role="group" aria-label="Machine">
          {machines
            .filter((name) => name !== "yours" || own !== undefined)
            .map((name) => (
              <a
                key={name}
                href={name === "connection" ? "#/" : `#/?machine=${name}`}
                aria-current={name === shown ? "true" : undefined}
              >
                {name}
              </a>
            ))}
        </div>
        <div
          class="scroller"
          tabIndex={0}
          role="region"
          aria-label="Statechart"
          ref={centre}
        >
          {shown === "connection" && (
            <ConnectionChart live={live} status={status} />
          )}
          {shown === "shard" && <ShardChart status={status} />}
          {shown === "server" && <ServerChart status={status} />}
          {shown === "yours" && own !== undefined && <OwnChart own={own} />}
        </div>
      </section>
      <aside>
        <Population status={status} />
        <Outcomes live={live} status={status} />
      </aside>
    </div>
  );
}

/** On a narrow screen the drawing is wider than its place: its middle is what matters. */
function centre(element: HTMLElement | null): void {
  if (element !== null)
    element.scrollLeft = (element.scrollWidth - element.clientWidth) / 2;
}

function ConnectionChart({ live, status }: { live: Live; status: Status }) {
  const { shards } = status;
  const most = fullest(shards);
  const chart = charts.connection;
  const faceOf = ({ id, kind }: GraphState): StateFace => {
    if (kind === "final")
      return {
        lines: Object.entries(status.ledger.outcomes).map(([name, ended]) => [
          name,
          shortCount(ended),
        ]),
        spoken: `${id}: ${Object.entries(status.ledger.outcomes)
          .map(([name, ended]) => `${name} ${ended}`)
          .join(", ")}`,
      };
    const here = population(shards, id);
    return {
      count: shortCount(here),
      bars: barHeights(shards, id, most, BAR_HEIGHT),
      href: connectionsHref({ state: id }),
      spoken: `${id}: ${plural(here, "connection")}`,
    };
  };
  const traffic = chart.counted.map((edges) =>
    perSecond(live, (of) =>
      edges.reduce((sum, edge) => sum + (of.edges[edge] ?? 0), 0),
    ),
  );
  return (
    <Statechart
      chart={chart}
      faceOf={faceOf}
      traffic={traffic}
      isCounted
      label="The connection machine with its live population"
    />
  );
}

function ShardChart({ status: { shards } }: { status: Status }) {
  const faceOf = ({ id, kind }: GraphState): StateFace => {
    const inside = shards.filter(
      ({ state }) => state === id || state.startsWith(`${id}.`),
    );
    const names = inside.map(({ shard }) => shard).join(", ");
    return {
      ...(kind !== "parent" &&
        inside.length > 0 && { lines: [["shards", names]] as const }),
      isLit: kind !== "parent" && inside.length > 0,
      href: "#/shards",
      spoken:
        inside.length === 0
          ? `${id}: no shard`
          : `${id}: ${plural(inside.length, "shard")} (${names})`,
    };
  };
  return (
    <Statechart
      chart={charts.shard}
      faceOf={faceOf}
      traffic={[]}
      label="The shard machine; the states that shards are in are lit"
    />
  );
}

function ServerChart({ status: { server } }: { status: Status }) {
  const faceOf = ({ id, kind }: GraphState): StateFace => {
    const isLit = kind !== "parent" && server.state === id;
    return { isLit, spoken: isLit ? `${id}: the current state` : id };
  };
  return (
    <Statechart
      chart={charts.server}
      faceOf={faceOf}
      traffic={[]}
      label="The server machine; its current state is lit"
    />
  );
}

/** The machine that the handlers run. Its words are theirs: they are shown as text, and nothing else is made of them. */
function OwnChart({ own: { chart, population: here } }: { own: OwnMachine }) {
  const faceOf = ({ id, kind }: GraphState): StateFace => {
    if (kind === "final") return { spoken: id };
    const many = here.get(id) ?? 0;
    return {
      count: shortCount(many),
      isLit: kind === "leaf" && many > 0,
      spoken: `${id}: ${plural(many, "connection")}`,
    };
  };
  return (
    <Statechart
      chart={chart}
      faceOf={faceOf}
      traffic={[]}
      label="The machine of your handlers with its live population"
    />
  );
}

/** The same counts as in the chart, for reading, for narrow screens and for screen readers. */
function Population({ status: { shards } }: { status: Status }) {
  const rows = charts.connection.graph.states.filter(
    ({ kind }) => kind !== "final",
  );
  const most = fullest(shards);
  return (
    <table class="population">
      <caption>Who is where</caption>
      <thead>
        <tr>
          <th scope="col">state</th>
          <th scope="col" class="shard-bars">
            by shard
          </th>
          <th scope="col" class="number">
            connections
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ id, name, parent, kind }) => {
          const here = population(shards, id);
          return (
            <tr
              key={id}
              class={`family-${familyOf(id)} ${kind} ${here === 0 ? "vacant" : ""}`}
              data-count={id}
            >
              <th scope="row" class={parent === undefined ? "" : "child"}>
                <a href={connectionsHref({ state: id })}>{name}</a>
              </th>
              <td class="shard-bars" aria-hidden="true">
                {kind === "leaf" && (
                  <span class="mini">
                    {barHeights(shards, id, most, 14).map((height, at) => (
                      <i key={at} style={{ height: `${height}px` }} />
                    ))}
                  </span>
                )}
              </td>
              <td class="number">{count(here)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** How connections have ended so far. */
function Outcomes({ live, status }: { live: Live; status: Status }) {
  return (
    <table class="population">
      <caption>How they ended</caption>
      <thead>
        <tr>
          <th scope="col">outcome</th>
          <th scope="col" class="number">
            a second
          </th>
          <th scope="col" class="number">
            since start
          </th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(status.ledger.outcomes).map(([name, ended]) => (
          <tr
            key={name}
            class={ended === 0 ? "vacant" : ""}
            data-outcome={name}
          >
            <th scope="row">{name}</th>
            <td class="number">
              {perSecond(live, (of) => outcomeTotal(of, name)).toFixed(0)}
            </td>
            <td class="number">{count(ended)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
