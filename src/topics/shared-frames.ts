import {
  FIN,
  headerBytes,
  LENGTH_16,
  OPCODE,
  RSV1,
  writeHeader,
} from "../rfc6455.ts";

/** One slab holds the frames of many publications behind each other. */
const SLAB_BYTES = 64 * 1024;
/** Frames above this have memory of their own, so that little of a slab is wasted. */
const SHARE_LIMIT_BYTES = 8 * 1024;

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
   * @param isCompressed - The payload is (RFC 7692, 6).
   */
  frame(
    payload: string | Uint8Array,
    length: number,
    isBinary: boolean,
    isCompressed = false,
  ): SharedFrame {
    const { slab, start } = this.#reserve(headerBytes(length) + length);
    const opcode = isBinary ? OPCODE.binary : OPCODE.text;
    const first = FIN | (isCompressed ? RSV1 : 0) | opcode;
    const at = writeHeader(slab, start, first, length);
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
  const begin = short < LENGTH_16 ? 2 : short === LENGTH_16 ? 4 : 10;
  return {
    payload: frame.subarray(begin),
    isBinary: frame[0] === (FIN | OPCODE.binary),
  };
}
