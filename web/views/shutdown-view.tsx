import { useState } from "preact/hooks";
import type { EndPart, EndReport, Status } from "../../src/admin/api.ts";
import { act, explain } from "../api.ts";
import { count, duration, percent, plural, rate } from "../format.ts";
import { type Live, perSecond, population } from "../live.ts";
import { Ask, textOf } from "../parts/ask.tsx";

const MS_PER_SECOND = 1000;

/** Before, during and after a shutdown. */
export function ShutdownView({ live, status }: { live: Live; status: Status }) {
  const { server, report } = status;
  return (
    <section aria-labelledby="shutdown-title" class="shutdown-view">
      <h2 id="shutdown-title">Shutdown</h2>
      {report !== undefined ? (
        <Ledger report={report} />
      ) : server.shutdown === undefined ? (
        <Before status={status} />
      ) : (
        <During live={live} status={status} shutdown={server.shutdown} />
      )}
    </section>
  );
}

function Before({ status }: { status: Status }) {
  const [isAsking, setAsking] = useState(false);
  const { server, connections, shards } = status;
  const seconds = server.shutdownDeadlineMs / MS_PER_SECOND;
  const shutDown = (form: FormData): Promise<unknown> =>
    act("/api/shutdown", {
      deadlineMs: Math.round(Number(form.get("deadline")) * MS_PER_SECOND),
      reason: textOf(form, "reason") || "inspector",
    });
  if (server.state === "terminated")
    return <p class="lead">The server has failed; its log says why.</p>;
  return (
    <>
      <p class="lead">
        Readiness goes off and nothing more is accepted. Every one of{" "}
        <strong>{plural(connections, "connection")}</strong> is told to go, with
        a time to come back; handlers in flight finish; close frames are
        exchanged. What is left at the deadline is forced. Then the process ends
        with a report.
      </p>
      <button
        type="button"
        class="danger"
        disabled={!server.ready}
        onClick={() => setAsking(true)}
      >
        Shut down…
      </button>
      {isAsking && (
        <Ask
          title="Shut the server down?"
          verb="Shut down"
          isDangerous
          act={shutDown}
          onClosed={() => setAsking(false)}
        >
          <p>
            This closes <strong>{plural(connections, "connection")}</strong> on{" "}
            {plural(shards.length, "shard")} and ends the process {server.pid}.
            It can be called off until everyone has been told.
          </p>
          <label>
            Deadline in seconds
            <input
              name="deadline"
              type="number"
              min="0.1"
              step="0.1"
              required
              defaultValue={String(seconds)}
            />
          </label>
          <label>
            Reason, for the report
            <input name="reason" maxLength={200} placeholder="inspector" />
          </label>
        </Ask>
      )}
    </>
  );
}

function During({
  live,
  status,
  shutdown,
}: {
  live: Live;
  status: Status;
  shutdown: NonNullable<Status["server"]["shutdown"]>;
}) {
  const { shards, server } = status;
  // What had ended before it began is no part of it.
  const { part } = shutdown;
  const [failure, setFailure] = useState("");
  const attempt = (path: string) => (): void => {
    act(path).then(
      () => setFailure(""),
      (error: unknown) => setFailure(explain(error)),
    );
  };
  const closing = population(shards, "closing");
  const draining = population(shards, "draining");
  const open = population(shards, "open");
  const done = endedIn(part.outcomes);
  const total = Math.max(1, closing + draining + open + done);
  const parts = [
    { name: "not yet told", value: open, family: "open" },
    { name: "closing", value: closing, family: "closing" },
    { name: "draining", value: draining, family: "draining" },
    { name: "ended", value: done, family: "terminated" },
  ];
  const leftShare = shutdown.deadlineInMs / Math.max(1, shutdown.deadlineMs);
  return (
    <>
      <p class="lead">
        Shutting down ({shutdown.reason}): the server is{" "}
        <strong>{server.state}</strong>.
      </p>
      <div
        class="progress"
        role="progressbar"
        aria-label="Connections that have ended"
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
      >
        {parts.toReversed().map(({ name, value, family }) => (
          <i
            key={name}
            class={`family-${family}`}
            style={{ width: `${(100 * value) / total}%` }}
          />
        ))}
      </div>
      <dl class="legend">
        {parts.map(({ name, value, family }) => (
          <div key={name} class={`family-${family}`} data-part={name}>
            <dt>{name}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
        <div>
          <dt>ended a second</dt>
          <dd>{rate(perSecond(live, ended))}</dd>
        </div>
      </dl>
      <p class="deadline">
        <span>
          <strong>{duration(shutdown.deadlineInMs)}</strong> left of{" "}
          {duration(shutdown.deadlineMs)}
        </span>
        <span class="meter" aria-hidden="true">
          <i
            class={leftShare < 0.2 ? "hot" : ""}
            style={{ width: `${100 * leftShare}%` }}
          />
        </span>
      </p>
      <div class="buttons">
        <button
          type="button"
          class="primary"
          disabled={server.state === "draining"}
          onClick={attempt("/api/shutdown/call-off")}
        >
          Call off
        </button>
        <button
          type="button"
          class="danger"
          onClick={attempt("/api/shutdown/force")}
        >
          Force what is left
        </button>
        {server.state === "draining" && (
          <span class="faint">
            Everyone has been told: it is too late to call it off.
          </span>
        )}
      </div>
      {failure !== "" && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      <h3>Outcomes so far</h3>
      <Counts columns={[{ counts: part.outcomes, whole: thoseOf(part) }]} />
    </>
  );
}

/** They never opened. */
const UNOPENED = ["rejected", "served", "cut"];

/** Opened connections that have ended. */
function ended({ ledger }: Status): number {
  return endedIn(ledger.outcomes);
}

function endedIn(outcomes: Counted): number {
  const all = Object.values(outcomes).reduce((sum, some) => sum + some, 0);
  return UNOPENED.reduce((left, name) => left - (outcomes[name] ?? 0), all);
}

/** How those ended who had opened. */
function openedIn(outcomes: Counted): Counted {
  return Object.fromEntries(
    Object.entries(outcomes).filter(([name]) => !UNOPENED.includes(name)),
  );
}

/** All connections that there were: each outcome but `rejected` is a share of them. */
function thoseOf({
  live,
  opened,
  movedIn,
}: Pick<EndPart, "live" | "opened" | "movedIn">): number {
  return live + opened + movedIn;
}

function Ledger({ report }: { report: EndReport }) {
  const { shutdown } = report;
  const sides = [shutdown, { ...report, live: 0 }];
  const columns = (read: (of: Omit<EndPart, "live">) => Counted) =>
    sides.map((side) => ({ counts: read(side), whole: thoseOf(side) }));
  const { shardsKilled, shardsCrashed } = shutdown;
  const problems = [
    shardsKilled > 0 &&
      `${plural(shardsKilled, "thread")} had to be ended by force`,
    shardsCrashed > 0 && `${plural(shardsCrashed, "thread")} crashed`,
    !report.deadlineHeld && "the deadline was not held",
    !report.balanced && "the ledger does not add up",
  ].filter((problem) => problem !== false);
  const sums = [shutdown, report].map((side) => ({
    counts: {
      accepted: side.accepted,
      rejected: side.rejected,
      probes: side.probes,
      ...(report.requests > 0 && {
        "HTTP requests": side.requests,
        answered: side.answers,
        served: side.outcomes["served"] ?? 0,
        cut: side.outcomes["cut"] ?? 0,
      }),
      opened: side.opened,
      "moved in": side.movedIn,
      "moved out": side.movedOut,
    },
    whole: 0,
  }));
  return (
    <>
      <p class="lead">
        The shutdown ({report.reason}) took{" "}
        <strong>{duration(report.durationMs)}</strong> of{" "}
        {duration(report.deadlineMs)}.{" "}
        {problems.length === 0
          ? "Every connection is accounted for."
          : `Not as it should be: ${problems.join("; ")}.`}
      </p>
      <p>
        <strong>{plural(shutdown.live, "connection")}</strong> were live when it
        began. In each row: this shutdown, and since the start.
      </p>
      <h3>The ledger</h3>
      <Counts columns={sums} />
      <Counts columns={columns(({ outcomes }) => openedIn(outcomes))} />
      <h3>Close codes</h3>
      <Counts columns={columns(({ closeCodes }) => closeCodes)} />
    </>
  );
}

type Counted = Readonly<Record<string, number>>;

/** Counts by name, with their share of a whole, in one column or side by side. The last column has every name. */
function Counts({
  columns,
}: {
  columns: readonly { counts: Counted; whole: number }[];
}) {
  const names = Object.keys(columns.at(-1)?.counts ?? {});
  if (names.length === 0) return <p class="faint">none</p>;
  return (
    <table class="ledger">
      <tbody>
        {names.map((name) => (
          <tr
            key={name}
            class={columns.some(({ counts }) => counts[name]) ? "" : "vacant"}
            data-ledger={name}
          >
            <th scope="row">{name}</th>
            {columns.map(({ counts: { [name]: value = 0 }, whole }) => (
              <>
                <td class="number">{count(value)}</td>
                <td class="share">
                  {whole > 0 && value > 0 && (
                    <>
                      <i
                        style={{
                          width: `${Math.min(100, (100 * value) / whole)}%`,
                        }}
                      />
                      <span class="faint">{percent(value / whole)}</span>
                    </>
                  )}
                </td>
              </>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
