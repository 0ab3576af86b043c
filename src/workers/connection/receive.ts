import type { TransportEvents } from "../transport/transport.ts";
import type { LiveConnection } from "./connection.ts";
import { takeBehind } from "./intake.ts";

/** What becomes of what a connection's transport tells, from its first byte to its end. */
const events: TransportEvents<LiveConnection> = {
  read(connection, chunk) {
    const { batcher } = connection.shard;
    batcher.startReading();
    try {
      receive(connection, chunk);
    } finally {
      batcher.endReading();
    }
    connection.shard.turns.count(connection, chunk.length);
    connection.countHeld();
  },

  /** A peer that ends TCP without a close frame is gone, half-open or not. */
  ended(connection) {
    // One that closes and ends in one breath is still answered. Over TLS it is
    // heard of later than this that the answer is out.
    if (connection.has("answering")) return;
    connection.tell("socket.closed");
  },

  closed(connection) {
    connection.tell("socket.closed");
  },

  taken(connection) {
    connection.writer.taken();
  },
};

/** Listens to a connection's transport. */
export function attachTransport(connection: LiveConnection): void {
  connection.transport.listen(connection, events);
}

/**
 * Takes a chunk of the peer's bytes, in whatever state the connection is.
 *
 * @param chunk - Is overwritten once the call has returned.
 */
export function receive(connection: LiveConnection, chunk: Buffer): void {
  const { shard } = connection;
  connection.isSilent = false;
  shard.counters.countRead(chunk.length);
  if (connection.lifecycle.name === "open.probing")
    connection.tell("peer.responded");
  if (!connection.isReading) connection.readUnopened(chunk);
  // Else the peer has closed, or broken the protocol: nothing it says counts any more.
  else takeBehind(connection, chunk);
}
