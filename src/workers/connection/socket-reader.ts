import type { Socket } from "node:net";
import type { Reading, SocketHandle } from "../../protocol/socket-handle.ts";
import type { LiveConnection } from "./connection.ts";
import { takeBehind } from "./intake.ts";

/**
 * Where a socket keeps its connection, so that all share the same listeners. A
 * named property: one behind a symbol would put the object into V8's dictionary
 * mode.
 */
interface Owned {
  sluiceConnection: LiveConnection;
}

/**
 * All plain sockets of the thread read into this one buffer, and what has to
 * outlast the reading is copied out. Otherwise Node allocates 64 KiB for every
 * read and gives most of it back, which is more work than a small message is.
 * It is as large as it is for the sake of large messages: one that has arrived
 * whole is read in one piece, and needs no assembling.
 */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

const reading: Reading = {
  buffer: readBuffer,
  callback(length) {
    readBytes(this as Socket & Owned, readBuffer.subarray(0, length));
  },
};

/** The socket around a handle that has come to this thread, for {@link attachSocket}. */
export function openSocket(
  handle: SocketHandle,
  adopt: (handle: SocketHandle, onread: Reading) => Socket,
): Socket {
  return adopt(handle, reading);
}

/** Listens to a connection's socket from its first byte to its end. */
export function attachSocket(connection: LiveConnection): void {
  const socket = connection.socket as Socket & Owned;
  socket.sluiceConnection = connection;
  if (connection.isSecure) socket.on("data", onData);
  socket.on("end", onSocketEnded);
  socket.on("close", onSocketGone);
  socket.on("error", onSocketError);
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
  if (!connection.isReading) connection.handshake?.read(chunk);
  // Else the peer has closed, or broken the protocol: nothing it says counts any more.
  else takeBehind(connection, chunk);
}

function onData(this: Socket & Owned, chunk: Buffer): void {
  readBytes(this, chunk);
}

function readBytes(
  { sluiceConnection: connection }: Owned,
  chunk: Buffer,
): void {
  const { batcher } = connection.shard;
  batcher.startReading();
  try {
    receive(connection, chunk);
  } finally {
    batcher.endReading();
  }
  connection.shard.turns.count(connection, chunk.length);
  connection.countHeld();
}

/** A peer that ends TCP without a close frame is gone, half-open or not. */
function onSocketEnded(this: Owned): void {
  const { sluiceConnection: connection } = this;
  // One that closes and ends in one breath is still answered. Over TLS it is
  // heard of later than this that the answer is out.
  if (connection.has("answering")) return;
  connection.tell("socket.closed");
}

function onSocketGone(this: Owned): void {
  this.sluiceConnection.tell("socket.closed");
}

/** The `close` that follows is the fact; what broke is of no use to anyone. */
function onSocketError(): void {}
