import { aside } from "../aside.ts";
import type { MessagePort } from "node:worker_threads";
import type { Arrival, MainMessage } from "../../protocol/messages.ts";

/** Told of a socket that could not be moved, and with which code. */
export type HandoffFailure = (code: string, arrival: Arrival) => void;

/**
 * Moves fresh sockets to a shard's thread: all that one turn of the event loop
 * has accepted in one message, since a message costs more than a socket in it.
 * Node can do so since 24.20.0 and 26.6.0, for sockets that have read nothing.
 */
export class Handoff {
  readonly #port: MessagePort;
  readonly #onFailure: HandoffFailure;
  #waiting: Arrival[] = [];

  /** @param onFailure - Told of each socket that could not be moved, because its peer had gone already; it is closed. */
  constructor(port: MessagePort, onFailure: HandoffFailure) {
    this.#port = port;
    this.#onFailure = onFailure;
  }

  /** Hands over a socket by the end of this turn of the event loop. */
  add(arrival: Arrival): void {
    this.#waiting.push(arrival);
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
  }

  /** Hands over what waits, now: what is posted afterwards comes after it. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (this.#post(waiting) === undefined) return;
    // One of them cannot be moved, and with it the whole message: one by one.
    for (const arrival of waiting) {
      const failure = this.#post([arrival]);
      if (failure === undefined) continue;
      aside(arrival.handle.close(), "closing a socket");
      this.#onFailure(failure, arrival);
    }
  }

  #post(arrivals: Arrival[]): string | undefined {
    const message: MainMessage = { type: "sockets", arrivals };
    try {
      this.#port.postMessage(
        message,
        arrivals.map(({ handle }) => handle),
      );
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? "ERR_UNKNOWN";
    }
  }
}
