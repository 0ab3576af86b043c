import { useEffect, useRef, useState } from "preact/hooks";
import type {
  ListedTopic,
  PublishedByHand,
  Status,
  TopicList,
} from "../../src/admin/api.ts";
import { act, explain, read } from "../api.ts";
import { count, plural, rate } from "../format.ts";
import { Ask, textOf } from "../parts/ask.tsx";
import { connectionsHref, type Route, topicsHref } from "../route.ts";

const REFRESH_MS = 2_000;
const MS_PER_SECOND = 1_000;

const columns = [
  { sort: "name", title: "topic", isNumber: false },
  { sort: "subscribers", title: "subscribers", isNumber: true },
  { sort: undefined, title: "by shard", isNumber: false },
  { sort: undefined, title: "a second", isNumber: true },
  { sort: "messages", title: "messages", isNumber: true },
  { sort: "dropped", title: "dropped", isNumber: true },
] as const;

interface Looks {
  readonly now: TopicList | undefined;
  /** The look before, which rates are taken from. */
  readonly before: TopicList | undefined;
  readonly failure: string;
}

/** Topics with their subscribers and traffic, and a message by hand. */
export function TopicsView({
  status,
  route,
}: {
  status: Status;
  route: Route;
}) {
  const query = route.query.toString();
  const { now, before, failure } = useTopics(query);
  const [publishing, setPublishing] = useState<string>();
  const prefix = route.query.get("prefix") ?? "";
  const topic = route.query.get("topic");
  const sorted = route.query.get("sort") ?? "subscribers";
  return (
    <section aria-labelledby="topics-title">
      <div class="title">
        <h2 id="topics-title">
          {topic === null ? (
            "Topics"
          ) : (
            <>
              <a href="#/topics">Topics</a> / <bdi>{topic}</bdi>
            </>
          )}
        </h2>
        <button type="button" onClick={() => setPublishing(topic ?? "")}>
          Publish…
        </button>
      </div>
      {topic === null && (
        <div class="filters">
          <label>
            Name starts with
            <input
              key={prefix}
              name="prefix"
              defaultValue={prefix}
              placeholder="chat/"
              onChange={({ currentTarget: { value } }) => {
                location.hash = topicsHref({ prefix: value, sort: sorted });
              }}
            />
          </label>
        </div>
      )}
      {failure !== "" && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {now?.unanswered.map((shard) => (
        <p key={shard} class="failure" role="alert">
          Shard {shard} does not answer: its subscribers are not counted.
        </p>
      ))}
      {now !== undefined && now.rows.length === 0 && (
        <Nothing isFiltered={prefix !== "" || topic !== null} />
      )}
      {now !== undefined && now.rows.length > 0 && (
        <>
          <div class="scroller">
            <table class="list">
              <thead>
                <tr>
                  {columns.map(({ sort, title, isNumber }) => (
                    <th
                      key={title}
                      scope="col"
                      class={isNumber ? "number" : ""}
                      aria-sort={sortOf(sort, sorted)}
                    >
                      {sort === undefined || topic !== null ? (
                        title
                      ) : (
                        <a href={topicsHref({ prefix, sort })}>{title}</a>
                      )}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {now.rows.map((row) => (
                  <Row
                    key={row.name}
                    row={row}
                    perSecond={rateOf(row, now, before)}
                    shards={status.shards.map(({ shard }) => shard)}
                  />
                ))}
              </tbody>
            </table>
          </div>
          <p class="faint">
            {topic !== null && (
              <a href={connectionsHref({ topic })}>Who subscribes to it</a>
            )}
            {now.hasMore && "There are more: narrow them down by their names."}
          </p>
        </>
      )}
      {publishing !== undefined && (
        <Publish topic={publishing} onClosed={() => setPublishing(undefined)} />
      )}
    </section>
  );
}

function sortOf(
  sort: string | undefined,
  sorted: string,
): "ascending" | "descending" | undefined {
  if (sort === undefined || sort !== sorted) return undefined;
  return sort === "name" ? "ascending" : "descending";
}

/** The list, asked for again every other second while it is open. */
function useTopics(query: string): Looks {
  const [looks, setLooks] = useState<Looks>({
    now: undefined,
    before: undefined,
    failure: "",
  });
  useEffect(() => {
    setLooks({ now: undefined, before: undefined, failure: "" });
    const abort = new AbortController();
    let timer: number | undefined;
    const refresh = async (): Promise<void> => {
      try {
        if (!document.hidden) {
          const path = `/api/topics?${query}`;
          const list = await read<TopicList>(path, abort.signal);
          setLooks(({ now }) => ({ now: list, before: now, failure: "" }));
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        setLooks((before) => ({ ...before, failure: explain(error) }));
      }
      timer = setTimeout(() => void refresh(), REFRESH_MS);
    };
    void refresh();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [query]);
  return looks;
}

function rateOf(
  { name, messages }: ListedTopic,
  now: TopicList,
  before: TopicList | undefined,
): number | undefined {
  const earlier = before?.rows.find((row) => row.name === name);
  const seconds = (now.at - (before?.at ?? now.at)) / MS_PER_SECOND;
  if (earlier === undefined || seconds <= 0) return undefined;
  // A topic that has lost its last subscriber begins anew.
  return Math.max(0, messages - earlier.messages) / seconds;
}

function Row({
  row,
  perSecond,
  shards,
}: {
  row: ListedTopic;
  perSecond: number | undefined;
  shards: readonly number[];
}) {
  const byShard = shards.map(
    (index) =>
      row.shards.find(({ shard }) => shard === index)?.subscribers ?? 0,
  );
  const most = Math.max(1, ...byShard);
  return (
    <tr>
      <th scope="row">
        <a href={topicsHref({ topic: row.name })}>
          <bdi>{row.name}</bdi>
        </a>
      </th>
      <td class="number" data-title="subscribers">
        <span class="cell">{count(row.subscribers)}</span>
      </td>
      <td data-title="by shard">
        <span class="by-shard">
          <span class="mini family-open" aria-hidden="true">
            {byShard.map((subscribers, at) => (
              <i
                key={at}
                style={{ height: `${Math.sqrt(subscribers / most) * 14}px` }}
              />
            ))}
          </span>
          {row.shards
            .map(({ shard, subscribers }) => `${shard}: ${count(subscribers)}`)
            .join(", ")}
        </span>
      </td>
      <td class="number" data-title="a second">
        <span class="cell">
          {perSecond === undefined ? "—" : rate(perSecond)}
        </span>
      </td>
      <td class="number" data-title="messages">
        <span class="cell">{count(row.messages)}</span>
      </td>
      <td class="number" data-title="dropped">
        <span class="cell">{count(row.dropped)}</span>
      </td>
    </tr>
  );
}

/** Types a message, says whom it reaches, and publishes it once that is confirmed. */
function Publish({
  topic: given,
  onClosed,
}: {
  topic: string;
  onClosed: () => void;
}) {
  const [done, setDone] = useState<PublishedByHand>();
  const topic = useRef(given);
  if (done !== undefined)
    return (
      <Ask
        key="done"
        title="Published"
        verb="Close"
        isNotice
        act={() => Promise.resolve()}
        onClosed={onClosed}
      >
        <p>
          It was {done.status} to{" "}
          <strong>{plural(done.subscribers.here, "subscriber")}</strong>
          {done.subscribers.cluster !== done.subscribers.here &&
            ` here, ${count(done.subscribers.cluster)} in the cluster`}
          {!done.subscribers.isComplete && ", as far as they could be counted"}.
        </p>
      </Ask>
    );
  return (
    <Ask
      key="form"
      title="Publish a message?"
      verb="Publish"
      act={async (form) => {
        topic.current = textOf(form, "topic");
        const answer = await act("/api/topics/publish", {
          topic: topic.current,
          data: textOf(form, "data"),
        });
        setDone(answer as PublishedByHand);
      }}
      onClosed={onClosed}
      staysOpen
    >
      <p>
        Every subscriber of the topic gets this text, on all shards and
        instances, as if the server had published it. It cannot be taken back.
      </p>
      <label>
        Topic
        <input name="topic" required defaultValue={given} autocomplete="off" />
      </label>
      <label>
        Message
        <textarea name="data" rows={4} />
      </label>
    </Ask>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  return (
    <div class="empty" role="status">
      <p class="big">
        {isFiltered
          ? "Nobody subscribes to such a topic"
          : "Nobody subscribes to a topic"}
      </p>
      <p>
        {isFiltered ? (
          <a href="#/topics">Show all topics</a>
        ) : (
          "A topic is here while it has a subscriber."
        )}
      </p>
    </div>
  );
}
