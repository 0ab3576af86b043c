import type { SharedPins } from "./shared-pins.ts";

/** Chunks for small pieces: the first, and the largest. Each is twice as large as the one before. */
const FIRST_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 64 * 1024;

/**
 * What one connection is to be sent and its socket cannot take yet. It is as
 * large as what it holds: a piece of memory that others share (one byte of a
 * slab of 64 KiB) is copied behind the others, and only what has memory of its
 * own is kept as it is.
 */
export class Backlog {
  /** To be sent. */
  bytes = 0;
  /** Kept in memory for that, by this backlog alone. */
  heldBytes = 0;
  readonly #pins: SharedPins;
  readonly #pinned: ArrayBufferLike[] = [];
  #pieces: Uint8Array[] = [];
  #chunk: Buffer | null = null;
  #used = 0;

  constructor(pins: SharedPins) {
    this.#pins = pins;
  }

  add(piece: Uint8Array): void {
    const { buffer, length } = piece;
    this.bytes += length;
    const { byteLength } = buffer;
    if (byteLength > 2 * length) return this.#copy(piece);
    this.#seal();
    this.#pieces.push(piece);
    if (buffer instanceof SharedArrayBuffer) {
      this.#pinned.push(buffer);
      this.#pins.add(buffer);
    } else this.heldBytes += byteLength;
    return undefined;
  }

  /** All of it, in order. Nothing may be added afterwards. */
  take(): readonly Uint8Array[] {
    this.#seal();
    return this.#pieces;
  }

  /** It is not needed any more. */
  release(): void {
    for (const memory of this.#pinned) this.#pins.delete(memory);
  }

  #copy(piece: Uint8Array): void {
    let from = 0;
    while (from < piece.length) {
      const chunk = this.#room(piece.length - from);
      const part = piece.subarray(from, from + chunk.length - this.#used);
      chunk.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
    }
  }

  #room(wanted: number): Buffer {
    const chunk = this.#chunk;
    if (chunk !== null && this.#used < chunk.length) return chunk;
    this.#seal();
    const size = Math.max(2 * (chunk?.length ?? 0), FIRST_CHUNK_BYTES, wanted);
    this.#chunk = Buffer.allocUnsafeSlow(Math.min(size, MAX_CHUNK_BYTES));
    this.#used = 0;
    this.heldBytes += this.#chunk.length;
    return this.#chunk;
  }

  /** Ends the open chunk, if there is one. */
  #seal(): void {
    if (this.#chunk !== null)
      this.#pieces.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = null;
  }
}
