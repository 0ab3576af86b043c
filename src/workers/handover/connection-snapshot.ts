import type { Luggage } from "../../protocol/handover-messages.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { RequestHead } from "../handshake/request-head.ts";
import { RateLimiter } from "../connection/rate-limiter.ts";
import type { Move } from "./move.ts";

/** Everything that a connection is, taken out of its object. */
export function pack(connection: LiveConnection, move: Move): Luggage {
  const { shard, head } = connection;
  return {
    number: connection.number,
    head: head?.raw ?? "",
    remoteAddress: connection.remoteAddress,
    subprotocol: connection.subprotocol,
    state: move.state,
    openedAt: connection.openedAt,
    isSilent: connection.isSilent,
    isProbing: move.isProbing,
    messagesIn: connection.messagesIn,
    messagesOut: connection.messagesOut,
    allowance: connection.rateLimiter?.allowance,
    subscriptions: [...(connection.subscriptions ?? [])],
    droppedMessages: connection.droppedMessages,
    isAdmitted: shard.admissions?.has(connection) ?? false,
    frozenAt: move.frozenAt,
  };
}

/** Puts it into a new object, on another shard. */
export function unpack(connection: LiveConnection, luggage: Luggage): void {
  const { shard } = connection;
  connection.head = new RequestHead(luggage.head);
  connection.remoteAddress = luggage.remoteAddress;
  connection.subprotocol = luggage.subprotocol;
  connection.data = luggage.state;
  connection.openedAt = luggage.openedAt;
  connection.hasMoved = true;
  connection.isSilent = luggage.isSilent;
  connection.messagesIn = luggage.messagesIn;
  connection.messagesOut = luggage.messagesOut;
  connection.droppedMessages = luggage.droppedMessages;
  shard.topics.takeOver(connection, luggage.subscriptions);
  if (luggage.isAdmitted) shard.admissions?.takeOver(connection);
  const { maxMessagesPerSecond, maxBytesPerSecond } = shard.config;
  if (maxMessagesPerSecond > 0 || maxBytesPerSecond > 0)
    connection.rateLimiter = new RateLimiter(
      shard.config,
      shard.clock.now(),
      luggage.allowance,
    );
}
