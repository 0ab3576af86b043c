/** How many slots topics are spread over. */
const SLOTS = 2 ** 17;
const SLOT_MASK = SLOTS - 1;
/** A count that reached this is not known any more, and stays: the thread is posted to in vain at worst. */
const SATURATED = 0xff_ff;
const HEADER_BYTES = 2 * Uint32Array.BYTES_PER_ELEMENT;

/**
 * Which threads subscribe to which topics, in memory that all of them share: a
 * subscription counts from the moment it is made, for publishers in every
 * thread, without a message. It counts topics by a hash of their name, so it
 * never denies a subscriber; two names in one slot cost a message that finds
 * none.
 *
 * Each thread has a column: the shards by their number, main after the last.
 * A column has one writer: its thread, or main once that thread is gone for
 * certain.
 */
export class TopicTable {
  readonly buffer: SharedArrayBuffer;
  readonly columns: number;
  readonly #counts: Uint16Array<SharedArrayBuffer>;
  readonly #seed: number;

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    const [columns = 0, seed = 0] = new Uint32Array(buffer, 0, 2);
    this.columns = columns;
    this.#seed = seed;
    this.#counts = new Uint16Array(buffer, HEADER_BYTES);
  }

  /**
   * An empty table.
   *
   * @param shards - How many.
   * @param seed - Any 32-bit number; it keeps clients that choose topics from choosing slots.
   */
  static create(shards: number, seed: number): TopicTable {
    const columns = shards + 1;
    const buffer = new SharedArrayBuffer(
      HEADER_BYTES + columns * SLOTS * Uint16Array.BYTES_PER_ELEMENT,
    );
    new Uint32Array(buffer, 0, 2).set([columns, seed]);
    return new TopicTable(buffer);
  }

  /** The table that another thread has created. */
  static over(buffer: SharedArrayBuffer): TopicTable {
    return new TopicTable(buffer);
  }

  /** Main's column. */
  get main(): number {
    return this.columns - 1;
  }

  /** Where a topic is counted: FNV-1a over its UTF-16 code units, seeded. */
  slotOf(topic: string): number {
    let hash = (0x81_1c_9d_c5 ^ this.#seed) | 0;
    for (let i = 0; i < topic.length; i++)
      hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01_00_01_93);
    // The low bits of FNV mix least.
    return ((hash >>> 15) ^ hash) & SLOT_MASK;
  }

  /** The thread has its first subscriber to a topic of this slot. */
  add(slot: number, column: number): void {
    const at = slot * this.columns + column;
    const count = Atomics.load(this.#counts, at);
    if (count < SATURATED) Atomics.store(this.#counts, at, count + 1);
  }

  /** The thread's last subscriber to a topic of this slot is gone. */
  remove(slot: number, column: number): void {
    const at = slot * this.columns + column;
    const count = Atomics.load(this.#counts, at);
    if (count > 0 && count < SATURATED)
      Atomics.store(this.#counts, at, count - 1);
  }

  /** Whether the thread subscribes to a topic of this slot. */
  has(slot: number, column: number): boolean {
    return Atomics.load(this.#counts, slot * this.columns + column) > 0;
  }

  /** Whether any thread does. */
  hasAny(slot: number): boolean {
    for (let column = 0; column < this.columns; column++)
      if (this.has(slot, column)) return true;
    return false;
  }

  /** How many topics the thread is counted for. */
  sumOf(column: number): number {
    let sum = 0;
    for (let at = column; at < this.#counts.length; at += this.columns)
      sum += Atomics.load(this.#counts, at);
    return sum;
  }

  /** The thread is gone, and all its subscribers with it. */
  clear(column: number): void {
    for (let at = column; at < this.#counts.length; at += this.columns)
      Atomics.store(this.#counts, at, 0);
  }
}
