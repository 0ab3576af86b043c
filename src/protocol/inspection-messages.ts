/** What a list of connections can be sorted by. */
export const sortKeys = [
  "age",
  "state",
  "inState",
  "path",
  "address",
  "messagesIn",
  "messagesOut",
  "bytesIn",
  "bytesOut",
  "buffered",
] as const;
export type SortKey = (typeof sortKeys)[number];

/**
 * Where a row stands in an order: its value, and its number among equals. The
 * value does not change by the passing of time alone, so that a page can begin
 * where the one before it ended.
 */
export interface SortPosition {
  readonly value: string | number;
  readonly number: number;
}

/** Which connections are wanted; all given conditions hold. */
export interface ConnectionFilter {
  /** A state or a parent of states: `open` is every `open.…`. */
  readonly state?: string;
  /** Start of the request path. */
  readonly path?: string;
  /** Start of the remote address. */
  readonly address?: string;
  /** A topic that it subscribes to. */
  readonly topic?: string;
  readonly olderThanMs?: number;
  readonly youngerThanMs?: number;
}

/** One page of connections, asked of every shard alike. */
export interface PageQuery {
  readonly filter: ConnectionFilter;
  readonly sort: SortKey;
  readonly isDescending: boolean;
  /** Rows behind this one in the order asked for; undefined from the start. */
  readonly after: SortPosition | undefined;
  readonly limit: number;
}

/** One connection in a list. */
export interface ConnectionRow {
  readonly id: string;
  /** Where it stands in the order that was asked for. */
  readonly position: SortPosition;
  readonly shard: number;
  readonly state: string;
  /** Empty until the request has been read. */
  readonly path: string;
  readonly remoteAddress: string;
  /** Since it opened; since its state was entered where it has not. Milliseconds. */
  readonly ageMs: number;
  readonly inStateMs: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** On the socket, framing included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly bufferedBytes: number;
  readonly handlersInFlight: number;
}

/** A page of one shard, or of all of them once merged. */
export interface ConnectionPage {
  readonly rows: readonly ConnectionRow[];
  /** Connections that match, on all pages. */
  readonly matching: number;
}

/** One connection, with what a list has no room for. */
export interface ConnectionFacts extends ConnectionRow {
  /** The request target, its query included. */
  readonly url: string;
  readonly subprotocol: string;
  /** State of its own actor, where handlers run a machine. */
  readonly actorState: string | undefined;
  readonly isCompressed: boolean;
  /** Of the request, in the order they came; what is secret has lost its value. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Milliseconds until it is forced, once it is closing. */
  readonly deadlineInMs: number | undefined;
  /** What it was told, or told us, when it began to close. */
  readonly closeStatus: {
    readonly code: number;
    readonly reason: string;
  } | null;
}

/** What a list of topics can be sorted by; numbers with the largest first. */
export const topicSortKeys = [
  "subscribers",
  "messages",
  "dropped",
  "name",
] as const;
export type TopicSortKey = (typeof topicSortKeys)[number];

/** The first topics in an order, or those with the names given. */
export interface TopicQuery {
  /** How their names begin. */
  readonly prefix: string;
  readonly names: readonly string[] | undefined;
  readonly sort: TopicSortKey;
  readonly limit: number;
}

/** A topic, as one shard has it. */
export interface TopicRow {
  readonly name: string;
  readonly subscribers: number;
  /** Messages that have come to it since it has subscribers there. */
  readonly messages: number;
  /** How often one was left out for a subscriber that was slow. */
  readonly dropped: number;
}

/** The first topics of one shard. */
export interface TopicPage {
  readonly rows: readonly TopicRow[];
  /** All that match, on this shard. */
  readonly matching: number;
}

/** The actors of one shard, where handlers run a machine. */
export interface ActorsOverview {
  /** The machine's drawing, a packed chart as JSON. */
  readonly chart: string;
  readonly population: readonly (readonly [state: string, count: number])[];
}

/** One transition of a followed connection. */
export interface FollowedTransition {
  readonly number: number;
  /** Of the connection's machine, or of the one that its handlers run. */
  readonly machine: "connection" | "actor";
  /** Epoch milliseconds. */
  readonly at: number;
  readonly event: string;
  readonly from: string | undefined;
  readonly to: string;
  readonly isFinal: boolean;
  /** By name, parameters in parentheses. */
  readonly actions: readonly string[];
  /** In the state that was left, milliseconds. */
  readonly spentMs: number;
}

/** Main asks, a shard answers once. */
export type InspectRequest =
  | { readonly type: "page"; readonly query: PageQuery }
  | { readonly type: "topics"; readonly query: TopicQuery }
  | { readonly type: "connection"; readonly number: number }
  | {
      readonly type: "close";
      readonly number: number;
      readonly code: number;
      readonly reason: string;
    }
  /** From now on, or no longer, each transition of the connection is told, wherever it is at the moment. */
  | {
      readonly type: "follow";
      readonly number: number;
      readonly isFollowed: boolean;
    }
  /** How the machine that handlers run is drawn, and who is where in it. */
  | { readonly type: "actors" }
  /** Somebody looks, or nobody does any more: the costlier gauges are kept only then. */
  | { readonly type: "watch"; readonly isWatched: boolean };

/** What a shard finds; `undefined` where it has no such connection. */
export interface InspectResult {
  page: ConnectionPage;
  topics: TopicPage;
  connection: ConnectionFacts | undefined;
  /** False when it is closing already. */
  close: boolean | undefined;
  follow: ConnectionFacts | undefined;
  /** Undefined where handlers run no machine. */
  actors: ActorsOverview | undefined;
  watch: undefined;
}

/** Compares two topics in an order; names decide among equals. */
export function compareTopics(
  a: TopicRow,
  b: TopicRow,
  sort: TopicSortKey,
): number {
  if (sort !== "name" && a[sort] !== b[sort]) return b[sort] - a[sort];
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/**
 * Compares two rows of a list; numbers decide among equals, so no two rows are
 * equal and a page can begin behind any row.
 */
export function comparePositions(a: SortPosition, b: SortPosition): number {
  if (a.value === b.value) return a.number - b.number;
  return a.value < b.value ? -1 : 1;
}
