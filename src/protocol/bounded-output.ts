/** What waits for a reader of a stream may take so much of the memory of the process. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024;
/** Once lines are dropped, they are until the reader has caught up with this share. */
const CAUGHT_UP_SHARE = 0.5;

/** What is asked of a stream of the process. */
export interface BoundedStream {
  readonly writableLength: number;
  write(
    chunk: string | Uint8Array,
    written: (error?: Error | null) => void,
  ): boolean;
  listenerCount(event: "error"): number;
  once(event: "error", listener: () => void): unknown;
}

/**
 * Writes to a stream whose reader may stop, be slow or go away. What waits is
 * bounded: beyond, lines are dropped and counted, and nobody waits. A write
 * that fails (a full disk, a reader that went away) loses what was written and
 * no more; the next is tried again.
 */
export class BoundedOutput {
  readonly #stream: BoundedStream;
  readonly #onDropped: (lines: number) => void;
  readonly #mostBytes: number;
  #isBehind = false;
  #dropped = 0;

  /** @param onDropped - Told once the reader has caught up how many lines it does not get. */
  constructor(
    stream: BoundedStream,
    onDropped: (lines: number) => void,
    mostBytes = MOST_WAITING_BYTES,
  ) {
    this.#stream = stream;
    this.#onDropped = onDropped;
    this.#mostBytes = mostBytes;
  }

  write(chunk: string | Uint8Array): void {
    this.#isBehind ||= this.#stream.writableLength >= this.#mostBytes;
    if (this.#isBehind) this.#dropped += linesIn(chunk);
    else this.#stream.write(chunk, this.#written);
  }

  /** Nothing follows: whether or not the reader catches up, it is told what was dropped. */
  end(): void {
    this.#tell();
  }

  readonly #written = (error?: Error | null): void => {
    // The stream is about to emit it. Whoever listens decides what becomes of the process; we do not end it.
    if (error && this.#stream.listenerCount("error") === 0)
      this.#stream.once("error", ignore);
    const enough = this.#mostBytes * CAUGHT_UP_SHARE;
    if (!this.#isBehind || this.#stream.writableLength > enough) return;
    this.#isBehind = false;
    this.#tell();
  };

  #tell(): void {
    const lines = this.#dropped;
    this.#dropped = 0;
    if (lines > 0) this.#onDropped(lines);
  }
}

/** Line breaks, and a line that was begun. */
function linesIn(chunk: string | Uint8Array): number {
  const text = Buffer.from(chunk as Uint8Array);
  let lines = 0;
  let at = 0;
  for (;;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return at < text.length ? lines + 1 : lines;
    lines++;
    at = end + 1;
  }
}

function ignore(): void {}
