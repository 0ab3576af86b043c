import type {
  ConnectionFacts,
  ConnectionRow,
  SortPosition,
} from "../../protocol/inspection-messages.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { hideSecrets, hideSecretHeader } from "./redaction.ts";

/** One line about a connection, as of `now` on the shard's clock. */
export function describeRow(
  connection: LiveConnection,
  position: SortPosition,
  shard: number,
  now: number,
): ConnectionRow {
  return {
    id: connection.id,
    position,
    shard,
    state: connection.state,
    path: connection.head?.path ?? "",
    remoteAddress: connection.remoteAddress,
    ageMs: now - bornAt(connection),
    inStateMs: now - connection.enteredAt,
    messagesIn: connection.messagesIn,
    messagesOut: connection.messagesOut,
    bytesIn: connection.bytesIn,
    bytesOut: connection.bytesOut,
    bufferedBytes: connection.bufferedBytes,
    handlersInFlight: connection.inbox.pending,
  };
}

/** Everything the inspector shows of one connection; secrets are left out here, before they leave the thread. */
export function describeConnection(
  connection: LiveConnection,
  shard: number,
  now: number,
  actorState?: string,
): ConnectionFacts {
  const { head, deadline, closeStatus, number } = connection;
  return {
    ...describeRow(connection, { value: number, number }, shard, now),
    url: head === null ? "" : hideSecrets(head.target),
    subprotocol: connection.subprotocol,
    actorState,
    isCompressed: connection.compressor !== null,
    headers: Object.entries(head?.headers ?? {}).map(hideSecretHeader),
    deadlineInMs: Number.isFinite(deadline)
      ? Math.max(0, deadline - now)
      : undefined,
    closeStatus,
  };
}

/** When it opened, or else when it entered the state it is in. */
export function bornAt({ openedAt, enteredAt }: LiveConnection): number {
  return openedAt === 0 ? enteredAt : openedAt;
}
