import type { Luggage } from "../../protocol/handover-messages.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { RequestHead } from "../handshake/request-head.ts";
import type { Admissions } from "../handshake/address-limit.ts";
import { RateLimiter } from "../connection/rate-limiter.ts";
import type { ShardTopics } from "../topics/shard-topics.ts";
import type { Move } from "./move.ts";

/** Where luggage is packed and unpacked. */
export interface LuggageHost {
  readonly admissions: Admissions | null;
  readonly topics: ShardTopics;
}

/** Everything that a connection is, taken out of its object. */
export function pack(
  connection: LiveConnection,
  move: Move,
  { admissions }: LuggageHost,
): Luggage {
  const { head } = connection;
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
    isAdmitted: admissions?.has(connection) ?? false,
    frozenAt: move.frozenAt,
  };
}

/** Puts it into a new object, on another shard. */
export function unpack(
  connection: LiveConnection,
  luggage: Luggage,
  { admissions, topics }: LuggageHost,
): void {
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
  topics.takeOver(connection, luggage.subscriptions);
  if (luggage.isAdmitted) admissions?.takeOver(connection);
  const { maxMessagesPerSecond, maxBytesPerSecond } = shard.config;
  if (maxMessagesPerSecond > 0 || maxBytesPerSecond > 0)
    connection.rateLimiter = new RateLimiter(
      shard.config,
      shard.clock.now(),
      luggage.allowance,
    );
}
