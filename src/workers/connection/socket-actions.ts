import type { ConnectionActionType } from "../../machines/connection-machine.ts";
import { stopReading } from "../../protocol/socket-handle.ts";
import { createCompressor, createInflater } from "../websocket/ws-engine.ts";
import type { LiveConnection } from "./connection.ts";
import { compressedReady, lifecycleActions } from "./machine-actions.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { receive } from "./socket-reader.ts";

/** The hands of the connection machine: every verb that it names. */
export const connectionActions: Record<
  ConnectionActionType,
  (connection: LiveConnection, params: never) => void
> = {
  ...lifecycleActions,

  announceOpened(connection) {
    const { handshake: upgrade, shard } = connection;
    const { extensions = {}, early = [] } = upgrade ?? {};
    connection.handshake = null;
    connection.isReading = true;
    if (Object.keys(extensions).length > 0) {
      connection.inflater = createInflater(extensions);
      shard.counters.add("compressed");
      connection.compressor = createCompressor(
        extensions,
        {
          get destroyed() {
            return connection.socket.destroyed;
          },
          write: (frame) => connection.writer.bytes(frame),
        },
        () => compressedReady(connection),
      );
    }
    const { maxMessagesPerSecond, maxBytesPerSecond } = shard.config;
    if (maxMessagesPerSecond > 0 || maxBytesPerSecond > 0)
      connection.rateLimiter = new RateLimiter(shard.config, shard.clock.now());
    connection.inbox.open();
    for (const chunk of early) receive(connection, chunk);
    connection.resumeReading();
  },

  beginMove(connection) {
    stopReading(connection.socket);
  },
};
