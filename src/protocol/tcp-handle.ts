import type { SocketHandle } from "./socket-handle.ts";

/**
 * What is assumed of Node beyond its documentation, for reading and writing a
 * TCP connection by its handle, without a `net.Socket` around it, which weighs
 * 2 KiB and a tenth of the CPU of a small message. Before it is relied upon,
 * main tries all of it on loopback (`check-handles.ts`); where something is not
 * as expected, sockets do instead.
 *
 * A handle calls `onread`; how much it has read into the buffer that was given
 * to `useUserBuffer`, or what has ended it, stands in an array that all handles
 * of the thread share, and so does whether a write has gone to the kernel at
 * once. A request belongs to the write only where it has not: until then the
 * same one serves them all. (Node 26 takes `null` for it. Node 24 ends the
 * process for that, so it is given one always.)
 */

/** Later Nodes are not tried by themselves: what they do not like may end the process. */
const LAST_KNOWN_MAJOR = 26;

/** As libuv calls the end of what the peer sends. */
const UV_EOF = -4095;
/** The peer has ended the connection before we could. */
const UV_ENOTCONN = process.platform === "darwin" ? -57 : -107;

/** The handle of a TCP connection, as Node's own `net.Socket` uses it. */
export type TcpHandle = SocketHandle & HandleParts;

interface HandleParts {
  /** No property of Node's: who reads and writes by it. */
  sluiceUser?: HandleUser | undefined;
  onread: (this: TcpHandle) => void;
  reading: boolean;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: Request, piece: Uint8Array): number;
  writev(request: Request, pieces: readonly Uint8Array[], all: true): number;
  shutdown(request: Request): number;
}

/** What a handle tells whoever uses it. */
export interface HandleUser {
  /** So many bytes lie at the beginning of the buffer. */
  handleRead(length: number): void;
  /** The peer sends nothing any more. */
  handleEnded(): void;
  /** The connection is broken. */
  handleBroke(): void;
  /** So many bytes, which the kernel had not taken at once, are taken. */
  handleTook(bytes: number): void;
  /** Our end is sent. */
  handleShut(): void;
}

interface Request {
  oncomplete?: (this: Request, status: number) => void;
  sluiceUser?: HandleUser;
  sluiceBytes?: number;
  /** What is written lives as long as the request: nobody else keeps it. */
  buffer?: unknown;
}

/** What `process.binding` gives. */
interface StreamBinding {
  readonly WriteWrap: new () => Request;
  readonly ShutdownWrap: new () => Request;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

class NoRequest implements Request {
  oncomplete?: (this: Request, status: number) => void;
}

/** Where Node has none, what stands in for it serves simulated handles alone. */
const STAND_IN: StreamBinding = {
  WriteWrap: NoRequest,
  ShutdownWrap: NoRequest,
  streamBaseState: new Int32Array(2),
  kReadBytesOrError: 0,
  kLastWriteWasAsync: 1,
};

function loadBinding(): StreamBinding | string {
  const [major] = process.versions.node.split(".");
  if (Number(major) > LAST_KNOWN_MAJOR)
    return `they have not been tried on Node ${major}`;
  try {
    // Its types leave it out, and so does its documentation since Node 6.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { binding } = process as unknown as {
      binding: (name: string) => StreamBinding;
    };
    const found = binding.call(process, "stream_wrap");
    return isComplete(found)
      ? found
      : `Node ${process.versions.node} has changed what belongs to them`;
  } catch (error) {
    return `Node does not give access to them: ${(error as Error).message}`;
  }
}

function isComplete(found: Partial<StreamBinding>): found is StreamBinding {
  return (
    typeof found.WriteWrap === "function" &&
    typeof found.ShutdownWrap === "function" &&
    found.streamBaseState instanceof Int32Array &&
    typeof found.kReadBytesOrError === "number" &&
    typeof found.kLastWriteWasAsync === "number"
  );
}

const loaded = loadBinding();

/** Why no handle can be read and written here, in a few words; `undefined` where nothing is known against it. */
export const handleFault = typeof loaded === "string" ? loaded : undefined;

const { WriteWrap, ShutdownWrap, streamBaseState, ...at } =
  typeof loaded === "string" ? STAND_IN : loaded;

/** For all writes that the kernel takes at once. */
let spare = new WriteWrap();

export function asTcpHandle(handle: SocketHandle): TcpHandle {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return handle as TcpHandle;
}

/** Begins to read, into a buffer that others may share. */
export function beginReading(
  handle: TcpHandle,
  buffer: Uint8Array,
  user: HandleUser,
): void {
  handle.sluiceUser = user;
  handle.onread = onRead;
  handle.useUserBuffer(buffer);
  readOn(handle);
}

/** As `net.Socket` does, a handle that cannot be read counts as broken; its user is told behind this call. */
export function readOn(handle: TcpHandle): void {
  if (handle.reading) return;
  handle.reading = true;
  if (handle.readStart() === 0) return;
  handle.reading = false;
  process.nextTick(() => handle.sluiceUser?.handleBroke());
}

export function stopReading(handle: TcpHandle): void {
  if (!handle.reading) return;
  handle.reading = false;
  handle.readStop();
}

/**
 * Writes.
 *
 * @returns how many bytes the kernel has not taken, of which `user` hears when
 *   it has; -1 when the connection is broken
 */
export function writeTo(
  handle: TcpHandle,
  piece: Uint8Array,
  user: HandleUser,
): number {
  const status = handle.writeBuffer(spare, piece);
  if (status === 0 && streamBaseState[at.kLastWriteWasAsync] === 0) return 0;
  return awaitTaking(status, piece, piece.length, user);
}

/** The same with several pieces. */
export function writeAllTo(
  handle: TcpHandle,
  pieces: readonly Uint8Array[],
  user: HandleUser,
): number {
  const status = handle.writev(spare, pieces, true);
  if (status === 0 && streamBaseState[at.kLastWriteWasAsync] === 0) return 0;
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return awaitTaking(status, pieces, bytes, user);
}

function awaitTaking(
  status: number,
  written: unknown,
  bytes: number,
  user: HandleUser,
): number {
  const request = spare;
  spare = new WriteWrap();
  if (status !== 0) return -1;
  request.oncomplete = onWritten;
  request.sluiceUser = user;
  request.sluiceBytes = bytes;
  request.buffer = written;
  return bytes;
}

/**
 * Ends our side, behind what was written. `user` hears when that is done.
 *
 * @returns false when there is nobody any more to whom it could be sent
 */
export function shutDown(handle: TcpHandle, user: HandleUser): boolean {
  const request = new ShutdownWrap();
  request.oncomplete = onShut;
  request.sluiceUser = user;
  return handle.shutdown(request) === 0;
}

/** It is nobody's any more: it has gone elsewhere, or is closed. */
export function letGo(handle: TcpHandle): void {
  handle.sluiceUser = undefined;
}

/**
 * Tells the user of a simulated handle as Node tells that of its own.
 *
 * @param status - Bytes read; below 0 the end or an error.
 */
export function sayRead(handle: TcpHandle, status: number): void {
  streamBaseState[at.kReadBytesOrError] = status;
  handle.onread();
}

/** Says for a simulated handle what became of the write that it was just given. */
export function sayWritten(isUnderWay: boolean): void {
  streamBaseState[at.kLastWriteWasAsync] = Number(isUnderWay);
}

/** What a simulated handle says of the end, and of a reset. */
export const READ_END = UV_EOF;
export const READ_RESET = -104;

function onRead(this: TcpHandle): void {
  const status = streamBaseState[at.kReadBytesOrError] as number;
  const { sluiceUser: user } = this;
  // Nothing was there after all.
  if (status === 0 || user === undefined) return undefined;
  if (status > 0) return user.handleRead(status);
  this.reading = false;
  return status === UV_EOF ? user.handleEnded() : user.handleBroke();
}

function onWritten(this: Request, status: number): void {
  const { sluiceUser: user, sluiceBytes: bytes } = this;
  if (status < 0) user?.handleBroke();
  else user?.handleTook(bytes as number);
}

function onShut(this: Request, status: number): void {
  if (status < 0 && status !== UV_ENOTCONN) this.sluiceUser?.handleBroke();
  else this.sluiceUser?.handleShut();
}
