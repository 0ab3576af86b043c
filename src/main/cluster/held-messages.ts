interface Held {
  readonly subject: string;
  readonly message: Buffer;
}

/** Messages that wait for the link, up to a bound; over it the oldest are given up. */
export class HeldMessages {
  readonly #maxBytes: number;
  #queue: Held[] = [];
  /** Where the queue begins; what is before it has gone. */
  #first = 0;
  #bytes = 0;
  /** Messages given up. */
  givenUp = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#queue.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(subject: string, message: Buffer): void {
    if (message.length > this.#maxBytes) {
      this.givenUp++;
      return;
    }
    while (this.#bytes + message.length > this.#maxBytes) {
      this.take();
      this.givenUp++;
    }
    this.#queue.push({ subject, message });
    this.#bytes += message.length;
  }

  /** The oldest, which is then held no more. */
  take(): Held | undefined {
    const held = this.#queue[this.#first];
    if (held === undefined) return undefined;
    this.#bytes -= held.message.length;
    this.#first++;
    // Moved up only now and then, so that each message costs the same.
    if (this.#first * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
    return held;
  }
}
