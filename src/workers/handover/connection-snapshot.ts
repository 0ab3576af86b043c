import type { ConnectionSnapshot } from "../../protocol/handover-messages.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { compress } from "../connection/compress.ts";
import { RequestHead } from "../handshake/request-head.ts";
import type { AddressLimit } from "../handshake/address-limit.ts";
import { RateLimiter } from "../connection/rate-limiter.ts";
import type { ShardTopics } from "../topics/shard-topics.ts";
import type { Move } from "./move.ts";

/** Where snapshot is packed and unpacked. */
export interface SnapshotHost {
  readonly addressLimit: AddressLimit | null;
  readonly topics: ShardTopics;
}

/** Everything that a connection is, taken out of its object. */
export function captureConnection(
  connection: LiveConnection,
  move: Move,
  { addressLimit, topics }: SnapshotHost,
): ConnectionSnapshot {
  const { compressor, head } = connection;
  const raw = head?.raw ?? "";
  const windowBits = compressor?.windowBits ?? null;
  return {
    number: connection.number,
    head: windowBits === null ? raw : { raw, windowBits },
    remoteAddress: connection.remoteAddress,
    subprotocol: connection.subprotocol,
    state: move.state,
    openedAt: connection.openedAt,
    isSilent: connection.isSilent,
    isProbing: move.isProbing,
    messagesIn: connection.messagesIn,
    messagesOut: connection.messagesOut,
    bytesIn: connection.bytesIn,
    bytesOut: connection.bytesOut,
    allowance: connection.rateLimiter?.allowance,
    subscriptions: [...(connection.subscriptions ?? [])],
    heardUntil:
      connection.subscriptions === null ? undefined : topics.heardUntil(),
    droppedMessages: connection.droppedMessages,
    isAdmitted: addressLimit?.has(connection) ?? false,
    frozenAt: move.frozenAt,
  };
}

/** Puts it into a new object, on another shard. */
export function restoreConnection(
  connection: LiveConnection,
  snapshot: ConnectionSnapshot,
  { addressLimit, topics }: SnapshotHost,
): void {
  const { shard } = connection;
  const { head } = snapshot;
  if (typeof head === "string") connection.head = new RequestHead(head);
  else {
    connection.head = new RequestHead(head.raw);
    compress(connection, { kind: "anew", windowBits: head.windowBits });
  }
  connection.remoteAddress = snapshot.remoteAddress;
  connection.subprotocol = snapshot.subprotocol;
  connection.data = snapshot.state;
  connection.openedAt = snapshot.openedAt;
  connection.hasMoved = true;
  connection.isSilent = snapshot.isSilent;
  connection.messagesIn = snapshot.messagesIn;
  connection.messagesOut = snapshot.messagesOut;
  connection.bytesInBefore = snapshot.bytesIn ?? 0;
  connection.bytesOutBefore = snapshot.bytesOut ?? 0;
  connection.droppedMessages = snapshot.droppedMessages;
  connection.heardUntil = snapshot.heardUntil ?? 0;
  topics.takeOver(connection, snapshot.subscriptions);
  if (snapshot.isAdmitted) addressLimit?.takeOver(connection);
  const { maxMessagesPerSecond, maxBytesPerSecond } = shard.config;
  if (maxMessagesPerSecond > 0 || maxBytesPerSecond > 0)
    connection.rateLimiter = new RateLimiter(
      shard.config,
      shard.clock.now(),
      snapshot.allowance,
    );
}
