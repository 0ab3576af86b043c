import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import {
  adoptHandle,
  forgetHandle,
  handleOf as transferableOf,
  type SocketHandle,
} from "./protocol/socket-handle.ts";
import { sayForeign } from "./foreign-value.ts";

/**
 * Everything that moving a live connection asks of Node and of `ws` beyond what
 * they document, and nothing else. Three things are leaned on:
 *
 * - Node documents that a socket can be posted to another thread as long as it
 *   has read and written nothing. That is a check of the `Socket`; the handle
 *   below it can be posted at any time. What the check is there for, that
 *   nothing of either direction is buffered in this thread, is asked here.
 * - The handle below a socket (`_handle`) can stop and start reading, and knows
 *   how many bytes the kernel has not taken.
 * - The `Receiver` of `ws` says in private fields where in the stream it stands.
 *
 * {@link checkSockets} and {@link checkReceiver} try each of them for real.
 * Where one fails, handover is off and connections are closed instead.
 */

interface Handle {
  reading: boolean;
  readonly writeQueueSize: number;
  readStart(): number;
  readStop(): number;
}

interface Inside {
  readonly _handle: Handle | null;
}

interface ReceiverInside {
  readonly _state: number;
  readonly _bufferedBytes: number;
  readonly _fragmented: number;
  readonly _loop: boolean;
  readonly _errored: boolean;
  readonly writableLength: number;
}

function handleOf(socket: Socket): Handle | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (socket as unknown as Inside)._handle;
}

/** The listening socket of a server, to be shared with another process; the server goes on listening. */
export function listeningHandleOf(server: Server): SocketHandle | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return transferableOf(server as unknown as Socket);
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
export function freeze(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === null || !handle.reading) return;
  handle.reading = false;
  handle.readStop();
}

/** Undoes {@link freeze}; whether the stream flows is its own affair. */
export function thaw(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === null || handle.reading || socket.destroyed) return;
  handle.reading = true;
  handle.readStart();
}

/** Whether anything read has not been taken out of the stream. */
export function hasUnread(socket: Socket): boolean {
  return socket.readableLength > 0;
}

/** Whether anything written has not been taken by the kernel. */
export function hasUnflushed(socket: Socket): boolean {
  const handle = handleOf(socket);
  return (
    socket.writableLength > 0 || (handle !== null && handle.writeQueueSize > 0)
  );
}

/** Whether the receiver stands between two messages, with nothing in its hands: another one can go on in its place. */
export function isBetweenMessages(receiver: object): boolean {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const inside = receiver as ReceiverInside;
  return (
    inside._state === 0 &&
    inside._bufferedBytes === 0 &&
    inside._fragmented === 0 &&
    !inside._loop &&
    !inside._errored &&
    inside.writableLength === 0
  );
}

/**
 * Takes the handle of a live socket out of it and to `give`. The caller has made
 * sure that nothing is buffered in either direction.
 *
 * @param give - Posts the handle, with it in the transfer list; may throw, and
 *   the socket is as before then.
 * @throws Error when the socket has no handle any more, and what `give` throws.
 */
export function transplant(
  socket: Socket,
  give: (handle: SocketHandle) => void,
): void {
  const handle = transferableOf(socket);
  if (handle === undefined) throw new Error("the socket is closed");
  freeze(socket);
  give(handle);
  // What is left here is an empty shell, whose end is of no interest.
  forgetHandle(socket);
  socket.removeAllListeners();
  socket.destroy();
}

/**
 * Moves a connection for real, on loopback, through a channel of this thread:
 * used in both directions, frozen with bytes in the kernel, given away, and
 * used again.
 *
 * @returns why sockets cannot be moved here, in one sentence; `undefined` when
 *   they can
 */
export async function checkSockets(
  deadlineMs = 2_000,
): Promise<string | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), deadlineMs);
  try {
    await moveOnLoopback(late.signal);
    return undefined;
  } catch (error) {
    return `Node ${process.versions.node} did not move a connection as expected: ${late.signal.aborted ? `not done after ${deadlineMs} ms` : sayForeign(error)}`;
  } finally {
    clearTimeout(timer);
  }
}

async function moveOnLoopback(signal: AbortSignal): Promise<void> {
  const server = createServer();
  const sockets: Socket[] = [];
  const { port1, port2 } = new MessageChannel();
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening", { signal });
    const { port } = server.address() as { port: number };
    const peer = connect(port, "127.0.0.1");
    sockets.push(peer);
    const accepted = await once(server, "connection", { signal });
    const original = accepted[0] as Socket;
    sockets.push(original);
    await exchange(peer, original, "ping", signal);
    freeze(original);
    // Sent while nobody reads: it has to come out on the other side.
    peer.write("kept");
    expect(!hasUnread(original), "bytes were read after the freeze");
    refuseUncloneable(original, port1);
    const arrival = once(port2, "message", { signal });
    transplant(original, (handle) => port1.postMessage({ handle }, [handle]));
    const [message] = (await arrival) as [{ handle: SocketHandle }];
    const moved = adoptHandle(message.handle);
    sockets.push(moved);
    await expectText(moved, "kept", signal);
    await exchange(moved, peer, "pong", signal);
    await exchange(peer, moved, "again", signal);
  } finally {
    for (const socket of sockets) socket.destroy();
    port1.close();
    server.close();
  }
}

/** What cannot be cloned must be refused before the socket is touched. */
function refuseUncloneable(socket: Socket, port: MessagePort): void {
  try {
    transplant(socket, (handle) =>
      port.postMessage({ handle, uncloneable: () => {} }, [handle]),
    );
  } catch {
    expect(!socket.destroyed, "a refused move destroyed the socket");
    return;
  }
  throw new Error("a function was cloned");
}

async function exchange(
  from: Socket,
  to: Socket,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  from.write(text);
  await expectText(to, text, signal);
}

async function expectText(
  socket: Socket,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
  expect(chunk.toString() === text, `${chunk.toString()} came for ${text}`);
}

/** The receiver as far as {@link checkReceiver} uses it. */
interface CheckedReceiver {
  on(event: "error", listener: () => void): unknown;
  write(chunk: Buffer): boolean;
}

/**
 * Feeds a receiver of the protocol engine one message and a half, in two
 * fragments, and holds its private fields against what is known of it.
 *
 * @param create - Makes a receiver for frames of a client.
 * @returns why its position cannot be told, in one sentence; `undefined` when
 *   it can
 */
export function checkReceiver(
  create: () => CheckedReceiver,
): string | undefined {
  try {
    const receiver = create();
    // Its complaint would come later than the answer, and is in the answer.
    receiver.on("error", () => {});
    const isBetween = (): boolean => isBetweenMessages(receiver);
    expect(isBetween(), "a fresh receiver is not between messages");
    // RFC 6455, 5.2: FIN + text, masked with zeros, "a".
    const whole = [0x81, 0x81, 0, 0, 0, 0, 0x61];
    const firstPart = [0x01, ...whole.slice(1)];
    const lastPart = [0x80, ...whole.slice(1)];
    receiver.write(Buffer.from(whole));
    expect(isBetween(), "after a message it is not between messages");
    for (let cut = 1; cut < whole.length; cut++) {
      receiver.write(Buffer.from(whole.slice(0, cut)));
      expect(!isBetween(), `after ${cut} bytes of a frame it is not within it`);
      receiver.write(Buffer.from(whole.slice(cut)));
      expect(isBetween(), "after the rest of a frame it is still within it");
    }
    receiver.write(Buffer.from(firstPart));
    expect(!isBetween(), "after a first fragment it is not within a message");
    receiver.write(Buffer.from(lastPart));
    expect(isBetween(), "after the last fragment it is still in a message");
    return undefined;
  } catch (error) {
    return `the receiver of this ws is not as expected: ${sayForeign(error)}`;
  }
}

function expect(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint);
}
