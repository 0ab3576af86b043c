import type { Socket } from "node:net";
import type { MessagePort } from "node:worker_threads";
import type { MainMessage } from "../protocol/messages.ts";

/**
 * Moves a fresh socket to a shard's thread. Node can do so since 24.20.0 and
 * 26.6.0, for sockets that have read nothing.
 *
 * @returns the error's code when the socket cannot be moved any more, because
 *   its peer has already gone; the socket is destroyed then
 */
export function handOver(
  port: MessagePort,
  socket: Socket,
  id: number,
  isOverLimit: boolean,
): string | undefined {
  const message: MainMessage = { type: "socket", socket, id, isOverLimit };
  try {
    port.postMessage(message, [socket]);
    return undefined;
  } catch (error) {
    socket.destroy();
    return (error as NodeJS.ErrnoException).code ?? "ERR_UNKNOWN";
  }
}
