import type { Call } from "./call.ts";
import { CallError } from "./call-error.ts";

const MAX_STREAMS = 64;

/** One answer that goes on: server-sent events to one reader. */
export class Stream {
  readonly #call: Call;
  #isOpen = true;

  constructor(call: Call, onClosed: () => void) {
    this.#call = call;
    call.response.once("close", () => {
      this.#isOpen = false;
      onClosed();
    });
    call.beginStream();
  }

  /** Sends one event. What a reader is too slow for it does not get, unless it must. */
  send(event: string, data: string, isNeeded = false): void {
    const { response } = this.#call;
    if (!this.#isOpen || (response.writableNeedDrain && !isNeeded)) return;
    response.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Whoever reads slowly may take long to see the end: nothing may be written behind it. */
  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#call.response.end();
  }
}

/** The streams that are open, no more than a few dozen. */
export class Streams {
  readonly #open = new Set<Stream>();

  get size(): number {
    return this.#open.size;
  }

  /** @throws CallError 503 when there are too many. */
  open(call: Call, onClosed: () => void): Stream {
    if (this.#open.size >= MAX_STREAMS)
      throw new CallError(503, `more than ${MAX_STREAMS} event streams`);
    const stream = new Stream(call, () => {
      this.#open.delete(stream);
      onClosed();
    });
    this.#open.add(stream);
    return stream;
  }

  endAll(): void {
    for (const stream of this.#open) stream.end();
  }
}
