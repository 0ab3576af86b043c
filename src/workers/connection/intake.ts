import { type FrameListener, readFrames } from "../websocket/frame-reader.ts";
import {
  type AssemblyLimits,
  MessageAssembly,
} from "../websocket/message-assembly.ts";
import { ownBytes } from "../websocket/message-memory.ts";

/** So many frames of one connection are read in a turn of the event loop. */
const FRAMES_A_TURN = 256;

/** What is asked of a connection that takes in what its peer sends. */
export interface IntakeOwner extends FrameListener {
  readonly limits: AssemblyLimits;
  /** While a frame or a message has come in part. */
  assembly: MessageAssembly | null;
  /** What has been read and has to wait, as bytes. */
  unread: Buffer | null;
  now(): number;
  pauseReading(): void;
  /** Something has been put aside as {@link IntakeOwner.unread}: its turn comes. */
  awaitTurn(): void;
}

const budget = { frames: 0 };

/**
 * Reads a chunk's frames: as many as may be read in one turn of the event loop,
 * and as the connection can take. The rest waits as bytes, and nothing more is
 * read meanwhile.
 *
 * @param isOwn - The chunk is nobody else's, and stays as it is.
 */
export function takeIn(
  connection: IntakeOwner,
  chunk: Buffer,
  isOwn = false,
): void {
  const read = readChunk(connection, chunk);
  if (read === chunk.length || !connection.isReading) return;
  const rest = chunk.subarray(read);
  connection.unread = isOwn ? ownBytes(rest) : copyOf(rest);
  connection.pauseReading();
  connection.awaitTurn();
}

/** More has come, though it was told to stop: it had that in its hands. */
export function takeBehind(connection: IntakeOwner, chunk: Buffer): void {
  const { unread } = connection;
  if (unread === null) return takeIn(connection, chunk);
  connection.unread = copyOf(unread, chunk.length);
  chunk.copy(connection.unread, unread.length);
  return undefined;
}

function copyOf(bytes: Buffer, room = 0): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length + room);
  bytes.copy(copy);
  return copy;
}

/** @returns up to where it was read */
function readChunk(connection: IntakeOwner, chunk: Buffer): number {
  const { maxPayloadBytes } = connection.limits;
  budget.frames = FRAMES_A_TURN;
  let at = 0;
  while (connection.isReading) {
    if (connection.assembly === null)
      at = readFrames(chunk, at, maxPayloadBytes, connection, budget);
    const isOver =
      at === chunk.length ||
      !connection.isReading ||
      connection.isStopped ||
      budget.frames === 0;
    if (isOver) return at;
    budget.frames--;
    at = assemble(connection, chunk, at);
  }
  return at;
}

/** Reads one frame, or a part of one, that is not whole or not usual. */
function assemble(connection: IntakeOwner, chunk: Buffer, at: number): number {
  const assembly = (connection.assembly ??= new MessageAssembly(
    connection,
    connection.limits,
    connection.now(),
  ));
  const end = assembly.push(chunk, at);
  if (assembly.isDone) connection.assembly = null;
  return end;
}
