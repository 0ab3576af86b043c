import { LONGEST_TIMER_MS } from "./appointment.ts";
import type { Fate, Outgoing } from "./client-options.ts";

interface Waiting {
  readonly data: Outgoing;
  readonly bytes: number;
  readonly settle: (fate: Fate) => void;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
}

/** What waits for a connection, within bounds. */
export class SendQueue {
  readonly #waiting = new Set<Waiting>();
  readonly #most: number;
  readonly #mostBytes: number;
  /** Of all that waits; text is counted by its length. */
  bytes = 0;

  constructor({ maxQueued = 256, maxQueuedBytes = 1_048_576 }) {
    this.#most = maxQueued;
    this.#mostBytes = maxQueuedBytes;
  }

  /**
   * Lets something wait, if there is room.
   *
   * @param expiresMs - It is refused when it has waited so long.
   */
  add(data: Outgoing, expiresMs: number | undefined): Promise<Fate> {
    const bytes = typeof data === "string" ? data.length : data.byteLength;
    if (
      this.#waiting.size >= this.#most ||
      this.bytes + bytes > this.#mostBytes
    )
      return Promise.resolve("refused");
    return new Promise((settle) => {
      const waiting: Waiting = {
        // As a WebSocket: what its owner writes there later is not sent.
        data: typeof data === "string" ? data : copyOf(data),
        bytes,
        settle,
        timer:
          expiresMs === undefined
            ? undefined
            : setTimeout(
                () => this.#take(waiting)("refused"),
                Math.min(expiresMs, LONGEST_TIMER_MS),
              ),
      };
      this.#waiting.add(waiting);
      this.bytes += bytes;
    });
  }

  /** Takes everything out, in order, for what becomes of it. */
  empty(fateOf: (data: Outgoing) => Fate): void {
    for (const waiting of this.#waiting)
      this.#take(waiting)(fateOf(waiting.data));
  }

  #take(waiting: Waiting): (fate: Fate) => void {
    clearTimeout(waiting.timer);
    if (this.#waiting.delete(waiting)) this.bytes -= waiting.bytes;
    return waiting.settle;
  }
}

function copyOf(data: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  return ArrayBuffer.isView(data)
    ? (data.buffer.slice(
        data.byteOffset,
        data.byteOffset + data.byteLength,
      ) as ArrayBuffer)
    : data.slice(0);
}
