/** One slab holds the frames of many publications behind each other. */
const SLAB_BYTES = 64 * 1024;
/** Frames above this have memory of their own, so that little of a slab is wasted. */
const SHARE_LIMIT_BYTES = 8 * 1024;
const FIN = 0x80;
const TEXT = 0x1;
const BINARY = 0x2;

/** Where a frame lies in shared memory. */
export interface SharedFrame {
  readonly memory: SharedArrayBuffer;
  readonly start: number;
  readonly end: number;
}

/** Frames what is published, once for all subscribers in all threads. */
export class SharedFrames {
  #slab = Buffer.from(new SharedArrayBuffer(SLAB_BYTES));
  #used = 0;

  /**
   * Makes one message one unmasked frame, as servers send them (RFC 6455, 5.2).
   *
   * @param length - Of the payload in bytes, in UTF-8 for text.
   */
  frame(
    payload: string | Uint8Array,
    length: number,
    isBinary: boolean,
  ): SharedFrame {
    const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    const { slab, start } = this.#reserve(headerLength + length);
    let at = start;
    slab[at++] = FIN | (isBinary ? BINARY : TEXT);
    if (headerLength === 2) slab[at++] = length;
    else if (headerLength === 4) {
      slab[at++] = 126;
      at = slab.writeUInt16BE(length, at);
    } else {
      slab[at++] = 127;
      at = slab.writeUInt32BE(Math.floor(length / 2 ** 32), at);
      at = slab.writeUInt32BE(length % 2 ** 32, at);
    }
    if (typeof payload === "string") slab.write(payload, at, length);
    else slab.set(payload, at);
    return { memory: slab.buffer, start, end: at + length };
  }

  #reserve(bytes: number): {
    slab: Buffer<SharedArrayBuffer>;
    start: number;
  } {
    if (bytes > SHARE_LIMIT_BYTES)
      return { slab: Buffer.from(new SharedArrayBuffer(bytes)), start: 0 };
    if (this.#used + bytes > SLAB_BYTES) {
      // The old slab lives on in what is still being written from it.
      this.#slab = Buffer.from(new SharedArrayBuffer(SLAB_BYTES));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    return { slab: this.#slab, start };
  }
}

/** The bytes of a frame, ready to be written to any socket. */
export function bytesOf({ memory, start, end }: SharedFrame): Buffer {
  return Buffer.from(memory, start, end - start);
}

/** What a whole unmasked frame carries. */
export function contentOf(frame: Buffer): {
  payload: Buffer;
  isBinary: boolean;
} {
  const short = frame[1] as number;
  const headerLength = short < 126 ? 2 : short === 126 ? 4 : 10;
  return {
    payload: frame.subarray(headerLength),
    isBinary: frame[0] === (FIN | BINARY),
  };
}
