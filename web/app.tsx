import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Status } from "../src/admin/api.ts";
import { count, duration } from "./format.ts";
import { type Live, type Phase, useLive } from "./live.ts";
import { type Route, useRoute } from "./route.ts";
import { ChartView } from "./views/chart-view.tsx";
import { ClusterView } from "./views/cluster-view.tsx";
import { ConnectionView } from "./views/connection-view.tsx";
import { ConnectionsView } from "./views/connections-view.tsx";
import { EventsView } from "./views/events-view.tsx";
import { ShardsView } from "./views/shards-view.tsx";
import { ShutdownView } from "./views/shutdown-view.tsx";
import { TimeView } from "./views/time-view.tsx";
import { TopicsView } from "./views/topics-view.tsx";

const views = [
  { path: "", title: "Chart" },
  { path: "shards", title: "Shards" },
  { path: "connections", title: "Connections" },
  { path: "topics", title: "Topics" },
  { path: "events", title: "Events" },
  { path: "time", title: "Over time" },
  { path: "cluster", title: "Cluster" },
  { path: "shutdown", title: "Shutdown" },
] as const;

/** The page: what always shows, and the view that is open. */
export function App() {
  const live = useLive();
  const route = useRoute();
  const [current = ""] = route.path;
  const view = views.find(({ path }) => path === current) ?? views[0];
  useEffect(() => {
    document.title = `${view.title} · Sluice inspector`;
  }, [view]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header live={live} />
      <nav aria-label="Views">
        {viewsOf(live.status).map(({ path, title }) => (
          <a
            key={path}
            href={`#/${path}`}
            aria-current={path === view.path ? "page" : undefined}
          >
            {title}
          </a>
        ))}
      </nav>
      <Lost phase={live.phase} status={live.status} />
      <main id="main" tabIndex={-1}>
        {live.status === undefined ? (
          <Waiting phase={live.phase} />
        ) : (
          <View live={live} status={live.status} route={route} />
        )}
      </main>
    </>
  );
}

/** A server by itself has no cluster to look at. */
function viewsOf(status: Status | undefined) {
  const isAlone = status?.cluster === undefined;
  return views.filter(({ path }) => path !== "cluster" || !isAlone);
}

function View({
  live,
  status,
  route,
}: {
  live: Live;
  status: Status;
  route: Route;
}) {
  const [view = "", id] = route.path;
  switch (view) {
    case "shards":
      return <ShardsView live={live} status={status} />;
    case "connections":
      return id === undefined ? (
        <ConnectionsView status={status} route={route} />
      ) : (
        <ConnectionView key={id} id={id} />
      );
    case "topics":
      return <TopicsView status={status} route={route} />;
    case "events":
      return <EventsView />;
    case "time":
      return <TimeView status={status} />;
    case "cluster":
      return <ClusterView status={status} />;
    case "shutdown":
      return <ShutdownView live={live} status={status} />;
    default:
      return <ChartView live={live} status={status} route={route} />;
  }
}

function Header({ live: { phase, status } }: { live: Live }) {
  const state = phase === "lost" ? "lost" : status?.server.state;
  return (
    <header>
      <h1>
        <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
          <path
            d="M4 12q6-6 12 0t12 0M4 21q6-6 12 0t12 0"
            fill="none"
            stroke="currentColor"
            stroke-width="3.4"
            stroke-linecap="round"
          />
        </svg>
        Sluice
      </h1>
      {status !== undefined && (
        <>
          <p class="where">
            <span>{status.server.url}</span>
            <span class="faint">
              pid {status.server.pid} · {status.server.version} · up{" "}
              {duration(status.at - status.server.startedAt)}
            </span>
          </p>
          <p class="total" data-testid="total">
            <strong>{count(status.connections)}</strong>{" "}
            <span class="faint">
              connection{status.connections === 1 ? "" : "s"}
            </span>
          </p>
        </>
      )}
      <p class={`lamp ${lampOf(phase, status)}`} role="status">
        {state ?? "connecting"}
      </p>
    </header>
  );
}

function lampOf(phase: Phase, status: Status | undefined): string {
  if (phase === "lost") return "bad";
  const state = status?.server.state ?? "";
  if (state === "listening") return "good";
  return state === "terminated" ? "off" : "warn";
}

function Lost({
  phase,
  status,
}: {
  phase: Phase;
  status: Status | undefined;
}): ComponentChildren {
  if (status === undefined) return null;
  if (phase === "lost")
    return (
      <p class="banner bad" role="alert">
        The server does not answer any more. This is how it was at{" "}
        {new Date(status.at).toLocaleTimeString()}; the page goes on by itself
        when it is back.
      </p>
    );
  if (phase === "ended")
    return (
      <p class="banner" role="status">
        The server has ended. <a href="#/shutdown">See how it went</a>, or{" "}
        <a href="/">look for a new one</a>.
      </p>
    );
  return null;
}

function Waiting({ phase }: { phase: Phase }) {
  return (
    <div class="empty" role="status">
      <p class="big">
        {phase === "lost" ? "The server does not answer" : "Connecting…"}
      </p>
      <p>
        {phase === "lost"
          ? "Is it running? The page tries again every few seconds."
          : "Waiting for the first look at the server."}
      </p>
    </div>
  );
}
