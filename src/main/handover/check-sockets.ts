import { sayForeign } from "../../foreign-value.ts";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import {
  adoptHandle,
  stopReading,
  hasUnread,
  type SocketHandle,
  detachHandle,
} from "../../protocol/socket-handle.ts";

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
    stopReading(original);
    // Sent while nobody reads: it has to come out on the other side.
    peer.write("kept");
    expect(!hasUnread(original), "bytes were read after the freeze");
    refuseUncloneable(original, port1);
    const arrival = once(port2, "message", { signal });
    detachHandle(original, (handle) => port1.postMessage({ handle }, [handle]));
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
    detachHandle(socket, (handle) =>
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

function expect(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint);
}
