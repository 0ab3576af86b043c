import type { ConnectionActionType } from "../../machines/connection-machine.ts";
import { compress } from "./compress.ts";
import type { JudgedRequest } from "../plain/plain-stream.ts";
import type { LiveConnection } from "./connection.ts";
import { lifecycleActions } from "./machine-actions.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { receive } from "./receive.ts";

/** The hands of the connection machine: every verb that it names. */
export const connectionActions: Record<
  ConnectionActionType,
  (connection: LiveConnection, params: never) => void
> = {
  ...lifecycleActions,

  serveRequest(connection) {
    const requested = connection.handshake?.requested as JudgedRequest;
    connection.handshake = null;
    connection.plain ??= connection.shard.openPlain(connection);
    connection.plain.serve(requested);
  },

  beginRequest(connection) {
    connection.beginRequest();
  },

  announceOpened(connection) {
    const { handshake: upgrade, shard } = connection;
    const { compression, early = [] } = upgrade ?? {};
    connection.plain?.leave();
    connection.plain = null;
    connection.handshake = null;
    connection.isReading = true;
    if (compression !== undefined) compress(connection, compression);
    const { maxMessagesPerSecond, maxBytesPerSecond } = shard.config;
    if (maxMessagesPerSecond > 0 || maxBytesPerSecond > 0)
      connection.rateLimiter = new RateLimiter(shard.config, shard.clock.now());
    connection.inbox.open();
    for (const chunk of early) receive(connection, chunk);
    connection.resumeReading();
  },

  beginMove(connection) {
    connection.transport.pause();
  },
};
