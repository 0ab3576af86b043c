import type { ConnectionRecord } from "./handler-records.ts";
import type { HttpAnswer, InspectorCall } from "./http-exchange.ts";
import type { Law } from "./law.ts";
import type { Monitor } from "./monitor.ts";
import type { SimCaller } from "./sim-caller.ts";

/** At its end a server gives whoever reads so long for the last word, and cuts then. */
const LAST_WORD_MS = 100;
/** A shard that does not answer is waited for so long; on top of it come turns of loops and late timers. */
const ANSWER_MS = 2_000 + 500;
/** What an ordinary answer says: done, begun, or why not. */
const STATUSES: readonly number[] = [
  200, 202, 400, 403, 404, 405, 409, 413, 415, 421, 422, 503,
];
/** A line of the metrics (Prometheus text format 0.0.4). */
const METRIC =
  /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="(?:[^"\\]|\\.)*"(?:,\w+="(?:[^"\\]|\\.)*")*\})? (?:-?[\d.]+(?:e[+-]?\d+)?|\+Inf|-Inf|NaN))$/;
/** Loads nothing from elsewhere, is kept and framed nowhere. */
const GUARDS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** What is read of an answer's JSON, wherever it stands. */
interface Figures {
  readonly [name: string]: number;
}

interface StatusFigures {
  readonly at: number;
  readonly server: { readonly state: string };
  readonly connections: number;
  readonly ledger: Record<
    "accepted" | "upgrading" | "probes" | "opened" | "live",
    number
  > & { readonly outcomes: Figures };
  readonly shards: readonly {
    readonly shard: number;
    readonly connections: number;
    readonly states: Figures;
  }[];
  readonly handover: { readonly inTransit: number };
  readonly report: object | undefined;
}

interface ListFigures {
  readonly rows: readonly { readonly id: string; readonly shard: number }[];
  readonly matching: number;
  readonly next: string | undefined;
  readonly unanswered: readonly number[];
}

/** An event of a stream. */
interface StreamEvent {
  readonly event: string;
  readonly data: unknown;
}

/** What holds of the inspector's API, whatever becomes of the server behind it. */
export const inspectorLaws: Readonly<Record<string, Law>> = {
  *"the inspector answers every call"({ callers }) {
    for (const { asked, end, endedAt, taker } of callers) {
      if (end === "pending") yield `${asked}: nothing has come of it`;
      if (end !== "cut") continue;
      if (taker === undefined || !taker.hasEnded)
        yield `${asked}: it was broken off`;
      else if (endedAt + LAST_WORD_MS < taker.endedAt)
        yield `${asked}: it was broken off ${Math.round(taker.endedAt - endedAt)} ms before ${taker.name} ended`;
    }
  },

  *"the inspector answers at once what only looks"({ callers }) {
    for (const { asked, call, end, sentAt, endedAt, wasHeld } of callers) {
      if (end !== "answered" || wasHeld) continue;
      if (call.method !== "GET" || call.leaveAfterMs !== undefined) continue;
      // What is asked of NATS takes as long as that is waited for.
      if (call.path === "/api/instances") continue;
      if (endedAt - sentAt > ANSWER_MS)
        yield `${asked}: the answer took ${Math.round(endedAt - sentAt)} ms`;
    }
  },

  *"what the inspector says is well formed"({ callers }) {
    for (const { asked, fault, answer, end, call } of callers) {
      if (fault !== undefined) yield `${asked}: ${fault}`;
      if (answer === undefined || end !== "answered") continue;
      for (const what of faultsOf(answer, call)) yield `${asked}: ${what}`;
    }
  },

  *"a mistaken call of the inspector is refused"({ callers }) {
    for (const { asked, call, answer, end } of callers) {
      const { refusedWith } = call;
      if (refusedWith === undefined || end !== "answered") continue;
      if (answer?.status !== refusedWith)
        yield `${asked}: the answer is ${answer?.status}, not ${refusedWith}: ${answer?.body.toString().slice(0, 80)}`;
    }
  },

  *"the inspector's figures add up"({ callers }) {
    for (const { asked, ...caller } of callers.map(withJson)) {
      if (caller.path !== "/api/status" || caller.status !== 200) continue;
      const status = caller.json as StatusFigures;
      for (const what of faultsOfFigures(status)) yield `${asked}: ${what}`;
    }
  },

  *"the inspector lists who is there, once"({ callers, monitor }) {
    for (const caller of callers) {
      const { path, status, json } = withJson(caller);
      if (!path.startsWith("/api/connections?") && path !== "/api/connections")
        continue;
      if (status !== 200) continue;
      const list = json as ListFigures;
      for (const what of faultsOfList(list, caller, monitor))
        yield `${caller.asked}: ${what}`;
    }
  },

  *"who watches a server hears everything in order, and how it ended"({
    callers,
  }) {
    for (const { asked, call, answer, end, taker } of callers) {
      if (call.path !== "/api/events" || answer?.status !== 200) continue;
      const events = readEvents(answer);
      const ids = events
        .filter(({ event }) => event === "happening")
        .map(({ data }) => (data as { id: number }).id);
      const late = ids.findIndex(
        (id, at) => at > 0 && id <= (ids[at - 1] as number),
      );
      if (late !== -1) yield `${asked}: ${ids[late]} came behind a later one`;
      // Whoever is let go by a process that leaves finds the next.
      const report = taker?.server?.successor === undefined && taker?.report;
      if (end !== "answered" || !report) continue;
      const last = events.findLast(({ event }) => event === "status")?.data as
        StatusFigures | undefined;
      if (last?.server.state !== "terminated")
        yield `${asked}: the last that came of ${taker.name} is ${last?.server.state}`;
      else if (JSON.stringify(last.report) !== JSON.stringify(report))
        yield `${asked}: the report is ${JSON.stringify(last.report)}, and was ${JSON.stringify(report)}`;
    }
  },

  *"who follows a connection hears each of its transitions, in order"({
    callers,
  }) {
    for (const { asked, call, answer } of callers) {
      if (!call.path.endsWith("/events") || call.path === "/api/events")
        continue;
      if (answer?.status !== 200) continue;
      const [first, ...rest] = readEvents(answer);
      if (first !== undefined && first.event !== "facts")
        yield `${asked}: the first that came is ${first.event}`;
      let state: string | undefined;
      for (const { event, data } of rest) {
        if (event !== "transition") continue;
        const { from, to } = data as { from?: string; to: string };
        if (state !== undefined && from !== undefined && from !== state)
          yield `${asked}: it went from ${from}, and had gone to ${state}`;
        state = to;
      }
    }
  },
};

function withJson(caller: SimCaller): {
  readonly asked: string;
  readonly path: string;
  readonly status: number | undefined;
  readonly json: unknown;
} {
  const { asked, call, answer, end } = caller;
  const isJson =
    end === "answered" &&
    call.method !== "HEAD" &&
    answer?.headers["content-type"]?.startsWith("application/json") === true;
  return {
    asked,
    path: call.path,
    status: isJson ? answer.status : undefined,
    json: isJson ? jsonOf(answer.body) : undefined,
  };
}

/** @returns `undefined` where it is none */
function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}

function* faultsOf(
  answer: HttpAnswer,
  { method, path }: InspectorCall,
): Iterable<string> {
  const { status, headers, body } = answer;
  if (!STATUSES.includes(status)) yield `the answer is ${status}`;
  for (const [name, value] of Object.entries(GUARDS))
    if (headers[name] !== value) yield `${name} is ${headers[name]}`;
  if (status === 405 && headers["allow"] === undefined)
    yield "nothing is said to be allowed";
  const type = headers["content-type"] ?? "nothing";
  if (method === "HEAD") return;
  if (type.startsWith("application/json")) {
    const json = jsonOf(body);
    if (json === undefined) yield `it is no JSON: ${body.toString()}`;
    const why = (json as { error?: unknown } | undefined)?.error;
    // What is asked by probes is said in the body, whatever it is.
    if (path === "/readyz") return;
    if (status >= 400 && (typeof why !== "string" || why === ""))
      yield `it does not say why: ${body.toString()}`;
  } else if (type.startsWith("text/plain")) {
    const lines = body.toString().split("\n");
    if (lines.pop() !== "") yield "its last line does not end";
    const wrong = lines.find((line) => line !== "" && !METRIC.test(line));
    if (wrong !== undefined) yield `it is no metric: ${wrong}`;
  } else if (type !== "text/event-stream") yield `it is ${type}`;
}

function* faultsOfFigures({
  connections,
  ledger,
  shards,
  server,
  handover,
  report,
}: StatusFigures): Iterable<string> {
  const { accepted, upgrading, probes, opened, live, outcomes } = ledger;
  const rejected = outcomes["rejected"] ?? Number.NaN;
  if (accepted !== rejected + probes + opened + upgrading)
    yield `${accepted} were accepted: ${rejected} rejected, ${probes} probes, ${opened} opened, ${upgrading} upgrading`;
  if (connections !== live) yield `${connections} connections, ${live} live`;
  for (const [name, count] of Object.entries({ ...outcomes, live, upgrading }))
    if (!(count >= 0)) yield `${name} is ${count}`;
  for (const { shard, connections: own, states } of shards) {
    const open = sumOf(states, (state) => !isUpgrading(state));
    if (open !== own)
      yield `shard ${shard}: ${own} connections, ${open} by state`;
  }
  const onShards = shards.reduce((sum, each) => sum + each.connections, 0);
  const arriving = shards.reduce(
    (sum, { states }) => sum + sumOf(states, isUpgrading),
    0,
  );
  // One that was handed to a thread is counted there once that has taken it.
  if (arriving > upgrading)
    yield `${upgrading} upgrading, ${arriving} on shards`;
  const elsewhere = live - onShards;
  if (elsewhere < 0 || elsewhere > handover.inTransit)
    yield `${live} live, ${onShards} on shards, ${handover.inTransit} between two`;
  if ((report !== undefined) !== (server.state === "terminated"))
    yield `the server is ${server.state}, and ${report === undefined ? "no" : "a"} report is there`;
}

/** Not counted among a shard's connections until it has opened. */
function isUpgrading(state: string): boolean {
  return state.startsWith("upgrading");
}

function sumOf(states: Figures, isMeant: (state: string) => boolean): number {
  return Object.entries(states)
    .filter(([state]) => isMeant(state))
    .reduce((sum, [, count]) => sum + count, 0);
}

function* faultsOfList(
  { rows, matching, next, unanswered }: ListFigures,
  { sentAt, endedAt, taker, call }: SimCaller,
  monitor: Monitor,
): Iterable<string> {
  const ids = rows.map(({ id }) => id);
  if (new Set(ids).size < ids.length)
    yield `one is there twice: ${ids.join(" ")}`;
  if (matching < rows.length) yield `${matching} match, ${rows.length} shown`;
  if (next === undefined && matching > rows.length)
    yield `${matching} match, ${rows.length} are shown, and no next page`;
  const lineage = taker?.lineage;
  for (const record of monitor.records.values()) {
    const { calls, end, departures } = record;
    if (lineageOf(record) !== lineage) continue;
    const id = record.id.split(" ")[0] as string;
    if (ids.includes(id)) {
      if ((end?.at ?? Infinity) < sentAt)
        yield `${id} is there, and had ended ${Math.round(sentAt - (end?.at ?? 0))} ms before`;
      continue;
    }
    // Who was there all the while, in one place, in the sight of whoever was asked.
    const thread = calls.at(-1)?.thread;
    const wasThere =
      (calls[0]?.begunAt ?? Infinity) < sentAt &&
      (end?.at ?? Infinity) > endedAt &&
      departures.every(({ at }) => at < sentAt - ANSWER_MS || at > endedAt);
    if (!wasThere || thread === undefined || thread.isDead) continue;
    const isSeen = thread.home === taker && unanswered.length === 0;
    if (isSeen && call.path === "/api/connections" && next === undefined)
      yield `${id} is missing`;
  }
}

function lineageOf({ calls }: ConnectionRecord): string | undefined {
  return calls[0]?.thread?.home?.lineage;
}

/** The events that have come as a whole (HTML, 9.2.5). @throws Error for what is none */
function readEvents({ body }: HttpAnswer): StreamEvent[] {
  const blocks = body.toString().split("\n\n").slice(0, -1);
  return blocks.map((block) => {
    const [, event, data] = /^event: (\w+)\ndata: (.+)$/.exec(block) ?? [];
    if (event === undefined || data === undefined)
      throw new Error(`this is no event: ${block.slice(0, 80)}`);
    return { event, data: JSON.parse(data) as unknown };
  });
}
