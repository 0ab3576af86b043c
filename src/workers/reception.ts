import type { Socket } from "node:net";
import type { LiveConnection } from "./connection.ts";
import { readFrames } from "./frame-reader.ts";
import {
  closeCodeOf,
  createReceiver,
  type Extensions,
  isAtBoundary,
  type Receiver,
} from "./ws-engine.ts";

/**
 * Where a socket and a receiver keep their connection, so that all share the
 * same listeners. A named property: one behind a symbol would put the object
 * into V8's dictionary mode.
 */
interface Owned {
  sluiceConnection: LiveConnection;
}

/** Listens to a connection's socket from its first byte to its end. */
export function attachSocket(connection: LiveConnection): void {
  const socket = connection.socket as Socket & Owned;
  socket.sluiceConnection = connection;
  socket.on("data", onData);
  // A peer that ends TCP without a close frame is gone, half-open or not.
  socket.on("end", onSocketGone);
  socket.on("close", onSocketGone);
  socket.on("error", onSocketError);
}

/** Puts the protocol engine behind a connection. */
export function attachReceiver(
  connection: LiveConnection,
  extensions: Extensions,
): Receiver {
  const receiver = createReceiver(
    connection.shard.config.maxPayloadBytes,
    extensions,
  ) as Receiver & Owned;
  receiver.sluiceConnection = connection;
  receiver.on("message", onMessage);
  receiver.on("ping", onPing);
  receiver.on("conclude", onConclude);
  receiver.on("error", onReceiverError);
  receiver.on("drain", onReceiverDrain);
  connection.receiver = receiver;
  return receiver;
}

/** Takes a chunk of the peer's bytes, in whatever state the connection is. */
export function receive(connection: LiveConnection, chunk: Buffer): void {
  const { shard } = connection;
  connection.isSilent = false;
  shard.counters.countRead(chunk.length);
  if (connection.lifecycle.name === "open.probing")
    connection.tell("peer.responded");
  if (connection.isReading) readOpen(connection, chunk);
  else connection.upgrade?.read(chunk);
  // Else the peer has closed, or broken the protocol: nothing it says counts any more.
}

/** Reads frames here where that can be, and lets the engine read the rest. */
function readOpen(connection: LiveConnection, chunk: Buffer): void {
  const { receiver } = connection;
  // What is compressed is decompressed later, and must not be overtaken.
  const isBetweenMessages =
    receiver === null ||
    (connection.compressor === null && isAtBoundary(receiver));
  const read = isBetweenMessages
    ? readFrames(chunk, connection.shard.config.maxPayloadBytes, connection)
    : 0;
  if (read === chunk.length) return;
  const engine = receiver ?? attachReceiver(connection, {});
  engine.write(read === 0 ? chunk : chunk.subarray(read));
  // Only an engine that asked for the pause says when it is over.
  if (engine.writableNeedDrain) connection.socket.pause();
}

function onData(this: Owned, chunk: Buffer): void {
  const connection = this.sluiceConnection;
  const { joiner } = connection.shard;
  joiner.startReading();
  try {
    receive(connection, chunk);
  } finally {
    joiner.endReading();
  }
}

function onSocketGone(this: Owned): void {
  this.sluiceConnection.tell("socket.closed");
}

/** The `close` that follows is the fact; what broke is of no use to anyone. */
function onSocketError(): void {}

function onMessage(this: Owned, data: Buffer, isBinary: boolean): void {
  this.sluiceConnection.messageRead(data, isBinary);
}

function onPing(this: Owned, data: Buffer): void {
  this.sluiceConnection.pingRead(data);
}

function onConclude(this: Owned, code: number, reason: Buffer): void {
  this.sluiceConnection.closeRead(code, reason.toString());
}

function onReceiverError(this: Owned, error: Error): void {
  this.sluiceConnection.violated(closeCodeOf(error));
}

function onReceiverDrain(this: Owned): void {
  this.sluiceConnection.resumeReading();
}
