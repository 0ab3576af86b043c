import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Room for so many sockets, of which those that are being served stay. When it
 * is full, one that has asked nothing, or is not allowed to, or has its answer,
 * makes way for the next, the oldest first: whoever opens sockets and says
 * nothing locks nobody out.
 */
export class SocketRoom {
  readonly #capacity: number;
  /** In the order in which they came, or were last served. */
  readonly #waiting = new Set<Socket>();
  readonly #served = new Map<Socket, ServerResponse>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** A socket has come. It, or another, is destroyed when there is no room. */
  enter(socket: Socket): void {
    this.#waiting.add(socket);
    socket.once("close", () => {
      this.#waiting.delete(socket);
      this.#served.delete(socket);
    });
    if (this.#waiting.size + this.#served.size <= this.#capacity) return;
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    // Its `close` comes later than the next socket may.
    this.#waiting.delete(oldest);
    oldest.destroy();
  }

  /** A request that may pass: its socket stays for as long as the answer takes. */
  serve(socket: Socket, response: ServerResponse): void {
    if (!this.#waiting.delete(socket)) return;
    this.#served.set(socket, response);
    response.once("close", () => {
      if (this.#served.get(socket) !== response) return;
      this.#served.delete(socket);
      if (!socket.destroyed) this.#waiting.add(socket);
    });
  }
}
