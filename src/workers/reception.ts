import type { Socket } from "node:net";
import type { LiveConnection } from "./connection.ts";
import { readFrames } from "./frame-reader.ts";
import { OPCODE } from "./outgoing.ts";
import {
  closeCodeOf,
  createReceiver,
  type Extensions,
  type Receiver,
} from "./ws-engine.ts";

/** Where a socket and a receiver keep their connection, so that all share the same listeners. */
const CONNECTION = Symbol("connection");
interface Owned {
  [CONNECTION]: LiveConnection;
}

/** Listens to a connection's socket from its first byte to its end. */
export function attachSocket(connection: LiveConnection): void {
  const socket = connection.socket as Socket & Owned;
  socket[CONNECTION] = connection;
  socket.on("data", onData);
  // A peer that ends TCP without a close frame is gone, half-open or not.
  socket.on("end", onSocketGone);
  socket.on("close", onSocketGone);
  socket.on("error", onSocketError);
}

/** Puts the protocol engine behind an accepted upgrade. */
export function attachReceiver(
  connection: LiveConnection,
  extensions: Extensions,
): void {
  const receiver = createReceiver(
    connection.shard.config.maxPayloadBytes,
    extensions,
  ) as Receiver & Owned;
  receiver[CONNECTION] = connection;
  receiver.on("message", onMessage);
  receiver.on("ping", onPing);
  receiver.on("conclude", onConclude);
  receiver.on("error", onReceiverError);
  receiver.on("drain", onReceiverDrain);
  connection.receiver = receiver;
}

/** Takes a chunk of the peer's bytes, in whatever state the connection is. */
export function receive(connection: LiveConnection, chunk: Buffer): void {
  const { shard } = connection;
  connection.isSilent = false;
  shard.counters.countRead(chunk.length);
  if (connection.lifecycle.name === "open.probing")
    connection.tell("peer.responded");
  const { receiver, upgrade } = connection;
  if (receiver !== null) {
    const isPlain = connection.compressor === null;
    const left = isPlain
      ? readFrames(chunk, receiver, shard.config.maxPayloadBytes, connection)
      : chunk.length;
    if (!isPlain) receiver.write(chunk);
    if (left > 0 && receiver.writableLength > 0) connection.socket.pause();
  } else if (upgrade !== null) upgrade.read(chunk);
  // Else the peer has closed, or broken the protocol: nothing it says counts any more.
}

function onData(this: Owned, chunk: Buffer): void {
  const connection = this[CONNECTION];
  const { joiner } = connection.shard;
  joiner.startReading();
  try {
    receive(connection, chunk);
  } finally {
    joiner.endReading();
  }
}

function onSocketGone(this: Owned): void {
  this[CONNECTION].tell("socket.closed");
}

/** The `close` that follows is the fact; what broke is of no use to anyone. */
function onSocketError(): void {}

function onMessage(this: Owned, data: Buffer, isBinary: boolean): void {
  this[CONNECTION].messageRead(data, isBinary);
}

/** RFC 6455, 5.5.2: a pong with the same data, unless our close frame is out. */
function onPing(this: Owned, data: Buffer): void {
  const connection = this[CONNECTION];
  if (connection.has("sealed")) return;
  connection.outgoing.frame(OPCODE.pong, data);
}

function onConclude(this: Owned, code: number, reason: Buffer): void {
  const connection = this[CONNECTION];
  connection.receiver = null;
  connection.sayGoodbye("peer.closed", code, reason.toString());
}

function onReceiverError(this: Owned, error: Error): void {
  this[CONNECTION].violated(closeCodeOf(error));
}

function onReceiverDrain(this: Owned): void {
  this[CONNECTION].resumeReading();
}
