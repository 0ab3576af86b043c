import { useState } from "preact/hooks";
import type { ShardStatus, Status } from "../../src/admin/api.ts";
import { act } from "../api.ts";
import { bytes, count, duration, percent, plural, rate } from "../format.ts";
import { type Live, perSecond } from "../live.ts";
import { Ask } from "../parts/ask.tsx";
import { connectionsHref } from "../route.ts";

type Verb = "move" | "drain" | "resume" | "restart";

/** Every shard with how it does, and what can be done about it. */
export function ShardsView({ live, status }: { live: Live; status: Status }) {
  const [asked, setAsked] = useState<{ verb: Verb; shard: ShardStatus }>();
  const canAct = status.server.ready;
  return (
    <section aria-labelledby="shards-title">
      <h2 id="shards-title">Shards</h2>
      <p class="lead">
        Each is one thread with its own event loop. A drained shard closes its
        connections and takes no new ones until it is resumed; the others go on.
      </p>
      <div class="cards">
        {status.shards.map((shard) => (
          <Card
            key={shard.shard}
            shard={shard}
            live={live}
            canAct={canAct}
            canMove={hasRoomToMove(status)}
            onAsk={(verb) => setAsked({ verb, shard })}
          />
        ))}
      </div>
      <Handover status={status} />
      <Drains status={status} />
      {asked !== undefined && (
        <Question {...asked} onClosed={() => setAsked(undefined)} />
      )}
    </section>
  );
}

function Card({
  shard,
  live,
  canAct,
  canMove,
  onAsk,
}: {
  shard: ShardStatus;
  live: Live;
  canAct: boolean;
  canMove: boolean;
  onAsk: (verb: Verb) => void;
}) {
  const per = (read: (of: ShardStatus) => number): number =>
    perSecond(live, ({ shards }) => {
      const same = shards.find((each) => each.shard === shard.shard);
      return same === undefined ? 0 : read(same);
    });
  const isServing = shard.state.startsWith("serving");
  const isSuspended = shard.state === "serving.suspended";
  const lamp = shard.isBlocked ? "bad" : isServing ? "good" : "warn";
  return (
    <article
      class="card"
      aria-label={`Shard ${shard.shard}`}
      data-shard={shard.shard}
    >
      <header>
        <h3>Shard {shard.shard}</h3>
        <span class={`lamp ${isSuspended ? "warn" : lamp}`}>
          {shard.isBlocked ? "blocked" : shard.state}
        </span>
      </header>
      <p class="figure">
        <a href={connectionsHref({ shard: shard.shard })}>
          {count(shard.connections)}
        </a>{" "}
        <span class="faint">
          connection{shard.connections === 1 ? "" : "s"}
        </span>
      </p>
      <div
        class="meter"
        role="meter"
        aria-label="Event loop busy"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(shard.utilization * 100)}
      >
        <i
          class={shard.utilization > 0.9 ? "hot" : ""}
          style={{ width: `${Math.min(100, shard.utilization * 100)}%` }}
        />
      </div>
      <dl>
        <Fact name="busy" value={percent(shard.utilization)} />
        <Fact
          name="delay p99"
          value={
            shard.loopDelayP99Ms === undefined
              ? "…"
              : duration(shard.loopDelayP99Ms)
          }
        />
        <Fact
          name="heap"
          value={shard.heapBytes === undefined ? "…" : bytes(shard.heapBytes)}
        />
        <Fact name="accepts" value={`${rate(per((of) => of.accepted))}/s`} />
        <Fact
          name="messages in"
          value={`${rate(per((of) => of.messagesIn))}/s`}
        />
        <Fact
          name="messages out"
          value={`${rate(per((of) => of.messagesOut))}/s`}
        />
        <Fact name="bytes in" value={`${bytes(per((of) => of.bytesIn))}/s`} />
        <Fact name="bytes out" value={`${bytes(per((of) => of.bytesOut))}/s`} />
        <Fact name="handlers" value={count(shard.handlersInFlight)} />
        <Fact name="held" value={bytes(shard.heldBytes)} />
        <Fact name="restarts" value={count(shard.restarts)} />
      </dl>
      <div class="buttons">
        {isSuspended ? (
          <button
            type="button"
            disabled={!canAct}
            onClick={() => onAsk("resume")}
          >
            Resume
          </button>
        ) : (
          <button
            type="button"
            disabled={!canAct || !isServing}
            onClick={() => onAsk("drain")}
          >
            Drain…
          </button>
        )}
        <button
          type="button"
          disabled={!canAct || !isServing}
          onClick={() => onAsk("restart")}
        >
          Restart…
        </button>
        <button
          type="button"
          disabled={!canAct || !isServing || !canMove}
          onClick={() => onAsk("move")}
        >
          Move away…
        </button>
      </div>
    </article>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const titles: Readonly<Record<Verb, string>> = {
  drain: "Drain",
  resume: "Resume",
  restart: "Restart",
  move: "Move away from",
};

const consequences: Readonly<Record<Verb, string>> = {
  move: "They go to the other shards; those that cannot are told to come back. Then a new thread takes its place.",
  drain:
    "They are told to go at the usual pace and may come back, to the other shards. This one takes no new connections until it is resumed.",
  resume: "It takes new connections again.",
  restart:
    "They are told to go and may come back. Then the thread ends and a new one takes its place.",
};

function Question({
  verb,
  shard,
  onClosed,
}: {
  verb: Verb;
  shard: ShardStatus;
  onClosed: () => void;
}) {
  const title = titles[verb];
  const path = `/api/shards/${shard.shard}`;
  return (
    <Ask
      title={`${title} shard ${shard.shard}?`}
      verb={verb === "move" ? "Move away" : title}
      act={() =>
        verb === "move"
          ? act(`${path}/drain`, { move: true })
          : act(`${path}/${verb}`)
      }
      onClosed={onClosed}
    >
      <p>
        {verb !== "resume" && (
          <>
            It has <strong>{plural(shard.connections, "connection")}</strong>
            .{" "}
          </>
        )}
        {consequences[verb]}
      </p>
    </Ask>
  );
}

/** There is another shard to move to, and nothing against it. */
function hasRoomToMove({ shards, handover }: Status): boolean {
  const serving = shards.filter(({ state }) => state === "serving.accepting");
  return handover.off === undefined && serving.length > 1;
}

/** Who could move, what moves have come to, and what can be moved at once. */
function Handover({ status }: { status: Status }) {
  const { off, movable, immovable, moved, refused, durations } =
    status.handover;
  const [isAsking, setAsking] = useState(false);
  if (off !== undefined)
    return (
      <>
        <h3>Handover</h3>
        <p class="faint">It is off: {off}.</p>
      </>
    );
  return (
    <>
      <h3>Handover</h3>
      <p class="lead">
        {plural(movable, "connection")} can move to another thread
        {listed(immovable, "; these cannot:")}.{" "}
        {moved > 0 && (
          <>
            {plural(moved, "move")} so far, unread for{" "}
            {duration(durations.p50Ms)} at the median and{" "}
            {duration(durations.maxMs)} at most
            {listed(refused, "; refused:")}.
          </>
        )}
      </p>
      <div class="buttons">
        <button
          type="button"
          disabled={!status.server.ready || !hasRoomToMove(status)}
          onClick={() => setAsking(true)}
        >
          Even out…
        </button>
      </div>
      {isAsking && (
        <Ask
          title="Even the shards out?"
          verb="Even out"
          act={() => act("/api/rebalance")}
          onClosed={() => setAsking(false)}
        >
          <p>
            Connections move from the shards that have more to those that have
            fewer, until they are alike. Nobody is disconnected; who moves is
            not read for a moment.
          </p>
        </Ask>
      )}
    </>
  );
}

function listed(counts: Readonly<Record<string, number>>, what: string) {
  const entries = Object.entries(counts);
  if (entries.length === 0) return "";
  return `${what} ${entries.map(([cause, of]) => `${cause} ${count(of)}`).join(", ")}`;
}

/** Drains under way and the last few that are done. */
function Drains({ status: { drains } }: { status: Status }) {
  if (drains.length === 0) return null;
  return (
    <>
      <h3>Drains</h3>
      <ul class="drains">
        {drains
          .toReversed()
          .map(({ id, isMove, shard, pathPrefix, report }) => (
            <li key={id}>
              <span>
                {shard === undefined ? "every shard" : `shard ${shard}`}
                {pathPrefix !== undefined && (
                  <>
                    , paths from <code>{pathPrefix}</code>
                  </>
                )}
              </span>
              {report === undefined ? (
                <>
                  <span class="lamp warn">under way</span>
                  <button
                    type="button"
                    onClick={() => void act(`/api/drains/${id}/call-off`)}
                  >
                    Call off
                  </button>
                </>
              ) : (
                <span class="faint">
                  {isMove
                    ? `${count(report.moved)} moved, ${count(report.notified)} told to come back, `
                    : `${plural(report.notified, "connection")} told, `}
                  {report.wasCalledOff
                    ? "then called off"
                    : isMove
                      ? "and served again"
                      : "all ended"}
                  , in {duration(report.durationMs)}
                </span>
              )}
            </li>
          ))}
      </ul>
    </>
  );
}
