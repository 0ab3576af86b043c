import { connectionTable } from "../machines/connection-table.ts";
import {
  comparePositions,
  type ConnectionPage,
  type ConnectionRow,
  type PageQuery,
  type SortPosition,
  sortKeys,
} from "../protocol/inspection-messages.ts";
import type { ConnectionList } from "./api.ts";
import { CallError } from "./call-error.ts";
import { MAX_TOPIC_LENGTH } from "./topics.ts";
import { type Fields, readInteger, readText, readWord } from "./fields.ts";
import type { InspectRequests } from "./inspect-requests.ts";
import {
  type InspectedServer,
  type InspectedShard,
  readShard,
  shardAt,
} from "./inspected-server.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const MAX_AGE_MS = Number.MAX_SAFE_INTEGER;

/** Fields of a query for connections. */
export const listFields = [
  "state",
  "shard",
  "path",
  "address",
  "topic",
  "olderThanMs",
  "youngerThanMs",
  "sort",
  "order",
  "after",
  "limit",
] as const;

/** What a state can be asked for by: the states and their parents. */
const stateNames = [
  ...new Set(
    connectionTable.states
      .filter(({ isFinal }) => !isFinal)
      .flatMap(({ name }) => [name.split(".")[0] as string, name]),
  ),
];

/**
 * Lists connections: every shard gives its page, and of those the first rows
 * are the page of all. None is asked for more than that.
 */
export async function listConnections(
  server: InspectedServer,
  requests: InspectRequests,
  fields: Fields,
): Promise<ConnectionList> {
  const query = readQuery(fields);
  const index = readShard(fields, server);
  const asked =
    index === undefined
      ? server.shards
      : [shardAt(server, index) as InspectedShard];
  const { answers, unanswered } = await requests.askAll<"page">(asked, {
    type: "page",
    query,
  });
  const pages = answers.map(({ findings }) => findings);
  return merge(pages, query, unanswered);
}

function readQuery(fields: Fields): PageQuery {
  const state = readWord(fields, "state", stateNames);
  const path = readText(fields, "path");
  const address = readText(fields, "address", { maxLength: 64 });
  const topic = readText(fields, "topic", { maxLength: MAX_TOPIC_LENGTH });
  const olderThanMs = readInteger(fields, "olderThanMs", 0, MAX_AGE_MS);
  const youngerThanMs = readInteger(fields, "youngerThanMs", 0, MAX_AGE_MS);
  const after = readText(fields, "after", { maxLength: 2048 });
  return {
    filter: {
      ...(state !== undefined && { state }),
      ...(path !== undefined && { path }),
      ...(address !== undefined && { address }),
      ...(topic !== undefined && { topic }),
      ...(olderThanMs !== undefined && { olderThanMs }),
      ...(youngerThanMs !== undefined && { youngerThanMs }),
    },
    sort: readWord(fields, "sort", sortKeys) ?? "age",
    isDescending:
      readWord(fields, "order", ["ascending", "descending"]) === "descending",
    after: after === undefined ? undefined : decodePosition(after),
    // One more than is shown, which tells whether there is a next page.
    limit: (readInteger(fields, "limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT) + 1,
  };
}

function merge(
  pages: readonly ConnectionPage[],
  { isDescending, limit }: PageQuery,
  unanswered: readonly number[],
): ConnectionList {
  const direction = isDescending ? -1 : 1;
  const rows = pages
    .flatMap((page) => page.rows)
    .toSorted((a, b) => direction * comparePositions(a.position, b.position));
  const shown = rows.slice(0, limit - 1);
  const last = shown.at(-1);
  const hasMore = rows.length > shown.length && last !== undefined;
  return {
    rows: shown.map(withoutPosition),
    matching: pages.reduce((sum, page) => sum + page.matching, 0),
    next: hasMore ? encodePosition(last.position) : undefined,
    unanswered,
  };
}

function withoutPosition({
  position: _,
  ...row
}: ConnectionRow): Omit<ConnectionRow, "position"> {
  return row;
}

function encodePosition({ value, number }: SortPosition): string {
  return Buffer.from(JSON.stringify([value, number])).toString("base64url");
}

function decodePosition(text: string): SortPosition {
  try {
    const [value, number]: unknown[] = JSON.parse(
      Buffer.from(text, "base64url").toString("utf8"),
    ) as unknown[];
    if (
      (typeof value === "string" || typeof value === "number") &&
      typeof number === "number"
    )
      return { value, number };
  } catch {
    // Said below, as for JSON of another kind.
  }
  throw new CallError(400, "after: takes what a page gave as next");
}
