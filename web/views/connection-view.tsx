import { useEffect, useState } from "preact/hooks";
import type { ConnectionDetails, Transition } from "../../src/admin/api.ts";
import { charts } from "../../src/diagrams/charts.ts";
import type { GraphState } from "../../src/diagrams/graph.ts";
import type { Chart } from "../../src/diagrams/layout.ts";
import { explain, read } from "../api.ts";
import { bytes, clock, count, duration, plural } from "../format.ts";
import { familyOf } from "../parts/bars.tsx";
import { CloseDialog } from "../parts/close-dialog.tsx";
import { useMachine } from "../machine.ts";
import { type StateFace, Statechart } from "../parts/statechart.tsx";

const KEPT_TRANSITIONS = 500;
/** An edge stays lit so long after it was taken. */
const LIT_MS = 2_000;

interface Followed {
  readonly facts: ConnectionDetails | undefined;
  readonly log: readonly Transition[];
  readonly end: string | undefined;
  readonly failure: string;
}

/** One connection: its facts, its chart, and what happens to it. */
export function ConnectionView({ id }: { id: string }) {
  const { facts, log, end, failure } = useFollowed(id);
  const [isClosing, setClosing] = useState(false);
  const own = useMachine(false)?.chart;
  if (failure !== "")
    return (
      <div class="empty" role="alert">
        <p class="big">{failure}</p>
        <p>
          <a href="#/connections">Back to the list</a>
        </p>
      </div>
    );
  if (facts === undefined)
    return (
      <div class="empty" role="status">
        <p class="big">Looking for {id}…</p>
      </div>
    );
  const state =
    log.findLast(({ machine }) => machine === "connection")?.to ?? facts.state;
  const { actorState } = facts;
  return (
    <section aria-labelledby="connection-title" class="connection-view">
      <div class="title">
        <h2 id="connection-title">
          <a href="#/connections">Connections</a> / {facts.id}
        </h2>
        <span class={`chip family-${familyOf(state)}`} role="status">
          {state}
        </span>
        {end !== undefined && <span class="faint">ended: {end}</span>}
        <button
          type="button"
          disabled={!state.startsWith("open")}
          onClick={() => setClosing(true)}
        >
          Close…
        </button>
      </div>
      <div class="columns">
        <div>
          <Facts facts={facts} state={state} />
          <Log log={log} />
          <Request facts={facts} />
        </div>
        <div
          class="scroller small"
          tabIndex={0}
          role="region"
          aria-label="Statechart"
        >
          <OneChart
            chart={charts.connection}
            of="connection"
            states={[state]}
            log={log}
          />
          {own !== undefined && actorState !== undefined && (
            <OneChart
              chart={own}
              of="actor"
              states={(
                log.findLast(({ machine }) => machine === "actor")?.to ??
                actorState
              ).split(", ")}
              log={log}
            />
          )}
        </div>
      </div>
      {isClosing && (
        <CloseDialog id={facts.id} onClosed={() => setClosing(false)} />
      )}
    </section>
  );
}

/** Follows a connection from now to its end. */
function useFollowed(id: string): Followed {
  const [followed, setFollowed] = useState<Followed>({
    facts: undefined,
    log: [],
    end: undefined,
    failure: "",
  });
  useEffect(() => {
    const path = `/api/connections/${encodeURIComponent(id)}`;
    const abort = new AbortController();
    let source: EventSource | undefined;
    const stop = (): void => {
      abort.abort();
      source?.close();
    };
    const follow = (): void => {
      source = new EventSource(`${path}/events`);
      source.addEventListener("facts", ({ data }: MessageEvent<string>) => {
        const facts = JSON.parse(data) as ConnectionDetails;
        setFollowed((before) => ({ ...before, facts }));
      });
      const take = ({ data }: MessageEvent<string>): void => {
        const transition = JSON.parse(data) as Transition;
        if (transition.isFinal) stop();
        setFollowed((before) => ({
          ...before,
          log: [...before.log, transition].slice(-KEPT_TRANSITIONS),
          end: transition.isFinal ? outcomeOf(transition) : before.end,
        }));
      };
      source.addEventListener("transition", take);
      source.addEventListener("actor", take);
      source.addEventListener("crashed", () => {
        stop();
        setFollowed((before) => ({ ...before, end: "crashed" }));
      });
      source.addEventListener("error", () => {
        // What was missed cannot be had again: better to say so than to go on.
        stop();
        setFollowed((before) => ({
          ...before,
          end: before.end ?? "not followed any more: the server was lost",
        }));
      });
    };
    read<ConnectionDetails>(path, abort.signal).then(
      (facts) => {
        setFollowed((before) => ({ ...before, facts }));
        follow();
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setFollowed((before) => ({ ...before, failure: explain(error) }));
      },
    );
    return stop;
  }, [id]);
  return followed;
}

/** `settle(outcome: clean)` says `clean`. */
function outcomeOf({ actions }: Transition): string {
  const settled = actions.find((action) => action.startsWith("settle("));
  return /outcome: (\w+)/.exec(settled ?? "")?.[1] ?? "terminated";
}

function OneChart({
  chart,
  of,
  states,
  log,
}: {
  chart: Chart;
  of: Transition["machine"];
  /** Where it is: of parallel states, several. */
  states: readonly string[];
  log: readonly Transition[];
}) {
  const faceOf = ({ id, kind }: GraphState): StateFace => {
    const isLit = kind !== "parent" && states.includes(id);
    return { isLit, spoken: isLit ? `${id}: the current state` : id };
  };
  const recent = log.filter(
    ({ at, machine }) => machine === of && Date.now() - at < LIT_MS,
  );
  const traffic = chart.graph.edges.map(({ source, target, events }) =>
    recent.some(
      ({ from = "", event, to }) =>
        within(from, source) &&
        within(to, target) &&
        events.some(({ name }) => event.includes(name)),
    )
      ? 1
      : 0,
  );
  return (
    <Statechart
      chart={chart}
      faceOf={faceOf}
      traffic={traffic}
      label={`The machine of this ${of}; its current state is lit`}
    />
  );
}

function within(state: string, parent: string): boolean {
  return state === parent || state.startsWith(`${parent}.`);
}

function Facts({ facts, state }: { facts: ConnectionDetails; state: string }) {
  const { closeStatus, deadlineInMs } = facts;
  const rows: readonly (readonly [string, string])[] = [
    ["shard", String(facts.shard)],
    ["address", facts.remoteAddress],
    ["path", facts.path || "—"],
    ["age", duration(facts.ageMs)],
    ["in this state", facts.state === state ? duration(facts.inStateMs) : "—"],
    [
      "received",
      `${plural(facts.messagesIn, "message")}, ${bytes(facts.bytesIn)}`,
    ],
    [
      "sent",
      `${plural(facts.messagesOut, "message")}, ${bytes(facts.bytesOut)}`,
    ],
    ["buffered", bytes(facts.bufferedBytes)],
    ["handlers in flight", count(facts.handlersInFlight)],
    ["subprotocol", facts.subprotocol || "none"],
    ["compression", facts.isCompressed ? "permessage-deflate" : "none"],
    ...(deadlineInMs === undefined
      ? []
      : [["forced in", duration(deadlineInMs)] as const]),
    ...(closeStatus === null
      ? []
      : [
          [
            "close status",
            `${closeStatus.code} ${closeStatus.reason}`,
          ] as const,
        ]),
  ];
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Log({ log }: { log: readonly Transition[] }) {
  return (
    <>
      <h3>What happens</h3>
      {log.length === 0 && (
        <p class="faint">
          Nothing since you look. Messages are no transitions: this shows what
          changes its state.
        </p>
      )}
      <ol class="log" aria-live="polite">
        {log.toReversed().map((transition) => (
          <li
            key={`${transition.at} ${transition.event} ${transition.to}`}
            class={`family-${familyOf(transition.to)}`}
          >
            <time>{clock(transition.at)}</time>
            <span class="event">
              {transition.machine === "actor" && "your machine: "}
              {eventName(transition.event)}
            </span>
            <span class="way">
              {transition.from} → <strong>{transition.to}</strong>
            </span>
            <span class="faint">
              after {duration(transition.spentMs)}
              {transition.actions.length > 0 &&
                ` · ${transition.actions.join(", ")}`}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

/** `xstate.after.pongDeadline.connection.open.probing` is `◷ pongDeadline`. */
function eventName(event: string): string {
  const delay = /^xstate\.after\.([^.]+)\./.exec(event)?.[1];
  return delay === undefined ? event : `◷ ${delay}`;
}

function Request({ facts }: { facts: ConnectionDetails }) {
  return (
    <details>
      <summary>Request</summary>
      <p class="mono">{facts.url}</p>
      <dl class="headers">
        {facts.headers.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={value === "(hidden)" ? "faint" : ""}>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
