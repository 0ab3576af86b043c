const SLAB_BYTES = 8 * 1024;
/** Larger messages have memory of their own. */
export const SHARE_LIMIT_BYTES = 2 * 1024;
const ALIGNMENT = 8;
const NOTHING = Buffer.alloc(0);

/**
 * Memory for messages as they are read. Small ones share slabs, because memory
 * of its own costs more than a small message does; a slab is small as well,
 * since a handler that keeps one message keeps the whole slab. (Node's own pool
 * has 64 KiB since version 25: a thousand slow handlers would hold 64 MiB.)
 */
class MessageMemory {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;

  take(length: number): Buffer {
    if (length === 0) return NOTHING;
    if (length > SHARE_LIMIT_BYTES) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    const end = start + length;
    this.#used = (end + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    return this.#slab.subarray(start, end);
  }
}

/** All connections of a thread read into this. */
export const messageMemory = new MessageMemory();

/**
 * What outlives the tick must not keep alive more than it is: a part of much
 * larger memory is copied out of it.
 */
export function ownBytes(data: Buffer): Buffer {
  if (data.buffer.byteLength <= 2 * data.length) return data;
  const own = Buffer.allocUnsafeSlow(data.length);
  data.copy(own);
  return own;
}
