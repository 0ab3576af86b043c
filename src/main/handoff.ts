import type { MessagePort } from "node:worker_threads";
import type { Socket } from "node:net";
import type { MainMessage } from "../protocol/messages.ts";
import { forgetHandle, handleOf } from "../protocol/socket-transfer.ts";

/** A fresh socket, with what the shard is told of it. */
interface Fresh {
  socket: Socket;
  id: number;
  isOverLimit: boolean;
}

/**
 * Moves fresh sockets to a shard's thread: all that one turn of the event loop
 * has accepted in one message, since a message costs more than a socket in it.
 * Node can do so since 24.20.0 and 26.6.0, for sockets that have read nothing.
 */
export class Handoff {
  readonly #port: MessagePort;
  readonly #onFailure: (code: string) => void;
  #waiting: Fresh[] = [];

  /** @param onFailure - Told of each socket that could not be moved, because its peer had gone already; it is destroyed. */
  constructor(port: MessagePort, onFailure: (code: string) => void) {
    this.#port = port;
    this.#onFailure = onFailure;
  }

  /** Hands over a socket by the end of this turn of the event loop. */
  add(fresh: Fresh): void {
    this.#waiting.push(fresh);
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
  }

  /** Hands over what waits, now: what is posted afterwards comes after it. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (this.#post(waiting) === undefined) return;
    // One of them cannot be moved, and with it the whole message: one by one.
    for (const fresh of waiting) {
      const failure = this.#post([fresh]);
      if (failure === undefined) continue;
      fresh.socket.destroy();
      this.#onFailure(failure);
    }
  }

  #post(list: readonly Fresh[]): string | undefined {
    const arrivals = list.flatMap(({ socket, id, isOverLimit }) => {
      const handle = handleOf(socket);
      return handle === undefined ? [] : [{ handle, id, isOverLimit }];
    });
    if (arrivals.length < list.length)
      return "ERR_WORKER_HANDLE_NOT_TRANSFERABLE";
    const message: MainMessage = { type: "sockets", arrivals };
    try {
      this.#port.postMessage(
        message,
        arrivals.map(({ handle }) => handle),
      );
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? "ERR_UNKNOWN";
    }
    for (const { socket } of list) forgetHandle(socket);
    return undefined;
  }
}
