import {
  comparePositions,
  type ConnectionFilter,
  type ConnectionPage,
  type PageQuery,
  type SortKey,
  type SortPosition,
} from "../../protocol/inspection-messages.ts";
import { bornAt, describeRow } from "./connection-facts.ts";
import type { LiveConnection } from "../connection/connection.ts";

import { BATCH, nextTurn } from "./batches.ts";

interface Candidate {
  readonly connection: LiveConnection;
  readonly position: SortPosition;
}

/**
 * One page of connections, in the order asked for. All are looked at, but no
 * more than a page is kept, whatever their number.
 *
 * @param now - Reads the clock of the shard.
 */
export async function listConnections(
  connections: Iterable<LiveConnection>,
  query: PageQuery,
  shard: number,
  now: () => number,
): Promise<ConnectionPage> {
  const { filter, after, isDescending, limit } = query;
  const direction = isDescending ? -1 : 1;
  const isBefore = (a: SortPosition, b: SortPosition): boolean =>
    direction * comparePositions(a, b) < 0;
  const startedAt = now();
  const page: Candidate[] = [];
  let seen = 0;
  let matching = 0;
  for (const connection of connections) {
    if (++seen % BATCH === 0) await nextTurn();
    if (!matches(connection, filter, startedAt)) continue;
    matching++;
    const position = {
      value: sortValue(connection, query.sort),
      number: connection.number,
    };
    if (after !== undefined && !isBefore(after, position)) continue;
    const last = page[limit - 1];
    if (last !== undefined && !isBefore(position, last.position)) continue;
    insert(page, { connection, position }, isBefore);
    if (page.length > limit) page.pop();
  }
  const rows = page.map(({ connection, position }) =>
    describeRow(connection, position, shard, now()),
  );
  return { rows, matching };
}

/** Puts a candidate where it belongs, by binary search. */
function insert(
  page: Candidate[],
  candidate: Candidate,
  isBefore: (a: SortPosition, b: SortPosition) => boolean,
): void {
  let low = 0;
  let high = page.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { position } = page[middle] as Candidate;
    if (isBefore(position, candidate.position)) low = middle + 1;
    else high = middle;
  }
  page.splice(low, 0, candidate);
}

function matches(
  connection: LiveConnection,
  filter: ConnectionFilter,
  now: number,
): boolean {
  const { state, path, address, olderThanMs, youngerThanMs } = filter;
  const { name } = connection.lifecycle;
  if (state !== undefined && name !== state && !name.startsWith(`${state}.`))
    return false;
  if (address !== undefined && !connection.remoteAddress.startsWith(address))
    return false;
  const ageMs = now - bornAt(connection);
  if (olderThanMs !== undefined && ageMs <= olderThanMs) return false;
  if (youngerThanMs !== undefined && ageMs >= youngerThanMs) return false;
  // Read off the request's text, hence last.
  return path === undefined || (connection.head?.path ?? "").startsWith(path);
}

/** Times are taken as points in time, so that the order does not change with the clock. */
function sortValue(connection: LiveConnection, key: SortKey): string | number {
  switch (key) {
    case "age":
      return -bornAt(connection);
    case "inState":
      return -connection.enteredAt;
    case "state":
      return connection.state;
    case "path":
      return connection.head?.path ?? "";
    case "address":
      return connection.remoteAddress;
    case "messagesIn":
      return connection.messagesIn;
    case "messagesOut":
      return connection.messagesOut;
    case "bytesIn":
      return connection.bytesIn;
    case "bytesOut":
      return connection.bytesOut;
    case "buffered":
      return connection.bufferedBytes;
  }
  return key satisfies never;
}
