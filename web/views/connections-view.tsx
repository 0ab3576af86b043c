import { useEffect, useMemo, useState } from "preact/hooks";
import type {
  ConnectionList,
  ListedConnection,
  Status,
} from "../../src/admin/api.ts";
import { charts } from "../../src/diagrams/charts.ts";
import { explain, read } from "../api.ts";
import { bytes, count, duration } from "../format.ts";
import { familyOf } from "../parts/bars.tsx";
import { textOf } from "../parts/ask.tsx";
import { CloseDialog } from "../parts/close-dialog.tsx";
import { connectionsHref, type Route } from "../route.ts";

const PAGE_SIZE = 50;
const MANY = 1_000;
/** Every look goes through all connections of the shards: the more there are, the seldomer. */
const REFRESH_MS = { few: 2_000, many: 5_000 } as const;
const REFRESHED_AS_MANY = 5_000;

const states = charts.connection.graph.states.filter(
  ({ kind }) => kind !== "final",
);
const ages = [
  { label: "any age", value: "" },
  { label: "older than 1 min", value: "60000" },
  { label: "older than 10 min", value: "600000" },
  { label: "older than 1 h", value: "3600000" },
  { label: "older than 1 day", value: "86400000" },
] as const;

interface Column {
  /** What it is sorted by; undefined where it cannot be. */
  readonly sort: string | undefined;
  readonly title: string;
  readonly isNumber: boolean;
  readonly show: (row: ListedConnection) => string;
}

const columns: readonly Column[] = [
  { sort: "state", title: "state", isNumber: false, show: (row) => row.state },
  {
    sort: undefined,
    title: "shard",
    isNumber: false,
    show: (row) => String(row.shard),
  },
  {
    sort: "path",
    title: "path",
    isNumber: false,
    show: (row) => row.path || "—",
  },
  {
    sort: "address",
    title: "address",
    isNumber: false,
    show: (row) => row.remoteAddress,
  },
  {
    sort: "age",
    title: "age",
    isNumber: true,
    show: (row) => duration(row.ageMs),
  },
  {
    sort: "inState",
    title: "in state",
    isNumber: true,
    show: (row) => duration(row.inStateMs),
  },
  {
    sort: "messagesIn",
    title: "msgs in",
    isNumber: true,
    show: (row) => count(row.messagesIn),
  },
  {
    sort: "messagesOut",
    title: "msgs out",
    isNumber: true,
    show: (row) => count(row.messagesOut),
  },
  {
    sort: "buffered",
    title: "buffered",
    isNumber: true,
    show: (row) => bytes(row.bufferedBytes),
  },
];

interface Page {
  readonly list: ConnectionList | undefined;
  readonly failure: string;
}

/** Connections: filtered, sorted, one page at a time, whatever their number. */
export function ConnectionsView({
  status,
  route,
}: {
  status: Status;
  route: Route;
}) {
  const filters = useMemo(
    () => Object.fromEntries(route.query),
    [route],
  ) as Readonly<Record<string, string | undefined>>;
  /** Where the pages up to this one began. */
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [closing, setClosing] = useState<string>();
  useEffect(() => setCursors([]), [filters]);
  const { list, failure } = usePage(filters, cursors.at(-1));
  const change = (name: string, value: string): void => {
    location.hash = connectionsHref({ ...filters, [name]: value });
  };
  const first = cursors.length * PAGE_SIZE + 1;
  return (
    <section aria-labelledby="connections-title">
      <h2 id="connections-title">Connections</h2>
      <Filters status={status} filters={filters} onChange={change} />
      {failure !== "" && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {list?.unanswered.map((shard) => (
        <p key={shard} class="failure" role="alert">
          Shard {shard} does not answer: its connections are not in the list.
        </p>
      ))}
      {list !== undefined && list.rows.length === 0 && (
        <Nothing isFiltered={[...route.query.keys()].length > 0} />
      )}
      {list !== undefined && list.rows.length > 0 && (
        <>
          <div class="scroller">
            <table class="list">
              <thead>
                <tr>
                  <th scope="col">id</th>
                  {columns.map((column) => (
                    <Heading
                      key={column.title}
                      column={column}
                      filters={filters}
                    />
                  ))}
                  <th scope="col">
                    <span class="unseen">actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.rows.map((row) => (
                  <Row key={row.id} row={row} onClose={setClosing} />
                ))}
              </tbody>
            </table>
          </div>
          <div class="pager">
            <span role="status">
              {count(first)} to {count(first + list.rows.length - 1)} of{" "}
              <strong>{count(list.matching)}</strong>
              {list.matching > MANY && (
                <span class="faint"> · narrow them down with the filters</span>
              )}
            </span>
            <button
              type="button"
              disabled={cursors.length === 0}
              onClick={() => setCursors([])}
            >
              First
            </button>
            <button
              type="button"
              disabled={cursors.length === 0}
              onClick={() => setCursors(cursors.slice(0, -1))}
            >
              Previous
            </button>
            <button
              type="button"
              disabled={list.next === undefined}
              onClick={() => setCursors([...cursors, list.next as string])}
            >
              Next
            </button>
          </div>
        </>
      )}
      {closing !== undefined && (
        <CloseDialog id={closing} onClosed={() => setClosing(undefined)} />
      )}
    </section>
  );
}

/** A page, asked for again every other second while it is open. */
function usePage(
  filters: Readonly<Record<string, string | undefined>>,
  cursor: string | undefined,
): Page {
  const [page, setPage] = useState<Page>({ list: undefined, failure: "" });
  useEffect(() => {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    for (const [name, value] of Object.entries(filters))
      if (value !== undefined) query.set(name, value);
    if (cursor !== undefined) query.set("after", cursor);
    const abort = new AbortController();
    let timer: number | undefined;
    let pauseMs: number = REFRESH_MS.few;
    const refresh = async (): Promise<void> => {
      if (!document.hidden) {
        try {
          const list = await read<ConnectionList>(
            `/api/connections?${query}`,
            abort.signal,
          );
          setPage({ list, failure: "" });
          pauseMs =
            list.matching > REFRESHED_AS_MANY
              ? REFRESH_MS.many
              : REFRESH_MS.few;
        } catch (error) {
          if (abort.signal.aborted) return;
          setPage(({ list }) => ({ list, failure: explain(error) }));
        }
      }
      timer = setTimeout(() => void refresh(), pauseMs);
    };
    void refresh();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [filters, cursor]);
  return page;
}

function Filters({
  status,
  filters,
  onChange,
}: {
  status: Status;
  filters: Readonly<Record<string, string | undefined>>;
  onChange: (name: string, value: string) => void;
}) {
  const onField = (event: Event): void => {
    const field = event.currentTarget as HTMLInputElement | HTMLSelectElement;
    onChange(field.name, field.value);
  };
  const findId = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const id = textOf(form, "id").trim();
    if (id !== "") location.hash = `#/connections/${encodeURIComponent(id)}`;
  };
  return (
    <div class="filters">
      <label>
        State
        <select name="state" value={filters["state"] ?? ""} onChange={onField}>
          <option value="">any</option>
          {states.map(({ id, parent }) => (
            <option key={id} value={id}>
              {parent === undefined ? id : `\u00a0\u00a0${id}`}
            </option>
          ))}
        </select>
      </label>
      <label>
        Shard
        <select name="shard" value={filters["shard"] ?? ""} onChange={onField}>
          <option value="">any</option>
          {status.shards.map(({ shard }) => (
            <option key={shard} value={shard}>
              {shard}
            </option>
          ))}
        </select>
      </label>
      {/* Not controlled: the page renders twice a second, also while somebody types. */}
      <label>
        Path starts with
        <input
          key={filters["path"]}
          name="path"
          defaultValue={filters["path"] ?? ""}
          placeholder="/chat"
          onChange={onField}
        />
      </label>
      <label>
        Address starts with
        <input
          key={filters["address"]}
          name="address"
          defaultValue={filters["address"] ?? ""}
          placeholder="10.0."
          onChange={onField}
        />
      </label>
      <label>
        Topic
        <input
          key={filters["topic"]}
          name="topic"
          defaultValue={filters["topic"] ?? ""}
          placeholder="any"
          onChange={onField}
        />
      </label>
      <label>
        Age
        <select
          name="olderThanMs"
          value={filters["olderThanMs"] ?? ""}
          onChange={onField}
        >
          {ages.map(({ label, value }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <form onSubmit={findId}>
        <label>
          Find by id
          <input name="id" placeholder="c42" autocomplete="off" />
        </label>
      </form>
    </div>
  );
}

function Heading({
  column: { sort, title, isNumber },
  filters,
}: {
  column: Column;
  filters: Readonly<Record<string, string | undefined>>;
}) {
  const isSorted = (filters["sort"] ?? "age") === sort;
  const isDescending = filters["order"] === "descending";
  const order = isSorted && !isDescending ? "descending" : "ascending";
  const sorted = isDescending ? "descending" : "ascending";
  return (
    <th
      scope="col"
      class={isNumber ? "number" : ""}
      aria-sort={isSorted ? sorted : undefined}
    >
      {sort === undefined ? (
        title
      ) : (
        <a href={connectionsHref({ ...filters, sort, order })}>
          {title}
          {isSorted && (
            <span aria-hidden="true">{isDescending ? " ↓" : " ↑"}</span>
          )}
        </a>
      )}
    </th>
  );
}

function Row({
  row,
  onClose,
}: {
  row: ListedConnection;
  onClose: (id: string) => void;
}) {
  return (
    <tr class={`family-${familyOf(row.state)}`}>
      <th scope="row">
        <a href={`#/connections/${row.id}`}>{row.id}</a>
      </th>
      {columns.map(({ title, isNumber, show }) => (
        <td key={title} class={isNumber ? "number" : ""} data-title={title}>
          {title === "state" ? (
            <span class="chip">{show(row)}</span>
          ) : (
            <span class="cell">{show(row)}</span>
          )}
        </td>
      ))}
      <td class="actions">
        <button
          type="button"
          class="quiet"
          disabled={!row.state.startsWith("open")}
          aria-label={`Close ${row.id}`}
          onClick={() => onClose(row.id)}
        >
          Close…
        </button>
      </td>
    </tr>
  );
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  return (
    <div class="empty" role="status">
      <p class="big">
        {isFiltered ? "No connection is like that" : "Nobody is connected"}
      </p>
      <p>
        {isFiltered ? (
          <a href="#/connections">Show all connections</a>
        ) : (
          "Connections show up here as they come."
        )}
      </p>
    </div>
  );
}
