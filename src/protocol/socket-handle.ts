import { type Server, Socket } from "node:net";
import type { Transferable } from "node:worker_threads";

/**
 * What is assumed of Node beyond its documentation, for moving a fresh socket
 * to another thread. Node documents (since 24.20.0 and 26.6.0) that a
 * `net.Socket` can be transferred; what travels is its handle, and here the
 * handle is posted itself. The `Socket` that Node builds on the other side is
 * in V8's dictionary mode, 1.4 kB larger and slower in everything it does, and
 * the one that stays behind is kept alive by its handle until the next full
 * collection.
 */
export type SocketHandle = Transferable & {
  readonly brand: unique symbol;
  close(): void;
  setNoDelay(enable: boolean): number;
  getpeername?(out: { address?: string; port?: number }): number;
};

interface WithHandle {
  _handle: SocketHandle | null;
}

interface ListeningHandle {
  onconnection?: (error: number, handle: SocketHandle) => void;
}

/**
 * Has a server give away the handles of what it accepts, before a `Socket` is
 * built around each, which would be dropped again as soon as its handle has gone
 * to a thread. Where the handle of a listening server is not as it has ever
 * been, the server goes on building them.
 *
 * @param server - With `pauseOnConnect`, since a socket that has read anything
 *   cannot be handed over.
 */
export function acceptHandles(
  server: Server,
  take: (handle: SocketHandle) => void,
): void {
  server.on("connection", (socket) => {
    const handle = handleOf(socket);
    forgetHandle(socket);
    if (handle !== undefined) take(handle);
  });
  server.on("listening", () => {
    const listening = (server as unknown as { _handle: ListeningHandle })
      ._handle;
    const { onconnection } = listening;
    if (onconnection === undefined) return;
    listening.onconnection = (error, handle) => {
      if (error === 0) take(handle);
      else onconnection.call(listening, error, handle);
    };
  });
}

/**
 * Who is at the other end of a handle, which has no `Socket` around it to ask;
 * `undefined` when it has gone, or cannot be asked.
 */
export function peerOf(
  handle: SocketHandle,
): { readonly address: string; readonly port: number } | undefined {
  const { address, port } = askPeer(handle);
  return address === undefined || port === undefined
    ? undefined
    : { address, port };
}

function askPeer(handle: SocketHandle): { address?: string; port?: number } {
  const out = {};
  return handle.getpeername?.(out) === 0 ? out : {};
}

/** The handle of a socket that has read nothing yet; `undefined` once it is closed. */
export function handleOf(socket: Socket): SocketHandle | undefined {
  return (socket as unknown as WithHandle)._handle ?? undefined;
}

/** The handle has gone to another thread: the socket object has nothing left. */
export function forgetHandle(socket: Socket): void {
  (socket as unknown as WithHandle)._handle = null;
}

/**
 * Takes what a socket has read: `length` bytes at the start of the buffer that
 * was given for it, which the next read of any socket overwrites.
 */
export type OnRead = (this: Socket, length: number) => void;

/** Where sockets read to, and who is told. */
export interface Reading {
  readonly buffer: Uint8Array;
  readonly callback: OnRead;
}

/**
 * A socket around a handle that has come from another thread.
 *
 * @param onread - Instead of `data` events, as in the options of `net.Socket`.
 *   Node calls it as a method of the socket, which its documentation leaves out.
 */
export function adoptHandle(handle: SocketHandle, onread?: Reading): Socket {
  return new Socket({
    handle,
    readable: true,
    writable: true,
    ...(onread !== undefined && { onread }),
  } as object);
}

/** What is assumed of a live socket's handle: it can stop reading, and knows what the kernel has not taken. */
interface LiveHandle {
  reading: boolean;
  readonly writeQueueSize: number;
  readStop(): number;
}

interface Inside {
  readonly _handle: LiveHandle | null;
}

function liveHandleOf(socket: Socket): LiveHandle | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (socket as unknown as Inside)._handle;
}

/** The listening socket of a server, to be shared with another process; the server goes on listening. */
export function listeningHandleOf(server: Server): SocketHandle | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return handleOf(server as unknown as Socket);
}

/** Listens with a listening socket that has come from another process. */
export function listenWith(
  server: Server,
  handle: SocketHandle,
  backlog: number,
): void {
  server.listen(handle, backlog);
}

/** Leaves what the peer sends in the kernel. */
export function stopReading(socket: Socket): void {
  const handle = liveHandleOf(socket);
  if (handle === null || !handle.reading) return;
  handle.reading = false;
  handle.readStop();
}

/** Whether anything read has not been taken out of the stream. */
export function hasUnread(socket: Socket): boolean {
  return socket.readableLength > 0;
}

/** Of what was written last, the bytes that the kernel has not taken. */
export function unsentBytes(socket: Socket): number {
  return liveHandleOf(socket)?.writeQueueSize ?? 0;
}

/**
 * Takes the handle of a live socket out of it and to `give`. The caller has made
 * sure that nothing is buffered in either direction.
 *
 * @param give - Posts the handle, with it in the transfer list; may throw, and
 *   the socket is as before then.
 * @throws Error when the socket has no handle any more, and what `give` throws.
 */
export function detachHandle(
  socket: Socket,
  give: (handle: SocketHandle) => void,
): void {
  const handle = handleOf(socket);
  if (handle === undefined) throw new Error("the socket is closed");
  stopReading(socket);
  give(handle);
  // What is left here is an empty shell, whose end is of no interest.
  forgetHandle(socket);
  socket.removeAllListeners();
  socket.destroy();
}
